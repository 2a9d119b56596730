"""The contract between the house and a platform: data, the few obligatory methods, the errors.

An adapter turns one payload into one post, and every way that can go wrong into one of five
errors, which answer one question: may it be tried again?
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, Concatenate, Literal, ParamSpec, TypeVar

from socialstrike.exceptions import SocialstrikeError
from socialstrike.redaction import printable, redact


class PlatformError(SocialstrikeError):
    """A platform did not take the post."""


class RateLimited(PlatformError):
    """The platform asks to wait; surely not posted.

    ``retry_at`` is the platform's own word for when (aware, UTC), None where it gave none.
    """

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class TemporarilyUnavailable(PlatformError):
    """The platform could not be reached; surely not posted, worth another try."""


class Rejected(PlatformError):
    """The platform refused this content for good; surely not posted."""


class CredentialsRefused(PlatformError):
    """The platform refused the account's credentials; surely not posted, the account must pause."""


class OutcomeUnknown(PlatformError):
    """The answer was lost or cannot be read; the post may or may not be there."""


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One thing to ask for when an account is added; ``secret`` ones are never shown."""

    name: str
    label: str
    secret: bool = True
    required: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """What one post may hold on a platform.

    ``length`` counts a text in the platform's own units; sizes are in bytes.
    """

    text: int
    length: Callable[[str], int]
    media: int
    media_bytes: int
    media_types: frozenset[str]
    alt: int


@dataclass(frozen=True, slots=True)
class Media:
    """One picture to go with a post: a readable local file and its description."""

    path: Path
    mime_type: str
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    """Exactly what is sent: frozen when the delivery is first claimed.

    ``key`` is derived from the delivery and the same for every attempt at it.
    """

    key: str
    text: str
    link: str | None = None
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class Publication:
    """What the platform answered: the post's id there, its address, and when (aware, UTC).

    ``throttled_until`` is until when the account's next post would be refused, where the answer
    says that this one used up what the platform allows (aware, UTC).
    """

    remote_id: str
    url: str | None
    at: datetime | None = None
    throttled_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose credentials these are, as the platform says."""

    remote_id: str
    name: str
    url: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """What an adapter needs to act for one account. ``base_url`` replaces the platform's own host.

    ``repr`` never shows a credential.
    """

    account: str
    credentials: Mapping[str, str] = field(repr=False)
    base_url: str | None = None


class Platform(ABC):
    """One platform, acting for one account. Made per job; not shared between threads."""

    name: ClassVar[str]
    label: ClassVar[str]
    limits: ClassVar[Limits]
    credential_fields: ClassVar[Sequence[CredentialField]]

    @abstractmethod
    def __init__(self, access: Access, *, timeout: tuple[float, float] = (5.0, 20.0)) -> None:
        """``timeout`` is (connect, read), in seconds."""

    @classmethod
    def compose(cls, text: str, link: str | None) -> str:
        """The text as this platform will carry it: what is counted, sent and compared.

        A platform that has a place of its own for a link leaves the text alone.
        """
        return text if not link or link in text else f"{text.rstrip()}\n{link}"

    @classmethod
    def missing_fields(cls, given: Mapping[str, str]) -> list[str]:
        """The names of the credential fields that are needed beside those ``given``."""
        return [f.name for f in cls.credential_fields if f.required and not given.get(f.name)]

    @classmethod
    def secrets(cls, access: Access) -> list[str]:
        """The credentials that must never be shown."""
        hidden = {field.name for field in cls.credential_fields if field.secret}
        return [value for name, value in access.credentials.items() if name in hidden and value]

    @abstractmethod
    def check(self) -> Identity:
        """Ask the platform whose credentials these are.

        Raises CredentialsRefused, RateLimited or TemporarilyUnavailable; nothing is posted.
        """

    @abstractmethod
    def upload(self, media: Media) -> str:
        """Hand over one picture with its description and return its id there.

        An upload is not a post: a lost answer is TemporarilyUnavailable, never OutcomeUnknown.
        """

    @abstractmethod
    def publish(self, payload: Payload, media_ids: Sequence[str]) -> Publication:
        """Send the post once. Only an answer with an id is a success.

        Raises one of the five errors; anything not surely absent is OutcomeUnknown.
        """

    @abstractmethod
    def find(
        self, payload: Payload, since: datetime, known: Collection[str] = ()
    ) -> Publication | None:
        """Look for a post with exactly this content made at or after ``since`` (aware, UTC).

        Posts whose ids are ``known`` belong to other deliveries and are passed over.

        None means that a complete look-up did not find it. A look-up that failed or could not
        reach back to ``since`` raises TemporarilyUnavailable, RateLimited or CredentialsRefused:
        it is not an absence.
        """

    @abstractmethod
    def retract(self, remote_id: str) -> None:
        """Delete a post; one that is already gone counts as deleted."""

    def their_time(self) -> datetime | None:
        """The platform's clock as its last answer gave it (aware, UTC, whole seconds).

        None where there was no answer, or it did not say.
        """
        return None


