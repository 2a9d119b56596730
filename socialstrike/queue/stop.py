"""The emergency stop: one row that every claim and every ticket reads in its own transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.db.models import Delivery, Home
from socialstrike.lifecycle import State
from socialstrike.queue.copies import Wanted


@dataclass(frozen=True, slots=True)
class Stopped:
    """Who pulled the stop, when (aware, UTC), and why."""

    at: datetime
    by: str
    reason: str | None


def stopped(session: Session) -> Stopped | None:
    """The stop in force, if there is one."""
    row = session.execute(select(Home.stopped_at, Home.stopped_by, Home.stop_reason)).one()
    if row.stopped_at is None:
        return None
    return Stopped(row.stopped_at, row.stopped_by, row.stop_reason)


def stop(session: Session, *, reason: str | None, now: datetime, actor: str) -> bool:
    """Pull it: once this is committed, no claim and no ticket is written. False where it was."""
    if stopped(session) is not None:
        return False
    session.execute(update(Home).values(stopped_at=now, stopped_by=actor, stop_reason=reason))
    audit.append(session, now, "stop", actor, reason=reason)
    return True


def start(session: Session, *, now: datetime, actor: str) -> bool:
    """Let it go; what came due meanwhile is judged by its lateness limit. False where it was."""
    if stopped(session) is None:
        return False
    session.execute(update(Home).values(stopped_at=None, stopped_by=None, stop_reason=None))
    # Copies that the stop could not take back may go out after all.
    session.execute(
        update(Delivery).where(Delivery.take_back == Wanted.STOPPED).values(take_back=None)
    )
    audit.append(session, now, "start", actor)
    return True


def in_flight(session: Session) -> list[int]:
    """The deliveries between their claim and their outcome."""
    return list(session.scalars(select(Delivery.id).where(Delivery.state == State.PUBLISHING)))
