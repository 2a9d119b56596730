"""A delivery as the publisher needs it, and the one way its state changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from socialstrike import audit, lifecycle
from socialstrike.audit.chain import Fact, commitment
from socialstrike.db.models import Account, Campaign, Delivery, Post
from socialstrike.db.session import affected
from socialstrike.lifecycle import Event, State


@dataclass(frozen=True, slots=True)
class Job:
    """One delivery, read at one moment. ``fence`` says which claim of it this is."""

    delivery: int
    post: int
    account_id: int
    account: str
    platform: str
    campaign: str | None
    kind: str
    text: str
    link: str | None
    media: tuple[dict[str, Any], ...]
    salt: str
    content_hash: str
    due_at: datetime
    late_after: datetime
    attempts: int
    absences: int
    lookups: int
    fence: int
    started_at: datetime | None
    state: State
    hand_off_at: datetime | None = None
    handed_at: datetime | None = None
    scheduled_id: str | None = None
    take_back: str | None = None
    take_backs: int = 0

    @property
    def key(self) -> str:
        """The idempotency key: of the delivery, the same for every attempt at it."""
        return self.content_hash[:32]

    @property
    def copy_key(self) -> str:
        """The idempotency key of a copy for the platform's own scheduler.

        Another one than the post's: for an hour a platform may answer a key with what it made
        for it first, though that was deleted since.
        """
        return f"{self.key}-{self.take_backs}"

    def intact(self) -> bool:
        """Whether what is stored is still what was queued; disks do change bits."""
        try:
            stored = content(self.platform, self.account, self.text, self.link, self.media)
        except (KeyError, TypeError):
            return False  # JSON, and yet no list of pictures
        return commitment(self.salt, stored) == self.content_hash

    def facts(self) -> dict[str, Fact | datetime]:
        """What every audit entry about this delivery says."""
        return {
            "delivery": self.delivery,
            "post": self.post,
            "kind": self.kind,
            "campaign": self.campaign,
            "account": self.account,
            "platform": self.platform,
            "content": self.content_hash,
            "due_at": self.due_at,
        }


def content(
    platform: str, account: str, text: str, link: str | None, media: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    """What a delivery commits to: the words, the link, the pictures, and where they go."""
    return {
        "platform": platform,
        "account": account,
        "text": text,
        "link": link,
        "media": [[picture["sha256"], picture["alt"]] for picture in media],
    }


def load(session: Session, ids: Iterable[int], state: State | None = None) -> list[Job]:
    """The deliveries with these ids, in the order of their due times.

    With ``state``, those that are still in it: on PostgreSQL another transaction may have moved
    one since its id was read.
    """
    statement = (
        select(Delivery, Post, Account.name, Account.platform, Campaign.name)
        .join(Post, Post.id == Delivery.post_id)
        .join(Account, Account.id == Delivery.account_id)
        .join(Campaign, Campaign.id == Post.campaign_id, isouter=True)
        .where(Delivery.id.in_(list(ids)))
        .order_by(Delivery.due_at, Delivery.id)
        .execution_options(populate_existing=True)
    )
    if state is not None:
        statement = statement.where(Delivery.state == state)
    return [_job(*row) for row in session.execute(statement)]


def _job(row: Delivery, post: Post, account: str, platform: str, campaign: str | None) -> Job:
    return Job(
        delivery=row.id,
        post=post.id,
        account_id=row.account_id,
        account=account,
        platform=platform,
        campaign=campaign,
        kind=post.kind,
        text=row.text,
        link=post.link,
        media=tuple(post.media),
        salt=row.salt,
        content_hash=row.content_hash,
        due_at=row.due_at,
        late_after=row.late_after,
        attempts=row.attempts,
        absences=row.absences,
        lookups=row.lookups,
        fence=row.fence,
        started_at=row.started_at,
        state=State(row.state),
        hand_off_at=row.hand_off_at,
        handed_at=row.handed_at,
        scheduled_id=row.scheduled_id,
        take_back=row.take_back,
        take_backs=row.take_backs,
    )


def move(
    session: Session,
    job: Job,
    event: Event,
    *,
    now: datetime,
    actor: str,
    changes: dict[str, Any] | None = None,
    **facts: Fact | datetime,
) -> bool:
    """Let ``event`` happen to the delivery and write its audit entry, or change nothing.

    False where the delivery is no longer in the state of ``job`` or another claim has it: a
    compare-and-swap on the state and the fence. Raises IllegalTransition where the table of
    the lifecycle has no such arrow.
    """
    state = lifecycle.after(job.state, event)
    swapped = affected(
        session,
        update(Delivery)
        .where(
            Delivery.id == job.delivery, Delivery.state == job.state, Delivery.fence == job.fence
        )
        .values({"state": str(state), "updated_at": now, **(changes or {})}),
    )
    if swapped != 1:
        return False
    audit.append(session, now, f"delivery.{state}", actor, **{**job.facts(), **facts})
    return True
