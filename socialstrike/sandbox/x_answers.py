"""What X answers: JSON, and its errors as problem+json."""

from __future__ import annotations

import json
from typing import NoReturn

from starlette.responses import Response

from socialstrike.sandbox.calls import Refused
from socialstrike.sandbox.faults import Fault
from socialstrike.sandbox.state import Sandbox

PROBLEMS = "https://api.twitter.com/2/problems/"


class XDialect:
    """How X says what went wrong: problem+json."""

    def refusal(self, fault: Fault, sandbox: Sandbox) -> Response:
        """The answer to a call that a fault refuses."""
        if fault.fault == "rate_limited":
            reset = sandbox.now().timestamp() + (fault.reset_in or 0)
            return too_many(100, int(reset) if fault.reset_in is not None else None)
        answers = {
            "forbidden": lambda: problem(
                403, "Forbidden", "You are not permitted to perform this action."
            ),
            "payment_required": credits_depleted,
            "duplicate": duplicate,
            "error_before": self.server_error,
        }
        return answers.get(fault.fault, unauthorized)()

    def server_error(self) -> Response:
        """Its own way to say 500."""
        return problem(500, "Internal Server Error", "Something is broken.")

    def without_id(self) -> Response:
        """A success that lacks its data."""
        return answer({"meta": {}})


DIALECT = XDialect()


def answer(data: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer as X sends it."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Response(body, status, headers, media_type="application/json; charset=utf-8")


def problem(
    status: int,
    title: str,
    detail: str,
    kind: str = "about:blank",
    headers: dict[str, str] | None = None,
) -> Response:
    """An error as X sends it."""
    body = json.dumps({"title": title, "detail": detail, "type": kind, "status": status})
    return Response(body, status, headers, media_type="application/problem+json")


def limit_headers(limit: int, remaining: int, reset: int | None) -> dict[str, str]:
    """How much of the limit is left, as headers; ``reset`` in Unix seconds."""
    headers = {"x-rate-limit-limit": str(limit), "x-rate-limit-remaining": str(remaining)}
    return headers if reset is None else {**headers, "x-rate-limit-reset": str(reset)}


def too_many(limit: int, reset: int | None) -> Response:
    """The limit is used up; ``reset`` None leaves the headers out."""
    headers = limit_headers(limit, 0, reset) if reset is not None else None
    return problem(429, "Too Many Requests", "Too Many Requests", headers=headers)


def unauthorized() -> Response:
    """The credentials are refused."""
    return problem(401, "Unauthorized", "Unauthorized")


def duplicate() -> Response:
    """The account has this very post already."""
    detail = "You are not allowed to create a Tweet with duplicate content."
    return problem(403, "Forbidden", detail)


def credits_depleted() -> Response:
    """The account has nothing left to pay with."""
    detail = "Your enrolled account does not have any credits to fulfill this request."
    return problem(402, "CreditsDepleted", detail, f"{PROBLEMS}credits")


def missing(number: str) -> dict[str, str]:
    """One entry of ``errors``: there is no such thing."""
    return {
        "value": number,
        "detail": f"Could not find the resource with id: [{number}].",
        "title": "Not Found Error",
        "type": f"{PROBLEMS}resource-not-found",
    }


def invalid(parameter: str, value: object, message: str) -> NoReturn:
    """Refuse a request that does not have the right form. Raises Refused (400)."""
    body = {
        "errors": [{"parameters": {parameter: [str(value)]}, "message": message}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{PROBLEMS}invalid-request",
    }
    raise Refused(answer(body, 400))
