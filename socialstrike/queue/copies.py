"""A copy of a delivery in the platform's own scheduler: what is left of it when it is gone."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike.db.models import Attempt
from socialstrike.lifecycle import Event, State
from socialstrike.queue.job import Job, move


class Wanted(StrEnum):
    """What a copy is taken back for."""

    CANCELLED = "cancelled"
    SCHEDULED = "scheduled"
    STOPPED = "stopped"


def gone(session: Session, job: Job, now: datetime) -> dict[str, Any]:
    """The columns of a delivery of which the platform surely holds no copy."""
    doubt = session.scalar(
        select(Attempt.id)
        .where(Attempt.delivery_id == job.delivery, Attempt.outcome == "unknown")
        .limit(1)
    )
    return {
        "handed_at": None,
        "scheduled_id": None,
        "take_back": None,
        # Never before its time: one that is handed off is mostly not due yet.
        "next_at": max(now, job.due_at),
        # As if never tried: its words are nowhere, so they may be changed again.
        "started_at": job.started_at if doubt else None,
    }


def honour(session: Session, job: Job, *, now: datetime, actor: str) -> bool:
    """What a person wanted while the copy was out: what was cancelled leaves the queue."""
    if job.take_back != Wanted.CANCELLED:
        return True
    back = job._replace(state=State.SCHEDULED)
    return move(session, back, Event.CANCEL, now=now, actor=actor)
