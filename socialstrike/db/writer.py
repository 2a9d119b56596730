"""Group commit: many threads' small transactions made durable by one commit.

SQLite has one writer at a time and pays the disk for each commit. Threads that each open their
own transaction queue at the lock; one thread that carries everybody's changes does not.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from socialstrike.db.session import Database, Deferred
from socialstrike.exceptions import DatabaseError

T = TypeVar("T")
_Job = tuple[Callable[[Session], Any], "Future[Any]"]


class Writer:
    """Runs functions of a session, each wholly or not at all, and returns once they are durable."""

    def __init__(self, database: Database, *, most: int = 256) -> None:
        """``most`` functions share a commit at the most."""
        self._database = database
        self._most = most
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def run(self, change: Callable[[Session], T]) -> T:
        """Run ``change`` in a transaction and return its result once that is on the disk.

        What ``change`` raises is raised here and leaves nothing behind; DatabaseError means
        that nothing was written.
        """
        future: Future[T] = Future()
        self._jobs.put((change, future))
        with self._database.fit():
            return future.result()

    def close(self) -> None:
        """Finish what was handed in, then end."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, last = self._gather(job)
            self._commit(batch)
            if last:
                return

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        batch = [first]
        while len(batch) < self._most:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
        return batch, False

    def _commit(self, batch: list[_Job]) -> None:
        done: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            with self._database.write() as session:
                for change, future in batch:
                    done.append((future, *_apply(session, change)))
        except BaseException as error:  # noqa: BLE001  (handed to every thread that waits for it)
            for _, future in batch:
                future.set_exception(error)
            return
        for future, result, fault in done:
            if fault is None:
                future.set_result(result)
            else:
                future.set_exception(fault)


def _apply(session: Session, change: Callable[[Session], Any]) -> tuple[Any, BaseException | None]:
    deferred = Deferred.of(session)
    mark = deferred.mark()
    try:
        with session.begin_nested():
            return change(session), None
    except DatabaseError:
        raise  # the disk or the lock, not this change: nobody's share of the commit is safe
    except Exception as error:  # noqa: BLE001  (raised again in the thread that asked)
        deferred.back_to(mark)
        return None, error
