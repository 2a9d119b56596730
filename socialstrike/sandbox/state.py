"""What the sandbox remembers: accounts, posts, pictures and requests, in memory, for one run."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import secrets
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from socialstrike.sandbox.faults import Faults
from socialstrike.sandbox.mastodon_memory import MastodonMemory
from socialstrike.sandbox.videos import VideoMemory

#: What X allows one user in WINDOW on POST /2/tweets.
DEFAULT_LIMIT = 100
WINDOW = timedelta(minutes=15)
LABELS = {"x": "X", "facebook": "Facebook", "mastodon": "Mastodon", "bluesky": "Bluesky"}
REMEMBERED_REQUESTS = 20_000
_HANDLES = ".sandbox.test"


class InvalidRequestError(ValueError):
    """The control API cannot do what was asked; the message says why and what to do."""


@dataclass(slots=True)
class Media:
    """One picture as it was uploaded. ``attachable`` is False once it stands as a post itself."""

    id: str
    platform: str
    account: str
    mime_type: str
    content: bytes = field(repr=False)
    sha256: str
    alt: str = ""
    attachable: bool = True


@dataclass(slots=True)
class Post:
    """One post on a platform. ``at`` is when readers can see it (aware, UTC)."""

    id: str
    platform: str
    account: str
    text: str
    at: datetime
    link: str | None = None
    reply_to: str | None = None
    media: tuple[Media, ...] = ()
    scheduled: bool = False
    published: bool = True
    deleted: bool = False
    #: What its author asked for, in our words: visibility, content_warning, language.
    options: dict[str, str] = field(default_factory=dict)
    #: The post as its author wrote it, where that is a record of a form of its own.
    record: dict[str, Any] | None = field(default=None, repr=False)

    def content(self) -> tuple[object, ...]:
        """What two posts have in common when a platform calls one a duplicate of the other."""
        pictures = tuple(picture.sha256 for picture in self.media)
        return self.text, self.link, self.reply_to, pictures


@dataclass(slots=True)
class Account:
    """One identity on one platform. ``limit`` is posts per quarter of an hour, None for no limit.

    A ``provisional`` account was opened by a token alone and still waits for its page's id.
    """

    platform: str
    name: str
    id: str
    registered: bool
    limit: int | None
    credentials: dict[str, str] = field(default_factory=dict, repr=False)
    provisional: bool = False
    forgotten: bool = False
    posts: list[Post] = field(default_factory=list, repr=False)
    contents: dict[tuple[object, ...], Post] = field(default_factory=dict, repr=False)
    window_ends: datetime | None = None
    used: int = 0

    def count_post(self, now: datetime) -> tuple[int, datetime]:
        """Count one more request to post; return how many remain (-1: too many) and the reset."""
        if self.window_ends is None or now >= self.window_ends:
            self.window_ends, self.used = now + WINDOW, 0
        if self.limit is not None and self.used >= self.limit:
            return -1, self.window_ends
        self.used += 1
        remaining = DEFAULT_LIMIT if self.limit is None else self.limit - self.used
        return remaining, self.window_ends


@dataclass(frozen=True, slots=True)
class Served:
    """One request that was answered; status None means that the connection was cut instead."""

    method: str
    path: str
    account: str | None
    status: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Consented:
    """A person's yes: for which accounts, to what question, until when its code counts (UTC)."""

    accounts: tuple[str, ...]
    kept: dict[str, str] = field(repr=False)
    until: datetime


