"""The queue at one moment, read once: what the plan, its simulation and its pages are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import approvals, campaigns, queue
from socialstrike.db.models import Account, Campaign, Delivery, Post
from socialstrike.drafts import CampaignSpec
from socialstrike.lifecycle import State

#: Taken out of the day; nobody is to expect them.
GONE = frozenset({State.CANCELLED, State.RETRACTED})


@dataclass(frozen=True, slots=True)
class Step:
    """One delivery in the plan. Times are aware, UTC; ``timezone`` is the zone people typed.

    ``post`` is the post's key and ``occurrence`` which of its times this is; ``changed_at`` is
    when the delivery last changed. ``options`` is what the post asks for (Payload). ``place`` is
    that in a thread.
    """

    delivery: int
    account: str
    platform: str
    kind: str
    text: str
    link: str | None
    pictures: int
    due_at: datetime
    late_after: datetime
    timezone: str
    state: str
    post: str = ""
    occurrence: int = 0
    campaign: str | None = None
    changed_at: datetime | None = None
    published_at: datetime | None = None
    options: Mapping[str, str] | None = None
    videos: int = 0
    place: queue.Place | None = None

    @property
    def placed(self) -> str:
        """The text, behind its place in a thread where it has one."""
        return f"{self.place} {self.text}" if self.place else self.text


@dataclass(frozen=True, slots=True)
class Voice:
    """What the plan must know of an account. ``told`` are its own limits (Platform.limits_for)."""

    name: str
    platform: str
    paused: str | None = None
    expires_at: datetime | None = None
    throttled_until: datetime | None = None
    told: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The queue at one moment: the steps by due time, the accounts they need, the stop.

    ``campaigns`` are those of the steps, and the one that was asked for, by name. ``unapproved``
    says of each delivery that waits for approval what it lacks.
    """

    now: datetime
    steps: tuple[Step, ...]
    voices: Mapping[str, Voice]
    stopped: bool = False
    campaigns: Mapping[str, CampaignSpec] = field(default_factory=dict)
    unapproved: Mapping[int, str] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        """The zone to write times in: that of the campaign or, without one, of the first step."""
        zones = [campaign.timezone for campaign in self.campaigns.values()]
        return ZoneInfo(next(iter([*zones, *(step.timezone for step in self.steps[:1])]), "UTC"))


@dataclass(frozen=True, slots=True)
class Expected:
    """The actions to expect, as the call's form asks: so many posts, accounts and platforms."""

    posts: int
    accounts: Mapping[str, int]
    platforms: Mapping[str, int]


def snapshot(session: Session, now: datetime, campaign: str | None = None) -> Snapshot:
    """Read what is queued, of one campaign or of all. Raises NotFound for an unknown campaign."""
    statement = (
        select(Delivery, Post, Account, Campaign.name)
        .join(Post, Post.id == Delivery.post_id)
        .join(Account, Account.id == Delivery.account_id)
        .join(Campaign, Campaign.id == Post.campaign_id, isouter=True)
        .order_by(Delivery.due_at, Delivery.id)
    )
    if campaign is not None:
        asked = campaigns.get(session, campaign)
        statement = statement.where(Post.campaign_id == asked.id)
    steps = []
    where = queue.places(session)
    voices: dict[str, Voice] = {}
    for row in session.execute(statement.execution_options(yield_per=1000)):
        delivery, post, account, name = row
        voices.setdefault(account.name, _voice(account))
        steps.append(_step(delivery, post, account, name, place=where.get(delivery.id)))
    named = {step.campaign for step in steps} | {campaign}
    specs = {name: spec for name, spec in campaigns.known(session).items() if name in named}
    stopped, lacking = queue.stopped(session) is not None, approvals.waiting(session, campaign)
    return Snapshot(now, tuple(steps), voices, stopped, specs, lacking)


def expected(snapshot: Snapshot) -> Expected:
    """Count the actions: everything queued that was not cancelled."""
    counted = [step for step in snapshot.steps if step.state not in GONE]
    return Expected(
        len(counted),
        dict(sorted(Counter(step.account for step in counted).items())),
        dict(sorted(Counter(step.platform for step in counted).items())),
    )


def _step(
    delivery: Delivery,
    post: Post,
    account: Account,
    campaign: str | None,
    *,
    place: queue.Place | None,
) -> Step:
    videos = sum(str(one.get("mime_type")).startswith("video/") for one in post.media)
    return Step(
        delivery=delivery.id,
        account=account.name,
        platform=account.platform,
        kind=post.kind,
        text=delivery.text,
        link=post.link,
        pictures=len(post.media) - videos,
        due_at=delivery.due_at,
        late_after=delivery.late_after,
        timezone=delivery.timezone,
        state=delivery.state,
        post=post.key,
        occurrence=delivery.occurrence,
        campaign=campaign,
        changed_at=delivery.updated_at,
        published_at=delivery.published_at,
        options=post.options,
        videos=videos,
        place=place,
    )


def _voice(account: Account) -> Voice:
    paused = account.pause_reason or "paused" if account.paused_at else None
    return Voice(
        name=account.name,
        platform=account.platform,
        paused=paused,
        expires_at=account.expires_at,
        throttled_until=account.throttled_until,
        told=account.told,
    )
