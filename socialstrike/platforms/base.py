"""The contract between the house and a platform: data, the few obligatory methods, the errors.

An adapter turns one payload into one post, and every way that can go wrong into one of five
errors, which answer one question: may it be tried again? What an account is made of is in
``credentials``, what a platform with a scheduler of its own can do beside this in
``own_scheduler``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal

from socialstrike.exceptions import SocialstrikeError
from socialstrike.platforms.credentials import Access, Consent, CredentialField, Grant, Identity


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
class Limits:
    """What one post may hold on a platform.

    ``length`` counts a text in the platform's own units; sizes are in bytes. ``video_bytes`` is
    None where we can publish no video; ``video_seconds`` where its length does not matter;
    ``video_alt`` is 0 where a video has no place for alt text, None where it is as a picture's.
    ``at_most`` is never less than ``length`` and takes a tenth of its time; None where that is
    as fast.
    """

    text: int
    length: Callable[[str], int]
    media: int
    media_bytes: int
    media_types: frozenset[str]
    alt: int
    video_bytes: int | None = None
    video_seconds: float | None = None
    video_alt: int | None = None
    at_most: Callable[[str], int] | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """How many posts a platform takes within any ``window``: of one account, or of one application
    over all its accounts.
    """

    posts: int
    window: timedelta
    per: Literal["account", "app"] = "account"


@dataclass(frozen=True, slots=True)
class Media:
    """One picture or video to go with a post: a readable local file and its description.

    ``measures`` are a video's width and height in pixels, where they are known.
    """

    path: Path
    mime_type: str
    alt: str = ""
    measures: tuple[int, int] | None = None

    @property
    def is_video(self) -> bool:
        """Whether it is a video, which stands alone in its post."""
        return self.mime_type.startswith("video/")


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """What a later part of a thread stands under, by ids on the platform: ``parent`` is the post of
    the part before it, ``root`` that of the first; of a second part they are the same.
    """

    parent: str
    root: str


@dataclass(frozen=True, slots=True)
class Payload:
    """Exactly what is sent: frozen when the delivery is first claimed.

    ``key`` is derived from the delivery and the same for every attempt at it. ``visibility``,
    ``content_warning`` and ``language`` are what the post itself asks for, in place of what the
    account has; a platform that knows no such thing (``Platform.options``) passes over them.
    ``reply_to`` is given for a later part of a thread, and only where the platform ``replies``.
    """

    key: str
    text: str
    link: str | None = None
    media: tuple[Media, ...] = ()
    visibility: str | None = None
    content_warning: str | None = None
    language: str | None = None
    reply_to: ReplyTo | None = None


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
class HandOff:
    """What a platform's own scheduler takes: how long ahead of its time a post may be given to it,
    and how many it holds of one account at most, of one day (UTC) and in all; None for no limit.
    ``videos``: whether it takes posts with one.
    """

    earliest: timedelta
    latest: timedelta | None = None
    per_day: int | None = None
    in_all: int | None = None
    videos: bool = True


class Platform(ABC):
    """One platform, acting for one account. Made per job; not shared between threads."""

    name: ClassVar[str]
    label: ClassVar[str]
    limits: ClassVar[Limits]
    credential_fields: ClassVar[Sequence[CredentialField]]
    budgets: ClassVar[Sequence[Budget]] = ()
    #: What a post may ask for here (see Payload): visibility, content_warning, language.
    options: ClassVar[frozenset[str]] = frozenset()
    #: Whether a post can stand under another; where it cannot, a thread is one post.
    replies: ClassVar[bool] = True
    #: What is asked for to connect an account, where that is not the credentials themselves.
    app_fields: ClassVar[Sequence[CredentialField]] = ()
    #: How a browser on this machine reaches the listener, where it comes back to.
    redirect_host: ClassVar[str] = "127.0.0.1"
    #: What its own scheduler takes; None where it has none for us (else it is an OwnScheduler).
    hand_off: ClassVar[HandOff | None] = None
    #: Whether asking for a post costs nothing, so that a scheduler may do it by itself.
    free_to_read: ClassVar[bool] = True

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
    def count(
        cls, limits: Limits, text: str, link: str | None, asked: Mapping[str, str] | None = None
    ) -> int:
        """What a post counts of ``limits.text``; ``asked`` is what it asks for (Payload)."""
        return cls._counted(limits.length, text, link, asked)

    @classmethod
    def fits(
        cls, limits: Limits, text: str, link: str | None, asked: Mapping[str, str] | None = None
    ) -> bool:
        """Whether it is short enough, which is mostly plain without counting it exactly."""
        short = limits.at_most and cls._counted(limits.at_most, text, link, asked) <= limits.text
        return short or cls.count(limits, text, link, asked) <= limits.text

    @classmethod
    def _counted(
        cls,
        length: Callable[[str], int],
        text: str,
        link: str | None,
        asked: Mapping[str, str] | None,
    ) -> int:
        warning = (asked or {}).get("content_warning", "")
        counted = length(warning) if "content_warning" in cls.options else 0
        return length(cls.compose(text, link)) + counted

    @classmethod
    def limits_for(cls, told: Mapping[str, Any] | None) -> Limits:
        """The limits of one account, where ``told`` (see Identity) differs from the platform's."""
        return cls.limits

    @classmethod
    def price(cls, text: str, link: str | None, pictures: int) -> Decimal:
        """What the platform charges for one such post, in US dollars."""
        return Decimal(0)

    @classmethod
    def missing_fields(cls, given: Mapping[str, str]) -> list[str]:
        """The names of the credential fields that are needed beside those ``given``."""
        return [f.name for f in cls.credential_fields if f.required and not given.get(f.name)]

    @classmethod
    def asked_to_connect(cls) -> list[CredentialField]:
        """The fields that ``ask`` and ``redeem`` need in ``Access.credentials``."""
        return list(cls.app_fields or (f for f in cls.credential_fields if f.asked and f.required))

    @classmethod
    def caution(cls, given: Mapping[str, str]) -> str | None:
        """What is odd, but allowed, about the fields ``given``: a sentence without their values."""
        return None

    @classmethod
    def ask(cls, access: Access, redirect: str, state: str, *, pasted: bool) -> Consent | None:
        """What a person must agree to; None where the credentials themselves were asked for.

        ``access`` holds the fields of ``asked_to_connect``. The browser is to come back to
        ``redirect`` with ``state``; where the answer is ``pasted``, a code may be shown instead.
        Raises what ``check`` raises, or InvalidInput for a field that cannot be.
        """
        return None

    @classmethod
    def redeem(
        cls, access: Access, consent: Consent | None, answer: Mapping[str, str]
    ) -> list[Grant]:
        """The accounts that the ``answer`` to ``consent`` opens, not checked yet.

        Raises what ``check`` raises; nothing is posted.
        """
        return [Grant(access.credentials)]

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
        """Hand over one picture or video with its description and return its id there.

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
        """Look for a post with exactly this content made at or after ``since`` (aware, UTC), under
        the post that ``payload.reply_to`` names, or under none.

        Posts whose ids are ``known`` belong to other deliveries and are passed over. Where the
        platform knows a post by ``payload.key``, the key decides, and ``since`` does not matter.

        None means that a complete look-up did not find it. A look-up that failed or could not
        reach back to ``since`` raises TemporarilyUnavailable, RateLimited or CredentialsRefused:
        it is not an absence.
        """

    @abstractmethod
    def exists(self, remote_id: str) -> bool:
        """Whether a post that went out is still there for its account.

        What fails raises as ``find`` does: it is no absence. Nor is it one where the account itself
        cannot be asked for.
        """

    @abstractmethod
    def retract(self, remote_id: str) -> None:
        """Delete a post; one that is already gone counts as deleted."""

    def their_time(self) -> datetime | None:
        """The platform's clock as its last answer gave it (aware, UTC, whole seconds).

        None where there was no answer, or it did not say.
        """
        return None
