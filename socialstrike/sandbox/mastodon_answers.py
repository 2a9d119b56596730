"""What Mastodon answers: JSON with the state of the rate limit, and its errors in one shape."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, NoReturn

from starlette.responses import Response

from socialstrike.sandbox import videos
from socialstrike.sandbox.calls import Refused
from socialstrike.sandbox.faults import Fault
from socialstrike.sandbox.state import Media, Sandbox

_TYPE = "application/json; charset=utf-8"
_LIMIT, _WINDOW = 300, timedelta(minutes=5)
#: Fault → HTTP status and words.
_REFUSALS = {
    "unauthorized": (401, "The access token is invalid"),
    "expired": (401, "The access token expired"),
    "forbidden": (403, "Your login is currently disabled"),
    # What is said while the first request with the same key is still at work.
    "duplicate": (503, "There was a temporary problem serving your request, please try again"),
}


class MastodonDialect:
    """How Mastodon says what went wrong."""

    def refusal(self, fault: Fault, sandbox: Sandbox) -> Response:
        """The answer to a call that a fault refuses."""
        if fault.fault == "rate_limited":
            wait = None if fault.reset_in is None else timedelta(seconds=fault.reset_in)
            headers = {} if wait is None else _limit_headers(0, sandbox.now() + wait)
            return error(429, "Too many requests", headers)
        return error(*_REFUSALS[fault.fault]) if fault.fault in _REFUSALS else self.server_error()

    def server_error(self) -> Response:
        """Its own way to say 500."""
        return error(500, "We're sorry, but something went wrong on our end.")

    def without_id(self) -> Response:
        """A success that lacks the id."""
        return Response('{"content":"<p></p>"}', media_type=_TYPE)


DIALECT = MastodonDialect()


def answer(
    data: object, now: datetime, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A JSON answer as Mastodon sends it at this time."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    told = _limit_headers(_LIMIT - 1, now + _WINDOW)
    return Response(body, status, {**told, **(headers or {})}, media_type=_TYPE)


def error(status: int, words: str, headers: dict[str, str] | None = None) -> Response:
    """An error as Mastodon sends it."""
    return Response(json.dumps({"error": words}), status, headers, media_type=_TYPE)


def refuse(status: int, words: str) -> NoReturn:
    """Refuse a call. Raises Refused."""
    raise Refused(error(status, words))


def invalid(words: str) -> NoReturn:
    """Refuse a call for its content. Raises Refused (422)."""
    refuse(422, f"Validation failed: {words}")


def missing() -> NoReturn:
    """Refuse a call for what is not there. Raises Refused (404)."""
    refuse(404, "Record not found")


def moment(at: datetime) -> str:
    """A time as Mastodon writes it: ISO 8601 in UTC, in milliseconds, with a Z."""
    return at.strftime(f"%Y-%m-%dT%H:%M:%S.{at:%f}")[:-3] + "Z"


def attachment(sandbox: Sandbox, media: Media) -> dict[str, Any]:
    """A picture as Mastodon shows it; without an address while it is worked on."""
    working = sandbox.mastodon.processing.get(media.id)
    video = media.mime_type == videos.TYPE
    if video:
        working = int(sandbox.videos.state(media.id, sandbox.now()) == "in_progress")
    url = None if working else f"{sandbox.base_url}/sandbox/media/{media.id}"
    return {
        "id": media.id,
        "type": "video" if video else "gifv" if media.mime_type == "image/gif" else "image",
        "url": url,
        "preview_url": url,
        "description": media.alt or None,
    }


def _limit_headers(remaining: int, reset: datetime) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(_LIMIT),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": moment(reset),
    }
