"""From drafts to the queue: stored once, however often the same file is imported."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.audit.chain import commitment
from socialstrike.db.models import Account, Campaign, Delivery, Post
from socialstrike.db.session import Deferred, insert_all
from socialstrike.drafts import Draft, DraftDelivery, DraftMedia
from socialstrike.exceptions import NotFound
from socialstrike.i18n import stored
from socialstrike.lifecycle import State
from socialstrike.queue import batch
from socialstrike.queue.close import refuse_closed
from socialstrike.queue.job import content

#: So many audit entries wait for the commit, at 1.5 KB each; an import of more writes them on its
#: way, and holds the log from there on.
_TOLD_AT_ONCE = 5_000

#: An account and an occurrence.
_Place = tuple[int, int]
#: The deliveries that are new, by the keys of their posts.
_Placed = dict[str, dict[_Place, int]]


class _New(NamedTuple):
    """A delivery to be stored; ``after`` is the one it goes out under."""

    key: str
    kind: str
    post: batch.Stored
    wanted: DraftDelivery
    place: _Place
    after: int | None


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
    done: Callable[[int], object] = lambda count: None,
) -> Enqueued:
    """Store the drafts and their deliveries; what is stored already is left as it is.

    The pictures must have been kept before (media.keep). A post is the same when its key is;
    a delivery when its post, account and occurrence are. A later part of a thread is stored with
    the part before it, never to one that was there already. Raises InvalidInput for anything new
    to a campaign that is closed. ``done`` is told of so many drafts each time some are stored.
    """
    accounts = {name: row for row, name in session.execute(select(Account.id, Account.name))}
    # Only of what another goes out under: of 100,000 posts all would take 40 MB.
    placed: _Placed = {draft.after: {} for draft in drafts if draft.after is not None}
    total = Enqueued()
    every: list[int] = []
    for run in batch.runs(drafts):
        start = {key: draft for key, draft in run.items() if _may_start(draft, placed)}
        posts = batch.known_posts(session, start)
        taken = batch.taken_places(session, [post.id for post in posts.values()])
        new = [key for key in start if key not in posts]
        posts |= _store(session, [(key, start[key]) for key in new], campaign, now)
        missing = [
            one
            for key, draft in start.items()
            for one in _missing(
                key, draft, posts[key], taken=taken, placed=placed, accounts=accounts
            )
        ]
        if missing and not total.deliveries:
            refuse_closed(session, [campaign])
        ids = _queue(session, missing, campaign, now=now, actor=actor)
        for one, delivery in zip(missing, ids, strict=True):
            if one.key in placed:
                placed[one.key][one.place] = delivery
        asked = sum(len(draft.deliveries) for draft in run.values())
        total += Enqueued(len(new), len(run) - len(new), len(ids), asked - len(ids))
        every.extend(ids)
        if len(Deferred.of(session)) > _TOLD_AT_ONCE:
            Deferred.write_now(session)
        done(len(run))
    return replace(total, ids=tuple(every))


def queued_links(session: Session, keys: Sequence[str]) -> dict[str, str | None]:
    """Which of the posts with these keys are stored, and with which links."""
    found: dict[str, str | None] = {}
    for start in range(0, len(keys), batch.TOGETHER):
        rows = session.execute(
            select(Post.key, Post.link).where(Post.key.in_(keys[start : start + batch.TOGETHER]))
        )
        found.update((row.key, row.link) for row in rows)
    return found


def _may_start(draft: Draft, placed: _Placed) -> bool:
    """Whether it stands alone, or deliveries of the part before it are new too."""
    return draft.after is None or bool(placed.get(draft.after))


def _store(
    session: Session,
    drafts: Sequence[tuple[str, Draft]],
    campaign: Campaign | None,
    now: datetime,
) -> dict[str, batch.Stored]:
    rows: list[dict[str, Any]] = [
        {
            "key": key,
            "campaign_id": None if campaign is None else campaign.id,
            "kind": draft.kind,
            "texts": list(draft.texts),
            "link": draft.link,
            "media": [_picture(picture) for picture in draft.media],
            "options": dict(draft.options) if draft.options else None,
            "source": draft.where if draft.line is None else f"{draft.where}:{draft.line}",
            "created_at": now,
        }
        for key, draft in drafts
    ]
    ids = insert_all(session, Post, rows)
    return {
        row["key"]: batch.Stored(post, row["link"], row["media"], row["options"])
        for post, row in zip(ids, rows, strict=True)
    }


def _picture(picture: DraftMedia) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": picture.path.name,
        "alt": picture.alt,
        "mime_type": picture.mime_type,
        "sha256": picture.sha256,
        "size": picture.size,
    }
    if picture.is_video:
        said |= {"seconds": picture.seconds, "measures": picture.measures}
    return said


def _missing(
    key: str,
    draft: Draft,
    post: batch.Stored,
    *,
    taken: Mapping[int, set[_Place]],
    placed: _Placed,
    accounts: Mapping[str, int],
) -> Iterator[_New]:
    """The deliveries of a draft that are not stored yet, and can be."""
    if draft.fed is not None and post.link != draft.link:
        return  # another import was faster, and gave this time another link
    above = placed[draft.after] if draft.after is not None else {}
    for wanted in draft.deliveries:
        account = accounts.get(wanted.account)
        if account is None:
            raise NotFound(
                stored("the account {account} was removed meanwhile", account=wanted.account)
            )
        place = (account, wanted.occurrence)
        stands = draft.after is None or place in above
        if stands and place not in taken.get(post.id, ()):
            yield _New(key, draft.kind, post, wanted, place, above.get(place))


def _queue(
    session: Session,
    missing: Sequence[_New],
    campaign: Campaign | None,
    *,
    now: datetime,
    actor: str,
) -> Sequence[int]:
    # Drawn together: one by one takes ten times as long.
    salts = secrets.token_hex(16 * len(missing))
    rows = [
        _delivery(one, salts[32 * number : 32 * (number + 1)], now)
        for number, one in enumerate(missing)
    ]
    ids = insert_all(session, Delivery, rows)
    for one, row, delivery in zip(missing, rows, ids, strict=True):
        audit.append(
            session,
            now,
            "delivery.scheduled",
            actor,
            delivery=delivery,
            post=one.post.id,
            kind=one.kind,
            campaign=None if campaign is None else campaign.name,
            account=one.wanted.account,
            platform=one.wanted.platform,
            content=row["content_hash"],
            due_at=one.wanted.due_at,
            late_after=one.wanted.late_after,
        )
    return ids


def _delivery(one: _New, salt: str, now: datetime) -> dict[str, Any]:
    wanted, post = one.wanted, one.post
    said = content(
        wanted.platform,
        wanted.account,
        wanted.text,
        post.link,
        post.media,
        after=one.after,
        options=post.options,
    )
    return {
        "after_id": one.after,
        "post_id": post.id,
        "account_id": one.place[0],
        "occurrence": wanted.occurrence,
        "text": wanted.text,
        "salt": salt,
        "content_hash": commitment(salt, said),
        "local_time": wanted.local_time,
        "timezone": wanted.timezone,
        "due_at": wanted.due_at,
        "late_after": wanted.late_after,
        "next_at": wanted.due_at,
        "state": str(State.SCHEDULED),
        "created_at": now,
        "updated_at": now,
    }