class Sandbox:
    """Everything the sandbox knows. Used by one event loop, so nothing is locked.

    ``latency_ms`` delays every answer; ``limit`` is the default of new accounts; in ``strict``
    mode only registered accounts are let in.
    """

    def __init__(
        self, *, strict: bool = False, latency_ms: float = 0, limit: int | None = DEFAULT_LIMIT
    ) -> None:
        self.strict = strict
        self.latency_ms = latency_ms
        self.limit = limit
        self.base_url = "http://127.0.0.1"
        self.faults = Faults()
        self.reset()

    def reset(self) -> None:
        """Forget everything but the options given at the start."""
        for account in getattr(self, "accounts", ()):
            account.forgotten = True
        self.offset = timedelta()
        self.accounts: list[Account] = []
        self.posts: dict[str, Post] = {}
        self.media: dict[str, Media] = {}
        self.requests: deque[Served] = deque(maxlen=REMEMBERED_REQUESTS)
        self.request_count = 0
        self.faults.reset()
        self.mastodon = MastodonMemory()
        self.videos = VideoMemory()
        self._contents: dict[str, bytes] = {}
        #: For how many seconds a token of OAuth 2.0 on X lasts.
        self.token_life: float = 7_200
        self.consented: dict[str, Consented] = {}
        self.request_tokens: dict[str, tuple[str, str]] = {}
        self.people: dict[str, tuple[str, ...]] = {}
        self.token_ends: dict[str, datetime] = {}
        self._tokens: dict[tuple[str, str, str], Account] = {}
        self._revoked: set[str] = set()
        self._ids: dict[tuple[str, str], Account] = {}
        self._serial = itertools.count(secrets.randbelow(10**6))

    def now(self) -> datetime:
        """The sandbox's own time (aware, UTC, in milliseconds): the machine's, plus an offset."""
        now = datetime.now(UTC) + self.offset
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def new_id(self, at: datetime | None = None) -> str:
        """A number that no other thing here has; later ones are greater. ``at`` is for one that
        will come later (aware).
        """
        milliseconds = int((at or self.now()).timestamp() * 1000)
        return str((milliseconds << 22) + next(self._serial))

    def register(self, platform: str, name: str, *, limit: int | None, oauth2: bool) -> Account:
        """Make an account with fresh random credentials.

        Raises InvalidRequestError for an unknown platform, or a name that is empty or taken.
        """
        if platform not in LABELS:
            known = " or ".join(LABELS)
            raise InvalidRequestError(f"the sandbox has no platform {platform!r}; use {known}")
        if not name.strip():
            raise InvalidRequestError("an account needs a name; give one in 'name'")
        if self.account_named(platform, name):
            raise InvalidRequestError(f"{platform} has an account {name!r}; use another name")
        account = self.open(platform, name=name, registered=True, limit=limit)
        credentials = _credentials(account, oauth2=oauth2)
        if platform == "mastodon":
            credentials = {"instance": self.base_url, "access_token": secrets.token_urlsafe(32)}
        self.set_credentials(account, credentials)
        return account

    def open(
        self,
        platform: str,
        *,
        id: str | None = None,
        name: str | None = None,
        registered: bool = False,
        limit: int | None = None,
    ) -> Account:
        """Make an account without credentials; an unregistered one has the default limit."""
        account = Account(
            platform=platform,
            name=name or self._free_name(platform),
            id=id or (_did() if platform == "bluesky" else self.new_id()),
            registered=registered,
            limit=limit if registered else self.limit,
        )
        self.accounts.append(account)
        self._ids[platform, account.id] = account
        return account

    def set_credentials(self, account: Account, credentials: dict[str, str]) -> None:
        """Replace the account's credentials; the old ones are refused from now on."""
        for kind, token in self._tokens_of(account):
            del self._tokens[account.platform, kind, token]
            self._revoked.add(token)
        account.credentials = credentials
        for kind, token in self._tokens_of(account):
            self._tokens[account.platform, kind, token] = account

    def is_revoked(self, token: str) -> bool:
        """Whether this token was replaced by another."""
        return token in self._revoked

    def set_id(self, account: Account, id: str) -> None:
        """Give a provisional account the id that its owner knows it by."""
        del self._ids[account.platform, account.id]
        account.id, account.provisional = id, False
        self._ids[account.platform, id] = account

    def admit(self, account: Account, token: str, kind: str = "access_token") -> None:
        """Let a further token act for an account: where nobody registered it, or in a session."""
        self._tokens[account.platform, kind, token] = account

    def expel(self, platform: str, kind: str, token: str) -> None:
        """Let a token count no longer."""
        del self._tokens[platform, kind, token]
        self._revoked.add(token)

    def account_by_token(
        self, platform: str, token: str, kind: str = "access_token"
    ) -> Account | None:
        """Whose token this is; the other ``kind`` is ``refresh_token``."""
        return self._tokens.get((platform, kind, token))

    def account_by_id(self, platform: str, id: str) -> Account | None:
        """The account that the platform knows by this id."""
        return self._ids.get((platform, id))

    def account_named(self, platform: str, name: str) -> Account | None:
        """The account that people know by this name."""
        return next((a for a in self.accounts if (a.platform, a.name) == (platform, name)), None)

    def add_media(
        self,
        account: Account,
        content: bytes,
        mime_type: str,
        alt: str = "",
        *,
        id: str | None = None,
    ) -> Media:
        """Keep one picture or video; the same content is in memory once."""
        digest = hashlib.sha256(content).hexdigest()
        content = self._contents.setdefault(digest, content)
        number = id or self.new_id()
        media = Media(number, account.platform, account.name, mime_type, content, digest, alt)
        self.media[media.id] = media
        return media

    def add_post(self, account: Account, post: Post, *, key: str | None = None) -> None:
        """Keep one post; one that comes late, for an account of before a reset, is forgotten.

        ``key`` is given where the post's id is its own only within its account.
        """
        if account.forgotten:
            return
        self.posts[key or post.id] = post
        account.posts.append(post)
        account.contents[post.content()] = post

    def post_called(self, number: str) -> Post | None:
        """The newest post with this id, deleted or not."""
        return next((p for p in reversed(self.posts.values()) if p.id == number), None)

    def same_content(self, account: Account, post: Post) -> Post | None:
        """The account's post that this one would repeat; a deleted one does not count."""
        same = account.contents.get(post.content())
        return None if same is None or same.deleted else same

    def visible(self, *, deleted: bool = False) -> Iterator[Post]:
        """The posts that readers can see now, oldest first; the deleted ones too when asked."""
        now = self.now()
        seen = (p for p in self.posts.values() if p.published and p.at <= now)
        yield from sorted((p for p in seen if deleted or not p.deleted), key=lambda p: p.at)

    def _free_name(self, platform: str) -> str:
        taken = {account.name for account in self.accounts}
        return next(n for i in itertools.count(1) if (n := f"{platform}-{i}") not in taken)

    @staticmethod
    def _tokens_of(account: Account) -> list[tuple[str, str]]:
        kinds = ("access_token", "refresh_token")
        return [(k, account.credentials[k]) for k in kinds if k in account.credentials]


