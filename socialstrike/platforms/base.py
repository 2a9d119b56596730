"""The contract between the house and a platform: data, the few obligatory methods, the errors.

An adapter turns one payload into one post, and every way that can go wrong into one of five
errors, which answer one question: may it be tried again?
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal

from socialstrike.exceptions import SocialstrikeError


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
    """One thing to ask for when an account is added; ``secret`` ones are never shown.

    One that is not ``asked`` for is kept by the adapter itself, through ``Access.renewed``.
    """

    name: str
    label: str
    secret: bool = True
    required: bool = True
    asked: bool = True


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
class Budget:
    """How many posts a platform takes within any ``window``: of one account, or of one application
    over all its accounts.
    """

    posts: int
    window: timedelta
    per: Literal["account", "app"] = "account"


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
class Remaining:
    """What is left of the calls a platform allows: ``left`` of ``of``, anew at ``until``.

    Aware, UTC; None where the platform does not say when.
    """

    left: int
    of: int
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose credentials these are, as the platform says.

    ``told`` are limits of this very account or its server, which ``Platform.limits_for`` reads.
    ``expires_at`` is when the account stops working until a person connects it again. ``scopes``
    are what the credentials allow, None where the platform does not say; ``missing`` what posting
    needs beside them.
    """

    remote_id: str
    name: str
    url: str | None = None
    expires_at: datetime | None = None
    told: Mapping[str, Any] | None = None
    scopes: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()
    remaining: Remaining | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person is asked in a browser, at ``url``, which holds no secret.

    The answer comes back with ``state``; None where the platform shows a code to be typed.
    ``kept`` is what ``Platform.redeem`` needs again; ``repr`` never shows it.
    """

    url: str
    state: str | None = None
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """One account that a person let us act for; ``repr`` shows no credential.

    ``id`` and ``name`` tell it from others that the same consent opened; empty where it is alone.
    """

    credentials: Mapping[str, str] = field(repr=False)
    id: str = ""
    name: str = ""


class Swap(dict[str, str]):
    """Credential fields to be stored only where those ``given`` are still what is stored.

    An empty value stands for a field that is not there. Storing raises TemporarilyUnavailable
    where another process was faster. One without fields stores nothing: ``held`` says afterwards
    whether those ``given`` are what is stored, durably.
    """

    held = False

    def __init__(self, fields: Mapping[str, str], *, given: Mapping[str, str]) -> None:
        super().__init__(fields)
        self.given = dict(given)

    def __repr__(self) -> str:
        return f"Swap({', '.join(sorted(self))})"


@dataclass(frozen=True, slots=True)
class Access:
    """What an adapter needs to act for one account. ``base_url`` replaces the platform's own host;
    with ``allow_local`` it may lead into a private network.

    ``renewed`` takes the credential fields that changed by themselves, such as a session, to be
    stored. Where nobody would store them, an adapter must not use up what can be used only once.
    Given a ``Swap``, it raises TemporarilyUnavailable where another process was faster.
    ``repr`` never shows a credential.
    """

    account: str
    credentials: Mapping[str, str] = field(repr=False)
    base_url: str | None = None
    allow_local: bool = False
    renewed: Callable[[Mapping[str, str]], None] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HandOff:
    """What a platform's own scheduler takes: how long ahead of its time a post may be given to it,
    and how many it holds of one account at most, of one day (UTC) and in all; None for no limit.
    """

    earliest: timedelta
    latest: timedelta | None = None
    per_day: int | None = None
    in_all: int | None = None


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A copy that waits in the platform's own scheduler: its id there, its time (aware, UTC)."""

    remote_id: str
    at: datetime


class Platform(ABC):
    """One platform, acting for one account. Made per job; not shared between threads."""

    name: ClassVar[str]
    label: ClassVar[str]
    limits: ClassVar[Limits]
    credential_fields: ClassVar[Sequence[CredentialField]]
    budgets: ClassVar[Sequence[Budget]] = ()
    #: What is asked for to connect an account, where that is not the credentials themselves.
    app_fields: ClassVar[Sequence[CredentialField]] = ()
    #: How a browser on this machine reaches the listener, where it comes back to.
    redirect_host: ClassVar[str] = "127.0.0.1"
    #: What its own scheduler takes; None where it has none for us (else it is an OwnScheduler).
    hand_off: ClassVar[HandOff | None] = None

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

        Posts whose ids are ``known`` belong to other deliveries and are passed over. Where the
        platform knows a post by ``payload.key``, the key decides, and ``since`` does not matter.

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


class OwnScheduler(Platform):
    """A platform that publishes by itself what it was given ahead of time."""

    hand_off: ClassVar[HandOff | None]

    @abstractmethod
    def hand_over(
        self, payload: Payload, media_ids: Sequence[str], at: datetime
    ) -> Scheduled | Publication:
        """Give the post to the platform's scheduler once, to be published ``at`` (aware, UTC).

        A Publication says that the platform published it at once instead. Raises one of the five
        errors; anything not surely absent is OutcomeUnknown.
        """

    @abstractmethod
    def handed(self, scheduled_id: str) -> Scheduled | Publication | None:
        """What became of a copy; None where there is none of that id any more.

        Where a published post has another id than its copy had, that is no proof that it was not
        published: ask ``find_published``. What fails raises as ``find`` does.
        """

    @abstractmethod
    def find_scheduled(
        self, payload: Payload, at: datetime, known: Collection[str] = ()
    ) -> Scheduled | None:
        """Look for a waiting copy with this content and time; see ``find``.

        Copies whose ids are ``known`` belong to other deliveries.
        """

    @abstractmethod
    def find_published(
        self,
        payload: Payload,
        since: datetime,
        until: datetime | None,
        known: Collection[str] = (),
    ) -> Publication | None:
        """Look for the first post with this content at or after ``since`` and before ``until``.

        Both are times by the platform's own clock (aware, UTC); see ``find``.
        """

    @abstractmethod
    def take_back(self, scheduled_id: str) -> bool:
        """Delete a waiting copy. True: this did it. False: none waits under that id any more, be
        it published or deleted before; nothing was done.

        A lost answer is TemporarilyUnavailable: the same again does no harm.
        """


def first_before(until: datetime | None, posts: Iterable[Publication]) -> Publication | None:
    """The oldest of ``posts``, newest first, that was made before ``until``."""
    found = [post for post in posts if post.at and (until is None or post.at < until)]
    return found[-1] if found else None
