"""Campaigns: one strike each, its day, its hashtag, its patience."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.db.models import Campaign
from socialstrike.drafts import CampaignSpec
from socialstrike.exceptions import InvalidInput, NotFound


def get(session: Session, name: str) -> Campaign:
    """The campaign called ``name``. Raises NotFound."""
    campaign = session.scalar(select(Campaign).where(Campaign.name == name))
    if campaign is None:
        raise NotFound(
            f"there is no campaign called {name!r}; see: socialstrike campaigns list, or make it"
            f" with: socialstrike campaigns set {name} --day YYYY-MM-DD"
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


def store(session: Session, wanted: CampaignSpec, *, now: datetime, actor: str) -> Campaign:
    """Create the campaign, or change the stored one to what ``wanted`` says.

    The posts already queued keep their times. Raises InvalidInput where the campaign is stored
    with another day: the same name for two strikes would mix their posts.
    """
    campaign = session.scalar(select(Campaign).where(Campaign.name == wanted.name))
    if campaign is not None and campaign.day != wanted.day:
        raise InvalidInput(
            f"the campaign {wanted.name} is planned on {campaign.day} already, this says"
            f" {wanted.day}; give the new strike another name with --campaign NAME"
        )
    if campaign is not None and spec(campaign) == wanted:
        return campaign
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
