"""What a Mastodon instance remembers beside accounts, posts and pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class App:
    """A program that was registered, so that people can let it act for them."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]
    scopes: str


@dataclass(frozen=True, slots=True)
class Grant:
    """One person's yes to one app, to be exchanged for a token once. Times are aware, UTC."""

    client_id: str
    account_id: str
    redirect_uri: str
    scope: str
    until: datetime


@dataclass(slots=True)
class MastodonMemory:
    """``keys``: (account's id, Idempotency-Key) → the post's id and until when it is remembered.

    ``scheduled``: the id of what waits for its time → its post's.
    ``processing``: picture's id → how many more times it is not ready when asked for.
    """

    keys: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict)
    scheduled: dict[str, str] = field(default_factory=dict)
    processing: dict[str, int] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    visibility: dict[str, str] = field(default_factory=dict)
    language: dict[str, str] = field(default_factory=dict)
