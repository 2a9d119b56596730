"""One instance of Mastodon: what may be chosen for an account there, and the limits it tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import stored
from socialstrike.platforms.addresses import checked_instance
from socialstrike.platforms.base import Limits
from socialstrike.platforms.mastodon_text import URL_LENGTH, at_most, length

#: What an instance has unless it says otherwise.
USUAL = Limits(
    text=500,
    length=length,
    at_most=at_most,
    media=4,
    media_bytes=16 * 1024 * 1024,
    media_types=frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"}),
    alt=1_500,
    # Instances of older versions take no more; newer ones say that they take 99 MiB.
    video_bytes=40_000_000,
)
#: However much an instance says that it takes, in bytes: as much as is kept here.
MOST_VIDEO = 100_000_000
#: Characters; it counts with every text of the account.
_LONGEST_WARNING = 100
_VISIBILITIES = ("public", "unlisted", "private")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,8})?")


def checked(given: Mapping[str, str], *, allow_local: bool) -> str:
    """The address of the instance, once all that is not secret is right. Raises InvalidInput."""
    visibility, language = given.get("visibility"), given.get("language")
    if len(given.get("content_warning") or "") > _LONGEST_WARNING:
        raise InvalidInput(
            stored(
                "the content warning must be {longest_warning} characters at most",
                longest_warning=_LONGEST_WARNING,
            )
        )
    if visibility and visibility not in _VISIBILITIES:
        raise InvalidInput(
            stored(
                "the visibility must be one of {visibilities}",
                visibilities=", ".join(_VISIBILITIES),
            )
        )
    if language and not _LANGUAGE.fullmatch(language):
        raise InvalidInput(
            stored("the language must be a code of two or three letters, such as fr")
        )
    return checked_instance(given.get("instance") or "instance.invalid", allow_local=allow_local)


def _number(value: object, least: int, most: int, usual: int) -> int:
    """``value`` if it is a number, held between two bounds; else ``usual``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        return usual
    return min(value, most)


def limits_of(told: Mapping[str, Any] | None) -> Limits:
    """The limits of an instance, where it told them and they are within reason."""
    told, usual = told or {}, USUAL
    types = told.get("media_types")
    taken = usual.media_types
    if isinstance(types, list | tuple | set | frozenset):
        taken &= {kind for kind in types if isinstance(kind, str)}
    url_length = _number(told.get("url_length"), 1, 500, URL_LENGTH)
    return replace(
        usual,
        text=_number(told.get("text"), 1, 100_000, usual.text),
        length=length if url_length == URL_LENGTH else partial(length, url_length=url_length),
        at_most=at_most if url_length == URL_LENGTH else partial(at_most, url_length=url_length),
        media=_number(told.get("media"), 0, 40, usual.media),
        media_bytes=_number(told.get("media_bytes"), 1, usual.media_bytes, usual.media_bytes),
        media_types=taken,
        alt=_number(told.get("alt"), 1, 10_000, usual.alt),
        video_bytes=_number(told.get("video_bytes"), 0, MOST_VIDEO, usual.video_bytes or 0) or None,
    )


def told_by(instance: Mapping[str, Any]) -> dict[str, Any]:
    """What an instance of either version says about itself, in our words; unread where absent."""

    def part(name: str) -> Mapping[str, Any]:
        configuration = instance.get("configuration")
        found = configuration.get(name) if isinstance(configuration, dict) else None
        return found if isinstance(found, dict) else {}

    statuses, media = part("statuses"), part("media_attachments")
    told = {
        # Pleroma and its like say the length here.
        "text": statuses.get("max_characters", instance.get("max_toot_chars")),
        "media": statuses.get("max_media_attachments"),
        "media_bytes": media.get("image_size_limit"),
        "video_bytes": media.get("video_size_limit"),
        "alt": media.get("description_limit"),
        "url_length": statuses.get("characters_reserved_per_url"),
    }
    kept: dict[str, Any] = {n: v for n, v in told.items() if isinstance(v, int)}
    types = media.get("supported_mime_types")
    if isinstance(types, list):
        ours = USUAL.media_types
        kept["media_types"] = sorted({t for t in types if isinstance(t, str)} & ours)
        if "video/mp4" not in types:
            kept["video_bytes"] = 0
    return kept
