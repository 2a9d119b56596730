"""Deliveries that the platform's own scheduler is to publish, so that they go out without us.

From the ticket on the platform may hold a copy, and a delivery of which it may hold one is never
claimed for publishing: it goes back to the queue only once the copy is surely gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from socialstrike import audit, platforms
from socialstrike.db.models import Account, Delivery, Home
from socialstrike.exceptions import IllegalTransition, InvalidInput
from socialstrike.i18n import stored
from socialstrike.lifecycle import Event, State
from socialstrike.platforms.base import HandOff
from socialstrike.queue import gate
from socialstrike.queue.ahead import may_post
from socialstrike.queue.claim import Begun, Stale, begin
from socialstrike.queue.copies import Wanted
from socialstrike.queue.job import Job, load, move, put
from socialstrike.queue.person import select_ids

#: Before the platform's own shortest time ahead, for the call itself and for clocks that differ.
MARGIN = timedelta(minutes=1)
#: When a platform that holds as many copies as it takes is looked at again.
_FULL = timedelta(minutes=15)
#: What is to be tried again so soon is waited for.
_MOMENTS = timedelta(seconds=30)
#: Wishes read at a time.
_MOST = 500
#: The platform may hold a copy of what is in these.
_HELD = (State.PUBLISHING, State.HANDED_OFF, State.UNCERTAIN)


def offer(platform: str) -> HandOff | None:
    """What the platform's own scheduler takes; None where it has none for us."""
    return platforms.get(platform).hand_off


def wish(session: Session, ids: Sequence[int], *, now: datetime, actor: str) -> list[int]:
    """Have these handed off as soon as their platforms take them; which of them were not wished.

    All of them, or none: raises InvalidInput for a platform that cannot and for a time that is too
    near, IllegalTransition for what is not scheduled.
    """
    jobs = select_ids(session, ids)
    wrong = [job for job in jobs if job.state is not State.SCHEDULED]
    if wrong:
        names = ", ".join(f"{job.delivery} ({job.state})" for job in wrong)
        raise IllegalTransition(
            stored(
                "cannot be handed off: {names}; only what is scheduled can. Nothing was changed",
                names=names,
            )
        )
    told = [why for job in jobs if (why := hindrance(job, now))]
    if told:
        raise InvalidInput("\n".join([*told, stored("Nothing was changed")]))
    new = [job for job in jobs if job.hand_off_at is None]
    for job in new:
        put(session, job, hand_off_at=now)
        audit.append(session, now, "hand_off.asked", actor, **job.facts())
    return [job.delivery for job in new]


def hindrance(job: Job, now: datetime) -> str | None:
    """Why this cannot be handed off, whenever it is tried; None where it can."""
    if job.after is not None or job.leads:
        return stored(
            "delivery {delivery} cannot be handed off: it is part of a thread, and no platform's"
            " scheduler takes threads; it goes out while this runs: socialstrike run",
            delivery=job.delivery,
        )
    terms = offer(job.platform)
    if terms is None:
        label = platforms.get(job.platform).label
        return stored(
            "delivery {delivery} cannot be handed off: {label} takes no posts ahead of"
            " their time; it goes out while this runs: socialstrike run",
            delivery=job.delivery,
            label=label,
        )
    if not terms.videos and any(_is_video(one) for one in job.media):
        label = platforms.get(job.platform).label
        return stored(
            "delivery {delivery} cannot be handed off: {label}'s own scheduler is given no video"
            " from here; it goes out while this runs: socialstrike run",
            delivery=job.delivery,
            label=label,
        )
    if job.due_at - now < terms.earliest + MARGIN:
        minutes = round((terms.earliest + MARGIN).total_seconds() / 60)
        return stored(
            "delivery {delivery} is due in less than {minutes} minutes, too soon to be"
            " handed off; it goes out while this runs: socialstrike run",
            delivery=job.delivery,
            minutes=minutes,
        )
    return None


def claim_hand_overs(
    session: Session, *, now: datetime, owner: str, lease: float, most: int
) -> list[Job]:
    """Take up to ``most`` deliveries that are to be handed off now, at most one per account.

    A wish whose time has run out is dropped: then it goes out from here. ``lease`` in seconds.
    """
    if most < 1 or session.scalar(select(Home.stopped_at)) is not None:
        return []
    busy = aliased(Delivery)
    wished = session.execute(
        select(Delivery.id, Delivery.account_id)
        .join(Account, Account.id == Delivery.account_id)
        .where(
            # Not the plain column: its index is long, that of what is to be handed off is short.
            Delivery.state.concat("") == State.SCHEDULED,
            Delivery.hand_off_at <= now,
            *may_post(now),
            gate.approved(),
            ~select(busy.id)
            .where(busy.account_id == Delivery.account_id, busy.state == State.PUBLISHING)
            .exists(),
        )
        .order_by(Delivery.due_at, Delivery.id)
        .limit(_MOST)
        .with_for_update(of=Account, skip_locked=True)
    ).all()
    claimed: list[Job] = []
    taken: set[int] = set()
    for job in load(session, [row.id for row in wished], State.SCHEDULED):
        if job.account_id in taken or len(claimed) >= most or not _fits(session, job, now):
            continue
        fence = job.fence + 1
        changes = {
            "fence": fence,
            "claimed_by": owner,
            "lease_until": now + timedelta(seconds=lease),
        }
        if move(session, job, Event.CLAIM, now=now, actor=owner, changes=changes):
            taken.add(job.account_id)
            claimed.append(job._replace(fence=fence, state=State.PUBLISHING))
    return claimed


