"""X, through tweepy: API v2 with OAuth 1.0a keys or an OAuth 2.0 user token.

tweepy and requests are imported on use: the limits alone must cost nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from socialstrike.content import urls, x_length
from socialstrike.platforms.base import (
    Access,
    Budget,
    CredentialField,
    CredentialsRefused,
    Identity,
    Limits,
    Media,
    OutcomeUnknown,
    Payload,
    Publication,
    TemporarilyUnavailable,
)
from socialstrike.platforms.http import (
    Answer,
    Diagnosis,
    Exchange,
    HttpPlatform,
    by_status,
    guarded,
    identifier,
    moment_told,
    name_told,
    page_told,
    read_media,
    url_told,
)

if TYPE_CHECKING:
    from tweepy import Client

_API = "https://api.x.com"
_OAUTH1 = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
_OAUTH2 = ("client_id", "access_token", "refresh_token")
_HOSTS = (_API, "https://api.twitter.com", "https://upload.twitter.com")

_PRICE, _PRICE_WITH_LINK = Decimal("0.015"), Decimal("0.20")
_PRICE_OF_DESCRIPTION = Decimal("0.005")

#: Pages of a hundred posts that a look-up goes back through at most.
_PAGES = 10
#: Characters of a post with its links written out: X's longest posts hold 25,000.
_LONGEST_TEXT = 200_000

#: A 403 that speaks of these is about the account or the app; any other is about the post.
_ACCOUNT_TROUBLE = re.compile(
    r"suspend|locked|app permission|oauth1-permissions|client-forbidden|client-not-enrolled"
    r"|unsupported-authentication|not authorized|not configured",
    re.IGNORECASE,
)


class X(HttpPlatform):
    """One X account. Credentials: four OAuth 1.0a keys, or client id and OAuth 2.0 tokens."""

    name: ClassVar[str] = "x"
    label: ClassVar[str] = "X"
    limits: ClassVar[Limits] = Limits(
        text=280,
        length=x_length,
        media=4,
        media_bytes=5_000_000,
        # No GIF: X takes animations only by its upload in parts, meant for video.
        media_types=frozenset({"image/jpeg", "image/png", "image/webp"}),
        alt=1_000,
    )
    credential_fields: ClassVar[Sequence[CredentialField]] = (
        CredentialField("consumer_key", "API key", required=False),
        CredentialField("consumer_secret", "API key secret", required=False),
        CredentialField("access_token", "Access token"),
        CredentialField("access_token_secret", "Access token secret", required=False),
        CredentialField("client_id", "OAuth 2.0 client ID", secret=False, required=False),
        CredentialField("refresh_token", "OAuth 2.0 refresh token", required=False),
    )

    # As X's documentation of November 2026 says; its pages do not all agree.
    budgets: ClassVar[Sequence[Budget]] = (
        Budget(100, timedelta(minutes=15)),
        Budget(10_000, timedelta(hours=24), "app"),
    )

    def __init__(self, access: Access, *, timeout: tuple[float, float] = (5.0, 20.0)) -> None:
        import tweepy  # noqa: PLC0415  # 150 ms that whoever only asks for limits should not pay

        from socialstrike.platforms import transport  # noqa: PLC0415  # brings requests, as above

        self.access, self.exchange = access, Exchange()
        keys = access.credentials
        self._oauth1 = bool(keys.get("consumer_key"))
        if self._oauth1:
            self._client: Client = tweepy.Client(
                **{name: keys.get(name) for name in _OAUTH1}, return_type=dict
            )
        else:
            self._client = tweepy.Client(keys.get("access_token"), return_type=dict)
        self._client.user_agent = transport.USER_AGENT
        self._client.session = transport.session(
            access,
            hosts=_HOSTS,
            secrets=self.secrets(access),
            timeout=timeout,
            exchange=self.exchange,
        )

    @classmethod
    def price(cls, text: str, link: str | None, pictures: int) -> Decimal:
        """Pay per use, as X's price list of November 2026 has it: a link makes a post dear."""
        linked = any(urls(cls.compose(text, link)))
        return (_PRICE_WITH_LINK if linked else _PRICE) + pictures * _PRICE_OF_DESCRIPTION

    @classmethod
    def missing_fields(cls, given: Mapping[str, str]) -> list[str]:
        """What one of the two sets of credentials lacks: OAuth 2.0 where any of it is given."""
        wanted = _OAUTH2 if given.keys() & {"client_id", "refresh_token"} else _OAUTH1
        return [name for name in wanted if not given.get(name)]

    @guarded("check")
    def check(self) -> Identity:
        """Ask X whose credentials these are; see Platform."""
        user = self._me()
        name = name_told(user["username"])
        return Identity(identifier(user["id"]), name, url_told(f"https://x.com/{name}"))

    @guarded("upload")
    def upload(self, media: Media) -> str:
        """Hand over one picture, then its description; see Platform."""
        content = read_media(media, self.limits)
        answer = self._post(
            "/2/media/upload",
            files={"media": (media.path.name, content, media.mime_type)},
            data={"media_category": "tweet_image", "media_type": media.mime_type},
        )
        media_id = _id(answer)
        if media.alt:
            described = {"id": media_id, "metadata": {"alt_text": {"text": media.alt}}}
            self._post("/2/media/metadata", json=described)
        return media_id

    @guarded("publish")
    def publish(self, payload: Payload, media_ids: Sequence[str]) -> Publication:
        """Send the post once; see Platform."""
        answer = self._client.create_tweet(
            text=self.compose(payload.text, payload.link) or None,
            media_ids=list(media_ids) or None,
            user_auth=self._oauth1,
        )
        told = self.exchange.answer
        return replace(
            _publication(_id(answer)), throttled_until=told.used_up_until() if told else None
        )

    @guarded("find")
    def find(
        self, payload: Payload, since: datetime, known: Collection[str] = ()
    ) -> Publication | None:
        """Look through the account's own posts, their short links written out; see Platform."""
        wanted = _comparable(self.compose(payload.text, payload.link))
        user_id, others = identifier(self._me()["id"]), set(map(str, known))
        begin = self.exchange.by_their_clock(since)
        for post in self._posts(user_id, begin):
            made, remote_id = moment_told(post["created_at"]), identifier(post["id"])
            mine = made >= begin and remote_id not in others
            if mine and _comparable(_written_out(post, remote_id)) == wanted:
                return _publication(remote_id, made)
        return None

    @guarded("retract")
    def retract(self, remote_id: str) -> None:
        """Delete a post; one that is gone already counts as deleted."""
        try:
            answer = self._client.delete_tweet(remote_id, user_auth=self._oauth1)
            done = answer["data"]["deleted"] is True
        except Exception:
            done = self.exchange.answer is not None and self.exchange.answer.status == 404
            if not done:
                raise
        if not done:
            raise TypeError("the answer is no success")

    def diagnose(self, answer: Answer) -> Diagnosis:
        """Sort by status, and 403 by what X says about it."""
        problem = answer.json()
        errors = problem.get("errors")
        first = errors[0] if isinstance(errors, list) and errors else {}
        told = (
            problem.get("detail"),
            first.get("message") if isinstance(first, dict) else first,
            problem.get("title"),
        )
        words = next((text for text in told if isinstance(text, str) and text), "")
        about = problem.get("type")
        about = f"{about} {words}" if isinstance(about, str) else words
        kind, remedy = by_status(answer.status), None
        if answer.status == 402:
            remedy = (
                "add credit in X's developer console, then run: "
                "socialstrike accounts resume {account}"
            )
        elif answer.status == 403 and "duplicate" in words.lower():
            kind = OutcomeUnknown
            remedy = "it says that this was posted already, so it is looked up there first"
        elif answer.status == 403 and _ACCOUNT_TROUBLE.search(about):
            kind = CredentialsRefused
        return Diagnosis(kind, words, remedy)

    def _me(self) -> Mapping[str, Any]:
        user: Mapping[str, Any] = self._client.get_me(user_auth=self._oauth1)["data"]
        return user

    def _posts(self, user_id: str, since: datetime) -> Iterator[Mapping[str, Any]]:
        """The account's posts back to ``since``. Raises TemporarilyUnavailable if too many."""
        token = None
        for _ in range(_PAGES):
            page = self._client.get_users_tweets(
                user_id,
                start_time=since,
                max_results=100,
                pagination_token=token,
                tweet_fields=["created_at", "entities"],
                user_auth=self._oauth1,
            )
            posts, token = page_told(page.get("data", [])), page["meta"].get("next_token")
            if token is not None:
                token = identifier(token)
            if len(posts) != page["meta"]["result_count"]:
                raise TypeError("a page of posts is incomplete, so it proves no absence")
            yield from posts
            if not token:
                return
        raise TemporarilyUnavailable(
            f"the posts of account '{self.access.account}' on X since {since:%Y-%m-%d %H:%M} UTC "
            "are too many to look through; look there, then run: socialstrike posts resolve"
        )

    def _post(self, path: str, **content: Any) -> Any:
        """What tweepy cannot do in v2, over its own session and with its own authorisation."""
        import tweepy  # noqa: PLC0415  # loaded already, by __init__

        keys, auth, headers = self.access.credentials, None, {}
        if self._oauth1:
            auth = tweepy.OAuth1UserHandler(
                keys["consumer_key"],
                keys.get("consumer_secret"),
                keys.get("access_token"),
                keys.get("access_token_secret"),
            ).apply_auth()
        else:
            headers["Authorization"] = f"Bearer {keys.get('access_token')}"
        answer = self._client.session.post(_API + path, auth=auth, headers=headers, **content)
        answer.raise_for_status()
        return answer.json()


