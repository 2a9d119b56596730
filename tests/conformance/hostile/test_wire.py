"""What comes over the wire and is no honest HTTP: floods, bombs, trickles, redirects."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable

import pytest

from tests.conformance.hostile.bench import OPERATIONS, RKEY, Answer, Bench, Server, ok, reply


def repeated(start: bytes, piece: bytes) -> Callable[[], Iterable[bytes]]:
    """``start``, then ``piece`` without end, until the client closes."""

    def flood() -> Iterable[bytes]:
        yield start
        block = piece * max(1, 65_536 // len(piece))
        while True:
            yield block

    return flood


_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_GZIP = _OK + b"Transfer-Encoding: chunked\r\nContent-Encoding: "


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


WIRE: dict[str, Answer] = {
    "nothing": b"",
    "no http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "other protocol": b"ICY 200 OK\r\n\r\n",
    "other version": b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "no status": b"HTTP/1.1\r\n\r\n",
    "status of words": b"HTTP/1.1 abc OK\r\n\r\n",
    "status too large": b"HTTP/1.1 99999 OK\r\n\r\n",
    "negative status": b"HTTP/1.1 -200 OK\r\n\r\n",
    "binary": bytes(range(256)) * 10,
    "two lengths": _OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    "negative length": _OK + b"Content-Length: -5\r\n\r\n{",
    "huge length": _OK + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n{}",
    "length beyond parsing": _OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{",
    "bad chunk": _CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "negative chunk": _CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "huge chunk": _CHUNKED + b"f" * 30 + b"\r\n{}",
    "chunk cut": _CHUNKED + b"ff\r\n{",
    "long header": _OK + b"X: " + b"a" * 70_000 + b"\r\n\r\n{}",
    "many headers": _OK + b"X: a\r\n" * 200 + b"\r\n{}",
    "endless status line": repeated(b"HTTP/1.1 200 ", b"a"),
    "endless headers": repeated(_OK, b"X-Header: a\r\n"),
    "endless header": repeated(_OK + b"X: ", b"a"),
    "endless 100": repeated(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "endless 103": repeated(b"", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"),
    "endless body": repeated(_OK + b"\r\n", b"{}"),
    "endless chunks": repeated(_CHUNKED, _chunk(b"[" * 1000)),
    "endless small chunks": repeated(_CHUNKED, _chunk(b"[")),
    "endless chunk extension": repeated(_CHUNKED + b"1;", b"a"),
    "endless trailers": repeated(_CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: a\r\n"),
    "gzip bomb": _GZIP + b"gzip\r\n\r\n" + _chunk(gzip.compress(bytes(100_000_000))) + b"0\r\n\r\n",
    "deflate bomb": _GZIP + b"deflate\r\n\r\n" + _chunk(zlib.compress(bytes(100_000_000))),
    "gzip in gzip": _GZIP
    + b"gzip, gzip\r\n\r\n"
    + _chunk(gzip.compress(gzip.compress(bytes(100_000_000))))
    + b"0\r\n\r\n",
    "too many codings": _GZIP + b"gzip" + b", gzip" * 20 + b"\r\n\r\n" + _chunk(b"{}"),
    "endless empty gzip": repeated(_GZIP + b"gzip\r\n\r\n", _chunk(gzip.compress(b"") * 500)),
    "no gzip": _GZIP + b"gzip\r\n\r\n" + _chunk(b'{"id":"1"}') + b"0\r\n\r\n",
    "brotli": _GZIP + b"br\r\n\r\n" + _chunk(b"\x0b\x02\x80\x03") + b"0\r\n\r\n",
    "zstandard": _GZIP + b"zstd\r\n\r\n" + _chunk(b"\x28\xb5\x2f\xfd" + b"\0" * 20) + b"0\r\n\r\n",
    "unheard of coding": _GZIP + b"x-none\r\n\r\n" + _chunk(b"\0\1") + b"0\r\n\r\n",
    "slow charset": ok(b"xn--" + b"a" * 4_000_000).replace(
        b"application/json", b"application/json; charset=punycode"
    ),
    "guessed charset": ok(bytes(range(128, 256)) * 30_000).replace(b"application/json", b"x/y"),
    "query": ok(b"a=b&" * 1_000_000).replace(b"application/json", b"text/plain"),
    "many lists": ok(b'{"data":[' + b"[]," * 1_500_000 + b"[]]}"),
    "many deep lists": ok(b"[" + (b"[" * 900 + b"]" * 900 + b",") * 2_500 + b"0]"),
    "many objects": ok(b'{"data":[' + b'{"":0},' * 600_000 + b"0]}"),
}


@pytest.mark.parametrize("name", WIRE)
def test_no_answer_takes_much_memory_or_time_or_is_believed(bench: Bench, name: str) -> None:
    answer = WIRE[name]
    # What has no end is looked at once: some of it is given up only when the time is over.
    whole = isinstance(answer, bytes)
    for operation in ("publish", "find") if whole else ("publish",):
        begin = time.monotonic()
        tracemalloc.start()
        try:
            bench.lost(operation, answer, timeout=(1.0, 2.0) if whole else (0.5, 1.0))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert peak < 100_000_000
        # The exchange itself ends after 3 s; the rest is for a busy machine.
        assert time.monotonic() - begin < 30


@pytest.mark.parametrize("operation", OPERATIONS)
def test_bytes_that_trickle_in_end_at_the_bound(bench: Bench, operation: str) -> None:
    def trickle() -> Iterable[bytes]:
        yield _OK
        while True:
            time.sleep(0.05)
            yield b"X: a\r\n"

    begin = time.monotonic()
    bench.lost(operation, trickle, timeout=(0.3, 0.3))
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_a_redirect_leads_nowhere(bench: Bench, operation: str, status: int) -> None:
    elsewhere = Server([ok(bench.made('"1"'))])
    headers = f"Location: {elsewhere.base_url}/2/tweets\r\nRefresh: 0; url={elsewhere.base_url}\r\n"
    try:
        bench.lost(operation, reply(status, b"{}", headers))
    finally:
        elsewhere.close()

    assert elsewhere.requests == []
    assert len(bench.requests) == 1


def test_an_interim_answer_is_not_the_answer(bench: Bench) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"

    made = bench.act("publish", interim + ok(bench.made('"1"')))
    assert made.remote_id == (RKEY if bench.platform == "bluesky" else "1")
