"""Hand-off: deliveries given to a platform's own scheduler, verified after their time, taken back.

The ticket is on the disk before the copy leaves the house, as for any post. From then on nothing
is published from here until the copy is surely gone, whatever was lost on the way.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from socialstrike import accounts, media, queue
from socialstrike.exceptions import DatabaseError, VaultError
from socialstrike.i18n import stored
from socialstrike.lifecycle import State
from socialstrike.platforms.base import (
    CredentialsRefused,
    OutcomeUnknown,
    Payload,
    PlatformError,
    Publication,
    Rejected,
    TemporarilyUnavailable,
)
from socialstrike.platforms.own_scheduler import OwnScheduler, Scheduled
from socialstrike.publisher import Publisher
from socialstrike.queue import Begun, Job, Stale
from socialstrike.retries import Again, GiveUp, LookUp, Pause

log = logging.getLogger(__name__)

#: No platform publishes a post before its time by its own clock; times are told in whole seconds.
_BEFORE = timedelta(seconds=5)
#: A copy that is gone so long before its time was deleted, not published.
_SURELY_BEFORE = timedelta(minutes=1)
#: Look-ups that fail are repeated at most this many times further apart.
_SLOWER = 60


class Recalled(NamedTuple):
    """What became of a copy that was to be taken back: its delivery's state, and why it is so."""

    delivery: int
    account: str
    platform: str
    due_at: datetime
    state: State
    why: str | None

    @property
    def may_go_out(self) -> bool:
        """Whether the platform may publish it still."""
        return self.state in {State.HANDED_OFF, State.UNCERTAIN}


