"""X, through tweepy: API v2 with OAuth 1.0a keys or an OAuth 2.0 user token.

tweepy and requests are imported on use: the limits alone must cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from socialstrike.content import urls, x_at_most, x_length
from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import stored
from socialstrike.platforms import x_consent, x_posts, x_video
from socialstrike.platforms.base import (
    Budget,
    CredentialsRefused,
    Limits,
    Media,
    OutcomeUnknown,
    Payload,
    PlatformError,
    Publication,
)
from socialstrike.platforms.consent import scopes_told
from socialstrike.platforms.credentials import Access, Consent, CredentialField, Grant, Identity
from socialstrike.platforms.http import (
    PAGE,
    Answer,
    Diagnosis,
    Exchange,
    HttpPlatform,
    Operation,
    by_status,
    guarded,
    identifier,
    name_told,
    read_media,
    url_told,
)
from socialstrike.platforms.x_posts import publication
from socialstrike.platforms.x_token import Token

if TYPE_CHECKING:
    from tweepy import Client

_OAUTH1 = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
_OAUTH2 = ("client_id", "access_token", "refresh_token")
_HOSTS = (x_consent.API, "https://api.twitter.com", "https://upload.twitter.com")

_PRICE, _PRICE_WITH_LINK = Decimal("0.015"), Decimal("0.20")
_PRICE_OF_DESCRIPTION = Decimal("0.005")

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
        at_most=x_at_most,
        media=4,
        media_bytes=5_000_000,
        # No GIF: X takes animations only by its upload in parts, meant for video.
        media_types=frozenset({"image/jpeg", "image/png", "image/webp"}),
        alt=1_000,
        video_bytes=512_000_000,
        video_seconds=140,
        video_alt=0,
    )
    credential_fields: ClassVar[Sequence[CredentialField]] = (
        CredentialField("consumer_key", stored("API key"), required=False),
        CredentialField("consumer_secret", stored("API key secret"), required=False),
        CredentialField("access_token", stored("Access token")),
        CredentialField("access_token_secret", stored("Access token secret"), required=False),
        CredentialField("client_id", stored("OAuth 2.0 client ID"), secret=False, required=False),
        CredentialField("refresh_token", stored("OAuth 2.0 refresh token"), required=False),
        CredentialField(
            "client_secret", stored("OAuth 2.0 client secret"), required=False, asked=False
        ),
        *(
            CredentialField(name, label, secret=False, required=False, asked=False)
            for name, label in (
                ("scopes", "What the token allows"),
                ("issued_at", "When the token was issued"),
                ("ends_at", "When the token ends"),
                ("renewing", "Which process renews it, until when"),
            )
        ),
    )
    app_fields: ClassVar[Sequence[CredentialField]] = (
        CredentialField("consumer_key", stored("API key, to connect by PIN"), required=False),
        CredentialField("consumer_secret", stored("API key secret"), required=False),
        CredentialField(
            "client_id",
            stored("OAuth 2.0 client ID, to connect without"),
            secret=False,
            required=False,
        ),
        CredentialField("client_secret", stored("OAuth 2.0 client secret"), required=False),
    )

    # As X's documentation of November 2026 says; its pages do not all agree.
    budgets: ClassVar[Sequence[Budget]] = (
        Budget(100, timedelta(minutes=15)),
        Budget(10_000, timedelta(hours=24), "app"),
    )
    free_to_read: ClassVar[bool] = False

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
        sort = partial(super().trouble, "check")
        self._token = Token(access, self.exchange, self._client, sort)

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

    @classmethod
    def ask(cls, access: Access, redirect: str, state: str, *, pasted: bool) -> Consent | None:
        """By PIN where an API key is given, else with OAuth 2.0; see Platform."""
        del pasted  # X comes back only to an address that the app has registered
        given = access.credentials
        if given.get("consumer_key") and given.get("consumer_secret"):
            return cls(access)._pin()
        if given.get("consumer_key") or not given.get("client_id"):
            raise InvalidInput(
                stored(
                    "X needs either the API key and its secret (to connect by PIN) or the OAuth"
                    " 2.0 client ID of your app; give one of the two"
                )
            )
        return x_consent.ask_code(access, redirect, state)

    @classmethod
    def redeem(
        cls, access: Access, consent: Consent | None, answer: Mapping[str, str]
    ) -> list[Grant]:
        """The keys for the PIN, or the tokens for the code; see Platform."""
        assert consent is not None  # X never goes without
        return [Grant(cls(access)._redeemed(consent, answer))]

    @guarded("check")
    def check(self) -> Identity:
        """Ask X whose credentials these are; see Platform."""
        user, told = self._me(), self.exchange.answer
        name = name_told(user["username"])
        scopes, missing = self._allowed(told.headers if told else {})
        return Identity(
            identifier(user["id"]),
            name,
            url_told(f"https://x.com/{name}"),
            scopes=scopes,
            missing=missing,
            remaining=told.remaining() if told else None,
        )

    @guarded("upload")
    def upload(self, media: Media) -> str:
        """Hand over one picture, then its description, or a video; see Platform."""
        self._token.be_fresh()
        if media.is_video:
            return x_video.hand_over(self._call, media, self.limits, self.access.account)
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
        self._token.be_fresh()
        answer = self._client.create_tweet(
            text=self.compose(payload.text, payload.link) or None,
            media_ids=list(media_ids) or None,
            in_reply_to_tweet_id=payload.reply_to.parent if payload.reply_to else None,
            user_auth=self._oauth1,
        )
        told = self.exchange.answer
        return replace(
            publication(_id(answer)), throttled_until=told.used_up_until() if told else None
        )

    @guarded("find")
    def find(
        self, payload: Payload, since: datetime, known: Collection[str] = ()
    ) -> Publication | None:
        """Look through the account's own posts, their short links written out; see Platform."""
        text = self.compose(payload.text, payload.link)
        parent = payload.reply_to.parent if payload.reply_to else None
        user_id, begin = identifier(self._me()["id"]), self.exchange.by_their_clock(since)
        posts = x_posts.since(self._page, user_id, begin, self.access.account)
        return x_posts.like(posts, text, parent, begin, known)

    @guarded("find")
    def exists(self, remote_id: str) -> bool:
        """Ask for the post, which X charges for; see Platform."""
        self._token.be_fresh()
        try:
            answer = self._client.get_tweet(remote_id, user_auth=self._oauth1)
        except Exception:
            if self.exchange.answer is None or self.exchange.answer.status != 404:
                raise
            answer = {"errors": [self.exchange.answer.json()]}
        if "data" in answer:
            if _id(answer) != remote_id:
                raise TypeError(stored("the answer is about another post"))
            return True
        if not all(_is_missing(error) for error in answer["errors"]):
            raise TypeError(stored("the answer tells of something else than an absence"))
        # X hides the posts of an account that it suspended, which makes none of them gone.
        self._me()
        return False

    @guarded("retract")
    def retract(self, remote_id: str) -> None:
        """Delete a post; one that is gone already counts as deleted."""
        self._token.be_fresh()
        try:
            answer = self._client.delete_tweet(remote_id, user_auth=self._oauth1)
            done = answer["data"]["deleted"] is True
        except Exception:
            done = self.exchange.answer is not None and self.exchange.answer.status == 404
            if not done:
                raise
        if not done:
            raise TypeError(stored("the answer is no success"))

    def diagnose(self, answer: Answer) -> Diagnosis:
        """Sort by status, and 403 by what X says about it."""
        problem = answer.json()
        errors = problem.get("errors")
        first = errors[0] if isinstance(errors, list) and errors else {}
        told = (
            problem.get("error_description"),
            problem.get("detail"),
            first.get("message") if isinstance(first, dict) else first,
            problem.get("title"),
        )
        words = next((text for text in told if isinstance(text, str) and text), "")
        about = problem.get("type")
        about = f"{about} {words}" if isinstance(about, str) else words
        kind, remedy = by_status(answer.status), None
        if answer.status == 402:
            remedy = stored(
                "add credit in X's developer console, then run: socialstrike accounts resume"
                " {account}"
            )
        elif answer.status == 403 and "duplicate" in words.lower():
            kind = OutcomeUnknown
            remedy = stored("it says that this was posted already, so it is looked up there first")
        elif answer.status == 403 and _ACCOUNT_TROUBLE.search(about):
            kind = CredentialsRefused
        return Diagnosis(kind, words, remedy)

    def trouble(self, operation: Operation, error: Exception) -> PlatformError:
        """As elsewhere; but a token that ended early is renewed, once, before a person is asked."""
        found, told = super().trouble(operation, error), self.exchange.answer
        refused = isinstance(found, CredentialsRefused) and told is not None and told.status == 401
        mine = isinstance(error, PlatformError) or not self._token.renewable
        return self._token.second_thoughts(found) if refused and not mine else found

    @guarded("check")
    def _pin(self) -> Consent:
        return x_consent.ask_pin(self._client.session, self.access)

    @guarded("check")
    def _redeemed(self, consent: Consent, answer: Mapping[str, str]) -> dict[str, str]:
        redeem = x_consent.redeem_pin if self._oauth1 else x_consent.redeem_code
        return redeem(self._client.session, self.access, consent, answer)

    def _allowed(
        self, headers: Mapping[str, str]
    ) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
        """What the credentials allow, as far as X says, and what posting needs beside that."""
        if not self._oauth1:
            scopes = scopes_told(self.access.credentials.get("scopes"))
            missing = set(x_consent.SCOPES) - set(scopes) if scopes else ()
            return scopes, tuple(sorted(missing))
        level = headers.get("x-access-level", "")
        if not level.startswith("read"):
            return None, ()
        scopes = tuple(level.split("-"))
        return scopes, () if "write" in scopes else ("write",)

    def _me(self) -> Mapping[str, Any]:
        self._token.be_fresh()
        user: Mapping[str, Any] = self._client.get_me(user_auth=self._oauth1)["data"]
        return user

    def _page(self, user_id: str, since: datetime, token: str | None) -> Mapping[str, Any]:
        page: Mapping[str, Any] = self._client.get_users_tweets(
            user_id,
            start_time=since,
            max_results=PAGE,
            pagination_token=token,
            tweet_fields=x_posts.FIELDS,
            user_auth=self._oauth1,
        )
        return page

    def _post(self, path: str, **content: Any) -> Any:
        return self._call("POST", path, **content)

    def _call(self, method: str, path: str, /, **content: Any) -> Any:
        """What tweepy cannot do in v2, over its own session and with its own authorisation."""
        import tweepy  # noqa: PLC0415  # loaded already, by __init__

        keys, auth, headers = self._token.keys, None, {}
        if self._oauth1:
            auth = tweepy.OAuth1UserHandler(
                keys["consumer_key"],
                keys.get("consumer_secret"),
                keys.get("access_token"),
                keys.get("access_token_secret"),
            ).apply_auth()
        else:
            headers["Authorization"] = f"Bearer {keys.get('access_token')}"
        answer = self._client.session.request(
            method, x_consent.API + path, auth=auth, headers=headers, **content
        )
        answer.raise_for_status()
        return answer.json() if answer.content else {}


def _id(answer: Mapping[str, Any]) -> str:
    return identifier(answer["data"]["id"])


def _is_missing(error: Mapping[str, Any]) -> bool:
    return str(error["type"]).rpartition("/")[2] == "resource-not-found"