def begin_hand_over(session: Session, job: Job, *, now: datetime, owner: str) -> Begun:
    """Write the ticket of a hand-over: from its commit on the platform may hold a copy.

    Raises Stale where the claim no longer holds, or the time has come too near.
    """
    terms = offer(job.platform)
    if terms is None or job.due_at - now < terms.earliest:
        raise Stale(stored("it is too late to hand it off"))
    begun = begin(session, job, now=now, owner=owner)
    put(session, job, handed_at=now, hand_off_at=None, scheduled_id=None)
    held = begun.job._replace(handed_at=now, hand_off_at=None, scheduled_id=None)
    return replace(begun, job=held)


def ask_back(
    session: Session, ids: Sequence[int], wanted: Wanted, *, now: datetime, actor: str
) -> list[Job]:
    """Have the copies of these taken back; those of which the platform may hold one.

    A cancelled one stays cancelled, whatever is asked after it.
    """
    asked = []
    for job in load(session, ids):
        held = job.state is State.HANDED_OFF or (
            job.state is State.UNCERTAIN and job.handed_at is not None
        )
        if not held:
            continue
        if job.take_back not in {Wanted.CANCELLED, wanted}:
            changes: dict[str, Any] = {"take_back": str(wanted)}
            if job.state is State.HANDED_OFF:
                changes |= {"next_at": now, "lookups": 0}
            put(session, job, **changes)
            audit.append(session, now, "take_back.asked", actor, **job.facts(), wanted=str(wanted))
            job = job._replace(take_back=str(wanted))  # noqa: PLW2901  (the same, a step later)
        asked.append(job)
    return asked


def drop_wishes(session: Session, ids: Sequence[int], *, now: datetime, actor: str) -> list[int]:
    """Let these go out from here after all; those that were still to be handed off."""
    wished = [job for job in load(session, ids, State.SCHEDULED) if job.hand_off_at is not None]
    for job in wished:
        put(session, job, hand_off_at=None)
        audit.append(session, now, "hand_off.dropped", actor, **job.facts())
    return [job.delivery for job in wished]


def held(session: Session) -> list[int]:
    """The deliveries of which a platform may hold a copy, whatever became of their hand-over."""
    return list(
        session.scalars(
            select(Delivery.id)
            .where(Delivery.handed_at.is_not(None), Delivery.state.in_(_HELD))
            .order_by(Delivery.due_at, Delivery.id)
        )
    )


def unverified(session: Session, now: datetime) -> int:
    """How many a platform should have published by now, without our having seen it."""
    return session.scalars(
        select(func.count())
        .select_from(Delivery)
        .where(Delivery.state == State.HANDED_OFF, Delivery.due_at <= now)
    ).one()


def hand_overs_left(session: Session, now: datetime) -> bool:
    """Whether something can be handed off now, is being so, or has to be looked up."""
    waiting = select(Delivery.id).join(Account, Account.id == Delivery.account_id)
    ready = waiting.where(
        Delivery.state == State.SCHEDULED,
        Delivery.hand_off_at <= now,
        *may_post(now),
        gate.approved(),
    )
    doubtful = waiting.where(
        Delivery.state == State.UNCERTAIN, Delivery.handed_at.is_not(None), *may_post(now)
    )
    # A try that is to be repeated within moments is worth waiting for.
    soon = waiting.where(
        Delivery.state == State.SCHEDULED,
        Delivery.hand_off_at <= now + _MOMENTS,
        *may_post(now + _MOMENTS),
        gate.approved(),
    )
    return any(session.scalar(one.limit(1)) is not None for one in (ready, doubtful, soon))


def same_text_later(session: Session, job: Job) -> datetime | None:
    """When the account next says the same (aware, UTC): from then on a post may be that one."""
    return session.scalar(
        select(func.min(Delivery.due_at)).where(
            Delivery.account_id == job.account_id,
            Delivery.text == job.text,
            Delivery.due_at > job.due_at,
        )
    )


def scheduled_ids(session: Session, job: Job) -> list[str]:
    """The copies that the platform holds, or held, for the account's other deliveries."""
    found = session.scalars(
        select(Delivery.scheduled_id).where(
            Delivery.account_id == job.account_id,
            Delivery.id != job.delivery,
            Delivery.scheduled_id.is_not(None),
        )
    )
    return [one for one in found if one]


def _fits(session: Session, job: Job, now: datetime) -> bool:
    """Whether the platform would take it now; where not, put the wish off or drop it."""
    terms = offer(job.platform)
    ahead = job.due_at - now
    if terms is None or ahead < terms.earliest + MARGIN / 2:
        put(session, job, hand_off_at=None)
        return False
    if terms.latest is not None and ahead > terms.latest:
        put(session, job, hand_off_at=job.due_at - terms.latest + MARGIN)
        return False
    if _is_full(session, job, terms):
        put(session, job, hand_off_at=now + _FULL)
        return False
    return True


def _is_full(session: Session, job: Job, terms: HandOff) -> bool:
    """Whether the platform holds as many copies as it takes: in all, or of the same day (UTC)."""
    if terms.per_day is None and terms.in_all is None:
        return False
    days = [_day(due_at) for due_at in _held_of(session, job.account_id)]
    in_all = terms.in_all is not None and len(days) >= terms.in_all
    per_day = terms.per_day is not None and days.count(_day(job.due_at)) >= terms.per_day
    return in_all or per_day


def _held_of(session: Session, account: int) -> Iterator[datetime]:
    yield from session.scalars(
        select(Delivery.due_at).where(
            Delivery.account_id == account,
            Delivery.handed_at.is_not(None),
            Delivery.state.in_(_HELD),
        )
    )


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _is_video(media: Mapping[str, Any]) -> bool:
    return str(media["mime_type"]).startswith("video/")
