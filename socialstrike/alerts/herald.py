"""Alerts while a scheduler runs, in a thread of their own: never in its way.

What is told is written down just before it is sent, in one transaction that no other scheduler can
share: so a restart tells nothing again, and of several machines one tells it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from socialstrike.alerts import reading
from socialstrike.alerts.addresses import Address, Kind, place, read
from socialstrike.alerts.deriving import Alert, Book, alerts, ripe
from socialstrike.alerts.sending import send
from socialstrike.alerts.wording import message
from socialstrike.clock import Clock
from socialstrike.config import Settings
from socialstrike.db.session import Database
from socialstrike.exceptions import SocialstrikeError

log = logging.getLogger(__name__)

#: Between two looks at the log, in seconds, and between two at what only time brings.
_EVERY, _TIMELY = 5.0, 60.0
#: How long the end of a scheduler waits for its last alert, in seconds.
_FAREWELL = 10.0
#: An address that did not take a message is tried again so many seconds later, then given up.
_AGAIN = (30.0, 120.0, 600.0)
#: No more alerts wait for one address.
_MOST = 2_000

Send = Callable[[Address, str, str], bool]


@dataclass(slots=True)
class _Box:
    """What waits for one address, and from when on (boot clock) it is tried again."""

    address: Address
    waiting: list[Alert] = field(default_factory=list)
    tries: int = 0
    at: float = 0.0


class Herald:
    """Tells people what needs them. ``start`` it once, ``close`` it at the end."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        *,
        actor: str,
        send: Send = send,
    ) -> None:
        """``actor`` is the scheduler's id, which the log names."""
        self._database = database
        self._settings = settings
        self._clock = clock
        self._actor = actor
        self._send = send
        self._gather = timedelta(seconds=settings.alerts_group)
        self._book = Book()
        self._boxes: dict[str, _Box] = {}
        self._file: tuple[Path, int, int] | None = None
        self._timely_at = 0.0
        self._said: str | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="herald", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Tell what has not been told yet, without waiting for more; within 10 s, or not at all."""
        if self._thread.ident is None:
            return
        self._ending.set()
        self._thread.join(_FAREWELL)
        if self._thread.is_alive():
            log.error("an address takes too long; alerts may not have arrived")

    def look(self, *, ending: bool = False) -> None:
        """Look once, and tell what it is time to tell. Never raises: posts go out all the same."""
        try:
            good = self._open()
            if self._boxes:
                self._collect(ending)
                self._empty(ending)
            self._said = None if good else self._said
        except SocialstrikeError as error:
            self._say(str(error))
        except Exception as error:  # noqa: BLE001  # a fault of ours must not end the thread
            self._say(f"{type(error).__name__}: {error}")

    def _work(self) -> None:
        pause = min(_EVERY, self._settings.alerts_group / 2)
        while not self._ending.wait(pause):
            self.look()
        self.look(ending=True)

    def _open(self) -> bool:
        """Read the addresses where the file is new or was changed; False where that is no use, and
        those that were read before stay.
        """
        try:
            path = place(self._settings)
            if path is None:
                self._boxes, self._file = {}, None
                return True
            status = path.stat()
            file = path, status.st_mtime_ns, status.st_mode
            if file != self._file:
                kept = {url: box.waiting for url, box in self._boxes.items()}
                self._boxes = {one.url: _Box(one, kept.get(one.url, [])) for one in read(path)}
                self._file = file
        except SocialstrikeError as error:
            self._say(str(error))
            return False
        return True

    def _collect(self, ending: bool) -> None:
        """Put what it is time to tell into the boxes, once it is written down."""
        clock, now = self._clock.boottime(), self._clock.now()
        timely = ending or not self._timely_at or clock - self._timely_at >= _TIMELY
        with self._database.read() as session:
            reading.catch_up(session, self._book, now)
            if not (timely or self._book.waiting):
                return
            standing = reading.facts(session, self._book, now, timely=timely)
        found = alerts(self._book, standing, self._wanted())
        if found and not (ending or ripe(self._book, found, now, self._gather)):
            return
        self._timely_at = clock if timely else self._timely_at
        told = self._claim(timely) if found else []
        for box in self._boxes.values():
            box.waiting += [alert for alert in told if alert.kind in box.address.about]
            del box.waiting[:-_MOST]

    def _wanted(self) -> Collection[Kind]:
        return {kind for box in self._boxes.values() for kind in box.address.about}

    def _claim(self, timely: bool) -> list[Alert]:
        """Write down what is told; what another scheduler was faster to tell is not in it."""
        with self._database.write() as session:
            self._database.serialise(session)
            now = self._clock.now()
            reading.catch_up(session, self._book, now)
            standing = reading.facts(session, self._book, now, timely=timely)
            found = alerts(self._book, standing, self._wanted())
            reading.note(session, found, self._book, now=now, actor=self._actor)
        return found

    def _empty(self, ending: bool) -> None:
        for box in self._boxes.values():
            if not box.waiting or (self._clock.boottime() < box.at and not ending):
                continue
            taken = self._send(box.address, *message(box.waiting))
            if taken:
                box.waiting, box.tries, box.at = [], 0, 0.0
                continue
            if not box.tries:
                log.error("%s took no alert", box.address.shown)
            if ending or box.tries >= len(_AGAIN):
                log.error("%d alerts for %s are given up", len(box.waiting), box.address.shown)
                box.waiting, box.tries, box.at = [], 0, 0.0
            else:
                box.at = self._clock.boottime() + _AGAIN[box.tries]
                box.tries += 1

    def _say(self, what: str) -> None:
        if what != self._said:
            log.error("no alert can be sent: %s", what)
            self._said = what
