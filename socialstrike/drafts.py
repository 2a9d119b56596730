"""What a post file or a command says, checked and resolved, and not stored yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from socialstrike.exceptions import Problem


@dataclass(frozen=True, slots=True)
class CampaignSpec:
    """One strike as a file says it. ``timezone`` is an IANA name, ``hashtag`` begins with #.

    ``occupation_lateness`` None means: until the next occurrence, or 30 minutes.
    """

    name: str
    day: date
    timezone: str
    hashtag: str | None = None
    mention: str | None = None
    link: str | None = None
    window_hours: int = 24
    announcement_lateness: timedelta = timedelta(hours=1)
    occupation_lateness: timedelta | None = None


@dataclass(frozen=True, slots=True)
class DraftMedia:
    """One picture: an absolute path, its description, and what is published of it.

    ``sha256`` and ``size`` (bytes) are those of the cleaned picture; ``original`` is the SHA-256
    of the file as it lies there, None where that is the same.
    """

    path: Path
    alt: str
    mime_type: str
    sha256: str
    size: int
    original: str | None = None


@dataclass(frozen=True, slots=True)
class DraftDelivery:
    """One post to one account at one time.

    ``text`` is final but for the link; ``local_time`` is ISO 8601 without an offset, in
    ``timezone``; ``due_at`` and ``late_after`` are aware, in UTC.
    """

    account: str
    platform: str
    occurrence: int
    text: str
    due_at: datetime
    local_time: str
    timezone: str
    late_after: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """A post as read: ``where`` and ``line`` (1-based, None for a command) say from what.

    ``local_times`` are the times its schedule resolves to, whatever the accounts.
    """

    kind: str
    texts: tuple[str, ...]
    link: str | None
    media: tuple[DraftMedia, ...]
    where: str
    line: int | None
    deliveries: tuple[DraftDelivery, ...]
    campaign: str | None = None
    day: date | None = None
    local_times: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What makes it the same post wherever it is read again: a SHA-256, in hex.

        The accounts and their variants are left out: an account added to a post already queued
        adds its deliveries and leaves the others alone. A picture counts as the file it is made
        from, so that a better cleaning makes no new post.
        """
        said = {
            "campaign": self.campaign,
            "day": self.day.isoformat() if self.day else None,
            "kind": self.kind,
            "texts": self.texts,
            "link": self.link,
            "media": [[p.original or p.sha256, p.alt] for p in self.media],
            "times": self.local_times,
        }
        canonical = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PostFile:
    """One file, read: its campaign, its posts, what is odd but allowed, and its accounts.

    ``accounts`` maps each account the posts address to its platform.
    """

    campaign: CampaignSpec | None
    drafts: tuple[Draft, ...]
    warnings: tuple[Problem, ...]
    accounts: Mapping[str, str]
