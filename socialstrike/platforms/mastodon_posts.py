"""An account's posts on its instance: read page by page, and recognised by their words.

Those that are published, and the copies that wait in the instance's own scheduler.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from socialstrike.i18n import stored
from socialstrike.platforms.base import Publication, TemporarilyUnavailable
from socialstrike.platforms.http import identifier, moment_told, page_told, url_told
from socialstrike.platforms.mastodon_calls import Calls
from socialstrike.platforms.mastodon_text import alike, same, shown
from socialstrike.platforms.own_scheduler import Scheduled

#: Pages of forty posts that a look-up goes back through at most.
_PAGES = 25


def publication(post: Mapping[str, Any]) -> Publication:
    """A published post, as an answer tells of it. Raises KeyError or TypeError for none."""
    at = moment_told(post["created_at"])
    return Publication(identifier(post["id"]), url_told(post.get("url")), at)


def scheduled(post: Mapping[str, Any]) -> Scheduled:
    """A copy that waits, as an answer tells of it. Raises KeyError or TypeError for none."""
    return Scheduled(identifier(post["id"]), moment_told(post["scheduled_at"]))


def like(
    calls: Calls, text: str, parent: str | None, since: datetime, known: Collection[str]
) -> Iterator[Publication]:
    """The account's posts since then that say ``text``, under ``parent`` or none, newest first."""
    others = set(map(str, known))
    me = calls.me()
    begin = calls.exchange.by_their_clock(since)
    for post in _published(calls, identifier(me["id"]), _count(me["statuses_count"]), begin):
        mine = moment_told(post["created_at"]) >= begin
        mine = mine and identifier(post["id"]) not in others
        mine = mine and post.get("in_reply_to_id") == parent
        if mine and not post.get("reblog") and _says(calls, post, text):
            yield publication(post)


def waiting(calls: Calls, text: str, at: datetime, known: Collection[str]) -> Scheduled | None:
    """The copy that waits for ``at`` and says ``text``; None where a whole look shows none."""
    others = set(map(str, known))
    for post in _scheduled(calls):
        copy = scheduled(post)
        mine = copy.remote_id not in others and same(_text_of(post), text)
        if mine and abs(copy.at - at) < timedelta(seconds=2):
            return copy
    return None


def _published(
    calls: Calls, account_id: str, count: int, since: datetime
) -> Iterator[Mapping[str, Any]]:
    """The account's posts back to ``since``, newest first.

    Raises TemporarilyUnavailable if there are too many, or fewer than the account has.
    """
    seen, oldest = 0, None
    for _ in range(_PAGES):
        statuses = calls.client.account_statuses
        answer = calls.ask(statuses, account_id, max_id=oldest, limit=40)
        page = page_told(json.loads(answer.body))
        if not page and seen < count:
            raise TypeError(stored("the list of posts is incomplete, so it proves no absence"))
        if not page:
            return
        seen += len(page)
        oldest = identifier(page[-1]["id"])
        yield from page
        if moment_told(page[-1]["created_at"]) < since:
            return
    raise TemporarilyUnavailable(
        stored(
            "the posts of account '{account}' on Mastodon since {since:%Y-%m-%d %H:%M}"
            " UTC are too many to look through; look there, then run: socialstrike posts"
            " resolve",
            account=calls.account,
            since=since,
        )
    )


def _scheduled(calls: Calls) -> Iterator[Mapping[str, Any]]:
    """Every copy that waits, a page of forty at a time."""
    oldest = None
    for _ in range(_PAGES):
        answer = calls.ask(calls.client.scheduled_statuses, max_id=oldest, limit=40)
        page = page_told(json.loads(answer.body))
        if not page:
            return
        yield from page
        oldest = identifier(page[-1]["id"])
    raise TemporarilyUnavailable(
        stored(
            "what account '{account}' has scheduled on Mastodon is too much to look"
            " through; look there, then run: socialstrike posts resolve",
            account=calls.account,
        )
    )


def _says(calls: Calls, post: Mapping[str, Any], text: str) -> bool:
    """Whether a post says ``text``: as it is shown, else as the server says it was written."""
    seen = shown(post["content"])
    if same(seen, text):
        return True
    if not alike(text, seen):
        return False  # another post, not worth a request
    try:
        said = calls.ask(calls.client.status_source, identifier(post["id"])).json()["text"]
    except Exception:
        answer = calls.exchange.answer
        if answer is None or answer.status not in {404, 405, 501}:
            raise
        return False  # a server that shows but does not tell; what it shows is another text
    return same(said, text)


def _count(value: object) -> int:
    """How many posts an account has. Raises TypeError for what is no number of them."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(stored("the number of posts is none"))
    return value


def _text_of(post: Mapping[str, Any]) -> str:
    """What a waiting copy says. Raises TypeError or KeyError where that is nothing."""
    text = post["params"]["text"]
    if not isinstance(text, str):
        raise TypeError(stored("the text is none"))
    return text
