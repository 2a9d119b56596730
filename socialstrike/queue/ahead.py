"""What comes next, and what holds a delivery or an account back until then."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Executable, bindparam, case, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from socialstrike.db.models import Account, Delivery, Home
from socialstrike.lifecycle import State
from socialstrike.queue import gate, thread

#: What a platform is asked about.
LOOKED_UP = (State.UNCERTAIN, State.HANDED_OFF)


@dataclass(frozen=True, slots=True)
class Next:
    """When work is due, and when something lapses; None where neither will without a person."""

    work_at: datetime | None
    lapse_at: datetime | None
    stopped: bool = False


def next_look(session: Session, *, busy: Collection[int] = ()) -> Next:
    """When something next wants doing.

    Accounts in ``busy`` are left out: the end of what they do is itself a reason to look.
    """
    lapse_at = session.scalar(
        select(func.min(Delivery.late_after)).where(Delivery.state == State.SCHEDULED)
    )
    if is_stopped(session):
        return Next(None, lapse_at, stopped=True)
    looks = [_earliest(State.SCHEDULED)]
    # Mostly there is none of the other kinds, and each takes as long as that.
    looks += [_earliest(state) for state in LOOKED_UP if session.scalar(_any(state))]
    if session.scalar(_any_to_hand_off()):
        looks.append(_earliest(State.SCHEDULED, Delivery.hand_off_at))
    moments = [session.scalar(look, {"busy": list(busy)}) for look in looks]
    work_at = min((moment for moment in moments if moment is not None), default=None)
    return Next(work_at, lapse_at)


def soon(session: Session, *, until: datetime, most: int) -> list[int]:
    """Accounts that will post by ``until``, by their ids; ``most`` of them."""
    first = (
        select(Delivery.id)
        .where(
            Delivery.account_id == Account.id,
            Delivery.state == State.SCHEDULED,
            Delivery.next_at <= until,
        )
        .correlate(Account)
        .exists()
    )
    found = select(Account.id).where(first, *may_post(until)).limit(most)
    return list(session.scalars(found))


@cache
def _any(state: State) -> Executable:
    return select(select(Delivery.id).where(Delivery.state == state).exists())


@cache
def _any_to_hand_off() -> Executable:
    return select(select(Delivery.id).where(Delivery.hand_off_at.is_not(None)).exists())


@cache  # making the words of SQL takes longer than asking: 3 ms of 4 for a few accounts
def _earliest(state: State, column: InstrumentedAttribute[Any] = Delivery.next_at) -> Executable:
    """The earliest look at a delivery in ``state``: one index probe per account that may post."""
    earliest = (
        select(func.min(column))
        .where(
            Delivery.account_id == Account.id,
            Delivery.state == state,
            column.is_not(None),
            # What waits for people, or for the part before it, would be looked at without end.
            *(ready() if state is State.SCHEDULED else [thread.may_be_looked_up()]),
        )
        .correlate(Account)
        .scalar_subquery()
    )
    waiting = (
        select(earliest.label("at"), Account.throttled_until.label("throttled"))
        .where(Account.paused_at.is_(None), Account.id.not_in(bindparam("busy", expanding=True)))
        .subquery()
    )
    at = case((waiting.c.throttled > waiting.c.at, waiting.c.throttled), else_=waiting.c.at)
    return select(func.min(at))


def ready() -> tuple[ColumnElement[bool], ...]:
    """Of a delivery: neither people nor the rest of its thread hold it back."""
    return gate.approved(), thread.its_turn(), thread.wholly_approved()


def may_post(now: datetime | BindParameter[datetime]) -> tuple[ColumnElement[bool], ...]:
    """Of an account: it is neither paused nor throttled."""
    return (
        Account.paused_at.is_(None),
        or_(Account.throttled_until.is_(None), Account.throttled_until <= now),
    )


def is_stopped(session: Session) -> bool:
    """Whether the emergency stop is pulled."""
    return session.scalar(select(Home.stopped_at)) is not None
