"""Videos on a Facebook page: announced, taken in pieces, and published when they are closed."""

from __future__ import annotations

from starlette.responses import Response

from socialstrike.sandbox import videos
from socialstrike.sandbox.calls import Call
from socialstrike.sandbox.facebook_answers import answer, bad_parameter, refuse
from socialstrike.sandbox.facebook_tokens import PLATFORM, authenticate_for, parameter
from socialstrike.sandbox.state import Account, Post, Sandbox
from socialstrike.sandbox.videos import Upload

_MOST = 10_000_000_000
#: How much is asked for at once. The real one asks for a few megabytes; so little, that a small
#: film of a test comes in several pieces.
_PIECE = 4_000


async def change(call: Call) -> Response:
    """One of the three steps, as ``upload_phase`` says."""
    account = authenticate_for(call, call.request.path_params["id"])
    steps = {"start": _start, "transfer": _transfer, "finish": _finish}
    step = steps.get(parameter(call, "upload_phase") or "")
    if step is None:
        bad_parameter("(#100) The sandbox takes videos in pieces: give upload_phase.")
    return await step(call, account)


def owner(sandbox: Sandbox, number: str) -> Account | None:
    """Whose page a published video stands on; None where the number is no video's."""
    post = sandbox.posts.get(number)
    found = post is not None and post.platform == PLATFORM and "_" not in number
    return sandbox.account_named(PLATFORM, post.account) if post and found else None


async def _start(call: Call, account: Account) -> Response:
    size = parameter(call, "file_size") or ""
    if not size.isdecimal() or not 0 < int(size[:12]) <= _MOST:
        bad_parameter("(#100) Param file_size must be a number.")

    def act() -> Response:
        number = call.sandbox.new_id()
        call.sandbox.videos.uploads[number] = Upload(account.name, int(size))
        told = {"upload_session_id": f"9{number}", "video_id": number}
        return answer(call, {**told, **_wanted(call.sandbox.videos.uploads[number])})

    return await call.perform(account, "upload", act)


async def _transfer(call: Call, account: Account) -> Response:
    _, upload = _session(call, account)
    piece, start = call.files.get("video_file_chunk"), parameter(call, "start_offset")
    expected = _wanted(upload)
    asked_for = int(expected["end_offset"]) - int(expected["start_offset"])
    if piece is None or start != expected["start_offset"] or len(piece) != asked_for:
        refuse(400, "(#6000) There was a problem uploading your video file.", 6000, subcode=1363037)

    def act() -> Response:
        known = call.sandbox.videos
        if known.fails(known.plans.pop(account.id, None)):
            text = "(#6000) The video file you tried to upload has a format that is not supported."
            refuse(400, text, 6000, subcode=1363024)
        upload.pieces[len(upload.pieces)] = piece
        return answer(call, _wanted(upload))

    return await call.perform(account, "upload", act)


async def _finish(call: Call, account: Account) -> Response:
    number, upload = _session(call, account)
    text = parameter(call, "description") or ""

    def act() -> Response:
        content = b"".join(upload.pieces[index] for index in sorted(upload.pieces))
        if len(content) != upload.size or not videos.is_video(content):
            refuse(400, "(#6000) There was a problem uploading your video file.", 6000)
        media = call.sandbox.add_media(account, content, videos.TYPE)
        media.attachable = False
        post = Post(number, PLATFORM, account.name, text, call.sandbox.now(), media=(media,))
        call.sandbox.add_post(account, post)
        del call.sandbox.videos.uploads[number]
        return answer(call, {"success": True, "post_id": number})

    return await call.perform(account, "publish", act, text=text)


def _session(call: Call, account: Account) -> tuple[str, Upload]:
    session = parameter(call, "upload_session_id") or ""
    upload = call.sandbox.videos.uploads.get(session[1:])
    if not session.startswith("9") or upload is None or upload.account != account.name:
        bad_parameter("(#100) The upload session is not valid.")
    return session[1:], upload


def _wanted(upload: Upload) -> dict[str, str]:
    start = sum(map(len, upload.pieces.values()))
    end = min(start + _PIECE * (1 + upload.size // 1_000_000), upload.size)
    return {"start_offset": str(start), "end_offset": str(end)}
