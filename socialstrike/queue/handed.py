"""What became of what was handed off: with the platform, not there, taken back, or vanished."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from socialstrike.content import printable
from socialstrike.i18n import stored
from socialstrike.lifecycle import Event
from socialstrike.platforms.own_scheduler import Scheduled
from socialstrike.queue.copies import Wanted, gone, honour
from socialstrike.queue.job import Job, move, put
from socialstrike.queue.settle import end, throttle


def handed_off(
    session: Session,
    job: Job,
    number: int | None,
    copy: Scheduled,
    *,
    look_at: datetime,
    now: datetime,
    actor: str,
) -> bool:
    """The platform's scheduler has it, by its own word or found there; verified at ``look_at``.

    ``number`` is None where a look-up found it. A copy that is to be taken back is looked at now.
    """
    if number is not None and not end(
        session, job, number, stored("handed off"), now=now, actor=actor, remote_id=copy.remote_id
    ):
        return False
    changes = {
        "claimed_by": None,
        "lease_until": None,
        "scheduled_id": copy.remote_id,
        "handed_at": job.handed_at or now,
        "next_at": now if job.take_back else max(look_at, now),
        "absences": 0,
        "lookups": 0,
        "error": None,
    }
    return move(
        session,
        job,
        Event.HAND_OFF,
        now=now,
        actor=actor,
        changes=changes,
        attempt=job.attempts,
        scheduled_id=printable(copy.remote_id),
        scheduled_at=copy.at,
    )


def not_handed_off(
    session: Session,
    job: Job,
    number: int | None,
    error: str,
    *,
    again_at: datetime | None,
    throttled_until: datetime | None = None,
    now: datetime,
    actor: str,
) -> bool:
    """Surely not with the platform: to be tried ``again_at``, or to go out from here (None)."""
    if not end(session, job, number, stored("not handed off"), now=now, actor=actor, error=error):
        return False
    if throttled_until is not None:
        throttle(session, job, throttled_until)
    changes = {
        **gone(session, job, now),
        "claimed_by": None,
        "lease_until": None,
        "hand_off_at": again_at,
        "error": error,
    }
    return move(
        session,
        job,
        Event.RETRY,
        now=now,
        actor=actor,
        changes=changes,
        attempt=number,
        error=error,
        hand_off_at=again_at,
    )


def taken_back(session: Session, job: Job, *, now: datetime, actor: str) -> bool:
    """The copy is surely gone and was not published; the delivery becomes what was wanted."""
    changes = {
        **gone(session, job, now),
        "take_backs": job.take_backs + 1,
        "hand_off_at": now if job.take_back == Wanted.STOPPED else None,
        "lookups": 0,
        "absences": 0,
        "error": None,
    }
    done = move(session, job, Event.TAKE_BACK, now=now, actor=actor, changes=changes)
    return done and honour(session, job, now=now, actor=actor)


def postponed(session: Session, job: Job, *, next_at: datetime, error: str | None = None) -> bool:
    """It is still with the platform, or could not be looked at; look again at ``next_at``."""
    return put(session, job, next_at=next_at, lookups=job.lookups + 1, error=error)


def vanished(session: Session, job: Job, *, look_at: datetime, now: datetime, actor: str) -> bool:
    """The copy is neither waiting there nor published: the first of two complete look-ups."""
    error = stored(
        "the platform had it in its scheduler, where it is no more, and did not publish it"
    )
    changes = {"next_at": look_at, "absences": 1, "lookups": 0, "error": error}
    return move(session, job, Event.DOUBT, now=now, actor=actor, changes=changes, error=error)
