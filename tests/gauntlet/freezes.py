"""Points on a delivery's way at which the whole process stands still, as a paused machine does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from socialstrike.db.writer import Writer
from socialstrike.platforms import connections
from socialstrike.publisher import Publisher
from socialstrike.queue import Begun


class _Point:
    """Stops the process once ``count`` deliveries have come here; only once."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._all_here = threading.Barrier(count, action=self._stop)
        self._left = threading.Semaphore(count)

    @staticmethod
    def _stop() -> None:
        os.kill(os.getpid(), signal.SIGSTOP)
        # On a busy machine it takes hold a moment later; this thread must not be past the point.
        time.sleep(0.2)

    def reach(self) -> None:
        if self._left.acquire(blocking=False):
            # A delivery that never comes must not hold the others for ever.
            self._all_here.wait(30)


def install(wanted: str) -> None:
    """Freeze at a point, as in ``ticket=5``, when so many deliveries have reached it."""
    name, _, count = wanted.partition("=")
    POINTS[name](_Point(int(count)))


def _claimed(point: _Point) -> None:
    """After the claim, before the ticket."""
    begin = Publisher._begin

    def frozen(self: Any, job: Any) -> Any:
        point.reach()
        return begin(self, job)

    Publisher._begin = frozen  # type: ignore[method-assign]


def _ticket(point: _Point) -> None:
    """After the ticket's commit, before anyone has looked at the boot clock."""
    run_together = Writer.run_together

    def frozen(self: Any, change: Any, item: Any) -> Any:
        result = run_together(self, change, item)
        if isinstance(result, Begun):
            point.reach()
        return result

    Writer.run_together = frozen  # type: ignore[method-assign]


def _checked(point: _Point) -> None:
    """After the boot clock was looked at, before the library is called."""
    send = Publisher._send

    def frozen(self: Any, *arguments: Any) -> Any:
        point.reach()
        return send(self, *arguments)

    Publisher._send = frozen  # type: ignore[method-assign,assignment]


def _connected(point: _Point) -> None:
    """In the transport, before the first byte of a post."""
    send = connections._Recording.send

    def frozen(self: Any, data: Any) -> None:
        exchange = connections._wire.exchange
        if exchange and not exchange.sent and _is_post(data):
            point.reach()
        send(self, data)

    connections._Recording.send = frozen  # type: ignore[method-assign]


def _sent(point: _Point) -> None:
    """After the last byte of a post, before its answer."""
    getresponse = connections._Recording.getresponse

    def frozen(self: Any) -> Any:
        if getattr(self, "_method", "") == "POST":
            point.reach()
        return getresponse(self)

    connections._Recording.getresponse = frozen  # type: ignore[method-assign]


def _is_post(data: Any) -> bool:
    return isinstance(data, bytes) and data.startswith(b"POST ")


POINTS: dict[str, Callable[[_Point], None]] = {
    "claimed": _claimed,
    "ticket": _ticket,
    "checked": _checked,
    "connected": _connected,
    "sent": _sent,
}
