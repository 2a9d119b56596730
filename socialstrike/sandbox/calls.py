"""What every platform's call goes through: latency, the body's limit, faults, the list of requests.

A platform describes itself by a ``Dialect``: how it says each kind of refusal.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from socialstrike.sandbox import videos
from socialstrike.sandbox.connection import Cut
from socialstrike.sandbox.faults import DELAYS, REFUSALS, WORK, Fault, Occasion
from socialstrike.sandbox.state import Account, Sandbox, Served

MAX_BODY = 20 * 1024 * 1024
#: Where a whole video comes in one body.
_VIDEO_PATHS = ("/api/v2/media", "/xrpc/com.atproto.repo.uploadBlob")
_HTML_503 = "<!DOCTYPE html><html><head><title>503</title></head><body>Over capacity</body></html>"
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


class Refused(Exception):  # noqa: N818 # reads as what happened: the call was refused
    """The platform refuses a call, with this answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"refused with status {response.status_code}")
        self.response = response


class Dialect(Protocol):
    """How one platform says what went wrong."""

    def refusal(self, fault: Fault, sandbox: Sandbox) -> Response:
        """The answer to a call that a fault refuses."""

    def server_error(self) -> Response:
        """Its own way to say 500."""

    def without_id(self) -> Response:
        """A success that lacks what a success must have."""


@dataclass(slots=True)
class Call:
    """One request to a platform: ``files`` hold uploads, ``account`` is known once let in."""

    request: Request
    sandbox: Sandbox
    dialect: Dialect
    body: bytes = field(repr=False)
    fields: dict[str, Any] = field(default_factory=dict, repr=False)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    account: Account | None = None

    async def perform(
        self, account: Account, operation: str, act: Callable[[], Response], *, text: str = ""
    ) -> Response:
        """Do what was asked for, unless a fault has other plans."""
        self.account = account
        occasion = Occasion(account.platform, account.name, account.id, operation, text)
        fault = self.sandbox.faults.pick(occasion)
        if fault is not None and fault.fault in WORK:
            self.sandbox.videos.plans[account.id] = fault
            fault = None
        if fault is None:
            return _do(act)
        if fault.fault in REFUSALS:
            return self.dialect.refusal(fault, self.sandbox)
        if fault.fault in DELAYS:
            return await _late(fault, act)
        if fault.fault == "drop_before":
            return Cut()
        if fault.fault == "error_html":
            return Response(_HTML_503, 503, media_type="text/html")
        return _spoil(fault, _do(act), self.dialect)


Handler = Callable[[Call], Awaitable[Response]]


def route(sandbox: Sandbox, dialect: Dialect, path: str, handlers: Mapping[str, Handler]) -> Route:
    """One of a platform's addresses: HTTP method → who handles it."""

    async def endpoint(request: Request) -> Response:
        half = sandbox.latency_ms / 2000
        if half:
            await asyncio.sleep(half)  # on its way here
        account, response = await _answer(sandbox, dialect, request, handlers[request.method])
        _remember(sandbox, request, account, response)
        if half:
            await asyncio.sleep(half)  # on its way back
        return response

    return Route(path, endpoint, methods=list(handlers))


async def read_body(request: Request, most: int = MAX_BODY) -> bytes:
    """The request's body. Raises Refused (413) when it is too large.

    What is too much is read and thrown away, so that the client hears the answer instead of a
    broken pipe; but not without end.
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:
            chunks.append(chunk)
        elif size > 5 * most:
            break
    if size > most:
        headers = {"connection": "close"}
        raise Refused(
            Response(f'{{"error":"the body is larger than {most >> 20} MB"}}', 413, headers)
        )
    return b"".join(chunks)


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, None when it is none, or holds half a character (a surrogate)."""
    try:
        parsed = json.loads(body.decode())
        if b"\\u" in body:
            json.dumps(parsed, ensure_ascii=False).encode()
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def picture_type(content: bytes) -> str | None:
    """The MIME type of a picture by its first bytes, None for anything else."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for start, mime in _SIGNATURES if content.startswith(start)), None)


async def _answer(
    sandbox: Sandbox, dialect: Dialect, request: Request, handler: Handler
) -> tuple[Account | None, Response]:
    call = Call(request, sandbox, dialect, b"")
    try:
        whole_video = request.url.path in _VIDEO_PATHS
        call.body = await read_body(request, videos.MAX_BODY if whole_video else MAX_BODY)
        await _read_fields(call)
        response = await handler(call)
    except Refused as refused:
        response = refused.response
    except ClientDisconnect:
        response = Response(status_code=400)
    return call.account, response


async def _read_fields(call: Call) -> None:
    kind = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        text = call.body.decode("utf-8", "replace")
        call.fields = dict(parse_qsl(text, keep_blank_values=True))
    elif kind == "application/json" and call.body:
        parsed = json_object(call.body)
        if parsed is None:
            raise Refused(Response('{"error":"the body is not a JSON object"}', 400))
        call.fields = parsed
    elif kind == "multipart/form-data":
        await _read_multipart(call)


async def _read_multipart(call: Call) -> None:
    async def stream() -> Any:  # Starlette's type is an async generator of bytes
        yield call.body

    try:
        form = await MultiPartParser(call.request.headers, stream()).parse()
    except (MultiPartException, KeyError) as error:
        raise Refused(Response('{"error":"the multipart body is damaged"}', 400)) from error
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            call.files[name] = await value.read()
            await value.close()
        else:
            call.fields[name] = value


def _do(act: Callable[[], Response]) -> Response:
    try:
        return act()
    except Refused as refused:
        return refused.response


async def _late(fault: Fault, act: Callable[[], Response]) -> Response:
    if fault.fault == "slow_before":
        await asyncio.sleep(fault.seconds)
        return _do(act)
    response = _do(act)
    await asyncio.sleep(fault.seconds)
    return response


def _spoil(fault: Fault, response: Response, dialect: Dialect) -> Response:
    """What comes back in place of an answer that would have been good."""
    if fault.fault == "drop_after":
        return Cut()
    if fault.fault == "error_after":
        return dialect.server_error()
    if fault.fault == "no_id":
        return dialect.without_id()
    body = "[]" if fault.fault == "empty_json" else '{"data":{"id":"17'
    return Response(body, response.status_code, media_type="application/json")


def _remember(
    sandbox: Sandbox, request: Request, account: Account | None, response: Response
) -> None:
    # The path alone: a query string may hold a token.
    status = None if isinstance(response, Cut) else response.status_code
    name = account.name if account else None
    sandbox.request_count += 1
    sandbox.requests.append(Served(request.method, request.url.path, name, status, sandbox.now()))
