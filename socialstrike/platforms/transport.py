"""The one way out: every HTTP request of every adapter goes through a session made here.

One pool of connections serves the whole process; each account's session adds its own address,
credentials and bounds. Nothing is retried and no redirect is followed, so one call is one
request. When a request fails, it is known exactly whether a byte of it may have left.

Names are resolved here, and a connection is made only to an address that was checked. Proxy and
netrc settings of the environment are not used: they could carry credentials elsewhere.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from http.client import SWITCHING_PROTOCOLS, HTTPException, parse_headers
from http.client import HTTPResponse as _PlainResponse
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.response import HTTPResponse

from socialstrike import __version__
from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import stored
from socialstrike.platforms.addresses import Reach, checked_base_url, reach
from socialstrike.platforms.base import (
    Access,
    CredentialsRefused,
    OutcomeUnknown,
    PlatformError,
    TemporarilyUnavailable,
)
from socialstrike.platforms.http import Answer, Exchange
from socialstrike.redaction import quiet_libraries, remember

__all__ = ["USER_AGENT", "Session", "checked_base_url", "session"]

USER_AGENT = f"socialstrike/{__version__}"

#: The largest answer read, in bytes, before and after decompression.
MOST_BYTES = 5_000_000
#: The most bytes before a body: status lines, interim answers, headers.
MOST_HEAD = 300_000
#: The most lists and objects in an answer: as Python objects each takes a hundred bytes and more.
MOST_PARTS = 200_000
#: The codings that are undone; others are optional packages with bounds of their own.
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
#: A kept connection unused for longer is opened anew, in seconds: servers close theirs after five
#: and more, and a request that meets the closing is one whose outcome nobody knows.
MOST_IDLE = 3.0
#: The slowest line an upload is waited for, in bytes per second.
SLOWEST_UPLOAD = 50_000


class Session(requests.Session):
    """A session for one account; ``exchange`` tells how far its current request came."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange
        self.trust_env = False
        self.headers["User-Agent"] = USER_AGENT
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Nowhere: a redirect could repeat a post, or carry the credentials to another host."""
        return None


def session(
    access: Access,
    *,
    hosts: Collection[str],
    secrets: Iterable[str],
    timeout: tuple[float, float] = (5.0, 20.0),
    exchange: Exchange | None = None,
) -> Session:
    """A session that acts for one account and reaches only ``hosts`` (such as https://api.x.com).

    Requests to them go to the account's ``base_url`` where it has one. ``secrets`` never appear
    in this process's logs again. ``timeout`` is (connect, read) in seconds; their sum bounds the
    whole exchange, and an upload gets more by its size. Failures are raised as
    TemporarilyUnavailable where surely nothing was sent, else as OutcomeUnknown.

    Raises CredentialsRefused, which pauses the account, where the base URL or a host is one that
    its credentials must not go to.
    """
    quiet_libraries()
    for secret in secrets:
        remember(secret)
    try:
        base, *_ = (
            checked_base_url(url, allow_local=access.allow_local) if url else None
            for url in (access.base_url, *hosts)
        )
    except InvalidInput as error:
        refused = CredentialsRefused(
            stored(
                "the credentials of account '{account}' are sent nowhere: {error}; mend it"
                " with: socialstrike accounts add PLATFORM {account} --replace --base-url URL",
                account=access.account,
                error=error,
            )
        )
    else:
        made = Session(exchange or Exchange())
        made.adapters.clear()
        made.mount("", _AccountAdapter(access, base, hosts, timeout, made.exchange))
        return made
    raise refused


class _AccountAdapter(BaseAdapter):
    """Sends one account's requests through the shared pool, rewritten, bounded and recorded."""

    def __init__(
        self,
        access: Access,
        base: str | None,
        hosts: Collection[str],
        timeout: tuple[float, float],
        exchange: Exchange,
    ) -> None:
        super().__init__()
        self._account, self._base, self._hosts = access.account, base, frozenset(hosts)
        self._allow_local = access.allow_local
        self._timeout, self._exchange = timeout, exchange

    def send(  # noqa: PLR0917  # the signature is that of requests' adapters
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: object = None,
        verify: bool | str = True,
        cert: object = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send once and read the whole answer; ``timeout`` and ``proxies`` are our own, always."""
        self._exchange.begin()
        sent = self._rewritten(request)
        size = len(request.body or b"")
        _wire.exchange = self._exchange
        _wire.deadline = time.monotonic() + sum(self._timeout) + size / SLOWEST_UPLOAD
        _wire.reach = reach(sent.url or "", allow_local=self._allow_local)
        shared = _shared[_wire.reach]
        try:
            response = shared.send(sent, stream=True, timeout=self._timeout, verify=True)
            try:
                body = _read(response)
            finally:
                response.raw.close()
        except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
            trouble = self._trouble(error)
        else:
            headers = {name.lower(): value for name, value in response.headers.items()}
            self._exchange.answer = Answer(response.status_code, headers, body)
            response.raw = io.BytesIO(body)
            # Never guessed and never the server's choice: both can take minutes on a large body.
            response.encoding = "utf-8"
            response.request = request
            return response
        finally:
            _wire.exchange = None
        trouble.__cause__ = trouble.__context__ = None
        raise trouble

    def close(self) -> None:
        """Nothing: the pool belongs to the process."""

    def _rewritten(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        parts = urlsplit(request.url or "")
        if f"{parts.scheme}://{parts.netloc}" not in self._hosts:
            raise TemporarilyUnavailable(
                stored(
                    "a request of account '{account}' to a foreign host was stopped; nothing was"
                    " sent, check the account's platform",
                    account=self._account,
                )
            )
        if self._base is None:
            return request
        rewritten = request.copy()
        rewritten.url = self._base + request.path_url
        return rewritten

    def _trouble(self, error: Exception) -> PlatformError:
        where = urlsplit(self._base).netloc if self._base else stored("the platform")
        why = _reason(error)
        if why == _ELSEWHERE and not self._exchange.sent:
            mine = (
                ""
                if self._allow_local
                else stored(", or add it with --allow-local if that is yours")
            )
            return TemporarilyUnavailable(
                stored(
                    "the name of {where} leads to {why}, so nothing was sent for account"
                    " '{account}'; check this machine's DNS{mine}, it is tried again by itself",
                    where=where,
                    why=why,
                    account=self._account,
                    mine=mine,
                )
            )
        if self._exchange.sent:
            return OutcomeUnknown(
                stored(
                    "the answer of {where} to account '{account}' was lost ({why}); it is looked"
                    " up there before anything is sent again",
                    where=where,
                    account=self._account,
                    why=why,
                )
            )
        return TemporarilyUnavailable(
            stored(
                "{where} could not be reached for account '{account}' ({why}); nothing was"
                " sent, check the connection, it is tried again by itself",
                where=where,
                account=self._account,
                why=why,
            )
        )


#: Where a request must not go, in words.
_ELSEWHERE = "an address that no credentials may go to"


def _reason(error: BaseException) -> str:
    """What went wrong in a few words of ours: a library's text may hold the whole request."""
    names: set[str] = set()
    waiting: list[object] = [error]
    while waiting:
        seen = waiting.pop()
        if isinstance(seen, BaseException):
            names |= {kind.__name__ for kind in type(seen).__mro__}
            waiting += (getattr(seen, "reason", None), *seen.args)
    for name, words in (
        ("_TooLargeError", stored("the answer is too large")),
        ("_ElsewhereError", _ELSEWHERE),
        ("NameResolutionError", stored("the name is unknown")),
        ("NewConnectionError", stored("connection refused or no route")),
        ("ConnectTimeoutError", stored("no connection in time")),
        ("SSLError", stored("no secure connection")),
        ("ReadTimeoutError", stored("no answer in time")),
        ("TimeoutError", stored("no answer in time")),
        ("RemoteDisconnected", stored("connection closed without an answer")),
        ("ConnectionResetError", stored("connection reset")),
        ("ProtocolError", stored("connection broken")),
    ):
        if name in names:
            return words
    return type(error).__name__


class _TooLargeError(OSError):
    """The answer is larger than any answer of a platform."""


class _ElsewhereError(OSError):
    """The server's name leads to addresses that the request must not go to."""


def _read(response: requests.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    codings = response.headers.get("content-encoding", "").lower().split(",")
    decode = all(coding.strip() in _CODINGS for coding in codings)
    while part := response.raw.read(65_536, decode_content=decode):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise _TooLargeError
    body = b"".join(parts)
    if body.count(b"[") + body.count(b"{") > MOST_PARTS:
        raise _TooLargeError
    return body


class _Wire(threading.local):
    """What the connections of this thread must know of the request they carry."""

    exchange: Exchange | None = None
    deadline: float = 0.0
    reach: Reach = Reach.PUBLIC
    #: Bytes that may still arrive.
    allowance: int = 0

    def take(self, size: int | None) -> int | None:
        """``size``, which has arrived. Raises _TooLargeError where that is more than allowed."""
        self.allowance -= size or 0
        if self.allowance < 0:
            raise _TooLargeError
        return size

    def remaining(self) -> float:
        """Seconds left for the current exchange. Raises TimeoutError where none are."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(stored("timed out"))
        return left


_wire = _Wire()


class _UntilDeadline(io.RawIOBase):
    """Reads from a socket; however slowly bytes trickle in, it ends at the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock = raw, sock
        self._patience = sock.gettimeout() or 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _wire.remaining()
        self._sock.settimeout(min(left, self._patience) if self._patience else left)
        return _wire.take(self._raw.readinto(buffer))

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(_PlainResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_UntilDeadline(self.fp.detach(), sock))

    def _read_status(self) -> tuple[str, int, str]:
        """The status line of the answer itself, not of an interim one such as 103."""
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # unknown to the types
            if status >= 200 or status == SWITCHING_PROTOCOLS:
                return version, status, reason
            parse_headers(self.fp)


if TYPE_CHECKING:
    _Connection = HTTPConnection
else:
    _Connection = object


class _Recording(_Connection):
    """A connection to a checked address, not used when long idle; it says when a byte leaves."""

    response_class = _Response
    _last_used = 0.0

    def _new_conn(self) -> socket.socket:
        """A socket that leads where the request may go; the name stays for TLS and Host."""
        name = self._dns_host
        try:
            found = socket.getaddrinfo(name, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        addresses = dict.fromkeys(str(one[4][0]) for one in found)
        failure: Exception = _ElsewhereError(_ELSEWHERE)
        for address in filter(_wire.reach.allows, addresses):
            _wire.remaining()
            try:
                self._dns_host = address
                return self._checked(super()._new_conn())
            except (NewConnectionError, ConnectTimeoutError) as error:
                failure = error
            finally:
                self._dns_host = name
        raise failure

    @staticmethod
    def _checked(sock: socket.socket) -> socket.socket:
        """The socket, if it is connected where it should be. Raises OSError."""
        try:
            if _wire.reach.allows(sock.getpeername()[0]):
                return sock
            raise _ElsewhereError(_ELSEWHERE)
        except OSError:
            sock.close()
            raise

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        self.sock.settimeout(_wire.remaining())
        if _wire.exchange:
            _wire.exchange.sent = True
        super().send(data)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself does
        _wire.allowance = MOST_HEAD
        answer = super().getresponse()
        _wire.allowance += MOST_BYTES
        self._last_used = time.monotonic()
        return answer

    @property
    def is_connected(self) -> bool:
        """False for a connection idle too long, so that the pool opens it anew."""
        return time.monotonic() - self._last_used < MOST_IDLE and super().is_connected


class _Http(_Recording, HTTPConnection):
    pass


class _Https(_Recording, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


def _shared_adapter() -> HTTPAdapter:
    adapter = HTTPAdapter(pool_connections=64, pool_maxsize=256, max_retries=0, pool_block=False)
    adapter.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return adapter


#: Apart, so that no request meets a connection that was made to where it must not go.
_shared = {each: _shared_adapter() for each in Reach}
