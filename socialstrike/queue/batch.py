"""Many posts and deliveries in few statements."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike.db.models import Delivery, Post
from socialstrike.drafts import Draft

#: So many posts are stored together.
TOGETHER = 500


class Stored(NamedTuple):
    """What deliveries need to know of their post."""

    id: int
    link: str | None
    media: list[dict[str, Any]]
    options: dict[str, str] | None


def runs(drafts: Sequence[Draft]) -> Iterator[dict[str, Draft]]:
    """The drafts by their keys, in pieces: no piece holds what goes out under another of it."""
    run: dict[str, Draft] = {}
    for draft in drafts:
        key = draft.key
        if len(run) == TOGETHER or key in run or draft.after in run:
            yield run
            run = {}
        run[key] = draft
    if run:
        yield run


def known_posts(session: Session, keys: Collection[str]) -> dict[str, Stored]:
    """Those of the posts with these keys that are stored, by key."""
    rows = session.execute(
        select(Post.key, Post.id, Post.link, Post.media, Post.options).where(Post.key.in_(keys))
    )
    return {key: Stored(*row) for key, *row in rows}


def taken_places(session: Session, posts: Collection[int]) -> dict[int, set[tuple[int, int]]]:
    """For each of the posts: the account and the occurrence of every delivery."""
    taken: dict[int, set[tuple[int, int]]] = {post: set() for post in posts}
    rows = session.execute(
        select(Delivery.post_id, Delivery.account_id, Delivery.occurrence).where(
            Delivery.post_id.in_(posts)
        )
    )
    for post, account, occurrence in rows:
        taken[post].add((account, occurrence))
    return taken
