"""Group commit: many threads' small transactions made durable by one commit.

SQLite has one writer at a time and pays the disk for each commit. Threads that each open their
own transaction queue at the lock; one thread that carries everybody's changes does not.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from sqlalchemy.orm import Session

from socialstrike.db.session import Database, Deferred
from socialstrike.exceptions import DatabaseError

A = TypeVar("A")
T = TypeVar("T")
#: What is done for all who ask for it at once: for each item its result, or what to raise for it.
Together = Callable[[Session, Sequence[A]], Sequence[T | Exception]]


class _Job(NamedTuple):
    """What one thread asked for: its own ``change``, or a share in the one that is ``shared``."""

    future: Future[Any]
    change: Callable[[Session], Any] | None = None
    shared: Together[Any, Any] | None = None
    item: Any = None


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
        self._jobs.put(_Job(future, change))
        with self._database.fit():
            return future.result()

    def run_together(self, change: Together[A, T], item: A) -> T:
        """The same for what has few statements for many items: all threads that ask for the same
        ``change`` at one moment are served by one call of it.

        What it returns for the item is returned here once it is durable, or raised where that is
        an exception. Where the call itself fails, each item gets a call of its own.
        """
        future = self.hand_in(change, item)
        with self._database.fit():
            return future.result()

    def hand_in(self, change: Together[A, T], item: A) -> Future[T]:
        """As ``run_together``, without waiting. The future's callbacks are called in the writer's
        own thread, and must not wait for it.
        """
        future: Future[T] = Future()
        self._jobs.put(_Job(future, shared=change, item=item))
        return future

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
        done: list[tuple[Future[Any], Any]] = []
        try:
            with self._database.write() as session:
                for jobs in _together(batch):
                    done += zip((job.future for job in jobs), _apply(session, jobs), strict=True)
        except BaseException as error:  # noqa: BLE001  (handed to every thread that waits for it)
            for job in batch:
                job.future.set_exception(error)
            return
        for future, result in done:
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)


def _together(batch: Sequence[_Job]) -> list[list[_Job]]:
    """The jobs, those that share a change together; all of them wait, so their order is free."""
    found: list[list[_Job]] = []
    shares: dict[Together[Any, Any], list[_Job]] = {}
    for job in batch:
        if job.shared is None:
            found.append([job])
        elif job.shared in shares:
            shares[job.shared].append(job)
        else:
            found.append(shares.setdefault(job.shared, [job]))
    return found


def _apply(session: Session, jobs: Sequence[_Job]) -> Sequence[Any]:
    """For each job its result, or what was raised over it, which then left nothing behind."""
    deferred = Deferred.of(session)
    mark = deferred.mark()
    try:
        with session.begin_nested():
            [job, *others] = jobs
            if job.change is not None:
                return [job.change(session)]
            assert job.shared is not None
            return job.shared(session, [job.item for job in jobs])
    except DatabaseError:
        raise  # the disk or the lock, not this change: nobody's share of the commit is safe
    except Exception as error:  # noqa: BLE001  (raised again in the thread that asked)
        deferred.back_to(mark)
        if others:
            return [result for each in jobs for result in _apply(session, [each])]
        return [error]
