"""A page's posts and videos on Facebook: asked for, read page by page, recognised by their words.

Those that are published, and those that wait in the page's own scheduler.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from socialstrike.i18n import stored
from socialstrike.platforms.base import Publication, TemporarilyUnavailable
from socialstrike.platforms.facebook_codes import GONE, codes
from socialstrike.platforms.http import Exchange, identifier, moment_told, page_told, url_told
from socialstrike.platforms.own_scheduler import Scheduled

#: A look-up for a video reaches so much further back. Ours are known for as long, by their ids.
_LONGEST_UPLOAD = timedelta(minutes=50)
#: Pages of a hundred posts that a look-up goes back through at most.
_PAGES = 10


class Call(Protocol):
    """One call of the library; ``path`` is below the API's version."""

    def __call__(self, path: str, **request: Any) -> dict[str, Any]:
        """Raises what the library raises, and for an answer that is no success."""


def publication(
    remote_id: str, made: datetime | None = None, url: str | None = None
) -> Publication:
    """A published post; it is found under its id where Facebook tells no address."""
    return Publication(remote_id, url or f"https://www.facebook.com/{remote_id}", made)


class Posts:
    """What the page with the id ``page`` published and scheduled, asked for with ``call``.

    ``account`` is the name that errors give it; ``exchange`` has the answers.
    """

    def __init__(self, call: Call, exchange: Exchange, account: str, page: str) -> None:
        self._call, self._exchange, self._account, self._page = call, exchange, account, page

    def page_itself(self) -> Mapping[str, Any]:
        """The page that the token opens. Raises where it opens none."""
        return self._call(self._page, args={"fields": "id,name,link"})

    def unless_gone(self, remote_id: str, **request: Any) -> dict[str, Any] | None:
        """What is answered about a post or a video; None where there is none of that id."""
        try:
            return self._call(remote_id, **request)
        except Exception:
            if self._exchange.answer is None or codes(self._exchange.answer) != GONE:
                raise
        # Facebook says the same of a post that is gone and of one it hides from this token: only
        # a token that still opens the page makes it mean gone.
        self.page_itself()
        return None

    def told(self, post_id: str) -> Scheduled | Publication | None:
        """Whether a post waits or is out; None where there is none of that id."""
        wanted = "id,is_published,scheduled_publish_time,created_time,permalink_url"
        post = self.unless_gone(post_id, args={"fields": wanted})
        if post is None:
            return None
        if _id(post) != post_id or not isinstance(post["is_published"], bool):
            raise TypeError(stored("the answer is about something else"))
        if not post["is_published"]:
            return Scheduled(post_id, _unix_told(post["scheduled_publish_time"]))
        made = moment_told(post["created_time"])
        if "scheduled_publish_time" in post:  # no post is out before its time
            made = max(made, _unix_told(post["scheduled_publish_time"]))
        return publication(post_id, made, url_told(post.get("permalink_url")))

    def of_video(self, video_id: str, made: datetime | None = None) -> Publication:
        """A published video, whose address is the page's."""
        return publication(
            video_id, made, f"https://www.facebook.com/{self._page}/videos/{video_id}"
        )

    def like(self, message: str, since: datetime, known: Collection[str]) -> Iterator[Publication]:
        """What the page published since then with the words of ``message``, newest first."""
        wanted, others = _comparable(message), set(map(str, known))
        for post in self._listed("published_posts", since):
            if _comparable(post.get("message", "")) == wanted and _id(post) not in others:
                made = moment_told(post["created_time"])
                yield publication(_id(post), made, url_told(post.get("permalink_url")))

    def like_video(
        self, message: str, since: datetime, known: Collection[str]
    ) -> Iterator[Publication]:
        """The page's videos with the same words: their times may be those of their uploads."""
        wanted, others = _comparable(message), set(map(str, known))
        for one in self._listed("videos", since - _LONGEST_UPLOAD):
            same = _comparable(one.get("description", "")) == wanted
            if same and one.get("published") is not False and _id(one) not in others:
                yield self.of_video(_id(one), moment_told(one["created_time"]))

    def waiting(self, message: str, at: datetime, known: Collection[str]) -> Scheduled | None:
        """The post that waits for ``at`` with these words; None where a whole look shows none."""
        wanted, others = _comparable(message), set(map(str, known))
        for post in self._listed("scheduled_posts", None):
            due = _unix_told(post["scheduled_publish_time"])
            same = _comparable(post.get("message", "")) == wanted
            if same and abs(due - at) < timedelta(seconds=2) and _id(post) not in others:
                return Scheduled(_id(post), due)
        return None

    def _listed(self, edge: str, since: datetime | None) -> Iterator[Mapping[str, Any]]:
        """What an edge lists since then, or in all. Raises TemporarilyUnavailable if that is too
        much.
        """
        wanted = "id,message,created_time,permalink_url,scheduled_publish_time"
        if edge == "videos":
            wanted = "id,description,created_time,published"
        args = {"fields": wanted, "limit": "100"}
        begin = datetime.min.replace(tzinfo=UTC)
        for _ in range(_PAGES):
            page = self._call(f"{self._page}/{edge}", args=dict(args))
            if since is not None:
                begin = self._exchange.by_their_clock(since)
            posts = page_told(page["data"])
            made = [moment_told(post["created_time"]) for post in posts]
            yield from (p for p, at in zip(posts, made, strict=True) if at >= begin)
            paging = page.get("paging", {})
            if not paging.get("next") or (made and min(made) < begin):
                return
            args["after"] = _cursor(paging["cursors"]["after"])
        reach = "" if since is None else stored(" since {since:%Y-%m-%d %H:%M} UTC", since=since)
        raise TemporarilyUnavailable(
            stored(
                "the posts of account '{account}' on Facebook{reach} are too many to look"
                " through; look there, then run: socialstrike posts resolve",
                account=self._account,
                reach=reach,
            )
        )


def _id(answer: Mapping[str, Any]) -> str:
    return identifier(answer["id"])


def _unix_told(value: object) -> datetime:
    """A time from an answer in Unix seconds (aware, UTC). Raises TypeError for an absurd one."""
    if type(value) is not int or not 946_684_800 <= value < 7_258_118_400:  # 2000 to 2200
        raise TypeError(stored("the time is none"))
    return datetime.fromtimestamp(value, UTC)


def _cursor(value: object) -> str:
    if not (isinstance(value, str) and 0 < len(value) <= 2_000):
        raise TypeError(stored("the next page is nowhere"))
    return value


def _comparable(text: str) -> str:
    return " ".join(text.split())
