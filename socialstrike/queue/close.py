"""A campaign's end: what waits is cancelled, nothing new is taken, and the log says so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.db.models import Campaign, Delivery, Post
from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import stored
from socialstrike.lifecycle import Event, State
from socialstrike.queue.job import Job, load, move
from socialstrike.queue.thread import last_first

#: What has to be settled before a campaign is closed, and how.
_SETTLE_FIRST = {
    State.PUBLISHING: stored("being published at this moment: give the command again in a moment"),
    State.UNCERTAIN: stored(
        "uncertain: let a scheduler look them up (socialstrike run), or decide with:"
        " socialstrike posts resolve ID published|absent"
    ),
    State.PARKED: stored("to be decided by you: socialstrike posts resolve ID published|absent"),
    State.HANDED_OFF: stored(
        "in a platform's own scheduler: socialstrike posts take-back --campaign NAME"
    ),
}
#: So many ids are named; who wants more has the list.
_MOST = 10


def unsettled(session: Session, campaign: Campaign) -> dict[State, list[int]]:
    """The ids of what may still go out or may be out, by state."""
    open_ = (State.SCHEDULED, *_SETTLE_FIRST)
    rows = session.execute(
        select(Delivery.state, Delivery.id)
        .where(Delivery.state.in_(open_), Delivery.post_id.in_(_posts(campaign)))
        .order_by(Delivery.id)
    )
    found: dict[State, list[int]] = {}
    for state, delivery in rows:
        found.setdefault(State(state), []).append(delivery)
    return found


def close(session: Session, campaign: Campaign, *, now: datetime, actor: str) -> int:
    """Cancel what waits and take nothing new from now on; how many were cancelled.

    A campaign that is closed already stays so. Raises InvalidInput where something of it is in
    doubt or on its way: only what is settled can be closed.
    """
    session.refresh(campaign, with_for_update=True)  # an import waits, or is seen here
    if campaign.closed_at is not None:
        return 0
    found = unsettled(session, campaign)
    waiting = load(session, found.pop(State.SCHEDULED, []), State.SCHEDULED)
    if found:
        raise InvalidInput(_refusal(campaign, found))
    cancelled = sum(
        move(session, job, Event.CANCEL, now=now, actor=actor) for job in last_first(waiting)
    )
    if cancelled != len(waiting):
        raise InvalidInput(
            stored(
                "some posts of {name} were claimed at this moment, and nothing was changed;"
                " give the command again",
                name=campaign.name,
            )
        )
    campaign.closed_at = now
    session.flush()
    counts = dict(
        session.execute(
            select(Delivery.state, func.count())
            .where(Delivery.post_id.in_(_posts(campaign)))
            .group_by(Delivery.state)
        ).all()
    )
    facts = {str(state): count for state, count in counts.items()}
    audit.append(session, now, "campaign.closed", actor, campaign=campaign.name, **facts)
    return cancelled


def reopen(session: Session, campaign: Campaign, *, now: datetime, actor: str) -> bool:
    """Let a closed campaign take posts again; False where it was not closed."""
    session.refresh(campaign, with_for_update=True)
    if campaign.closed_at is None:
        return False
    campaign.closed_at = None
    session.flush()
    audit.append(session, now, "campaign.reopened", actor, campaign=campaign.name)
    return True


def refuse_closed(session: Session, campaigns: Iterable[Campaign | None]) -> None:
    """Raise InvalidInput where one of them is closed; until the commit none can be."""
    ids = sorted(campaign.id for campaign in campaigns if campaign is not None)
    _refuse(session, select(Campaign.id).where(Campaign.id.in_(ids)))


def refuse_closed_of(session: Session, jobs: Iterable[Job]) -> None:
    """The same for the campaigns that these deliveries belong to."""
    posts = [job.post for job in jobs]
    _refuse(session, select(Post.campaign_id).where(Post.id.in_(posts)))


def _refuse(session: Session, ids: Select[int] | Select[int | None]) -> None:
    rows = session.execute(
        select(Campaign.name, Campaign.closed_at)
        .where(Campaign.id.in_(ids))
        .order_by(Campaign.id)
        .with_for_update(read=True)
    )
    for name, closed_at in rows:
        if closed_at is not None:
            raise InvalidInput(
                stored(
                    "the campaign {name} is closed and takes no new posts; to open it again:"
                    " socialstrike campaigns reopen {name}",
                    name=name,
                )
            )


def _posts(campaign: Campaign) -> Select[int]:
    return select(Post.id).where(Post.campaign_id == campaign.id)


def _refusal(campaign: Campaign, found: dict[State, list[int]]) -> str:
    told = []
    for state, ids in found.items():
        more = stored(" and {count} more", count=len(ids) - _MOST) if len(ids) > _MOST else ""
        names = ", ".join(map(str, ids[:_MOST]))
        told.append(f"{names}{more} {_SETTLE_FIRST[state].replace('NAME', campaign.name)}")
    return stored(
        "{name} is not settled, and nothing was changed. Deliveries {told}",
        name=campaign.name,
        told="; ".join(told),
    )
