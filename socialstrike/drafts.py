"""What a post file or a command says, checked and resolved, and not stored yet."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from socialstrike.exceptions import Problem

#: Sorted names, no spaces, UTF-8 as it is: what the json module writes, in a quarter of its time.
_canonical = msgspec.json.Encoder(order="sorted").encode


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
    """One picture or video: an absolute path, its description, and what is published of it.

    ``sha256`` and ``size`` (bytes) are those of the cleaned picture; ``original`` is the SHA-256
    of the file as it lies there, None where that is the same. A video alone has ``seconds`` and
    ``measures``, its width and height in pixels.
    """

    path: Path
    alt: str
    mime_type: str
    sha256: str
    size: int
    original: str | None = None
    seconds: float | None = None
    measures: tuple[int, int] | None = None

    @property
    def is_video(self) -> bool:
        """Whether it is a video, which stands alone in its post."""
        return self.mime_type.startswith("video/")


class DraftDelivery(Struct, frozen=True, array_like=True):
    """One post to one account at one time.

    ``text`` is final but for the link; ``local_time`` is ISO 8601 without an offset, in
    ``timezone``; ``due_at`` and ``late_after`` are aware, in UTC. ``part`` of ``parts`` is its
    place in a thread.
    """

    account: str
    platform: str
    occurrence: int
    text: str
    due_at: datetime
    local_time: str
    timezone: str
    late_after: datetime
    part: int = 1
    parts: int = 1


class Draft(Struct, frozen=True, array_like=True):
    """A post as read: ``where`` and ``line`` (1-based, None for a command) say from what.

    ``local_times`` are the times its schedule resolves to, whatever the accounts. ``options`` is
    what it asks for (see platforms.base.Payload), None for nothing.

    Each part of a thread is a post of its own. ``texts`` are those of the whole thread, and
    ``after`` is the key of the part before; the first part has with ``later`` the pictures of the
    parts after it.

    Of an occupation that carries links, each time is a post of its own: ``fed`` is the key of the
    whole, and which time it is.
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
    options: Mapping[str, str] | None = None
    after: str | None = None
    later: tuple[tuple[DraftMedia, ...], ...] = ()
    fed: tuple[str, int] | None = None

    @property
    def key(self) -> str:
        """What makes it the same post wherever it is read again: a SHA-256, in hex.

        The accounts and their variants are left out: an account added to a post already queued
        adds its deliveries and leaves the others alone. A picture counts as the file it is made
        from, so that a better cleaning makes no new post.
        """
        if self.fed is not None:
            return slot_key(*self.fed)
        said: dict[str, object] = {
            "campaign": self.campaign,
            "day": self.day.isoformat() if self.day else None,
            "kind": self.kind,
            "texts": self.texts,
            "link": self.link,
            "media": _named(self.media),
            "times": self.local_times,
        }
        # Only where there are any, so that every other post stays what it was.
        if self.later:
            said["later"] = [_named(media) for media in self.later]
        if self.after is not None:
            said["after"] = self.after
        if self.options:
            said["options"] = dict(self.options)
        return hashlib.sha256(_canonical(said)).hexdigest()


def _named(media: tuple[DraftMedia, ...]) -> list[list[str]]:
    return [[picture.original or picture.sha256, picture.alt] for picture in media]


def slot_key(series: str, number: int) -> str:
    """The key of one time of an occupation that carries links, whatever link it carries."""
    return hashlib.sha256(f"{series}:{number}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PostFile:
    """One file, read: its campaign, its posts, what is odd but allowed, and its accounts.

    ``accounts`` maps each account the posts address to its platform. The drafts may be made anew
    each time they are asked for.
    """

    campaign: CampaignSpec | None
    drafts: Sequence[Draft]
    warnings: tuple[Problem, ...]
    accounts: Mapping[str, str]
