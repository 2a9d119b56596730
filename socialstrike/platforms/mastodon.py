"""Mastodon and what speaks its API, through Mastodon.py, each account on an instance of its own.

The library builds the requests. What is believed is read from the answers themselves: the library
guesses types, and gives up on a good answer for a date in a header. It is imported on use.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import stored
from socialstrike.platforms import mastodon_consent
from socialstrike.platforms.base import (
    Access,
    Budget,
    Consent,
    CredentialField,
    CredentialsRefused,
    Grant,
    HandOff,
    Identity,
    Limits,
    Media,
    OwnScheduler,
    Payload,
    PlatformError,
    Publication,
    Rejected,
    Scheduled,
    TemporarilyUnavailable,
    first_before,
)
from socialstrike.platforms.consent import scopes_told
from socialstrike.platforms.http import (
    LONGEST_WAIT,
    Answer,
    Diagnosis,
    Exchange,
    HttpPlatform,
    Operation,
    by_status,
    guarded,
    identifier,
    moment_told,
    name_told,
    page_told,
    read_media,
    url_told,
)
from socialstrike.platforms.mastodon_instance import USUAL, checked, limits_of, told_by
from socialstrike.platforms.mastodon_text import alike, same, shown

if TYPE_CHECKING:
    from mastodon import Mastodon as Client
    from requests import Response

#: The oldest server whose calls are made; named so that the library does not ask for it each time.
_SPOKEN = "4.0.0"

#: Pages of forty posts that a look-up goes back through at most.
_PAGES = 25
#: How long to wait for a picture that the server still works on: seconds between the questions.
_PATIENCE = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)

_SCOPES = "read:accounts, read:statuses, write:media and write:statuses"

#: A 403 that speaks of these is about the account or its token; any other is about the post.
_ACCOUNT_TROUBLE = re.compile(
    r"your login|scope|disabled|suspend|pending|confirmed|access token|moved", re.IGNORECASE
)
_NOT_READY = re.compile(r"not finished processing|en cours de traitement", re.IGNORECASE)


class Mastodon(HttpPlatform, OwnScheduler):
    """One Mastodon account: its instance and an access token for it."""

    name: ClassVar[str] = "mastodon"
    label: ClassVar[str] = "Mastodon"
    #: What an instance has unless it says otherwise; see ``limits_for``.
    limits: ClassVar[Limits] = USUAL
    budgets: ClassVar[Sequence[Budget]] = (Budget(300, timedelta(hours=3)),)
    credential_fields: ClassVar[Sequence[CredentialField]] = (
        CredentialField("instance", "Instance (such as mastodon.social)", secret=False),
        CredentialField("access_token", "Access token"),
        CredentialField(
            "visibility", "Visibility (public, unlisted, private)", secret=False, required=False
        ),
        CredentialField("language", "Language (such as fr)", secret=False, required=False),
        CredentialField(
            "content_warning", "Content warning over every post", secret=False, required=False
        ),
        CredentialField(
            "scopes", "What the token allows", secret=False, required=False, asked=False
        ),
    )
    app_fields: ClassVar[Sequence[CredentialField]] = credential_fields[:1]

    hand_off: ClassVar[HandOff | None] = HandOff(timedelta(minutes=5), per_day=25, in_all=300)

    def __init__(self, access: Access, *, timeout: tuple[float, float] = (5.0, 20.0)) -> None:
        import mastodon  # noqa: PLC0415  # 150 ms that whoever only asks for limits should not pay

        from socialstrike.platforms import transport  # noqa: PLC0415  # brings requests, as above

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
        self._session, blind = session(), session()
        blind.hooks["response"].append(_only_status)
        self._client: Client = mastodon.Mastodon(
            api_base_url=instance,
            session=blind,
            ratelimit_method="throw",
            request_timeout=sum(timeout),
            mastodon_version=_SPOKEN,
            version_check_mode="created",
            user_agent=None,  # type: ignore[arg-type]  # the session has ours
        )
        # Not given to the constructor, which would open a file of that name.
        self._client.access_token = access.credentials.get("access_token", "")

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
        me, answer = self._me(), self.exchange.answer
        if answer and not me and "html" in answer.headers.get("content-type", ""):
            raise self._nobody(answer)  # a site of another kind, which has a page for everything
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
        """Hand over one picture with its description, and wait until it is ready; see Platform."""
        content = read_media(media, self.limits)
        answer = self._ask(
            self._client.media_post,
            content,
            media.mime_type,
            description=media.alt or None,
            file_name=media.path.name,
        )
        media_id = identifier(answer.json()["id"])
        for pause in _PATIENCE:
            if answer.status not in {202, 206}:
                return media_id
            time.sleep(pause)
            answer = self._ask(self._client.media, media_id)
        raise TemporarilyUnavailable(
            stored(
                "Mastodon still works on a picture of account '{account}'; it is tried again"
                " by itself",
                account=self.access.account,
            )
        )

    @guarded("publish")
    def publish(self, payload: Payload, media_ids: Sequence[str]) -> Publication:
        """Send the post once. The same payload within the hour gives the first post; see Platform.

        Mastodon keeps the key for an hour, so a repeat that this house decides on is safe.
        """
        answer = self._send(payload, media_ids)
        used_up = answer.headers.get("x-ratelimit-remaining", "").strip() == "0"
        until = _reset_at(answer) if used_up else None
        return replace(_publication(answer.json()), throttled_until=until)

    @guarded("find")
    def find(
        self, payload: Payload, since: datetime, known: Collection[str] = ()
    ) -> Publication | None:
        """Look through the account's own posts, as shown or as written; see Platform."""
        return next(self._same(payload, since, known), None)

    @guarded("publish")
    def hand_over(
        self, payload: Payload, media_ids: Sequence[str], at: datetime
    ) -> Scheduled | Publication:
        """Give the post to the instance's scheduler; see OwnScheduler.

        A time that has passed by its clock is published at once, and what is answered tells.
        """
        made = self._send(payload, media_ids, at).json()
        return _publication(made) if made.get("scheduled_at") is None else _scheduled(made)

    @guarded("find")
    def handed(self, scheduled_id: str) -> Scheduled | Publication | None:
        """Ask for the copy, which is gone when the post is out; see OwnScheduler."""
        answer = self._unless_gone(self._client.scheduled_status, scheduled_id)
        if answer is None:
            return None
        copy = _scheduled(answer.json())
        if copy.remote_id != scheduled_id:
            raise TypeError(stored("the answer is about something else"))
        return copy

    @guarded("find")
    def find_scheduled(
        self, payload: Payload, at: datetime, known: Collection[str] = ()
    ) -> Scheduled | None:
        """Look through all that the account has scheduled; see OwnScheduler."""
        wanted, others = self.compose(payload.text, payload.link), set(map(str, known))
        for post in self._waiting():
            copy = _scheduled(post)
            mine = copy.remote_id not in others and same(_text_of(post), wanted)
            if mine and abs(copy.at - at) < timedelta(seconds=2):
                return copy
        return None

    @guarded("find")
    def find_published(
        self,
        payload: Payload,
        since: datetime,
        until: datetime | None,
        known: Collection[str] = (),
    ) -> Publication | None:
        """Look through the account's own posts; see OwnScheduler."""
        return first_before(until, self._same(payload, since, known))

    @guarded("retract")
    def take_back(self, scheduled_id: str) -> bool:
        """Delete a copy; one that is gone may have been published; see OwnScheduler."""
        return self._unless_gone(self._client.scheduled_status_delete, scheduled_id) is not None

    @guarded("retract")
    def retract(self, remote_id: str) -> None:
        """Delete a post; one that is gone already counts as deleted."""
        try:
            answer = self._ask(self._client.status_delete, remote_id)
            done = identifier(answer.json()["id"]) == remote_id
        except Exception:
            if self.exchange.answer is None or self.exchange.answer.status != 404:
                raise
            # An address that is no Mastodon any more says 404 to everything.
            self._me()
            done = True
        if not done:
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
        return self._ask(
            self._client.status_post,
            self.compose(payload.text, payload.link),
            media_ids=list(media_ids) or None,
            visibility=chosen.get("visibility") or None,
            language=chosen.get("language") or None,
            spoiler_text=chosen.get("content_warning") or None,
            idempotency_key=payload.key,
            scheduled_at=at,
        )

    def _unless_gone(self, call: Callable[..., object], scheduled_id: str) -> Answer | None:
        """The answer to a call about a copy; None where there is no such copy any more."""
        try:
            return self._ask(call, scheduled_id)
        except Exception:
            if self.exchange.answer is None or self.exchange.answer.status != 404:
                raise
        # An address that is no Mastodon any more says 404 to everything.
        self._me()
        return None

    def _waiting(self) -> Iterator[Mapping[str, Any]]:
        """Every copy that waits, a page of forty at a time."""
        oldest = None
        for _ in range(_PAGES):
            answer = self._ask(self._client.scheduled_statuses, max_id=oldest, limit=40)
            page = page_told(json.loads(answer.body))
            if not page:
                return
            yield from page
            oldest = identifier(page[-1]["id"])
        raise TemporarilyUnavailable(
            stored(
                "what account '{account}' has scheduled on Mastodon is too much to look"
                " through; look there, then run: socialstrike posts resolve",
                account=self.access.account,
            )
        )

    def _same(
        self, payload: Payload, since: datetime, known: Collection[str]
    ) -> Iterator[Publication]:
        """The account's posts since then with the same words, newest first."""
        wanted, others = self.compose(payload.text, payload.link), set(map(str, known))
        me = self._me()
        begin = self.exchange.by_their_clock(since)
        for post in self._posts(identifier(me["id"]), _count(me["statuses_count"]), begin):
            mine = moment_told(post["created_at"]) >= begin
            mine = mine and identifier(post["id"]) not in others
            if mine and not post.get("reblog") and self._is(post, wanted):
                yield _publication(post)

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
        raise self._nobody(told)

    @guarded("check")
    def _redeemed(self, consent: Consent, answer: Mapping[str, str]) -> dict[str, str]:
        return mastodon_consent.redeem(self._session, self.access, self._instance, consent, answer)

    def _me(self) -> dict[str, Any]:
        """The account itself. Raises CredentialsRefused where no Mastodon answers."""
        try:
            return self._ask(self._client.account_verify_credentials).json()
        except Exception:
            if self.exchange.answer is None or self.exchange.answer.status not in {404, 410}:
                raise
        raise self._nobody(self.exchange.answer)

    def _nobody(self, answer: Answer) -> CredentialsRefused:
        return CredentialsRefused(
            stored(
                "no Mastodon answers at the instance of account '{account}' ({status}); if"
                " the instance is right it may be gone, else give another with: socialstrike"
                " accounts add mastodon {account} --replace",
                account=self.access.account,
                status=answer.status,
            )
        )

    def _told(self) -> dict[str, Any] | None:
        """The instance's limits; None where it does not say. Older servers know version 1 alone."""
        for ask in (self._client.instance_v2, self._client.instance_v1):
            try:
                return told_by(self._ask(ask).json())
            except Exception:
                if self.exchange.answer is None or self.exchange.answer.status not in {404, 410}:
                    raise
        return None

    def _posts(self, account_id: str, count: int, since: datetime) -> Iterator[Mapping[str, Any]]:
        """The account's posts back to ``since``, newest first.

        Raises TemporarilyUnavailable if there are too many, or fewer than the account has.
        """
        seen, oldest = 0, None
        for _ in range(_PAGES):
            statuses = self._client.account_statuses
            answer = self._ask(statuses, account_id, max_id=oldest, limit=40)
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
                account=self.access.account,
                since=since,
            )
        )

    def _is(self, post: Mapping[str, Any], text: str) -> bool:
        """Whether a post says ``text``: as it is shown, else as the server says it was written."""
        seen = shown(post["content"])
        if same(seen, text):
            return True
        if not alike(text, seen):
            return False  # another post, not worth a request
        try:
            said = self._ask(self._client.status_source, identifier(post["id"])).json()["text"]
        except Exception:
            if self.exchange.answer is None or self.exchange.answer.status not in {404, 405, 501}:
                raise
            return False  # a server that shows but does not tell; what it shows is another text
        return same(said, text)

    def _ask(self, call: Callable[..., object], *args: Any, **options: Any) -> Answer:
        """The answer to one call of the library: a success, whatever the library makes of it."""
        self.exchange.begin()
        try:
            call(*args, **options)
        except Exception:
            if self.exchange.answer is None or not 200 <= self.exchange.answer.status < 300:
                raise
        if self.exchange.answer is None:
            raise TypeError(stored("there is no answer"))
        return self.exchange.answer


def _only_status(answer: Response, **_settings: object) -> None:
    """Leave the library nothing to guess from but the status; the rest is read from the exchange.

    Its guesses at types take minutes where a large answer means harm, and it warns on standard
    error of what only its authors can mend.
    """
    answer.headers.clear()
    answer.raw = io.BytesIO(b"{}")


def _count(value: object) -> int:
    """How many posts an account has. Raises TypeError for what is no number of them."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(stored("the number of posts is none"))
    return value


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


def _publication(post: Mapping[str, Any]) -> Publication:
    at = moment_told(post["created_at"])
    return Publication(identifier(post["id"]), url_told(post.get("url")), at)


def _scheduled(post: Mapping[str, Any]) -> Scheduled:
    return Scheduled(identifier(post["id"]), moment_told(post["scheduled_at"]))


def _text_of(scheduled: Mapping[str, Any]) -> str:
    """What a waiting copy says. Raises TypeError or KeyError where that is nothing."""
    text = scheduled["params"]["text"]
    if not isinstance(text, str):
        raise TypeError(stored("the text is none"))
    return text
