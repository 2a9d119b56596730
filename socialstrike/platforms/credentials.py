"""An account on its platform: the credentials that lend its voice, and how a person grants them.

Data alone, without what reads or stores it. ``repr`` never shows a credential.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


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
