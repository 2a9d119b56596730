"""What a post is made of on Bluesky: its key, its text's length, its pictures, its time."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from socialstrike.content import graphemes
from socialstrike.i18n import stored
from socialstrike.platforms.base import Media, Rejected
from socialstrike.platforms.bluesky_pictures import MOST_BYTES
from socialstrike.platforms.http import identifier

_MIME_TYPE = re.compile(r"image/[a-z0-9.+-]{1,50}")
_VIDEO_TYPE = re.compile(r"video/mp4")
#: What a video may weigh there, in bytes.
MOST_VIDEO = 100_000_000
#: Record keys begin with a time in microseconds. These two years have passed, so that no key lies
#: in the future, and their 2**46 microseconds leave room for what tells deliveries apart.
_FIRST_KEY_TIME = 1_672_531_200_000_000
_SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"


def text_length(text: str) -> int:
    """The length counted of 300: graphemes, or a tenth of the UTF-8 bytes where that is more.

    Bluesky allows 300 graphemes and 3,000 bytes, so a text is too long exactly when this is.
    """
    return max(graphemes(text), -(-len(text.encode("utf-8", "replace")) // 10))


def record_key(key: str) -> str:
    """The address of a delivery's post in its account: a TID that only ``key`` decides."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])
    tid = (_FIRST_KEY_TIME + (number >> 18)) << 10 | number & 0x3FF
    return "".join(_SORTABLE[tid >> shift & 31] for shift in range(60, -1, -5))


def entry(media_id: str) -> Any:
    """A picture's place in a post, as ``upload`` gave it. Raises Rejected where it is none."""
    try:
        return json.loads(media_id)
    except ValueError:
        raise Rejected(
            stored(
                "a picture of the post was never handed over to Bluesky; queue the post again"
                " with: socialstrike posts add"
            )
        ) from None


def blob_told(blob: Mapping[str, Any]) -> dict[str, Any]:
    """A picture as posts name it: what all blobs have, and nothing that a server may add.

    Raises TypeError where it is none.
    """
    return _blob(blob, _MIME_TYPE, MOST_BYTES)


def _blob(blob: Mapping[str, Any], kinds: re.Pattern[str], most: int) -> dict[str, Any]:
    kind, size = blob["mimeType"], blob["size"]
    if not isinstance(kind, str) or not kinds.fullmatch(kind):
        raise TypeError(stored("the picture has no type"))
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= most:
        raise TypeError(stored("the picture has no size"))
    ref = {"$link": identifier(blob["ref"]["$link"])}
    return {"$type": "blob", "ref": ref, "mimeType": kind, "size": size}


def video_entry(media: Media, blob: Mapping[str, Any]) -> dict[str, Any]:
    """A video's whole entry in a post. Raises TypeError where ``blob`` is no video's."""
    made: dict[str, Any] = {"video": _blob(blob, _VIDEO_TYPE, MOST_VIDEO)}
    if media.alt:
        made["alt"] = media.alt
    if media.measures:
        made["aspectRatio"] = dict(zip(("width", "height"), media.measures, strict=True))
    return made


def embed(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a post carries: its pictures, or its one video."""
    if "video" in entries[0]:
        return {"$type": "app.bsky.embed.video", **entries[0]}
    return {"$type": "app.bsky.embed.images", "images": list(entries)}


def iso(moment: datetime) -> str:
    """An aware moment as records have it: UTC, milliseconds, a Z at the end."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