class HandOffs(Publisher):
    """A publisher that also speaks to the platforms' own schedulers."""

    def hand_over(self, job: Job) -> None:
        """Give a claimed delivery to its platform's scheduler; what happens is settled, not raised.

        What the platform refuses is not lost: it goes out from here when it is due.
        """
        number: int | None = None
        try:
            if not job.intact():
                self._refuse(
                    job, stored("what is stored is not what was queued; import the post again")
                )
                return
            platform = self._own_scheduler(job)
            payload = replace(self._payload(job), key=job.copy_key)
            media_ids = [platform.upload(picture) for picture in payload.media]
            begun = self._begin_hand_over(job)
            if begun is None:
                return
            job, number = begun.job, begun.number
            there = self._give(platform, payload, media_ids, job.due_at)
        except Stale as stale:
            self._not_handed_off(job, None, TemporarilyUnavailable(str(stale)))
        except media.MediaDamaged as error:
            self._refuse(job, str(error))
        except VaultError as error:
            self._not_handed_off(job, number, CredentialsRefused(str(error)))
        except PlatformError as error:
            self._not_handed_off(job, number, error)
        except DatabaseError as error:
            # Nothing was sent: the ticket could not be written. The claim is recovered later.
            log.error("delivery %s: %s", job.delivery, error)
        except OSError as error:
            why = stored(
                "the home cannot be written ({strerror}); free some space on its disk",
                strerror=error.strerror,
            )
            self._not_handed_off(job, number, TemporarilyUnavailable(why))
        else:
            self._handed(job, number, there)

    def reconcile(self, job: Job) -> None:
        """Settle what a platform may hold in its scheduler; anything else as ever."""
        if job.handed_at is None:
            super().reconcile(job)
        else:
            self._visit(job)

    def _visit(self, job: Job, *, settled: bool = True) -> None:
        """Ask the platform about a copy. ``settled``: what is not there now will not come."""
        again = self._clock.now() + timedelta(seconds=self._settings.lookup_every)
        try:
            platform = self._own_scheduler(job)
            if job.state is State.HANDED_OFF and self._is_wanted_back(job):
                self._take_back(platform, job, again)
            else:
                self._look(platform, job, again, settled=settled)
        except (PlatformError, VaultError, media.MediaDamaged) as error:
            self._could_not_look(job, error)
        except DatabaseError as error:
            log.error("delivery %s: %s", job.delivery, error)

    def recall(self, ids: Sequence[int]) -> list[Recalled]:
        """Take back the copies of these, as was asked for before, at once; what became of each.

        Whatever cannot be settled now is by the next scheduler.
        """
        with self._database.read() as session:
            jobs = [job for job in queue.select_ids(session, ids) if job.take_back]
        with ThreadPoolExecutor(8, thread_name_prefix="recall") as pool:
            list(pool.map(self._recall, jobs))
        with self._database.read() as session:
            errors = {
                row["id"]: row["error"]
                for row in queue.deliveries(session, queue.Filter(ids=tuple(ids)))
            }
            return [
                Recalled(
                    job.delivery,
                    job.account,
                    job.platform,
                    job.due_at,
                    job.state,
                    errors[job.delivery],
                )
                for job in queue.select_ids(session, [job.delivery for job in jobs])
            ]

    def _recall(self, job: Job) -> None:
        # The settling time of one in doubt may not be over: not finding it proves nothing yet.
        self._visit(job, settled=False)
        with self._database.read() as session:
            [now] = queue.select_ids(session, [job.delivery])
        if job.state is State.UNCERTAIN and now.state is State.HANDED_OFF:
            self._visit(now)  # the look-up found the copy; now it can be deleted

    def _own_scheduler(self, job: Job) -> OwnScheduler:
        platform = self._platform(job)
        if not isinstance(platform, OwnScheduler):
            raise Rejected(
                stored("{label} takes no posts ahead of their time", label=platform.label)
            )
        return platform

    def _begin_hand_over(self, job: Job) -> Begun | None:
        before = self._clock.boottime()
        begun = self._writer.run(
            lambda session: queue.begin_hand_over(
                session, job, now=self._clock.now(), owner=self._owner
            )
        )
        if self._paused_since(before):
            why = stored("the machine paused before the call; nothing was sent")
            self._not_handed_off(begun.job, begun.number, TemporarilyUnavailable(why))
            return None
        return begun

    def _give(
        self, platform: OwnScheduler, payload: Payload, media_ids: list[str], at: datetime
    ) -> Scheduled | Publication:
        try:
            return platform.hand_over(payload, media_ids, at)
        except PlatformError:
            raise
        except Exception as error:
            log.exception("the adapter of %s failed", platform.name)
            raise OutcomeUnknown(
                stored("unexpected {kind} while handing off", kind=type(error).__name__)
            ) from None

    def _handed(self, job: Job, number: int | None, there: Scheduled | Publication) -> None:
        """The platform has it: in its scheduler or, where its clock says so, out already."""

        def change(session: Session, now: datetime) -> bool:
            if isinstance(there, Publication):
                return queue.accepted(session, job, number, there, now=now, actor=self._owner)
            return queue.handed_off(
                session,
                job,
                number,
                there,
                look_at=self._verify_at(job),
                now=now,
                actor=self._owner,
            )

        self._settle(change)

    def _not_handed_off(self, job: Job, number: int | None, error: PlatformError) -> None:
        text, owner = str(error), self._owner

        def change(session: Session, now: datetime) -> bool:
            decision = self._policy.decide(error, job.fence, now, self._rng)
            again_at, throttled_until = None, None
            match decision:
                case LookUp(at=at):
                    return queue.doubted(
                        session, job, number, text, look_at=at, now=now, actor=owner
                    )
                case Pause():
                    account = accounts.get(session, job.account)
                    accounts.pause(session, account, text, now=now, actor=owner)
                    again_at = now
                case Again(at=at, throttled_until=until):
                    again_at, throttled_until = at, until
                case GiveUp():
                    log.warning(
                        "delivery %s was not handed off and goes out from here when it is due: %s",
                        job.delivery,
                        text,
                    )
            return queue.not_handed_off(
                session,
                job,
                number,
                text,
                again_at=again_at,
                throttled_until=throttled_until,
                now=now,
                actor=owner,
            )

        self._settle(change)

    def _is_wanted_back(self, job: Job) -> bool:
        """Whether somebody asked for it, or the platform is later with it than it may be."""
        return job.take_back is not None or self._clock.now() > job.late_after

    def _look(self, platform: OwnScheduler, job: Job, again: datetime, *, settled: bool) -> None:
        """Verify what should be out, or find what became of a hand-over."""
        there = self._whereabouts(platform, job)
        owner = self._owner

        def change(session: Session, now: datetime) -> bool:
            if isinstance(there, Publication):
                return queue.found(session, job, there, now=now, actor=owner)
            if job.state is State.UNCERTAIN:
                if there is None:
                    return queue.absent(session, job, next_at=again, now=now, actor=owner)
                look_at = self._verify_at(job)
                return queue.handed_off(
                    session, job, None, there, look_at=look_at, now=now, actor=owner
                )
            if there is None:
                return queue.vanished(session, job, look_at=again, now=now, actor=owner)
            return queue.postponed(session, job, next_at=max(again, self._verify_at(job)))

        if there is not None or settled:
            self._settle(change)

    def _take_back(self, platform: OwnScheduler, job: Job, again: datetime) -> None:
        assert job.scheduled_id is not None  # none is handed off without
        done = platform.take_back(job.scheduled_id)
        there = None if done else self._whereabouts(platform, job)
        theirs = platform.their_time()
        now = max(filter(None, (self._clock.now(), theirs)))
        # One that was gone already and whose time has come may be just about to appear.
        deleted = done or (there is None and now < job.due_at - _SURELY_BEFORE)

        def change(session: Session, now: datetime) -> bool:
            if isinstance(there, Publication):
                return queue.found(session, job, there, now=now, actor=self._owner)
            if deleted:
                return queue.taken_back(session, job, now=now, actor=self._owner)
            if there is None:
                return queue.vanished(session, job, look_at=again, now=now, actor=self._owner)
            return queue.postponed(session, job, next_at=again, error=stored("it is there still"))

        self._settle(change)

    def _whereabouts(self, platform: OwnScheduler, job: Job) -> Scheduled | Publication | None:
        """Where the copy is. First among what waits: in between it can only be published."""
        with self._database.read() as session:
            others = queue.scheduled_ids(session, job)
            known = [*queue.remote_ids(session, job), *others]
            # With an id it was surely there: then a later post with the same words is another's.
            until = queue.same_text_later(session, job) if job.scheduled_id else None
        payload = replace(self._payload(job), key=job.copy_key)
        if job.scheduled_id is not None:
            there = platform.handed(job.scheduled_id)
            if there is not None:
                return there
        return platform.find_scheduled(payload, job.due_at, others) or platform.find_published(
            payload, job.due_at - _BEFORE, until, known
        )

    def _could_not_look(self, job: Job, error: Exception) -> None:
        wait = self._settings.lookup_every * min(job.lookups + 1, _SLOWER)
        again = self._clock.now() + timedelta(seconds=wait)
        if job.state is State.UNCERTAIN:
            self._looked_in_vain(job, error, again)
            return

        def change(session: Session, now: datetime) -> bool:
            if isinstance(error, CredentialsRefused | VaultError):
                account = accounts.get(session, job.account)
                accounts.pause(session, account, str(error), now=now, actor=self._owner)
            return queue.postponed(session, job, next_at=again, error=str(error))

        self._settle(change)

    def _verify_at(self, job: Job) -> datetime:
        return job.due_at + timedelta(seconds=self._settings.settle_after)
