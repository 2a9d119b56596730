"""What platforms spoken to over HTTP share: the answer, and the sorting of all that fails."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar
from urllib.parse import urlsplit

from socialstrike.i18n import stored
from socialstrike.platforms.base import (
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
from socialstrike.platforms.credentials import Access, Remaining
from socialstrike.redaction import printable, redact

Operation = Literal["check", "upload", "publish", "find", "retract"]

#: No platform's window is longer, so a longer wait is a mistake or an attack.
LONGEST_WAIT = timedelta(days=1)
#: Posts that a page of a look-up holds at most: as many as were asked for.
PAGE = 100


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
        """When the platform wants to be asked again (aware, UTC), None where it does not say.

        At most a day ahead.
        """
        reset, after = (self.headers.get(h, "") for h in ("x-rate-limit-reset", "retry-after"))
        try:
            if reset.strip():
                return no_later_than_a_day(datetime.fromtimestamp(float(reset), UTC))
            return no_later_than_a_day(datetime.now(UTC) + timedelta(seconds=float(after)))
        except (ValueError, OverflowError, OSError):
            return no_later_than_a_day(_http_date(after))

    def used_up_until(self) -> datetime | None:
        """Until when nothing remains of what the platform allows; None where something does.

        Aware, UTC, at most a day ahead.
        """
        if self.headers.get("x-rate-limit-remaining", "").strip() != "0":
            return None
        return self.retry_at()

    def remaining(self) -> Remaining | None:
        """What is left of the calls that the platform allows; None where it does not say."""
        for start in ("x-rate-limit", "x-ratelimit", "ratelimit"):
            left, of, reset = (
                self.headers.get(f"{start}-{end}", "").strip()
                for end in ("remaining", "limit", "reset")
            )
            if re.fullmatch("[0-9]{1,9}", left) and re.fullmatch("[0-9]{1,9}", of):
                return Remaining(int(left), int(of), _reset_told(reset))
        return None

    def date(self) -> datetime | None:
        """When the platform says it answered (aware, UTC, whole seconds)."""
        return _http_date(self.headers.get("date", ""))


def no_later_than_a_day(moment: datetime | None) -> datetime | None:
    """``moment`` (aware), or a day from now where it is later: nothing waits for ever."""
    return min(moment, datetime.now(UTC) + LONGEST_WAIT) if moment else None


def identifier(value: object) -> str:
    """A platform's id as text, which is safe in a path, a page and a terminal.

    Raises TypeError for what no platform uses as one.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**20:
        return str(value)
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise TypeError(stored("the id is none"))


def name_told(value: object) -> str:
    """The name that a platform gives an account: one line, printable, at most 100 characters.

    Raises TypeError where it is none.
    """
    name = shown(value)[:100].strip() if isinstance(value, str) else ""
    if not name:
        raise TypeError(stored("the name is none"))
    return name


def url_told(value: object) -> str | None:
    """An address from an answer, if it is one to follow in a browser; None for all else."""
    if not (isinstance(value, str) and len(value) <= 2_000 and _URL.fullmatch(value)):
        return None
    try:
        return value if urlsplit(value).hostname else None
    except ValueError:
        return None


def moment_told(value: object) -> datetime:
    """A time from an answer (aware, UTC). Raises ValueError or TypeError for an absurd one."""
    if not isinstance(value, str):
        raise TypeError(stored("the time is none"))
    moment = _sane(datetime.fromisoformat(value))
    if moment is None:
        raise ValueError(stored("the time is absurd"))
    return moment


def page_told(value: object) -> list[Mapping[str, Any]]:
    """The posts on one page of a look-up. Raises TypeError where they are more than asked for."""
    if not isinstance(value, list) or len(value) > PAGE:
        raise TypeError(stored("the page is none"))
    return value


_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", re.ASCII)
_URL = re.compile(r"https?://[!#$%&()*+,./0-9:;=?@A-Z\[\]_a-z~-]+", re.ASCII)


