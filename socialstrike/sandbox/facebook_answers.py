"""What Facebook answers: JSON with usage headers, and its errors in one shape."""

from __future__ import annotations

import json
import math
import secrets
from typing import NoReturn

from starlette.responses import Response

from socialstrike.sandbox.calls import Call, Refused
from socialstrike.sandbox.faults import Fault
from socialstrike.sandbox.state import Sandbox

_TYPE = "application/json; charset=UTF-8"
#: Fault → HTTP status, message, code, subcode.
_REFUSALS: dict[str, tuple[int, str, int, int | None]] = {
    "unauthorized": (401, "Error validating access token: the session was invalidated.", 190, 460),
    "expired": (401, "Error validating access token: Session has expired.", 190, 463),
    "forbidden": (403, "(#200) The permission(s) pages_manage_posts are not available.", 200, None),
    "duplicate": (400, "(#506) Duplicate status message", 506, None),
    "rate_limited": (403, "(#32) Page request limit reached", 32, None),
}


class FacebookDialect:
    """How Facebook says what went wrong."""

    def refusal(self, fault: Fault, sandbox: Sandbox) -> Response:
        """The answer to a call that a fault refuses."""
        if fault.fault == "error_without_error":
            return Response('{"message":"Unknown"}', 500, media_type=_TYPE)
        if fault.fault not in _REFUSALS:
            return self.server_error()
        status, message, code, subcode = _REFUSALS[fault.fault]
        code = code if fault.code is None else fault.code
        subcode = subcode if fault.subcode is None else fault.subcode
        headers = _throttled(fault.reset_in) if fault.fault == "rate_limited" else {}
        return error(status, message, code, subcode=subcode, headers=headers)

    def server_error(self) -> Response:
        """Its own way to say 500."""
        return error(500, "An unexpected error has occurred. Please retry later.", 2)

    def without_id(self) -> Response:
        """A success that lacks the id."""
        return Response('{"success":true}', media_type=_TYPE)


DIALECT = FacebookDialect()


def answer(call: Call, data: object) -> Response:
    """A JSON answer as Facebook sends it."""
    used = min(call.sandbox.request_count // 200, 99)
    usage = json.dumps({"call_count": used, "total_time": used, "total_cputime": used})
    headers = {"x-app-usage": usage, "x-page-usage": usage, "facebook-api-version": _version(call)}
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Response(body, headers=headers, media_type=_TYPE)


def error(
    status: int,
    message: str,
    code: int,
    *,
    subcode: int | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """An error as Facebook sends it."""
    facts: dict[str, object] = {"message": message, "type": "OAuthException", "code": code}
    if subcode is not None:
        facts["error_subcode"] = subcode
    facts["fbtrace_id"] = f"A{secrets.token_urlsafe(16)}"
    extra = dict(headers or {})
    if code == 190:
        extra["www-authenticate"] = f'OAuth "Facebook Platform" "invalid_token" "{message}"'
    return Response(json.dumps({"error": facts}), status, extra, media_type=_TYPE)


def refuse(status: int, message: str, code: int, *, subcode: int | None = None) -> NoReturn:
    """Refuse a call. Raises Refused."""
    raise Refused(error(status, message, code, subcode=subcode))


def bad_parameter(message: str) -> NoReturn:
    """Refuse a call for its form. Raises Refused (400, code 100)."""
    refuse(400, message, 100)


def no_permission() -> NoReturn:
    """Refuse a call that another page's token made. Raises Refused (403, code 200)."""
    refuse(403, "(#200) The token has no permission to act for this page.", 200)


def missing_object(number: str) -> NoReturn:
    """Refuse a call for what is not there. Raises Refused (400, code 100, subcode 33)."""
    message = (
        f"Unsupported request. Object with ID '{number}' does not exist, cannot be loaded due to "
        "missing permissions, or does not support this operation."
    )
    refuse(400, message, 100, subcode=33)


def _throttled(reset_in: float | None) -> dict[str, str]:
    usage = {"call_count": 100, "total_time": 100, "total_cputime": 100}
    headers = {"x-app-usage": json.dumps(usage), "x-page-usage": json.dumps(usage)}
    if reset_in is not None:
        minutes = math.ceil(reset_in / 60)
        case = {"type": "pages", **usage, "estimated_time_to_regain_access": minutes}
        headers["x-business-use-case-usage"] = json.dumps({"sandbox": [case]})
    return headers


def _version(call: Call) -> str:
    return f"v{call.request.path_params['version']}"
