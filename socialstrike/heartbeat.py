"""Which schedulers run on this home, and whether they are alive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.db.models import Scheduler

#: A scheduler says that it lives this often, in seconds.
EVERY = 5.0
#: One that has said nothing for this long is taken for dead by ``status``, in seconds.
DEAD_AFTER = 20.0


@dataclass(frozen=True, slots=True)
class Beat:
    """A scheduler as its last heartbeat left it; times are aware, in UTC."""

    id: str
    host: str
    pid: int
    started_at: datetime
    heartbeat_at: datetime
    quiet_since: datetime | None


def register(session: Session, scheduler: str, host: str, pid: int, now: datetime) -> None:
    """A scheduler begins."""
    session.add(Scheduler(id=scheduler, host=host, pid=pid, started_at=now, heartbeat_at=now))
    session.flush()
    audit.append(session, now, "scheduler.started", scheduler, host=host, pid=pid)


def beat(session: Session, scheduler: str, now: datetime) -> None:
    """It lives."""
    session.execute(update(Scheduler).where(Scheduler.id == scheduler).values(heartbeat_at=now))


def set_quiet(session: Session, scheduler: str, now: datetime | None) -> None:
    """It saw the stop and calls no platform any more; None when it goes on."""
    session.execute(update(Scheduler).where(Scheduler.id == scheduler).values(quiet_since=now))


def all_quiet(session: Session, now: datetime) -> bool:
    """Whether every scheduler that is alive has said so."""
    return all(beat.quiet_since is not None for beat in alive(session, now))


def end(session: Session, scheduler: str, now: datetime) -> None:
    """It ended by itself."""
    session.execute(
        update(Scheduler).where(Scheduler.id == scheduler).values(heartbeat_at=now, ended_at=now)
    )
    audit.append(session, now, "scheduler.ended", scheduler)


def others(session: Session, me: str, now: datetime, *, lease: float) -> list[str]:
    """The other schedulers that may still be at work: not ended, and heard of within ``lease``.

    One that was silent for longer may be frozen. It must not send when it wakes: its claims'
    leases have ended too, and the ticket is refused.
    """
    return list(
        session.scalars(
            select(Scheduler.id).where(
                Scheduler.id != me,
                Scheduler.ended_at.is_(None),
                Scheduler.heartbeat_at >= now - timedelta(seconds=lease),
            )
        )
    )


def alive(session: Session, now: datetime) -> list[Beat]:
    """The schedulers that have not ended and whose heartbeat is recent, newest first."""
    rows = session.scalars(
        select(Scheduler)
        .where(
            Scheduler.ended_at.is_(None),
            Scheduler.heartbeat_at >= now - timedelta(seconds=DEAD_AFTER),
        )
        .order_by(Scheduler.started_at.desc())
    )
    return [
        Beat(row.id, row.host, row.pid, row.started_at, row.heartbeat_at, row.quiet_since)
        for row in rows
    ]
