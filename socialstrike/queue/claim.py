"""From due to begun: which deliveries may go now, who has them, and the ticket before the call."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from socialstrike import audit, lifecycle
from socialstrike.db.models import Account, Attempt, Delivery, Home
from socialstrike.db.session import affected
from socialstrike.i18n import stored
from socialstrike.lifecycle import Event, State
from socialstrike.queue import gate
from socialstrike.queue.job import Job, load, move

#: What a platform is asked about.
_LOOKED_UP = (State.UNCERTAIN, State.HANDED_OFF)


class Stale(Exception):  # noqa: N818  (not an error: someone decided otherwise in time)
    """The claim no longer holds: stopped, paused, too late, or another has it. Send nothing."""


@dataclass(frozen=True, slots=True)
class Next:
    """When work is due, and when something lapses; None where neither will without a person."""

    work_at: datetime | None
    lapse_at: datetime | None
    stopped: bool = False


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
        for job in load(session, late, State.SCHEDULED)
    )


def claim(session: Session, *, now: datetime, owner: str, lease: float, most: int) -> list[Job]:
    """Take up to ``most`` due deliveries, at most one per account, the longest due first.

    Every gate is in the statement: due, not too late, approved, account not paused nor throttled,
    nothing of the account in flight, no emergency stop. ``lease`` is in seconds.
    """
    if most < 1 or _is_stopped(session):
        return []
    busy = aliased(Delivery)
    waiting = select(Delivery).where(
        Delivery.account_id == Account.id,
        Delivery.state == State.SCHEDULED,
        Delivery.next_at <= now,
        Delivery.late_after >= now,
        gate.approved(),
    )
    # Index probes per account, so the cost does not grow with the queue behind it.
    first = waiting.order_by(Delivery.next_at, Delivery.id).limit(1).correlate(Account)
    earliest = first.with_only_columns(Delivery.id).scalar_subquery()
    since = first.with_only_columns(Delivery.next_at).scalar_subquery()
    ids = session.scalars(
        select(earliest)
        .select_from(Account)
        .where(
            *may_post(now),
            earliest.is_not(None),
            ~select(busy.id)
            .where(busy.account_id == Account.id, busy.state == State.PUBLISHING)
            .exists(),
        )
        .order_by(since)
        .limit(most)
        # Of several schedulers, each passes over the accounts that another is claiming for.
        .with_for_update(of=Account, skip_locked=True)
    ).all()
    until = now + timedelta(seconds=lease)
    claimed = []
    for job in load(session, ids, State.SCHEDULED):
        fence = job.fence + 1
        changes = {"fence": fence, "claimed_by": owner, "lease_until": until}
        if move(session, job, Event.CLAIM, now=now, actor=owner, changes=changes):
            claimed.append(replace(job, fence=fence, state=State.PUBLISHING))
    return claimed


def begin(session: Session, job: Job, *, now: datetime, owner: str) -> Begun:
    """Write the ticket: this attempt starts. To be committed before the call leaves.

    Raises Stale where the claim no longer holds; then nothing may be sent.
    """
    # The lock makes a stop wait for the tickets that did not see it, and the other way round.
    if session.scalar(select(Home.stopped_at).with_for_update(read=True)) is not None:
        raise Stale(stored("the emergency stop is pulled"))
    row = session.execute(
        select(
            Delivery.attempts,
            Delivery.lease_until,
            Account.paused_at,
            gate.approved().label("approved"),
        )
        .join(Account, Account.id == Delivery.account_id)
        .where(
            Delivery.id == job.delivery,
            Delivery.state == State.PUBLISHING,
            Delivery.fence == job.fence,
            Delivery.claimed_by == owner,
        )
    ).first()
    if row is None:
        raise Stale(stored("another claim has this delivery"))
    if row.lease_until is None or now > row.lease_until:
        raise Stale(stored("its lease has ended: this process was held up for too long"))
    if row.paused_at is not None:
        raise Stale(stored("its account is paused"))
    if not row.approved:
        raise Stale(stored("its quorum does not approve it any more"))
    if now > job.late_after:
        raise Stale(stored("it is past its lateness limit"))
    number = row.attempts + 1
    session.add(
        Attempt(
            delivery_id=job.delivery, number=number, fence=job.fence, owner=owner, started_at=now
        )
    )
    affected(
        session,
        update(Delivery)
        .where(Delivery.id == job.delivery)
        .values(
            attempts=number,
            # The first attempt's start: a look-up must reach back to it.
            started_at=func.coalesce(Delivery.started_at, now),
            updated_at=now,
        ),
    )
    session.flush()
    audit.append(session, now, "attempt.started", owner, **job.facts(), attempt=number)
    return Begun(replace(job, attempts=number, started_at=job.started_at or now), number, now)


def claim_doubts(
    session: Session, *, now: datetime, every: float, most: int, busy: Collection[int] = ()
) -> list[Job]:
    """What has to be looked up now, one per account; ``every`` seconds to the next look.

    That is what is uncertain, and what a platform's own scheduler should have published by now.

    A paused account's doubts wait as its posts do: its credentials may not even be able to look.
    """
    if most < 1 or _is_stopped(session):
        return []
    rows = session.execute(
        select(func.min(Delivery.id), Delivery.account_id)
        .join(Account, Account.id == Delivery.account_id)
        .where(Delivery.state.in_(_LOOKED_UP), Delivery.next_at <= now, *may_post(now))
        .group_by(Delivery.account_id)
        .order_by(func.min(Delivery.next_at))
        .limit(most + len(busy))
    ).all()
    ids = [row[0] for row in rows if row.account_id not in busy][:most]
    # Of several schedulers that read the same, the first to write has it.
    mine = session.scalars(
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.state.in_(_LOOKED_UP), Delivery.next_at <= now)
        .values(next_at=now + timedelta(seconds=every))
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).all()
    return [job for job in load(session, mine) if job.state in _LOOKED_UP]


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


def next_look(session: Session, *, busy: Collection[int] = ()) -> Next:
    """When something next wants doing.

    Accounts in ``busy`` are left out: the end of what they do is itself a reason to look.
    """
    lapse_at = session.scalar(
        select(func.min(Delivery.late_after)).where(Delivery.state == State.SCHEDULED)
    )
    if _is_stopped(session):
        return Next(None, lapse_at, stopped=True)
    moments = [_next_of(session, state, busy) for state in (State.SCHEDULED, *_LOOKED_UP)]
    moments.append(_next_of(session, State.SCHEDULED, busy, Delivery.hand_off_at))
    work_at = min((moment for moment in moments if moment is not None), default=None)
    return Next(work_at, lapse_at)


def _next_of(
    session: Session,
    state: State,
    busy: Collection[int],
    column: InstrumentedAttribute[Any] = Delivery.next_at,
) -> datetime | None:
    """The earliest look at a delivery in ``state``: one index probe per account that may post."""
    earliest = (
        select(func.min(column))
        .where(
            Delivery.account_id == Account.id,
            Delivery.state == state,
            column.is_not(None),
            # What waits for people would otherwise be looked at without end.
            *([gate.approved()] if state is State.SCHEDULED else []),
        )
        .correlate(Account)
        .scalar_subquery()
    )
    waiting = (
        select(earliest.label("at"), Account.throttled_until.label("throttled"))
        .where(Account.paused_at.is_(None), Account.id.not_in(list(busy)))
        .subquery()
    )
    at = case((waiting.c.throttled > waiting.c.at, waiting.c.throttled), else_=waiting.c.at)
    moment: datetime | None = session.scalar(select(func.min(at)))
    return moment


def may_post(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Of an account: it is neither paused nor throttled."""
    return (
        Account.paused_at.is_(None),
        or_(Account.throttled_until.is_(None), Account.throttled_until <= now),
    )


def _is_stopped(session: Session) -> bool:
    return session.scalar(select(Home.stopped_at)) is not None


def _ms(lateness: timedelta) -> int:
    return round(lateness.total_seconds() * 1000)
