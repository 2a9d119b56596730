"""From due to begun: which deliveries may go now, who has them, and the ticket before the call."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Executable, Integer, Row, bindparam, func, insert, select, update
from sqlalchemy.orm import Session, aliased

from socialstrike import audit
from socialstrike.db.many import Change, change_all
from socialstrike.db.models import Account, Base, Delivery, Home
from socialstrike.db.types import UtcDateTime
from socialstrike.i18n import stored
from socialstrike.lifecycle import Event, State
from socialstrike.queue import gate, thread
from socialstrike.queue.ahead import LOOKED_UP, is_stopped, may_post, ready
from socialstrike.queue.job import BEFORE, Job, Move, load, move, move_all


class Stale(Exception):  # noqa: N818  (not an error: someone decided otherwise in time)
    """The claim no longer holds: stopped, paused, too late, or another has it. Send nothing."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The ticket: from its commit on, the call may leave the house."""

    job: Job
    number: int
    at: datetime


def lapse(session: Session, *, now: datetime, actor: str, most: int = 500) -> int:
    """Mark what is past its lateness limit as missed; return how many, ``most`` at a time."""
    late = session.scalars(
        select(Delivery.id)
        .where(Delivery.state == State.SCHEDULED, Delivery.late_after < now)
        .order_by(Delivery.late_after)
        .limit(most)
    ).all()
    lacking = gate.unapproved(session, late)
    errors = {
        delivery: stored("it was not approved in time: {why}", why=why)
        for delivery, why in lacking.items()
    }
    torn = stored("another part of its thread was not approved in time")
    waited_for = thread.above_these(session, lacking) if lacking else ()
    errors |= {delivery: torn for delivery in waited_for if delivery not in errors}
    behind = select(Delivery.id).where(Delivery.id.in_(late), ~thread.its_turn())
    errors |= {delivery: BEFORE for delivery in session.scalars(behind) if delivery not in errors}
    return sum(
        move(
            session,
            job,
            Event.LAPSE,
            now=now,
            actor=actor,
            changes={"error": errors[job.delivery]} if job.delivery in errors else None,
            error=errors.get(job.delivery),
            late_after=job.late_after,
            lateness_ms=_ms(now - job.due_at),
        )
        # A thread's last part first: each of them is late by itself, and says so.
        for job in thread.last_first(load(session, late, State.SCHEDULED))
    )


def claim(session: Session, *, now: datetime, owner: str, lease: float, most: int) -> list[Job]:
    """Take up to ``most`` due deliveries, at most one per account, the longest due first.

    Every gate is in the statement: due, not too late, approved, what it goes out under is out,
    account not paused nor throttled, nothing of the account in flight, no emergency stop. ``lease``
    is in seconds.
    """
    if most < 1 or is_stopped(session):
        return []
    ids = session.scalars(_firsts(), {"now": now, "most": most}).all()
    until = now + timedelta(seconds=lease)
    moves = []
    for job in load(session, ids, State.SCHEDULED, lock=True):
        changes = {"fence": job.fence + 1, "claimed_by": owner, "lease_until": until}
        moves.append(Move(job, changes))
    move_all(session, moves, Event.CLAIM, now=now, actor=owner)
    return [
        job._replace(fence=changes["fence"], state=State.PUBLISHING) for job, changes, _ in moves
    ]


@cache
def _firsts() -> Executable:
    """Of each account that may post now, what goes first; the longest due of them ``most``."""
    busy = aliased(Delivery)
    now = bindparam("now", type_=UtcDateTime())
    waiting = select(Delivery.id).where(
        Delivery.account_id == Account.id,
        Delivery.state == State.SCHEDULED,
        Delivery.next_at <= now,
        Delivery.late_after >= now,
        *ready(),
    )
    # Index probes per account, so the cost does not grow with the queue behind it.
    earliest = waiting.order_by(Delivery.next_at, Delivery.id).limit(1).correlate(Account)
    first = aliased(Delivery)
    return (
        select(first.id)
        .select_from(Account)
        .join(first, first.id == earliest.scalar_subquery())
        .where(
            *may_post(now),
            ~select(busy.id)
            .where(busy.account_id == Account.id, busy.state == State.PUBLISHING)
            .exists(),
        )
        .order_by(first.next_at)
        .limit(bindparam("most", type_=Integer()))
        # Of several schedulers, each passes over the accounts that another is claiming for.
        .with_for_update(of=Account, skip_locked=True)
    )


def begin(session: Session, job: Job, *, now: datetime, owner: str) -> Begun:
    """Write the ticket: this attempt starts. To be committed before the call leaves.

    Raises Stale where the claim no longer holds; then nothing may be sent.
    """
    [begun] = begin_all(session, [job], now=now, owner=owner)
    if isinstance(begun, Stale):
        raise begun
    return begun


