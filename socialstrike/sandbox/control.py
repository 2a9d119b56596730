"""The control API under /sandbox: accounts, faults, what was published, what was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from socialstrike.sandbox.calls import Refused, json_object, read_body
from socialstrike.sandbox.faults import InvalidFaultError
from socialstrike.sandbox.state import Account, InvalidRequestError, Post, Sandbox

_LOCAL = {"127.0.0.1", "localhost", "::1"}
_LIMIT = "'limit' must be a number of posts per quarter of an hour, at least 1, or null for none"


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    """The addresses of the control API."""
    control = _Control(sandbox)
    table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/sandbox/health", control.health),
        ("GET", "/sandbox/accounts", control.list_accounts),
        ("POST", "/sandbox/accounts", control.add_account),
        ("PATCH", "/sandbox/accounts/{platform}/{name:path}", control.change_account),
        ("GET", "/sandbox/faults", control.list_faults),
        ("POST", "/sandbox/faults", control.add_fault),
        ("DELETE", "/sandbox/faults", control.clear_faults),
        ("DELETE", "/sandbox/faults/{number:int}", control.remove_fault),
        ("PUT", "/sandbox/seed", control.seed),
        ("PUT", "/sandbox/clock", control.move_clock),
        ("PUT", "/sandbox/tokens", control.set_token_life),
        ("GET", "/sandbox/posts", control.list_posts),
        ("PATCH", "/sandbox/posts/{number}", control.change_post),
        ("GET", "/sandbox/requests", control.list_requests),
        ("GET", "/sandbox/media/{number}", control.show_media),
        ("DELETE", "/sandbox", control.reset),
    ]
    return [Route(path, _guarded(act), methods=[method]) for method, path, act in table]


def is_local(request: Request) -> bool:
    """Whether a person or a program on this machine asks, rather than a web page elsewhere.

    A page can reach 127.0.0.1 under a name of its own (DNS rebinding) or post a form to it.
    """
    origin = request.headers.get("origin")
    hosts = [request.url.hostname] + ([urlsplit(origin).hostname] if origin else [])
    return all(host in _LOCAL for host in hosts)


def iso(moment: datetime) -> str:
    """ISO 8601 with offset, in milliseconds."""
    return moment.isoformat(timespec="milliseconds")


class _Control:
    """The operations, over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok", "strict": self._sandbox.strict})

    async def list_accounts(self, _request: Request) -> Response:
        return JSONResponse([self._account(account) for account in self._sandbox.accounts])

    async def add_account(self, request: Request) -> Response:
        wanted = await _json_object(request)
        platform, name = wanted.get("platform"), wanted.get("name")
        if not isinstance(platform, str) or not isinstance(name, str):
            raise InvalidRequestError("an account needs 'platform' and 'name'; give both as text")
        limit = _limit(wanted.get("limit", self._sandbox.limit))
        oauth2 = wanted.get("auth") == "oauth2"
        account = self._sandbox.register(platform, name, limit=limit, oauth2=oauth2)
        body = {**self._account(account), "credentials": account.credentials}
        return JSONResponse(body, 201)

    async def change_account(self, request: Request) -> Response:
        found = request.path_params["platform"], request.path_params["name"]
        account = self._sandbox.account_named(*found)
        if account is None:
            return _error(404, f"{found[0]} has no account {found[1]!r}; see GET /sandbox/accounts")
        account.limit = _limit((await _json_object(request)).get("limit"))
        return JSONResponse(self._account(account))

    async def list_faults(self, _request: Request) -> Response:
        return JSONResponse(self._sandbox.faults.listing())

    async def add_fault(self, request: Request) -> Response:
        fault = self._sandbox.faults.add(await _json_object(request))
        return JSONResponse({"id": fault.id}, 201)

    async def clear_faults(self, _request: Request) -> Response:
        self._sandbox.faults.clear()
        return Response(status_code=204)

    async def remove_fault(self, request: Request) -> Response:
        number = request.path_params["number"]
        if self._sandbox.faults.remove(number):
            return Response(status_code=204)
        return _error(404, f"there is no fault {number}; see GET /sandbox/faults")

    async def seed(self, request: Request) -> Response:
        seed = (await _json_object(request)).get("seed")
        if not isinstance(seed, int):
            raise InvalidRequestError("'seed' must be a whole number")
        self._sandbox.faults.seed(seed)
        return Response(status_code=204)

    async def move_clock(self, request: Request) -> Response:
        seconds = (await _json_object(request)).get("offset")
        if not isinstance(seconds, int | float) or abs(seconds) > 10**9:
            raise InvalidRequestError("'offset' must be seconds ahead of the machine's time")
        self._sandbox.offset = timedelta(seconds=seconds)
        return JSONResponse({"now": iso(self._sandbox.now())})

    async def set_token_life(self, request: Request) -> Response:
        seconds = (await _json_object(request)).get("seconds")
        if not isinstance(seconds, int | float) or not 0 < seconds <= 10**7:
            raise InvalidRequestError("'seconds' must say how long X's tokens last")
        self._sandbox.token_life = seconds
        return Response(status_code=204)

    async def list_posts(self, request: Request) -> Response:
        wanted = request.query_params
        deleted = wanted.get("deleted") == "1"
        names = [name for name in ("account", "platform") if name in wanted]
        posts = [
            self._post(post, show_deleted=deleted)
            for post in self._sandbox.visible(deleted=deleted)
            if all(getattr(post, name) == wanted[name] for name in names)
        ]
        return JSONResponse(posts)

    async def change_post(self, request: Request) -> Response:
        post = self._sandbox.post_called(request.path_params["number"])
        if post is None:
            return _error(404, "there is no such post; see GET /sandbox/posts?deleted=1")
        deleted = (await _json_object(request)).get("deleted")
        if not isinstance(deleted, bool):
            raise InvalidRequestError("'deleted' must be true or false")
        post.deleted = deleted
        return JSONResponse(self._post(post, show_deleted=True))

    async def list_requests(self, _request: Request) -> Response:
        served = [
            {
                "method": one.method,
                "path": one.path,
                "account": one.account,
                "status": one.status,
                "at": iso(one.at),
            }
            for one in self._sandbox.requests
        ]
        return JSONResponse({"count": self._sandbox.request_count, "requests": served})

    async def show_media(self, request: Request) -> Response:
        media = self._sandbox.media.get(request.path_params["number"])
        if media is None:
            return _error(404, "there is no such picture; see GET /sandbox/posts")
        headers = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
        return Response(media.content, headers=headers, media_type=media.mime_type)

    async def reset(self, _request: Request) -> Response:
        self._sandbox.reset()
        return Response(status_code=204)

    def _account(self, account: Account) -> dict[str, Any]:
        return {
            "platform": account.platform,
            "name": account.name,
            "id": account.id,
            "base_url": self._sandbox.base_url,
            "registered": account.registered,
            "limit": account.limit,
        }

    def _post(self, post: Post, *, show_deleted: bool) -> dict[str, Any]:
        media = [
            {
                "id": one.id,
                "alt": one.alt,
                "mime_type": one.mime_type,
                "sha256": one.sha256,
                "url": f"{self._sandbox.base_url}/sandbox/media/{one.id}",
            }
            for one in post.media
        ]
        shown = {
            "platform": post.platform,
            "account": post.account,
            "text": post.text,
            "media": media,
            "at": iso(post.at),
            "id": post.id,
            "link": post.link,
            "reply_to": post.reply_to,
            "url": f"{self._sandbox.base_url}/posts/{post.id}",
            "options": post.options,
        }
        return {**shown, "deleted": post.deleted} if show_deleted else shown


def _guarded(
    act: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if not is_local(request):
            return _error(403, "the sandbox answers only to this machine; use its 127.0.0.1 URL")
        try:
            return await act(request)
        except Refused as refused:
            return refused.response
        except (InvalidRequestError, InvalidFaultError) as error:
            return _error(400, str(error))

    return endpoint


async def _json_object(request: Request) -> dict[str, Any]:
    parsed = json_object(await read_body(request))
    if parsed is None:
        raise InvalidRequestError("the body must be a JSON object; see docs/sandbox.md")
    return parsed


def _limit(given: object) -> int | None:
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise InvalidRequestError(_LIMIT)
    return given


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)
