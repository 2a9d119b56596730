"""What a scheduler that lives does for claims: its own run on, those of the dead are dealt with."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from socialstrike import lifecycle
from socialstrike.db.models import Attempt, Delivery
from socialstrike.db.session import affected
from socialstrike.i18n import stored
from socialstrike.lifecycle import Event, State
from socialstrike.queue.job import load, move


def orphans(session: Session, *, mine: Collection[int], others: Collection[str]) -> list[int]:
    """The deliveries being published whose claim nobody works on.

    Another scheduler's claim stands while that one shows signs of life.
    """
    rows = session.execute(
        select(Delivery.id, Delivery.claimed_by).where(Delivery.state == State.PUBLISHING)
    )
    return [row.id for row in rows if row.id not in mine and row.claimed_by not in others]


def extend(session: Session, deliveries: Collection[int], *, until: datetime, owner: str) -> None:
    """Let the leases of what is in flight run on: its scheduler lives."""
    affected(
        session,
        update(Delivery)
        .where(
            Delivery.id.in_(deliveries),
            Delivery.claimed_by == owner,
            Delivery.state == State.PUBLISHING,
        )
        .values(lease_until=until),
    )


def recover(
    session: Session,
    *,
    now: datetime,
    actor: str,
    mine: Collection[int],
    others: Collection[str],
    settle: float,
) -> tuple[int, int]:
    """Deal with claims that nobody works on any more; return how many went back, how many doubt.

    ``mine`` are the deliveries in flight here, ``others`` the other schedulers that live. Where
    the ticket was written the call may have left: that is a doubt, looked up ``settle`` seconds
    after the ticket, never sent again blindly.
    """
    back = doubts = 0
    for job in load(session, orphans(session, mine=mine, others=others), State.PUBLISHING):
        ticket = session.execute(
            select(Attempt).where(
                Attempt.delivery_id == job.delivery,
                Attempt.fence == job.fence,
                Attempt.ended_at.is_(None),
            )
        ).scalar_one_or_none()
        if ticket is None:
            # One that was being handed off is not due yet.
            free = {"next_at": max(now, job.due_at), "claimed_by": None, "lease_until": None}
            back += move(session, job, Event.RELEASE, now=now, actor=actor, changes=free)
            continue
        ticket.ended_at, ticket.outcome = now, "unknown"
        ticket.error = error = stored("the scheduler died between the call and its answer")
        # Its clock may have been ahead of ours: never wait longer than from now.
        began = min(ticket.started_at, now)
        changes: dict[str, Any] = {
            "next_at": began + timedelta(seconds=settle),
            "claimed_by": None,
            "lease_until": None,
            "error": error,
        }
        doubts += move(
            session,
            job,
            Event.DOUBT,
            now=now,
            actor=actor,
            changes=changes,
            attempt=ticket.number,
            error=error,
        )
    return back, doubts


def move_starts(session: Session, step: timedelta) -> None:
    """The wall clock was moved by ``step``: say by the new one when attempts that count began.

    A clock put back would otherwise hide a post from its look-up, as older than the attempt; one
    put forward would end the settling time at once.
    """
    begun = select(Delivery).where(
        Delivery.started_at.is_not(None), Delivery.state.not_in(lifecycle.TERMINAL)
    )
    for row in session.scalars(begun):
        assert row.started_at is not None
        row.started_at += step
        if row.state == State.UNCERTAIN:
            row.next_at += step
