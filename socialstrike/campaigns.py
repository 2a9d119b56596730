"""Campaigns: one strike each, its day, its hashtag, its patience."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.db.models import Campaign, Delivery, Post
from socialstrike.drafts import CampaignSpec
from socialstrike.exceptions import InvalidInput, NotFound
from socialstrike.i18n import tr
from socialstrike.lifecycle import State

#: What may still become of a delivery is open in these.
_OPEN = (
    State.SCHEDULED,
    State.PUBLISHING,
    State.HANDED_OFF,
    State.UNCERTAIN,
    State.PARKED,
)


def get(session: Session, name: str) -> Campaign:
    """The campaign called ``name``. Raises NotFound."""
    campaign = session.scalar(select(Campaign).where(Campaign.name == name))
    if campaign is None:
        raise NotFound(
            tr(
                "there is no campaign called {name!r}; see: socialstrike campaigns list, or"
                " make it with: socialstrike campaigns set {name} --day YYYY-MM-DD",
                name=name,
            )
        )
    return campaign


def every(session: Session) -> list[Campaign]:
    """All campaigns, by their day."""
    return list(session.scalars(select(Campaign).order_by(Campaign.day, Campaign.name)))


def spec(campaign: Campaign) -> CampaignSpec:
    """A stored campaign as a post file would say it."""
    seconds = campaign.occupation_lateness_s
    return CampaignSpec(
        name=campaign.name,
        day=campaign.day,
        timezone=campaign.timezone,
        hashtag=campaign.hashtag,
        mention=campaign.mention,
        link=campaign.link,
        window_hours=campaign.window_hours,
        announcement_lateness=timedelta(seconds=campaign.announcement_lateness_s),
        occupation_lateness=None if seconds is None else timedelta(seconds=seconds),
    )


def known(session: Session) -> dict[str, CampaignSpec]:
    """Every stored campaign by name."""
    return {campaign.name: spec(campaign) for campaign in every(session)}


def ended(session: Session, since: datetime, until: datetime) -> bool:
    """Whether a campaign came to its end after ``since`` and not after ``until``, both aware: its
    window over, and everything settled. One without a delivery has no end.
    """
    for campaign in every(session):
        end = over(campaign)
        if end > until:
            continue
        open_, last = session.execute(
            select(
                func.count().filter(Delivery.state.in_(_OPEN)), func.max(Delivery.updated_at)
            ).where(Delivery.post_id.in_(select(Post.id).where(Post.campaign_id == campaign.id)))
        ).one()
        if last is not None and not open_ and since < max(end, last) <= until:
            return True
    return False


def store(session: Session, wanted: CampaignSpec, *, now: datetime, actor: str) -> Campaign:
    """Create the campaign, or change the stored one to what ``wanted`` says.

    The posts already queued keep their times. Raises InvalidInput where the campaign is stored
    with another day: the same name for two strikes would mix their posts; and for a change to a
    campaign that is closed.
    """
    campaign = session.scalar(select(Campaign).where(Campaign.name == wanted.name))
    if campaign is not None and campaign.day != wanted.day:
        raise InvalidInput(
            tr(
                "the campaign {name} is planned on {day} already, this says {wanted_day};"
                " give the new strike another name with --campaign NAME",
                name=wanted.name,
                day=campaign.day,
                wanted_day=wanted.day,
            )
        )
    if campaign is not None and spec(campaign) == wanted:
        return campaign
    if campaign is not None and campaign.closed_at is not None:
        raise InvalidInput(
            tr(
                "the campaign {name} is closed; to change it all the same, run first:"
                " socialstrike campaigns reopen {name}",
                name=wanted.name,
            )
        )
    event = "campaign.changed" if campaign else "campaign.added"
    if campaign is None:
        campaign = Campaign(name=wanted.name, day=wanted.day, created_at=now)
        session.add(campaign)
    late = wanted.occupation_lateness
    campaign.timezone = wanted.timezone
    campaign.hashtag = wanted.hashtag
    campaign.mention = wanted.mention
    campaign.link = wanted.link
    campaign.window_hours = wanted.window_hours
    campaign.announcement_lateness_s = int(wanted.announcement_lateness.total_seconds())
    campaign.occupation_lateness_s = None if late is None else int(late.total_seconds())
    session.flush()
    audit.append(
        session,
        now,
        event,
        actor,
        campaign=campaign.name,
        day=campaign.day.isoformat(),
        timezone=campaign.timezone,
        hashtag=campaign.hashtag,
        window_hours=campaign.window_hours,
    )
    return campaign


def over(campaign: Campaign) -> datetime:
    """The moment after the window's last one, in UTC; the later one where a clock change leaves
    two.
    """
    midnight = datetime.combine(campaign.day, time())
    local = midnight + timedelta(hours=campaign.window_hours)
    return local.replace(tzinfo=ZoneInfo(campaign.timezone), fold=1).astimezone(UTC)
