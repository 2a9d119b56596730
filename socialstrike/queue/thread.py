"""Threads: parts that go out in order, each under the one before, and stop where one does not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, aliased

from socialstrike.db.models import Campaign, Delivery
from socialstrike.lifecycle import TERMINAL, State
from socialstrike.platforms.base import ReplyTo
from socialstrike.queue import gate
from socialstrike.queue.job import BEFORE, Job, load

#: Out of these a later part comes back when the part that stopped it does.
_STOPPED = frozenset({State.MISSED, State.CANCELLED})


class Place(NamedTuple):
    """Which part of how many, and the delivery of the first; as text ``2/3``."""

    part: int
    parts: int
    first: int

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"


@cache
def its_turn() -> ColumnElement[bool]:
    """Of a delivery: it is no later part of a thread, or the part before it is out."""
    return _before(lambda before: and_(before.state == State.PUBLISHED, _known(before)))


@cache
def may_be_looked_up() -> ColumnElement[bool]:
    """Of a delivery in doubt: what it stands under is known, or will never be."""
    return _before(lambda before: or_(_known(before), before.state.in_(TERMINAL)))


@cache
def wholly_approved() -> ColumnElement[bool]:
    """Of a delivery: no part after it waits for approval, so that no thread goes out torn."""
    part, above = aliased(Delivery), aliased(Delivery)
    held = (
        select(part.after_id.label("id"))
        .where(
            # Mostly no campaign asks for approval, and then the rest is not looked at.
            select(Campaign.id).where(Campaign.quorum > 0).exists(),
            part.after_id.is_not(None),
            # Not the plain column: its index is long, that of the parts is short.
            part.state.concat("") == State.SCHEDULED,
            ~gate.approved(part),
        )
        .cte("held", recursive=True)
    )
    held = held.union(
        select(above.after_id).join(held, above.id == held.c.id).where(above.after_id.is_not(None))
    )
    return Delivery.id.not_in(select(held.c.id))


def above(session: Session, job: Job) -> ReplyTo | None:
    """What the delivery's post is to stand under; None for what is no later part of a thread, and
    where the parts before it have no known id.
    """
    ids: list[str | None] = []
    after = job.after
    while after is not None:
        row = session.execute(
            select(Delivery.after_id, Delivery.remote_id).where(Delivery.id == after)
        ).one()
        ids.append(row.remote_id)
        after = row.after_id
    parent, root = (ids[0], ids[-1]) if ids else (None, None)
    return ReplyTo(parent, root) if parent and root else None


def above_these(session: Session, ids: Collection[int]) -> set[int]:
    """The parts before these in their threads."""
    before = {later: earlier for earlier, later in _links(session).items()}
    return {part for delivery in ids for part in _from(delivery, before)[1:]}


def places(session: Session) -> dict[int, Place]:
    """Where each delivery that is part of a thread stands in it."""
    after = _links(session)
    found: dict[int, Place] = {}
    for first in after.keys() - set(after.values()):
        thread = _from(first, after)
        for number, delivery in enumerate(thread, 1):
            found[delivery] = Place(number, len(thread), first)
    return found


def whole(session: Session, ids: Sequence[int]) -> list[int]:
    """These deliveries, and of their threads whatever else waits."""
    after = _links(session)
    before = {later: earlier for earlier, later in after.items()}
    found = dict.fromkeys(ids)
    for delivery in ids:
        first = delivery
        while first in before:
            first = before[first]
        found |= dict.fromkeys(_from(first, after))
    others = [delivery for delivery in found if delivery not in set(ids)]
    waiting = {job.delivery for job in load(session, others, State.SCHEDULED)}
    return [*ids, *(delivery for delivery in others if delivery in waiting)]


def below(session: Session, ids: Collection[int]) -> list[Job]:
    """The parts after these that are not among them."""
    after = _links(session)
    found = {part for delivery in ids for part in _from(delivery, after)}
    return load(session, found - set(ids))


def stopped_with(session: Session, jobs: Sequence[Job]) -> list[Job]:
    """The parts after these that did not go out because of them, and for no other reason."""
    after = _links(session)
    later = {job.delivery: job for job in below(session, [job.delivery for job in jobs])}
    errors = dict(
        session.execute(select(Delivery.id, Delivery.error).where(Delivery.id.in_(later))).all()
    )
    found: dict[int, Job] = {}
    for job in jobs:
        for part in _from(job.delivery, after)[1:]:
            if part not in later or later[part].state not in _STOPPED or errors[part] != BEFORE:
                break
            found[part] = later[part]
    return list(found.values())


def last_first(jobs: Sequence[Job]) -> list[Job]:
    """The same in the same order, but for the threads among them, whose last part comes first."""
    before = {job.delivery: job.after for job in jobs}
    threads: dict[int, list[Job]] = {}
    for job in sorted(jobs, key=lambda job: job.delivery):
        first = job.delivery
        while (earlier := before[first]) in before:
            assert earlier is not None  # what is among them has an id
            first = earlier
        threads.setdefault(first, []).insert(0, job)
    ordered: list[Job] = []
    for job in jobs:
        ordered += threads.pop(job.delivery, [])
    return ordered


def _before(holds: Callable[[type[Delivery]], ColumnElement[bool]]) -> ColumnElement[bool]:
    before = aliased(Delivery)
    there = select(before.id).where(before.id == Delivery.after_id, holds(before))
    return or_(Delivery.after_id.is_(None), there.correlate(Delivery).exists())


def _known(delivery: type[Delivery]) -> ColumnElement[bool]:
    return delivery.remote_id.is_not(None)


def _from(first: int, after: dict[int, int]) -> list[int]:
    thread = [first]
    while thread[-1] in after:
        thread.append(after[thread[-1]])
    return thread


def _links(session: Session) -> dict[int, int]:
    """Every part of a thread and the part after it; the index alone tells, so it is quick."""
    rows = session.execute(
        select(Delivery.after_id, Delivery.id).where(Delivery.after_id.is_not(None))
    )
    return {row.after_id: row.id for row in rows}
