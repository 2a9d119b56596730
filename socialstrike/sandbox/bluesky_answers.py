"""What Bluesky answers: JSON, and its errors as a name and a message."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import NoReturn

from starlette.responses import Response

from socialstrike.sandbox.calls import Refused
from socialstrike.sandbox.faults import Fault
from socialstrike.sandbox.state import Sandbox

PLATFORM = "bluesky"
#: Points an hour that writes may cost.
_POINTS = 5000
#: Fault → HTTP status, error, message.
_REFUSALS = {
    "unauthorized": (401, "AuthenticationRequired", "Authentication Required"),
    "expired": (400, "ExpiredToken", "Token has expired"),
    "forbidden": (403, "Forbidden", "You are not permitted to do this"),
    "duplicate": (400, "InvalidSwap", "Record was at bafyreisandbox"),
}


class BlueskyDialect:
    """How Bluesky says what went wrong."""

    def refusal(self, fault: Fault, sandbox: Sandbox) -> Response:
        """The answer to a call that a fault refuses."""
        if fault.fault == "rate_limited":
            return _too_many(sandbox, fault.reset_in)
        if fault.fault not in _REFUSALS:
            return self.server_error()
        return error(*_REFUSALS[fault.fault])

    def server_error(self) -> Response:
        """Its own way to say 500."""
        return error(500, "InternalServerError", "Internal Server Error")

    def without_id(self) -> Response:
        """A success that lacks what a success must have."""
        return answer({})


DIALECT = BlueskyDialect()


def answer(data: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer as Bluesky sends it."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Response(body, status, headers, media_type="application/json; charset=utf-8")


def error(status: int, name: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """An error as Bluesky sends it."""
    return answer({"error": name, "message": message}, status, headers)


def refuse(status: int, name: str, message: str) -> NoReturn:
    """Refuse a call. Raises Refused."""
    raise Refused(error(status, name, message))


def invalid(message: str) -> NoReturn:
    """Refuse a call for its form. Raises Refused (400)."""
    refuse(400, "InvalidRequest", message)


def cid(content: bytes, *, codec: int) -> str:
    """The content's own name: a CID of version 1 with SHA-256, in base 32."""
    digest = bytes((1, codec, 0x12, 0x20)) + hashlib.sha256(content).digest()
    return f"b{base64.b32encode(digest).decode().lower().rstrip('=')}"


def _too_many(sandbox: Sandbox, reset_in: float | None) -> Response:
    headers = {"ratelimit-limit": str(_POINTS), "ratelimit-remaining": "0"}
    if reset_in is not None:
        headers["ratelimit-reset"] = str(int(sandbox.now().timestamp() + reset_in))
        headers["ratelimit-policy"] = f"{_POINTS};w=3600"
    return error(429, "RateLimitExceeded", "Rate Limit Exceeded", headers)
