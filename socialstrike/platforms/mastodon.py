"""Mastodon and what speaks its API, through Mastodon.py, each account on an instance of its own.

The library is imported on use, and its calls are in ``mastodon_calls``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import stored
from socialstrike.platforms import mastodon_consent, mastodon_media, mastodon_posts
from socialstrike.platforms.base import (
    Budget,
    CredentialsRefused,
    HandOff,
    Limits,
    Media,
    Payload,
    PlatformError,
    Publication,
    Rejected,
    TemporarilyUnavailable,
)
from socialstrike.platforms.consent import scopes_told
from socialstrike.platforms.credentials import Access, Consent, CredentialField, Grant, Identity
from socialstrike.platforms.http import (
    LONGEST_WAIT,
    Answer,
    Diagnosis,
    Exchange,
    Operation,
    by_status,
    guarded,
    identifier,
    name_told,
    url_told,
)
from socialstrike.platforms.mastodon_calls import Calls, client
from socialstrike.platforms.mastodon_instance import USUAL, checked, limits_of, told_by
from socialstrike.platforms.mastodon_posts import publication, scheduled
from socialstrike.platforms.own_scheduler import ListingScheduler, Scheduled

_SCOPES = "read:accounts, read:statuses, write:media and write:statuses"

#: A 403 that speaks of these is about the account or its token; any other is about the post.
_ACCOUNT_TROUBLE = re.compile(
    r"your login|scope|disabled|suspend|pending|confirmed|access token|moved", re.IGNORECASE
)
#: What a post is to stand under is gone.
_NOTHING_THERE = re.compile(r"\breply\b|répondre", re.IGNORECASE)
_NOT_READY = re.compile(r"not finished processing|en cours de traitement", re.IGNORECASE)


class Mastodon(ListingScheduler):
    """One Mastodon account: its instance and an access token for it."""

    name: ClassVar[str] = "mastodon"
    label: ClassVar[str] = "Mastodon"
    #: What an instance has unless it says otherwise; see ``limits_for``.
    limits: ClassVar[Limits] = USUAL
    budgets: ClassVar[Sequence[Budget]] = (Budget(300, timedelta(hours=3)),)
    options: ClassVar[frozenset[str]] = frozenset({"visibility", "content_warning", "language"})
    credential_fields: ClassVar[Sequence[CredentialField]] = (
        CredentialField("instance", stored("Instance (such as mastodon.social)"), secret=False),
        CredentialField("access_token", stored("Access token")),
        CredentialField(
            "visibility",
            stored("Visibility (public, unlisted, private)"),
            secret=False,
            required=False,
        ),
        CredentialField("language", stored("Language (such as fr)"), secret=False, required=False),
        CredentialField(
            "content_warning",
            stored("Content warning over every post"),
            secret=False,
            required=False,
        ),
        CredentialField(
            "scopes", stored("What the token allows"), secret=False, required=False, asked=False
        ),
    )
    app_fields: ClassVar[Sequence[CredentialField]] = credential_fields[:1]

    hand_off: ClassVar[HandOff | None] = HandOff(timedelta(minutes=5), per_day=25, in_all=300)

    def __init__(self, access: Access, *, timeout: tuple[float, float] = (5.0, 20.0)) -> None:
        from socialstrike.platforms import transport  # noqa: PLC0415  # brings requests, on use

        self.access, self.exchange = access, Exchange()
        try:
            instance = self._instance = checked(access.credentials, allow_local=access.allow_local)
        except InvalidInput as error:
            raise CredentialsRefused(str(error)) from None
        session = partial(
            transport.session,
            access,
            hosts=(instance,),
            secrets=self.secrets(access),
            timeout=timeout,
            exchange=self.exchange,
        )
        self._session = session()
        token = access.credentials.get("access_token", "")
        self._client = client(session(), instance, token, sum(timeout))
        self._calls = Calls(self._client, self.exchange, access.account)

    @classmethod
    def limits_for(cls, told: Mapping[str, Any] | None) -> Limits:
        """The instance's own limits, where it told them and they are within reason."""
        return limits_of(told)

    @classmethod
    def missing_fields(cls, given: Mapping[str, str]) -> list[str]:
        """See Platform. Raises InvalidInput for a field that cannot be what it should be."""
        checked(given, allow_local=True)  # whether it may be local is the account's matter
        return super().missing_fields(given)

    @classmethod
    def ask(cls, access: Access, redirect: str, state: str, *, pasted: bool) -> Consent | None:
        """On the instance's own page; this program is registered there first. See Platform."""
        return cls(access)._asked(redirect, state, pasted=pasted)

    @classmethod
    def redeem(
        cls, access: Access, consent: Consent | None, answer: Mapping[str, str]
    ) -> list[Grant]:
        """A token, for the code; see Platform."""
        assert consent is not None  # Mastodon never goes without
        return [Grant(cls(access)._redeemed(consent, answer))]

    @guarded("check")
    def check(self) -> Identity:
        """Ask the instance whose token this is, and what it takes; see Platform."""
        me, answer = self._calls.me(), self.exchange.answer
        if answer and not me and "html" in answer.headers.get("content-type", ""):
            # A site of another kind, which has a page for everything.
            raise self._calls.nobody(answer)
        name, url = name_told(me["username"]), url_told(me.get("url"))
        scopes = scopes_told(self.access.credentials.get("scopes"))
        return Identity(
            identifier(me["id"]),
            name,
            url,
            scopes=scopes,
            missing=mastodon_consent.missing(scopes),
            remaining=answer.remaining() if answer else None,
            told=self._room(self._told()),
        )

    @guarded("upload")
    def upload(self, media: Media) -> str:
        """Hand over a picture or video with its description; wait until it is ready. See Platform.

        The instance tells by its own limits what is too large; the adapter's are the usual ones.
        """
        return mastodon_media.hand_over(self._calls, media, self.limits)

    @guarded("publish")
    def publish(self, payload: Payload, media_ids: Sequence[str]) -> Publication:
        """Send the post once. The same payload within the hour gives the first post; see Platform.

        Mastodon keeps the key for an hour, so a repeat that this house decides on is safe.
        """
        answer = self._send(payload, media_ids)
        used_up = answer.headers.get("x-ratelimit-remaining", "").strip() == "0"
        until = _reset_at(answer) if used_up else None
        return replace(publication(answer.json()), throttled_until=until)

    @guarded("publish")
    def hand_over(
        self, payload: Payload, media_ids: Sequence[str], at: datetime
    ) -> Scheduled | Publication:
        """Give the post to the instance's scheduler; see OwnScheduler.

        A time that has passed by its clock is published at once, and what is answered tells.
        """
        made = self._send(payload, media_ids, at).json()
        return publication(made) if made.get("scheduled_at") is None else scheduled(made)

    @guarded("find")
    def handed(self, scheduled_id: str) -> Scheduled | Publication | None:
        """Ask for the copy, which is gone when the post is out; see OwnScheduler."""
        answer = self._calls.unless_gone(self._client.scheduled_status, scheduled_id)
        if answer is None:
            return None
        copy = scheduled(answer.json())
        if copy.remote_id != scheduled_id:
            raise TypeError(stored("the answer is about something else"))
        return copy

    @guarded("find")
    def find_scheduled(
        self, payload: Payload, at: datetime, known: Collection[str] = ()
    ) -> Scheduled | None:
        """Look through all that the account has scheduled; see OwnScheduler."""
        text = self.compose(payload.text, payload.link)
        return mastodon_posts.waiting(self._calls, text, at, known)

    @guarded("retract")
    def take_back(self, scheduled_id: str) -> bool:
        """Delete a copy; one that is gone may have been published; see OwnScheduler."""
        delete = self._client.scheduled_status_delete
        return self._calls.unless_gone(delete, scheduled_id) is not None

    @guarded("find")
    def exists(self, remote_id: str) -> bool:
        """Ask for the post itself; see Platform."""
        answer = self._calls.unless_gone(self._client.status, remote_id)
        if answer is None:
            return False
        if identifier(answer.json()["id"]) != remote_id:
            raise TypeError(stored("the answer is about another post"))
        return True

    @guarded("retract")
    def retract(self, remote_id: str) -> None:
        """Delete a post; one that is gone already counts as deleted."""
        answer = self._calls.unless_gone(self._client.status_delete, remote_id)
        if answer is not None and identifier(answer.json()["id"]) != remote_id:
            raise TypeError(stored("the answer is no success"))

    def diagnose(self, answer: Answer) -> Diagnosis:
        """Sort by status, and 403 and 422 by what Mastodon says about them."""
        said = answer.json().get("error")
        words = said if isinstance(said, str) else ""
        kind, remedy = by_status(answer.status), None
        if answer.status == 413:
            kind = Rejected  # refused by the web server in front, before Mastodon saw it
        elif answer.status == 403 and _ACCOUNT_TROUBLE.search(words):
            kind = CredentialsRefused
            remedy = stored(
                "log in on the instance and see what it says, then run: socialstrike accounts"
                " resume {account}"
            )
            if "scope" in words.lower():
                remedy = stored(
                    "make a token with {scopes}, then run: socialstrike accounts add {{platform}}"
                    " {{account}} --replace",
                    scopes=_SCOPES,
                )
        elif answer.status == 404 and _NOTHING_THERE.search(words):
            kind = Rejected
            remedy = stored("the part before it was deleted there; queue the rest anew")
        elif answer.status == 422 and _NOT_READY.search(words):
            kind = TemporarilyUnavailable
        return Diagnosis(kind, words, remedy, _reset_at(answer))

    def trouble(self, operation: Operation, error: Exception) -> PlatformError:
        """As elsewhere, once the library's wrapping is off what our transport raised."""
        inner = error.__context__
        wrapped = not isinstance(error, PlatformError) and isinstance(inner, PlatformError)
        return super().trouble(operation, inner if wrapped else error)  # type: ignore[arg-type]  # just checked

    def _room(self, told: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """What was told, less the account's content warning, which counts with every text."""
        warning = self.access.credentials.get("content_warning")
        if not warning:
            return told
        limits = self.limits_for(told)
        return {**(told or {}), "text": max(limits.text - limits.length(warning), 1)}

    def _send(
        self, payload: Payload, media_ids: Sequence[str], at: datetime | None = None
    ) -> Answer:
        chosen = self.access.credentials
        return self._calls.ask(
            self._client.status_post,
            self.compose(payload.text, payload.link),
            media_ids=list(media_ids) or None,
            visibility=payload.visibility or chosen.get("visibility") or None,
            language=payload.language or chosen.get("language") or None,
            spoiler_text=payload.content_warning or chosen.get("content_warning") or None,
            idempotency_key=payload.key,
            scheduled_at=at,
            in_reply_to_id=payload.reply_to.parent if payload.reply_to else None,
        )

    def _same(
        self, payload: Payload, since: datetime, known: Collection[str]
    ) -> Iterator[Publication]:
        """The account's own posts, as shown or as written; see ListingScheduler."""
        text = self.compose(payload.text, payload.link)
        parent = payload.reply_to.parent if payload.reply_to else None
        return mastodon_posts.like(self._calls, text, parent, since, known)

    @guarded("check")
    def _asked(self, redirect: str, state: str, *, pasted: bool) -> Consent:
        try:
            return mastodon_consent.ask(
                self._session, self.access, self._instance, redirect, state, pasted=pasted
            )
        except Exception:
            told = self.exchange.answer
            if told is None or not (told.status in {404, 410} or 200 <= told.status < 300):
                raise
        raise self._calls.nobody(told)

    @guarded("check")
    def _redeemed(self, consent: Consent, answer: Mapping[str, str]) -> dict[str, str]:
        return mastodon_consent.redeem(self._session, self.access, self._instance, consent, answer)

    def _told(self) -> dict[str, Any] | None:
        """The instance's limits; None where it does not say. Older servers know version 1 alone."""
        for ask in (self._client.instance_v2, self._client.instance_v1):
            try:
                return told_by(self._calls.ask(ask).json())
            except Exception:
                if self.exchange.answer is None or self.exchange.answer.status not in {404, 410}:
                    raise
        return None


def _reset_at(answer: Answer) -> datetime | None:
    """When the limit ends (aware, UTC), by the server's own clock, at most a day ahead."""
    text = answer.headers.get("x-ratelimit-reset", "").strip()
    try:
        if text.replace(".", "", 1).isdecimal():
            reset = datetime.fromtimestamp(float(text), UTC)
        else:
            reset = datetime.fromisoformat(text)
            reset = reset.replace(tzinfo=reset.tzinfo or UTC)
    except (ValueError, OverflowError, OSError):
        return None
    now = datetime.now(UTC)
    wait = reset - (answer.date() or now)
    return now + min(max(wait, timedelta()), LONGEST_WAIT)
