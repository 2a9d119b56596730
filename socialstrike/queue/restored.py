"""After a backup was restored: the platforms may hold more than it knows, so nothing is re-sent.

What was due since, or was tried before, becomes a doubt and is looked up on its platform.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from socialstrike import audit, platforms
from socialstrike.db.models import Account, Attempt, AuditEntry, Delivery, Scheduler
from socialstrike.db.session import affected
from socialstrike.lifecycle import Event, State
from socialstrike.queue.job import Job, load, move

#: Deliveries read at a time.
_BATCH = 500
_WHY = "a backup was restored: it may have gone out since, and is looked up first"


def doubt_after_restore(
    session: Session, *, look_at: datetime, now: datetime, actor: str
) -> tuple[int, int]:
    """Doubt every delivery that may have gone out since the backup; return how many, of how many.

    ``look_at`` is when the platforms are asked: a request that left just before may still land.
    What was never tried and is due later stays scheduled, unless it may have been handed off
    since to its platform's own scheduler. Both times are aware.
    """
    last = session.execute(
        select(AuditEntry.at, AuditEntry.hash).order_by(AuditEntry.seq.desc()).limit(1)
    ).first()
    known_until = last.at if last else now
    audit.append(
        session,
        now,
        "database.restored",
        actor,
        head=last.hash if last else None,
        known_until=known_until,
    )
    session.execute(update(Scheduler).where(Scheduler.ended_at.is_(None)).values(ended_at=now))
    # The clock of the machine that made the backup may have been ahead of this one's.
    since = max(now, known_until)
    undecided = Delivery.state.in_(
        (State.SCHEDULED, State.PUBLISHING, State.UNCERTAIN, State.HANDED_OFF)
    )
    # Whether it was handed off since is known to the platform alone.
    capable = [name for name in platforms.REGISTRY if _may_hold(name)]
    waiting = session.scalars(select(func.count()).select_from(Delivery).where(undecided)).one()
    doubted = session.scalars(
        select(Delivery.id).where(
            undecided,
            or_(
                Delivery.state != State.SCHEDULED,
                Delivery.attempts > 0,
                Delivery.due_at <= since,
                Delivery.account_id.in_(select(Account.id).where(Account.platform.in_(capable))),
            ),
        )
    ).all()
    for begin in range(0, len(doubted), _BATCH):
        for job in load(session, doubted[begin : begin + _BATCH]):
            _doubt(session, job, known_until, look_at=look_at, now=now, actor=actor)
    return len(doubted), waiting


def _may_hold(platform: str) -> bool:
    """Whether the platform has a scheduler of its own that takes our posts."""
    return platforms.get(platform).hand_off is not None


def _doubt(
    session: Session,
    job: Job,
    known_until: datetime,
    *,
    look_at: datetime,
    now: datetime,
    actor: str,
) -> None:
    """Have the look-up reach back to the first moment at which this may have been sent."""
    changes: dict[str, Any] = {
        "started_at": min(job.started_at or known_until, known_until, job.due_at),
        "next_at": look_at,
        "handed_at": job.handed_at or (known_until if _may_hold(job.platform) else None),
        "absences": 0,
        "lookups": 0,
        "claimed_by": None,
        "lease_until": None,
        "error": _WHY,
    }
    if job.state is State.UNCERTAIN:
        affected(session, update(Delivery).where(Delivery.id == job.delivery).values(changes))
        return
    session.execute(
        update(Attempt)
        .where(Attempt.delivery_id == job.delivery, Attempt.ended_at.is_(None))
        .values(ended_at=now, outcome="unknown", error=_WHY)
    )
    event = Event.DOUBT if job.state is State.PUBLISHING else Event.RESTORE
    move(session, job, event, now=now, actor=actor, changes=changes, error=_WHY)