def handle_of(name: str) -> str:
    """The name that an account has on Bluesky, from its name here."""
    plain = re.sub("[^a-z0-9]+", "-", name.removesuffix(_HANDLES).lower()).strip("-")
    return f"{plain or 'account'}{_HANDLES}"


def _did() -> str:
    return f"did:plc:{base64.b32encode(secrets.token_bytes(15)).decode().lower()}"


def _credentials(account: Account, *, oauth2: bool) -> dict[str, str]:
    """Random credentials in the shape of the credential files."""
    if account.platform == "bluesky":
        parts = (secrets.token_hex(2) for _ in range(4))
        return {"handle": handle_of(account.name), "app_password": "-".join(parts)}
    if account.platform == "facebook":
        return {"page_id": account.id, "access_token": f"EAA{secrets.token_urlsafe(60)}"}
    if oauth2:
        return {
            "client_id": secrets.token_urlsafe(25),
            "access_token": secrets.token_urlsafe(60),
            "refresh_token": secrets.token_urlsafe(60),
        }
    return {
        "consumer_key": secrets.token_urlsafe(18),
        "consumer_secret": secrets.token_urlsafe(36),
        "access_token": f"{account.id}-{secrets.token_hex(20)}",
        "access_token_secret": secrets.token_urlsafe(33),
    }
