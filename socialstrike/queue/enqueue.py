"""From drafts to the queue: stored once, however often the same file is imported."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.audit.chain import commitment
from socialstrike.db.models import Account, Campaign, Delivery, Post
from socialstrike.drafts import Draft, DraftDelivery
from socialstrike.exceptions import NotFound
from socialstrike.i18n import stored
from socialstrike.lifecycle import State
from socialstrike.queue.close import refuse_closed
from socialstrike.queue.job import content


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What an import changed: new and already known posts and deliveries."""

    posts: int = 0
    known_posts: int = 0
    deliveries: int = 0
    known_deliveries: int = 0
    ids: tuple[int, ...] = ()

    def __add__(self, other: Enqueued) -> Enqueued:
        """Both together."""
        return Enqueued(
            self.posts + other.posts,
            self.known_posts + other.known_posts,
            self.deliveries + other.deliveries,
            self.known_deliveries + other.known_deliveries,
            self.ids + other.ids,
        )


def enqueue(
    session: Session,
    drafts: Sequence[Draft],
    campaign: Campaign | None,
    *,
    now: datetime,
    actor: str,
) -> Enqueued:
    """Store the drafts and their deliveries; what is stored already is left as it is.

    The pictures must have been kept before (media.keep). A post is the same when its key is;
    a delivery when its post, account and occurrence are. Raises InvalidInput for anything new to a
    campaign that is closed.
    """
    accounts = {name: row for row, name in session.execute(select(Account.id, Account.name))}
    posts = known_posts = known = 0
    ids: list[int] = []
    for draft in drafts:
        post = session.scalar(select(Post).where(Post.key == draft.key))
        if post is None:
            post = _store(session, draft, campaign, now)
            posts += 1
            taken: set[tuple[int, int]] = set()
        else:
            known_posts += 1
            taken = {
                (account, occurrence)
                for account, occurrence in session.execute(
                    select(Delivery.account_id, Delivery.occurrence).where(
                        Delivery.post_id == post.id
                    )
                )
            }
        for wanted in draft.deliveries:
            account = accounts.get(wanted.account)
            if account is None:
                raise NotFound(
                    stored("the account {account} was removed meanwhile", account=wanted.account)
                )
            if (account, wanted.occurrence) in taken:
                known += 1
                continue
            if not ids:
                refuse_closed(session, [campaign])
            row = _delivery(post, account, wanted, now)
            session.add(row)
            session.flush()
            ids.append(row.id)
            _tell(session, row, post, wanted, campaign, now=now, actor=actor)
    return Enqueued(posts, known_posts, len(ids), known, tuple(ids))


def _store(session: Session, draft: Draft, campaign: Campaign | None, now: datetime) -> Post:
    media: list[dict[str, Any]] = [
        {
            "name": picture.path.name,
            "alt": picture.alt,
            "mime_type": picture.mime_type,
            "sha256": picture.sha256,
            "size": picture.size,
        }
        for picture in draft.media
    ]
    post = Post(
        key=draft.key,
        campaign_id=None if campaign is None else campaign.id,
        kind=draft.kind,
        texts=list(draft.texts),
        link=draft.link,
        media=media,
        source=draft.where if draft.line is None else f"{draft.where}:{draft.line}",
        created_at=now,
    )
    session.add(post)
    session.flush()
    return post


def _delivery(post: Post, account: int, wanted: DraftDelivery, now: datetime) -> Delivery:
    salt = secrets.token_hex(16)
    said = content(wanted.platform, wanted.account, wanted.text, post.link, post.media)
    return Delivery(
        post_id=post.id,
        account_id=account,
        occurrence=wanted.occurrence,
        text=wanted.text,
        salt=salt,
        content_hash=commitment(salt, said),
        local_time=wanted.local_time,
        timezone=wanted.timezone,
        due_at=wanted.due_at,
        late_after=wanted.late_after,
        next_at=wanted.due_at,
        state=State.SCHEDULED,
        attempts=0,
        absences=0,
        lookups=0,
        fence=0,
        created_at=now,
        updated_at=now,
    )


def _tell(
    session: Session,
    row: Delivery,
    post: Post,
    wanted: DraftDelivery,
    campaign: Campaign | None,
    *,
    now: datetime,
    actor: str,
) -> None:
    audit.append(
        session,
        now,
        "delivery.scheduled",
        actor,
        delivery=row.id,
        post=post.id,
        kind=post.kind,
        campaign=None if campaign is None else campaign.name,
        account=wanted.account,
        platform=wanted.platform,
        content=row.content_hash,
        due_at=row.due_at,
        late_after=row.late_after,
    )
