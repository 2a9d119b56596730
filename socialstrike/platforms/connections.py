"""The connections under the transport: to checked addresses alone, bounded in time and size.

One pool serves the whole process. Names are resolved here, and a connection is made only to an
address that was checked. Of each request it is known exactly whether a byte of it may have left.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from http.client import SWITCHING_PROTOCOLS, HTTPException, parse_headers
from http.client import HTTPResponse as _PlainResponse
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.response import HTTPResponse

from socialstrike.i18n import stored
from socialstrike.platforms.addresses import Reach
from socialstrike.platforms.http import Exchange

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
#: The slowest line an upload is waited for, and the slowest platform that has to put it away, in
#: bytes per second.
SLOWEST_UPLOAD = 50_000
SLOWEST_STORING = 1_000_000
#: A body up to so many bytes leaves in one piece with its headers.
_SHORT = 65_536
#: A socket's bound may be so much tighter than the deadline asks, in seconds.
_ROUGHLY = 1.0


#: What ``carry`` raises; ``reason`` puts it into words.
FAILURES = (requests.RequestException, HTTPError, HTTPException, OSError)


def carry(
    request: requests.PreparedRequest,
    timeout: tuple[float, float],
    where: Reach,
    exchange: Exchange | None = None,
) -> tuple[requests.Response, bytes]:
    """Send ``request`` once, to an address within ``where``, and read the whole answer.

    ``timeout`` is (connect, read) in seconds; their sum bounds the whole exchange, and an upload
    gets more by its size. Raises one of FAILURES.
    """
    size = len(request.body or b"")
    _wire.exchange = exchange
    _wire.deadline = time.monotonic() + sum(timeout) + size / SLOWEST_UPLOAD
    _wire.reach = where
    try:
        # Whoever is sent a hundred megabytes puts them away before it answers.
        patience = (timeout[0], timeout[1] + size / SLOWEST_STORING)
        response = _shared[where].send(request, stream=True, timeout=patience, verify=True)
        try:
            return response, _read(response)
        finally:
            response.raw.close()
    finally:
        _wire.exchange = None


#: Where a request must not go, in words.
ELSEWHERE = stored("an address that no credentials may go to")


def reason(error: BaseException) -> str:
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
        ("_ElsewhereError", ELSEWHERE),
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


def _bound(sock: socket.socket, patience: float | None) -> None:
    """Let no call of the socket last longer than ``patience`` in seconds, nor past the deadline."""
    left = _wire.remaining()
    wanted = min(left, patience) if patience else left
    # Each change is a system call, at which the interpreter's lock passes to another thread.
    if (now := sock.gettimeout()) is None or not wanted - _ROUGHLY < now <= wanted:
        sock.settimeout(wanted)


class _UntilDeadline(io.RawIOBase):
    """Reads from a socket; however slowly bytes trickle in, it ends at the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock = raw, sock
        self._patience = sock.gettimeout() or 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _bound(self._sock, self._patience)
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
    _gathering = False

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._unsent: list[bytes] = []

    def _new_conn(self) -> socket.socket:
        """A socket that leads where the request may go; the name stays for TLS and Host."""
        name = self._dns_host
        try:
            found = socket.getaddrinfo(name, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        addresses = dict.fromkeys(str(one[4][0]) for one in found)
        failure: Exception = _ElsewhereError(ELSEWHERE)
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
            raise _ElsewhereError(ELSEWHERE)
        except OSError:
            sock.close()
            raise

    def request(self, *args: Any, **named: Any) -> None:
        """As urllib3's; but a short body leaves with the headers, which saves a system call."""
        self._unsent, self._gathering = [], True  # what a failed one left is nobody's
        try:
            super().request(*args, **named)
        finally:
            self._gathering = False
        self._flush()

    def send(self, data: Any) -> None:
        self._unsent.append(data)
        if not self._gathering or len(data) > _SHORT:
            self._flush()

    def _flush(self) -> None:
        if not self._unsent:
            return
        data = b"".join(self._unsent)
        self._unsent.clear()
        if self.sock is None:
            self.connect()
        _bound(self.sock, None)
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
