"""Reading the queue: for lists, for one delivery in full, for counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from socialstrike.db.models import Account, Attempt, Campaign, Delivery, Post
from socialstrike.exceptions import NotFound
from socialstrike.i18n import stored
from socialstrike.lifecycle import State
from socialstrike.queue.job import Job
from socialstrike.queue.thread import Place, places


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries are wanted; what is None does not narrow. Times are aware."""

    campaign: str | None = None
    account: str | None = None
    platform: str | None = None
    kind: str | None = None
    state: str | None = None
    post: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[int, ...] | None = None
    gone: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """The filter as SQL over the joined tables of a listing."""
        equal: list[tuple[object, InstrumentedAttribute[Any]]] = [
            (self.campaign, Campaign.name),
            (self.account, Account.name),
            (self.platform, Account.platform),
            (self.kind, Post.kind),
            (self.state, Delivery.state),
            (self.post, Delivery.post_id),
        ]
        found = [column == value for value, column in equal if value is not None]
        if self.since is not None:
            found.append(Delivery.due_at >= self.since)
        if self.until is not None:
            found.append(Delivery.due_at < self.until)
        if self.ids is not None:
            found.append(Delivery.id.in_(self.ids))
        if self.gone:
            found += [Delivery.state == State.PUBLISHED, Delivery.gone_at.is_not(None)]
        return found


def deliveries(session: Session, wanted: Filter | None = None) -> Iterator[dict[str, Any]]:
    """The deliveries in the order they are due, with the field names of ``--json``."""
    statement = _joined().order_by(Delivery.due_at, Delivery.id)
    if wanted is not None:
        statement = statement.where(*wanted.conditions())
    where = places(session)
    for row in session.execute(statement.execution_options(yield_per=1000)):
        yield _described(*row, where=where)


def show(session: Session, delivery: int) -> dict[str, Any]:
    """One delivery with its post and its attempts. Raises NotFound."""
    row = session.execute(_joined().where(Delivery.id == delivery)).first()
    if row is None:
        raise NotFound(
            stored(
                "there is no delivery {delivery}; see: socialstrike posts list", delivery=delivery
            )
        )
    attempts = session.scalars(
        select(Attempt).where(Attempt.delivery_id == delivery).order_by(Attempt.number)
    )
    found: Delivery = row[0]
    post: Post = row[1]
    return _described(*row, where=places(session)) | {
        "after": found.after_id,
        "campaign": row[4],
        "occurrence": found.occurrence,
        "local_time": found.local_time,
        "timezone": found.timezone,
        "late_after": found.late_after,
        "next_at": found.next_at,
        "hand_off_at": found.hand_off_at,
        "handed_at": found.handed_at,
        "scheduled_id": found.scheduled_id,
        "take_back": found.take_back,
        "link": post.link,
        "media": post.media,
        "source": post.source,
        "content_hash": found.content_hash,
        "salt": found.salt,
        "history": [
            {
                "attempt": attempt.number,
                "started_at": attempt.started_at,
                "ended_at": attempt.ended_at,
                "outcome": attempt.outcome,
                "error": attempt.error,
            }
            for attempt in attempts
        ],
    }


def counts(session: Session, wanted: Filter | None = None) -> dict[str, int]:
    """How many deliveries are in each state; states that are empty are left out."""
    statement = (
        select(Delivery.state, func.count())
        .join(Post, Post.id == Delivery.post_id)
        .join(Account, Account.id == Delivery.account_id)
        .join(Campaign, Campaign.id == Post.campaign_id, isouter=True)
        .where(*(wanted.conditions() if wanted else ()))
        .group_by(Delivery.state)
        .order_by(Delivery.state)
    )
    return dict(session.execute(statement).all())


def remote_ids(session: Session, job: Job) -> list[str]:
    """The account's posts that prove other deliveries and may be as young as this one's."""
    found = session.scalars(
        select(Delivery.remote_id).where(
            Delivery.account_id == job.account_id,
            Delivery.id != job.delivery,
            Delivery.remote_id.is_not(None),
            Delivery.published_at >= (job.started_at or job.due_at) - timedelta(hours=1),
        )
    )
    return [remote_id for remote_id in found if remote_id]


def next_due(session: Session) -> datetime | None:
    """When the next waiting delivery is due (aware, UTC)."""
    return session.scalar(
        select(func.min(Delivery.due_at)).where(Delivery.state == State.SCHEDULED)
    )


def overdue(session: Session, now: datetime) -> int:
    """How many waiting deliveries should have gone out by now."""
    return session.scalars(
        select(func.count())
        .select_from(Delivery)
        .where(Delivery.state == State.SCHEDULED, Delivery.due_at <= now)
    ).one()


def _joined() -> Select[Delivery, Post, str, str, str]:
    return (
        select(Delivery, Post, Account.name, Account.platform, Campaign.name)
        .join(Post, Post.id == Delivery.post_id)
        .join(Account, Account.id == Delivery.account_id)
        .join(Campaign, Campaign.id == Post.campaign_id, isouter=True)
    )


def _described(
    row: Delivery,
    post: Post,
    account: str,
    platform: str,
    campaign: str | None,
    *,
    where: Mapping[int, Place],
) -> dict[str, Any]:
    place = where.get(row.id)
    late = None if row.published_at is None else (row.published_at - row.due_at).total_seconds()
    return {
        "id": row.id,
        "post": post.id,
        "kind": post.kind,
        "campaign": campaign,
        "platform": platform,
        "account": account,
        "text": row.text,
        "options": post.options,
        "part": place.part if place else None,
        "parts": place.parts if place else None,
        "due_at": row.due_at.astimezone(ZoneInfo(row.timezone)),
        "state": row.state,
        "attempts": row.attempts,
        "published_at": row.published_at,
        "lateness_s": None if late is None else round(late, 3),
        "remote_id": row.remote_id,
        "remote_url": row.remote_url,
        "seen_at": row.seen_at,
        "gone_at": row.gone_at,
        "error": row.error,
    }
