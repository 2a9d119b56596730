"""What platforms spoken to over HTTP share: the answer, and the sorting of all that fails."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from socialstrike.platforms.base import (
    Access,
    CredentialsRefused,
    Limits,
    Media,
    OutcomeUnknown,
    Platform,
    PlatformError,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from socialstrike.redaction import printable, redact

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