def _sane(moment: datetime) -> datetime | None:
    """``moment`` in UTC, None if it is absurd: it must survive sums and every time zone."""
    if moment.tzinfo is None or not 2000 <= moment.year <= 2200:
        return None
    return moment.astimezone(UTC)


def _reset_told(text: str) -> datetime | None:
    """When a limit ends, in Unix seconds or ISO 8601 (aware, UTC); None for anything else."""
    try:
        if re.fullmatch("[0-9]{9,11}", text):
            return _sane(datetime.fromtimestamp(int(text), UTC))
        return _sane(datetime.fromisoformat(text))
    except (ValueError, OverflowError, OSError):
        return None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return _sane(moment.replace(tzinfo=moment.tzinfo or UTC))
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
            found = Diagnosis(
                lost, stored("the answer cannot be read") if answer else stored("no answer")
            )
        else:
            found = self.diagnose(answer)
        kind = _fitting(found.kind, operation)
        words = shown(found.words)
        if answer is not None:
            words = f"{answer.status}: {words}" if words else str(answer.status)
        account = self.access.account
        sentence, end = _SENTENCES[kind]
        if issubclass(kind, Rejected) and operation != "publish":
            end = _ELSEWHERE[operation]
        end = found.remedy if issubclass(kind, found.kind) and found.remedy else end
        remedy = end.replace("{account}", account).replace("{platform}", self.name)
        message = stored(sentence, label=self.label, account=account, words=words, remedy=remedy)
        if issubclass(kind, RateLimited):
            told = answer.retry_at() if answer else None
            return kind(message, retry_at=no_later_than_a_day(found.retry_at or told))
        return kind(message)


#: What a message says and what there is to do, by kind.
_SENTENCES: dict[type[PlatformError], tuple[str, str]] = {
    RateLimited: (
        stored(
            "{label} asks to wait before the next request of account '{account}' ({words});"
            " {remedy}"
        ),
        stored("it is tried again by itself"),
    ),
    TemporarilyUnavailable: (
        stored("{label} gave no usable answer to account '{account}' ({words}); {remedy}"),
        stored("it is tried again by itself"),
    ),
    Rejected: (
        stored(
            "{label} refused for good what it was sent by account '{account}' ({words}); {remedy}"
        ),
        stored(
            "queue another text with: socialstrike posts add; or, if the reason is gone, send it"
            " with: socialstrike posts retry"
        ),
    ),
    CredentialsRefused: (
        stored(
            "{label} refused the credentials or the permissions of account '{account}' ({words});"
            " {remedy}"
        ),
        stored("give it new ones with: socialstrike accounts add {platform} {account} --replace"),
    ),
    OutcomeUnknown: (
        stored(
            "{label} may or may not have taken the post of account '{account}' ({words}); {remedy}"
        ),
        stored("it is looked up there before anything is sent again"),
    ),
}
#: What there is to do about a refusal of something else than a post.
_ELSEWHERE: dict[Operation, str] = {
    "upload": stored("queue the post again with another picture: socialstrike posts add"),
    "retract": stored("delete the post there by hand"),
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
    # Half a surrogate pair can be neither printed nor stored.
    words = words[:2000].encode("utf-8", "replace").decode("utf-8")
    line = " ".join(redact(printable(words)).split())
    # What is left of the invisible: soft hyphens, joiners, private and unassigned characters.
    line = "".join(filter(str.isprintable, line))
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
        why = stored("more than {media_bytes} bytes", media_bytes=limits.media_bytes)
    raise unusable(media, why)


def unusable(media: Media, why: str) -> Rejected:
    """The error for a picture that cannot be sent, ``why`` in a few words."""
    return Rejected(
        stored(
            "the picture {path} cannot be sent ({why}); queue the post again with"
            " another: socialstrike posts add",
            path=shown(str(media.path)),
            why=why,
        )
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