Operation = Literal["check", "upload", "publish", "find", "retract"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a platform answered over HTTP; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one where it is anything else."""
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    def retry_at(self) -> datetime | None:
        """When the platform wants to be asked again (aware, UTC), None where it does not say."""
        reset, after = (self.headers.get(h, "") for h in ("x-rate-limit-reset", "retry-after"))
        try:
            if reset.strip():
                return datetime.fromtimestamp(float(reset), UTC)
            return datetime.now(UTC) + timedelta(seconds=float(after))
        except (ValueError, OverflowError, OSError):
            return _http_date(after)

    def used_up_until(self) -> datetime | None:
        """Until when nothing remains of what the platform allows; None where something does.

        Aware, UTC, at most a day ahead: no platform's window is longer, so more is a mistake.
        """
        if self.headers.get("x-rate-limit-remaining", "").strip() != "0":
            return None
        reset = self.retry_at()
        return min(reset, datetime.now(UTC) + timedelta(days=1)) if reset else None

    def date(self) -> datetime | None:
        """When the platform says it answered (aware, UTC, whole seconds)."""
        return _http_date(self.headers.get("date", ""))


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


@dataclass(slots=True)
class Exchange:
    """How far the current request came: whether a byte of it may have left, and the answer."""

    sent: bool = False
    answer: Answer | None = None

    def begin(self) -> None:
        """Forget the request before this one."""
        self.sent, self.answer = False, None

    def by_their_clock(self, since: datetime) -> datetime:
        """``since`` by the platform's clock where that is behind ours, in whole seconds.

        A post made after ``since`` never lies before it. A clock ahead of ours moves nothing:
        looking back too far is safe, not far enough is not.
        """
        date = self.answer.date() if self.answer else None
        behind = date - datetime.now(UTC) if date else timedelta()
        if behind < timedelta(seconds=-2):  # less is the header's rounding and the way here
            since += behind
        return since.astimezone(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an answer means: the kind of error, the platform's words, the remedy if a special one.

    ``words`` may hold anything a platform sends; they are redacted and shortened when shown.
    """

    kind: type[PlatformError]
    words: str = ""
    remedy: str | None = None
    retry_at: datetime | None = None


def by_status(status: int) -> type[PlatformError]:
    """The kind of error that an HTTP status alone proves; whatever proves nothing is unknown."""
    if status in {401, 402}:
        return CredentialsRefused
    if status in {400, 403, 422}:
        return Rejected
    return RateLimited if status == 429 else OutcomeUnknown


class HttpPlatform(Platform):
    """What platforms spoken to over our transport share: the sorting of everything that fails."""

    access: Access
    exchange: Exchange

    def their_time(self) -> datetime | None:
        """From the last answer's Date, whether that was a success or a refusal; see Platform."""
        return self.exchange.answer.date() if self.exchange.answer else None

    @abstractmethod
    def diagnose(self, answer: Answer) -> Diagnosis:
        """What an answer that is no success means on this platform."""

    def trouble(self, operation: Operation, error: Exception) -> PlatformError:
        """The one error to raise for ``error``: built from what went over the wire.

        Only publishing can leave its outcome unknown, and looking up or asking who we are cannot
        have content refused.
        """
        if isinstance(error, PlatformError):
            kind = _fitting(type(error), operation)
            if isinstance(error, kind):
                return error
            return kind(f"{str(error).partition('; ')[0]}; {_SENTENCES[kind][1]}")
        answer = self.exchange.answer
        if answer is None or 200 <= answer.status < 300:
            lost = OutcomeUnknown if self.exchange.sent else TemporarilyUnavailable
            found = Diagnosis(lost, "the answer cannot be read" if answer else "no answer")
        else:
            found = self.diagnose(answer)
        kind = _fitting(found.kind, operation)
        words = shown(found.words)
        if answer is not None:
            words = f"{answer.status}: {words}" if words else str(answer.status)
        account = self.access.account
        start, end = _SENTENCES[kind]
        if issubclass(kind, Rejected) and operation != "publish":
            end = _ELSEWHERE[operation]
        end = found.remedy if issubclass(kind, found.kind) and found.remedy else end
        message = f"{self.label} {start} account '{account}' ({words}); "
        message += end.replace("{account}", account).replace("{platform}", self.name)
        if issubclass(kind, RateLimited):
            told = answer.retry_at() if answer else None
            return kind(message, retry_at=found.retry_at or told)
        return kind(message)


#: How a message begins and what there is to do, by kind.
_SENTENCES: dict[type[PlatformError], tuple[str, str]] = {
    RateLimited: ("asks to wait before the next request of", "it is tried again by itself"),
    TemporarilyUnavailable: ("gave no usable answer to", "it is tried again by itself"),
    Rejected: (
        "refused for good what it was sent by",
        "queue another text with: socialstrike posts add; or, if the reason is gone, send it with: "
        "socialstrike posts retry",
    ),
    CredentialsRefused: (
        "refused the credentials or the permissions of",
        "give it new ones with: socialstrike accounts add {platform} {account} --replace",
    ),
    OutcomeUnknown: (
        "may or may not have taken the post of",
        "it is looked up there before anything is sent again",
    ),
}
#: What there is to do about a refusal of something else than a post.
_ELSEWHERE: dict[Operation, str] = {
    "upload": "queue the post again with another picture: socialstrike posts add",
    "retract": "delete the post there by hand",
}


def _fitting(kind: type[PlatformError], operation: Operation) -> type[PlatformError]:
    if operation != "publish" and issubclass(kind, OutcomeUnknown):
        return TemporarilyUnavailable
    if issubclass(kind, Rejected) and operation == "check":
        return CredentialsRefused
    if issubclass(kind, Rejected) and operation == "find":
        return TemporarilyUnavailable
    return kind


def shown(words: str) -> str:
    """A platform's own words on one line, short, printable and without secrets."""
    line = " ".join(redact(printable(words[:2000])).split())
    return line if len(line) <= 200 else f"{line[:199]}…"


def read_media(media: Media, limits: Limits) -> bytes:
    """The picture's bytes. Raises Rejected where they cannot be read or are too many."""
    try:
        with media.path.open("rb") as file:
            content = file.read(limits.media_bytes + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
    else:
        if len(content) <= limits.media_bytes:
            return content
        why = f"more than {limits.media_bytes} bytes"
    raise Rejected(
        f"the picture {shown(str(media.path))} cannot be sent ({why}); queue the post "
        "again with another: socialstrike posts add"
    )


_P = ParamSpec("_P")
_R = TypeVar("_R")
_Http = TypeVar("_Http", bound=HttpPlatform)
_Method = Callable[Concatenate[_Http, _P], _R]


def guarded(operation: Operation) -> Callable[[_Method[_Http, _P, _R]], _Method[_Http, _P, _R]]:
    """Let nothing but the five errors leave an adapter's method.

    They are raised outside the handler, so that neither cause nor context carries a library's
    exception, its requests and their tokens along.
    """

    def decorate(method: _Method[_Http, _P, _R]) -> _Method[_Http, _P, _R]:
        @wraps(method)
        def wrapper(self: _Http, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
            self.exchange.begin()
            try:
                return method(self, *args, **kwargs)
            except Exception as error:  # noqa: BLE001  # a library may raise anything, and it ends here
                trouble = self.trouble(operation, error)
            trouble.__cause__ = trouble.__context__ = None
            raise trouble

        return wrapper

    return decorate