def begin_all(
    session: Session, jobs: Sequence[Job], *, now: datetime, owner: str
) -> list[Begun | Stale]:
    """As ``begin`` for each of the jobs, in few statements: 0.1 ms each instead of 3."""
    # The lock makes a stop wait for the tickets that did not see it, and the other way round.
    if session.scalar(select(Home.stopped_at).with_for_update(read=True)) is not None:
        return [Stale(stored("the emergency stop is pulled")) for _ in jobs]
    found = session.execute(_claims(), {"ids": [job.delivery for job in jobs]})
    rows = {row.id: row for row in found}
    begun: list[Begun | Stale] = []
    for job in jobs:
        row = rows.get(job.delivery)
        why = _hindrance(job, row, now, owner)
        if row is None or why is not None:
            begun.append(Stale(why))
            continue
        number = row.attempts + 1
        ticketed = job._replace(attempts=number, started_at=job.started_at or now)
        begun.append(Begun(ticketed, number, now))
        audit.append(session, now, "attempt.started", owner, **job.facts(), attempt=number)
    if tickets := [each for each in begun if isinstance(each, Begun)]:
        _write_tickets(session, tickets, owner)
    return begun


@cache
def _claims() -> Executable:
    """Of claimed deliveries: whose they are, and whether anything holds them back now."""
    return (
        select(
            Delivery.id,
            Delivery.state,
            Delivery.fence,
            Delivery.claimed_by,
            Delivery.attempts,
            Delivery.lease_until,
            Account.paused_at,
            gate.approved().label("approved"),
            thread.its_turn().label("its_turn"),
            thread.wholly_approved().label("wholly_approved"),
        )
        .join(Account, Account.id == Delivery.account_id)
        .where(Delivery.id.in_(bindparam("ids", expanding=True)))
    )


def _hindrance(job: Job, row: Row[Any] | None, now: datetime, owner: str) -> str | None:
    """Why this attempt must not start."""
    if row is None or (row.state, row.fence, row.claimed_by) != (
        State.PUBLISHING,
        job.fence,
        owner,
    ):
        return stored("another claim has this delivery")
    if row.lease_until is None or now > row.lease_until:
        return stored("its lease has ended: this process was held up for too long")
    if now > job.late_after:
        return stored("it is past its lateness limit")
    return _held_back(row)


def _held_back(row: Row[Any]) -> str | None:
    if row.paused_at is not None:
        return stored("its account is paused")
    if not row.approved:
        return stored("its quorum does not approve it any more")
    if not row.its_turn:
        return stored("the part before it is not out any more")
    if not row.wholly_approved:
        return stored("a part after it is not approved any more")
    return None


def _write_tickets(session: Session, tickets: Sequence[Begun], owner: str) -> None:
    session.connection().execute(
        insert(_ATTEMPTS),
        [
            {
                "delivery_id": ticket.job.delivery,
                "number": ticket.number,
                "fence": ticket.job.fence,
                "owner": owner,
                "started_at": ticket.at,
            }
            for ticket in tickets
        ],
    )
    change_all(
        session,
        _DELIVERIES,
        [
            Change(
                {"id": each.job.delivery, "fence": each.job.fence},
                # The first attempt's start stays: a look-up must reach back to it.
                {"attempts": each.number, "started_at": each.job.started_at, "updated_at": each.at},
            )
            for each in tickets
        ],
    )


_ATTEMPTS, _DELIVERIES = Base.metadata.tables["attempts"], Base.metadata.tables["deliveries"]


def claim_doubts(
    session: Session, *, now: datetime, every: float, most: int, busy: Collection[int] = ()
) -> list[Job]:
    """What has to be looked up now, one per account; ``every`` seconds to the next look.

    That is what is uncertain, and what a platform's own scheduler should have published by now.

    A paused account's doubts wait as its posts do: its credentials may not even be able to look.
    """
    if most < 1 or is_stopped(session):
        return []
    rows = session.execute(
        select(func.min(Delivery.id), Delivery.account_id)
        .join(Account, Account.id == Delivery.account_id)
        .where(
            Delivery.state.in_(LOOKED_UP),
            Delivery.next_at <= now,
            thread.may_be_looked_up(),
            *may_post(now),
        )
        .group_by(Delivery.account_id)
        .order_by(func.min(Delivery.next_at))
        .limit(most + len(busy))
    ).all()
    ids = [row[0] for row in rows if row.account_id not in busy][:most]
    # Of several schedulers that read the same, the first to write has it.
    mine = session.scalars(
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.state.in_(LOOKED_UP), Delivery.next_at <= now)
        .values(next_at=now + timedelta(seconds=every))
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).all()
    return [job for job in load(session, mine) if job.state in LOOKED_UP]


def _ms(lateness: timedelta) -> int:
    return round(lateness.total_seconds() * 1000)
