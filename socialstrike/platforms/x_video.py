"""A video on X: announced, sent in pieces, closed, and worked on until X has done with it.

The four calls of API v2. tweepy knows those of v1.1 alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from socialstrike.platforms import video
from socialstrike.platforms.base import Limits, Media
from socialstrike.platforms.http import identifier

_UPLOAD = "/2/media/upload"
#: X takes 5 MB at a time, and what stands around them.
_PIECE = 4_000_000


class Call(Protocol):
    """One call over the account's session, with its authorisation; an empty answer is ``{}``."""

    def __call__(self, method: str, path: str, /, **content: Any) -> Any:
        """Raises what the session raises, and for an answer that is no success."""


def hand_over(call: Call, media: Media, limits: Limits, account: str) -> str:
    """The id of the video there, once X has done with it.

    Raises Rejected where X cannot use it, TemporarilyUnavailable where that takes too long.
    """
    begun = {
        "media_type": media.mime_type,
        "media_category": "tweet_video",
        "total_bytes": video.measure(media, limits),
    }
    media_id = identifier(call("POST", f"{_UPLOAD}/initialize", json=begun)["data"]["id"])
    for number, piece in enumerate(video.chunks(media, limits, _PIECE)):
        call(
            "POST",
            f"{_UPLOAD}/{media_id}/append",
            data={"segment_index": str(number)},
            files={"media": (video.NAME, piece, "application/octet-stream")},
        )
    answers = [call("POST", f"{_UPLOAD}/{media_id}/finalize")]

    def ask() -> float | None:
        answer = answers.pop() if answers else _status(call, media_id)
        return _left(answer["data"].get("processing_info"), account)

    video.wait(ask, "X", account)
    return media_id


def _status(call: Call, media_id: str) -> Any:
    return call("GET", _UPLOAD, params={"command": "STATUS", "media_id": media_id})


def _left(told: Mapping[str, Any] | None, account: str) -> float | None:
    """For how long X wants to be left alone with it; None where it has done."""
    state = told["state"] if told is not None else "succeeded"
    if told is None or state == "succeeded":
        return None
    if state == "failed":
        error = told.get("error")
        error = error if isinstance(error, dict) else {}
        words = error.get("message") or error.get("detail") or error.get("name")
        raise video.unfit("X", account, words if isinstance(words, str) else "")
    if state not in {"pending", "in_progress"}:
        raise TypeError("the state is none")
    after = told.get("check_after_secs")
    return float(after) if isinstance(after, int | float) else 1.0
