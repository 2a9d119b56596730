"""A video on a Facebook page: announced, sent in pieces, and published by a short call of its own.

So the long part is an upload, which may be repeated, and what may end in doubt is as short as any
post. The library knows none of this: the calls go over the account's session.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from socialstrike.i18n import stored
from socialstrike.platforms import video
from socialstrike.platforms.base import Limits, Media, Rejected
from socialstrike.platforms.http import identifier

if TYPE_CHECKING:
    from requests import Session

#: Where videos go; all else goes to the graph.
HOST = "https://graph-video.facebook.com"
#: However much Facebook asks for at once, in bytes.
_MOST = 20_000_000
#: Pieces of one video at most: a server that asks for ever is not obeyed.
_PIECES = 2_000


class Videos:
    """A page's videos, over its account's ``session``; ``page`` is its address in the graph."""

    def __init__(self, session: Session, page: str) -> None:
        self._session, self._url = session, f"{HOST}/{page}/videos"

    def hand_over(self, media: Media, limits: Limits) -> str:
        """Send the video, unpublished, and return what ``publish`` needs of it.

        Raises Rejected where the file cannot be read, TypeError for an answer without sense.
        """
        size = video.measure(media, limits)
        begun = self._call({"upload_phase": "start", "file_size": str(size)})
        session = identifier(begun["upload_session_id"])
        video_id = identifier(begun["video_id"])
        start, end = _range(begun, size)
        with media.path.open("rb") as file:
            for _ in range(_PIECES):
                if start == end:
                    return json.dumps({"video": video_id, "session": session})
                file.seek(start)
                piece = file.read(end - start)
                fields = {
                    "upload_phase": "transfer",
                    "upload_session_id": session,
                    "start_offset": str(start),
                }
                start, end = _range(self._call(fields, piece), size)
        raise TypeError(stored("the upload has no end"))

    def publish(self, media_id: str, text: str) -> str:
        """Publish the video with ``text`` beside it, once; its id, which is the post's."""
        try:
            handed = json.loads(media_id)
            video_id, session = handed["video"], handed["session"]
        except (ValueError, KeyError, TypeError):
            raise Rejected(
                stored(
                    "the video of the post was never handed over to Facebook; queue the post"
                    " again with: socialstrike posts add"
                )
            ) from None
        fields = {"upload_phase": "finish", "upload_session_id": session, "description": text}
        if self._call(fields)["success"] is not True:
            raise TypeError(stored("the answer is no success"))
        return identifier(video_id)

    def _call(self, fields: dict[str, str], piece: bytes | None = None) -> dict[str, Any]:
        """One call to the page's videos. Raises TypeError where the answer is no success."""
        files = None
        if piece is not None:
            files = {"video_file_chunk": (video.NAME, piece, "application/octet-stream")}
        answer = self._session.post(self._url, data=fields, files=files)
        told = answer.json() if 200 <= answer.status_code < 300 else None
        if not isinstance(told, dict) or "error" in told:
            raise TypeError(stored("the answer is no success"))
        return told


def _range(told: Mapping[str, Any], size: int) -> tuple[int, int]:
    """Which bytes Facebook wants next; from and to the same place where it has them all."""
    start, end = (int(told[name]) for name in ("start_offset", "end_offset"))
    if not 0 <= start <= end <= size or (start == end != size):
        raise TypeError(stored("the piece asked for is none"))
    return start, min(end, start + _MOST)