def _id(answer: Mapping[str, Any]) -> str:
    return identifier(answer["data"]["id"])


def _publication(remote_id: str, made: datetime | None = None) -> Publication:
    return Publication(remote_id, f"https://x.com/i/web/status/{remote_id}", made)


def _written_out(post: Mapping[str, Any], remote_id: str) -> str:
    """A post's text with its short links replaced by what they stand for.

    The link that X appends for pictures stands for nothing that was written. Raises ValueError
    where what the links stand for is longer than any post.
    """
    text: str = post["text"]
    own_media = re.compile(
        rf"https://(?:x|twitter)\.com/\w{{1,50}}/status/{re.escape(remote_id)}/(?:photo|video)/\d+"
    )
    for link in (post.get("entities") or {}).get("urls") or ():
        short: str = link["url"]
        meant: str = link.get("expanded_url", short)
        # An empty link would be found between all letters, and links in links would multiply.
        if not short or len(text) + text.count(short) * len(meant) > _LONGEST_TEXT:
            raise ValueError("the links stand for more than any post holds")
        text = text.replace(short, "" if own_media.fullmatch(meant) else meant)
    # X escapes these three and no others.
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _comparable(text: str) -> str:
    """``text`` without what X may change by itself: spaces, a link's scheme and last slash."""
    words = unicodedata.normalize("NFC", text).split()
    return " ".join(re.sub(r"^https?://|/$", "", word) for word in words)
