"""An account's posts on X: read page by page, and recognised by their words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from socialstrike.i18n import stored
from socialstrike.platforms.base import Publication, TemporarilyUnavailable
from socialstrike.platforms.http import identifier, moment_told, page_told
from socialstrike.platforms.x_text import comparable, same, written_out

#: What a look-up needs to be told of each post.
FIELDS = ["created_at", "entities", "referenced_tweets"]
#: Pages of a hundred posts that a look-up goes back through at most.
_PAGES = 10


class Ask(Protocol):
    """One page of an account's posts since then, a hundred with FIELDS, from ``token`` on."""

    def __call__(self, user_id: str, since: datetime, token: str | None, /) -> Mapping[str, Any]:
        """Raises what the library raises."""


def publication(remote_id: str, made: datetime | None = None) -> Publication:
    """A published post; its address needs no account's name."""
    return Publication(remote_id, f"https://x.com/i/web/status/{remote_id}", made)


def since(ask: Ask, user_id: str, begin: datetime, account: str) -> Iterator[Mapping[str, Any]]:
    """The account's posts back to ``begin``. Raises TemporarilyUnavailable if too many."""
    token = None
    for _ in range(_PAGES):
        page = ask(user_id, begin, token)
        posts, token = page_told(page.get("data", [])), page["meta"].get("next_token")
        if token is not None:
            token = identifier(token)
        if len(posts) != page["meta"]["result_count"]:
            raise TypeError(stored("a page of posts is incomplete, so it proves no absence"))
        yield from posts
        if not token:
            return
    raise TemporarilyUnavailable(
        stored(
            "the posts of account '{account}' on X since {since:%Y-%m-%d %H:%M} UTC are"
            " too many to look through; look there, then run: socialstrike posts resolve",
            account=account,
            since=begin,
        )
    )


def like(
    posts: Iterable[Mapping[str, Any]],
    text: str,
    parent: str | None,
    begin: datetime,
    known: Collection[str],
) -> Publication | None:
    """The first of ``posts`` made since ``begin`` that says ``text``, under ``parent`` or none."""
    wanted, others = comparable(text), set(map(str, known))
    for post in posts:
        made, remote_id = moment_told(post["created_at"]), identifier(post["id"])
        mine = made >= begin and remote_id not in others and _stands(post, parent)
        if mine and same(written_out(post, remote_id), wanted):
            return publication(remote_id, made)
    return None


def _stands(post: Mapping[str, Any], parent: str | None) -> bool:
    """Whether a post stands under ``parent``, or under none."""
    under = [one for one in post.get("referenced_tweets", ()) if one["type"] == "replied_to"]
    return [identifier(one["id"]) for one in under] == ([parent] if parent else [])
