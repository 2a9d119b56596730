"""Videos on X: initialize, append, finalize, and asking how far the work on one is."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from socialstrike.sandbox import videos
from socialstrike.sandbox.calls import Call
from socialstrike.sandbox.state import Account
from socialstrike.sandbox.videos import Upload
from socialstrike.sandbox.x_answers import answer, invalid
from socialstrike.sandbox.x_tokens import authenticate

_MOST, _MOST_PIECE, _MOST_PIECES = 512 * 1024 * 1024, 5 * 1024 * 1024, 1_000


async def initialize(call: Call) -> Response:
    """Announce a video."""
    account = authenticate(call)
    wanted = call.fields
    if wanted.get("media_type") != videos.TYPE or wanted.get("media_category") != "tweet_video":
        invalid("media_type", "", "The sandbox takes video/mp4 as tweet_video in pieces")
    size = wanted.get("total_bytes")
    if not isinstance(size, int) or not 0 < size <= _MOST:
        invalid("total_bytes", size, "$.total_bytes: is no number up to 512 MB")

    def act() -> Response:
        number = call.sandbox.new_id()
        call.sandbox.videos.uploads[number] = Upload(account.name, size)
        return answer({"data": _told(number)})

    return await call.perform(account, "upload", act)


async def append(call: Call) -> Response:
    """Take one piece."""
    account = authenticate(call)
    upload = _mine(call, account)
    piece, index = call.files.get("media"), call.fields.get("segment_index")
    if piece is None or len(piece) > _MOST_PIECE:
        invalid("media", "", "A piece must be given, of 5 MB at most")
    if not isinstance(index, str) or not index.isdecimal() or int(index[:5]) >= _MOST_PIECES:
        invalid("segment_index", index, "segment_index must be a number from 0 to 999")

    def act() -> Response:
        upload.pieces[int(index)] = piece
        return Response(status_code=204)

    return await call.perform(account, "upload", act)


async def finalize(call: Call) -> Response:
    """Close an upload; from then on it is worked on."""
    account = authenticate(call)
    upload = _mine(call, account)
    pieces = [upload.pieces[index] for index in sorted(upload.pieces)]
    content = b"".join(pieces)
    whole = sorted(upload.pieces) == list(range(len(pieces))) and len(content) == upload.size
    if not whole or not videos.is_video(content):
        invalid("id", "", "The pieces do not make the video that was announced")

    def act() -> Response:
        number = call.request.path_params["id"]
        call.sandbox.add_media(account, content, videos.TYPE, id=number)
        call.sandbox.videos.begin(account.id, number, call.sandbox.now())
        del call.sandbox.videos.uploads[number]
        return answer({"data": {**_told(number), **_progress(call, number)}})

    return await call.perform(account, "upload", act)


async def status(call: Call) -> Response:
    """How far the work on a video is."""
    account = authenticate(call)
    query = call.request.query_params
    media = call.sandbox.media.get(query.get("media_id", ""))
    if query.get("command") != "STATUS" or media is None or media.account != account.name:
        invalid("media_id", query.get("media_id"), "The media id is not valid")

    def act() -> Response:
        return answer({"data": {**_told(media.id), **_progress(call, media.id)}})

    return await call.perform(account, "upload", act)


def _mine(call: Call, account: Account) -> Upload:
    upload = call.sandbox.videos.uploads.get(call.request.path_params["id"])
    if upload is None or upload.account != account.name:
        invalid("id", "", "The media id is not valid")
    return upload


def _told(number: str) -> dict[str, Any]:
    return {"id": number, "media_key": f"13_{number}", "expires_after_secs": 86_400}


def _progress(call: Call, number: str) -> dict[str, Any]:
    state = call.sandbox.videos.state(number, call.sandbox.now())
    info: dict[str, Any] = {"state": state}
    if state == "in_progress":
        info |= {"check_after_secs": 0, "progress_percent": 50}
    if state == "failed":
        info["error"] = {"code": 1, "name": "InvalidMedia", "message": "Unsupported video format"}
    return {"processing_info": info}
