"""The contract between the house and a platform: data, the few obligatory methods, the errors.

An adapter turns one payload into one post, and every way that can go wrong into one of five
errors, which answer one question: may it be tried again?
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
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
class Identity:
    """Whose credentials these are, as the platform says.

    ``told`` are limits of this very account or its server, which ``Platform.limits_for`` reads.
    """

    remote_id: str
    name: str
    url: str | None = None
    expires_at: datetime | None = None
    told: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """What an adapter needs to act for one account. ``base_url`` replaces the platform's own host;
    with ``allow_local`` it may lead into a private network.

    ``renewed`` takes the credential fields that changed by themselves, such as a session, to be
    stored. Where nobody would store them, an adapter must not use up what can be used only once.
    ``repr`` never shows a credential.
    """

    account: str
    credentials: Mapping[str, str] = field(repr=False)
    base_url: str | None = None
    allow_local: bool = False
    renewed: Callable[[Mapping[str, str]], None] | None = field(default=None, repr=False)


class Platform(ABC):
    """One platform, acting for one account. Made per job; not shared between threads."""

    name: ClassVar[str]
    label: ClassVar[str]
    limits: ClassVar[Limits]
    credential_fields: ClassVar[Sequence[CredentialField]]
    budgets: ClassVar[Sequence[Budget]] = ()

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
