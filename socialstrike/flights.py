"""Deliveries in flight: lent to workers, and landed once their outcome is on the disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from socialstrike.queue import Job

log = logging.getLogger(__name__)

#: Does the work on a delivery; where its outcome is still on the way to the disk, a future that
#: ends once it is there.
Work = Callable[[Job], Future[None] | None]


class Flights:
    """Carries claimed deliveries in threads of its own. Safe to ask from any thread."""

    def __init__(
        self, workers: int, *, landed: Callable[[], None], failed: Callable[[], None]
    ) -> None:
        """``landed`` is called after each, ``failed`` before it where a worker did not end well."""
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="worker")
        self._tell_landed, self._tell_failed = landed, failed
        self._accounts: dict[int, int] = {}  # delivery → its account
        self._changing = threading.Condition()

    def lend(self, job: Job, work: Work) -> None:
        """Have ``work`` done on a delivery by the next worker that is free."""
        with self._changing:
            self._accounts[job.delivery] = job.account_id
        self._pool.submit(work, job).add_done_callback(lambda future: self._worked(job, future))

    def __len__(self) -> int:
        return len(self._accounts)

    def deliveries(self) -> list[int]:
        """Those in flight now."""
        with self._changing:
            return list(self._accounts)

    def accounts(self) -> list[int]:
        """Theirs."""
        with self._changing:
            return list(self._accounts.values())

    def close(self) -> None:
        """Finish what has begun, and wait until its outcomes are on the disk. What has not begun
        is left as it was claimed.
        """
        self._pool.shutdown(wait=True, cancel_futures=True)
        with self._changing:
            self._changing.wait_for(lambda: not self._accounts)

    def _worked(self, job: Job, future: Future[Future[None] | None]) -> None:
        settling = None if future.cancelled() or future.exception() else future.result()
        if settling is None:
            self._landed(job, future)
        else:
            settling.add_done_callback(lambda settled: self._landed(job, settled))

    def _landed(self, job: Job, future: Future[Any]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("delivery %s: a worker failed", job.delivery, exc_info=error)
            self._tell_failed()
        with self._changing:
            self._accounts.pop(job.delivery, None)
            if not self._accounts:
                self._changing.notify_all()
        self._tell_landed()
