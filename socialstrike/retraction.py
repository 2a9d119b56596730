"""Retraction: what was published is deleted on the platform at a person's request.

The order is the promise, as for a post: the log says that it was begun before the call leaves, and
that it was done after the platform's yes. A lost answer leaves the delivery published, with a note.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from socialstrike import queue
from socialstrike.clock import SystemClock
from socialstrike.exceptions import DatabaseError, IllegalTransition, VaultError
from socialstrike.i18n import stored
from socialstrike.platforms.base import (
    CredentialsRefused,
    PlatformError,
    RateLimited,
    TemporarilyUnavailable,
)
from socialstrike.publisher import Publisher
from socialstrike.queue import Job

#: A platform that asks to wait is waited for so long in all, per account.
_PATIENCE = timedelta(minutes=2)
#: Accounts at work at once; each deletes one post after the other.
_AT_ONCE = 8
#: So many answers lost in a row, and the rest of the account is left for another time.
_MOST_SILENCE = 2
_AGAIN = "ask again with the same command, which does no harm"


@dataclass(frozen=True, slots=True)
class Retraction:
    """What became of one: deleted there, or why not and what to do.

    ``stands`` is until when the whole account has to wait (aware, UTC), where it has; ``ends`` says
    that nothing more of it is worth trying now.
    """

    delivery: int
    account: str
    platform: str
    done: bool
    why: str | None = None
    stands: datetime | None = None
    ends: bool = False


class Retractions(Publisher):
    """Deletes posts on the platforms. Neither a stop nor a pause hinders it: it takes back."""

    def retract(self, ids: Sequence[int]) -> list[Retraction]:
        """Delete these published deliveries' posts at once; what became of each, in that order.

        Raises NotFound, and IllegalTransition where one is not published; then nothing was done.
        """
        with self._database.read() as session:
            jobs = queue.retractable(session, list(ids))
        accounts: dict[str, list[Job]] = defaultdict(list)
        for job in queue.last_first(jobs):
            accounts[job.account].append(job)
        ended = threading.Event()
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="retract") as pool:
            try:
                results = list(pool.map(lambda theirs: self._all(theirs, ended), accounts.values()))
            finally:
                ended.set()  # after Ctrl-C no other call begins
        done = {result.delivery: result for results_ in results for result in results_}
        return [done[job.delivery] for job in jobs]

    def _all(self, jobs: Sequence[Job], ended: threading.Event) -> list[Retraction]:
        """One account's, one after the other, until it can go no further."""
        patience, silent, results = _PATIENCE, 0, list[Retraction]()
        for job in jobs:
            if ended.is_set():
                break
            result = self._one(job)
            if result.stands is not None:
                wait = max(result.stands - SystemClock().now(), timedelta(seconds=1))
                if wait <= patience and not ended.wait(wait.total_seconds()):
                    patience -= wait
                    result = self._one(job)
            results.append(result)
            silent = 0 if result.done else silent + 1
            if result.ends or result.stands is not None or silent >= _MOST_SILENCE:
                break
        last = results[-1].why if results else None
        left = jobs[len(results) :]
        return [*results, *(_untried(job, last or stored("it was interrupted")) for job in left)]

    def _one(self, job: Job) -> Retraction:
        try:
            platform = self._platform(job)
            remote_id = self._writer.run(
                lambda session: queue.begin_retraction(
                    session, job, now=self._clock.now(), actor=self._owner
                )
            )
        except IllegalTransition as error:
            return _left(job, str(error))
        except (VaultError, DatabaseError) as error:
            return _left(job, str(error), ends=True)
        try:
            platform.retract(remote_id)
        except PlatformError as error:
            return self._failed_to(job, error)
        try:
            done = self._writer.run(
                lambda session: queue.retracted(
                    session, job, remote_id, now=self._clock.now(), actor=self._owner
                )
            )
        except DatabaseError as error:
            why = stored(
                "deleted there, but that could not be written down ({error}); {again}",
                error=error,
                again=_AGAIN,
            )
            return _left(job, why, ends=True)
        return (
            _left(job, None) if done else _left(job, stored("another command changed it meanwhile"))
        )

    def _failed_to(self, job: Job, error: PlatformError) -> Retraction:
        """Note why the platform did not say yes. What the error says of trying again by itself is
        true of posts; here a person asks.
        """
        lost = isinstance(error, TemporarilyUnavailable)
        what, _, remedy = str(error).partition("; ")
        if lost:
            remedy = stored("the post may be there still or be gone; {again}", again=_AGAIN)
        elif isinstance(error, RateLimited):
            at = (
                stored(" after {retry_at:%H:%M:%S} UTC", retry_at=error.retry_at)
                if error.retry_at
                else stored(" later")
            )
            remedy = stored("give the same command again{at}", at=at)
        why = f"{what}; {remedy}" if remedy else what
        try:
            self._writer.run(
                lambda session: queue.not_retracted(
                    session,
                    job,
                    "unknown" if lost else "not deleted",
                    what,
                    now=self._clock.now(),
                    actor=self._owner,
                )
            )
        except DatabaseError as fault:
            why = stored("{why} (this could not be written down: {fault})", why=why, fault=fault)
        return _left(
            job,
            why,
            stands=_until(error) if isinstance(error, RateLimited) else None,
            ends=isinstance(error, CredentialsRefused),
        )


def _until(error: RateLimited) -> datetime:
    """Until when to wait; where the platform gave no word, longer than a command waits."""
    return error.retry_at or SystemClock().now() + 2 * _PATIENCE


def _left(
    job: Job, why: str | None, *, stands: datetime | None = None, ends: bool = False
) -> Retraction:
    return Retraction(job.delivery, job.account, job.platform, why is None, why, stands, ends)


def _untried(job: Job, last: str) -> Retraction:
    return _left(job, stored("not tried, because of: {last}", last=last))
