"""Answers that mean harm, through the real client libraries and real HTTP on this machine."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from socialstrike import platforms
from socialstrike.platforms.base import (
    Access,
    CredentialsRefused,
    Identity,
    Media,
    OutcomeUnknown,
    Payload,
    Platform,
    PlatformError,
    Publication,
    RateLimited,
    TemporarilyUnavailable,
)

DID = "did:plc:abc"
_BLUESKY = {"handle": "collectif.bsky.social", "app_password": "token-of-the-app"}
#: So that there is one request, as elsewhere: who is logged in needs no login.
_SESSION = {
    "did": DID,
    "access": "token-of-the-session",
    "refresh": "token-of-the-next-session",
    "opened_with": hashlib.sha256("\n".join(_BLUESKY.values()).encode()).hexdigest()[:16],
}
CREDENTIALS = {
    "x": {"client_id": "c", "access_token": "token-of-the-account", "refresh_token": "refresh-it"},
    "facebook": {"page_id": "123", "access_token": "EAAtoken-of-the-page"},
    "mastodon": {"instance": "mastodon.example", "access_token": "token-of-the-account"},
    "bluesky": {**_BLUESKY, "session": json.dumps(_SESSION)},
}
#: Where Bluesky's post for the key below lies; its last part is the post's id.
_RKEY = "3jwcmy7kbo3rt"
_URI = f"at://{DID}/app.bsky.feed.post/{_RKEY}"
OPERATIONS = ["publish", "upload", "check", "find", "retract"]
HELLO = Payload("key", "Hello")

#: What is sent for one request: at once, or piece by piece until the client has enough.
Answer = bytes | Callable[[], Iterable[bytes]]


class Server:
    """Answers the requests with ``answers`` in turn, the last one again and again."""

    def __init__(self, answers: list[Answer]) -> None:
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(10)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            head = b"".join(iter(stream.readline, b"\r\n"))
            length = 0
            for line in head.splitlines():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            stream.read(length)
            self.requests.append(head)
            answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
            for piece in [answer] if isinstance(answer, bytes) else answer():
                connection.sendall(piece)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Bench:
    """An adapter whose platform answers what the test says."""

    def __init__(self, platform: str, folder: Path) -> None:
        self.platform, self._folder = platform, folder
        self._servers: list[Server] = []
        #: What an adapter gave to be kept.
        self.renewed: list[Mapping[str, str]] = []

    def act(
        self,
        operation: str,
        *answers: Answer,
        known: tuple[str, ...] = (),
        timeout: tuple[float, float] = (2.0, 8.0),
        payload: Payload = HELLO,
        **credentials: str,
    ) -> Any:
        """Do one of the five operations and give back what came of it."""
        self._servers.append(Server(list(answers)))
        given, renewed = {**CREDENTIALS[self.platform], **credentials}, self.renewed.append
        base_url = self._servers[-1].base_url
        keeps = renewed if self.platform == "bluesky" else None
        access = Access("a", given, base_url, renewed=keeps)
        adapter: Platform = platforms.get(self.platform)(access, timeout=timeout)
        path = self._folder / "picture.png"
        Image.new("RGB", (1, 1)).save(path)
        since = datetime.now(UTC) - timedelta(minutes=5)
        acts: dict[str, Callable[[], Any]] = {
            "publish": lambda: adapter.publish(payload, ()),
            "upload": lambda: adapter.upload(Media(path, "image/png", "seen")),
            "check": adapter.check,
            "find": lambda: adapter.find(payload, since, known),
            "retract": lambda: adapter.retract("123"),
        }
        return acts[operation]()

    def fails(self, operation: str, *answers: Answer, **how: Any) -> PlatformError:
        """The error that it ends with: one of the five, one printable sentence, no secret."""
        with pytest.raises(PlatformError) as caught:
            self.act(operation, *answers, **how)
        said = str(caught.value)
        assert said.isprintable(), repr(said)
        assert said.encode()
        assert len(said) < 1_000
        assert "token-of" not in said
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        return caught.value

    def lost(self, operation: str, *answers: Answer, **how: Any) -> PlatformError:
        """The error of an answer that says nothing, which must be of the right kind."""
        error = self.fails(operation, *answers, **how)
        wanted = OutcomeUnknown if operation == "publish" else TemporarilyUnavailable
        assert type(error) is wanted
        return error

    @property
    def requests(self) -> list[bytes]:
        """What the last server was asked."""
        return self._servers[-1].requests

    def close(self) -> None:
        for server in self._servers:
            server.close()

    # What an honest answer would be ---------------------------------------------------------

    def me(self, remote_id: str | None = None, name: str = '"collectif"', rest: str = "") -> str:
        remote_id = remote_id or json.dumps(DID if self.platform == "bluesky" else "123")
        if self.platform == "x":
            return f'{{"data":{{"id":{remote_id},"username":{name}{rest}}}}}'
        who, called = {
            "facebook": ("id", "name"),
            "mastodon": ("id", "username"),
            "bluesky": ("did", "handle"),
        }[self.platform]
        return f'{{"{who}":{remote_id},"{called}":{name},"statuses_count":1{rest}}}'

    def made(self, remote_id: str = '"1"') -> str:
        if self.platform == "x":
            return f'{{"data":{{"id":{remote_id}}}}}'
        if self.platform == "bluesky":
            # The address is the delivery's own; any other id is that of another post.
            uri = json.dumps(_URI) if remote_id == '"1"' else remote_id
            return f'{{"uri":{uri},"blob":{blob(remote_id)}}}'
        return self.post(remote_id)

    def post(self, remote_id: str = '"9"', made: str | None = None, rest: str = "") -> str:
        text, moment = {
            "x": ("text", "created_at"),
            "facebook": ("message", "created_time"),
            "mastodon": ("content", "created_at"),
            "bluesky": ("text", "createdAt"),
        }[self.platform]
        made = made or json.dumps(datetime.now(UTC).isoformat(timespec="seconds"))
        post = f'{{"id":{remote_id},"{text}":"Hello","{moment}":{made}{rest}}}'
        if self.platform != "bluesky":
            return post
        uri = json.dumps(_URI) if remote_id == '"9"' else remote_id
        return f'{{"uri":{uri},"value":{post}}}'

    def page(self, *posts: str, more: str | None = None) -> str:
        content = ",".join(posts)
        if self.platform == "bluesky":
            return posts[0]
        if self.platform == "mastodon":
            # A post older than what is looked for says that there is no further page.
            last = "" if more else "," + self.post('"2"', '"2020-01-24T00:00:00Z"')
            return f"[{content}{last}]"
        if self.platform == "x":
            token = f',"next_token":{more}' if more else ""
            return f'{{"data":[{content}],"meta":{{"result_count":{len(posts)}{token}}}}}'
        paging = f',"paging":{{"next":"https://a","cursors":{{"after":{more}}}}}' if more else ""
        return f'{{"data":[{content}]{paging}}}'

    @property
    def first(self) -> list[Answer]:
        """What is answered before a look-up sees posts."""
        return [ok(self.me())] if self.platform in {"x", "mastodon"} else []

    def find(self, page: str, **how: Any) -> Any:
        """Look up, with this page of posts as the answer, whoever else is asked first."""
        return self.act("find", *self.first, ok(page), **how)

    def fails_to_find(self, page: str) -> None:
        """A look-up that meets this page is no absence."""
        self.lost("find", *self.first, ok(page))


def blob(link: str = '"bafkreia"', size: str = "70", kind: str = '"image/png"') -> str:
    """What Bluesky answers to a picture."""
    return f'{{"$type":"blob","ref":{{"$link":{link}}},"size":{size},"mimeType":{kind}}}'


#: Those that look through pages of posts; Bluesky is asked for the one post at its address.
LISTING = ["x", "facebook", "mastodon"]


@pytest.fixture(params=[*LISTING, "bluesky"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture
def bench_of(tmp_path: Path) -> Iterator[Callable[[str], Bench]]:
    """A bench for the platform that the test names."""
    benches: list[Bench] = []

    def make(platform: str) -> Bench:
        benches.append(Bench(platform, tmp_path))
        return benches[-1]

    yield make
    for made in benches:
        made.close()


listing = pytest.mark.parametrize("bench", LISTING, indirect=True)


def reply(status: int, body: str | bytes = b"{}", headers: str = "") -> bytes:
    content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    # Closed by both: a connection kept here could meet its closing in the next request.
    lines = f"HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Type: application/json\r\n"
    lines += headers
    return f"{lines}Content-Length: {len(content)}\r\n\r\n".encode("latin-1") + content


def ok(body: str | bytes, headers: str = "") -> bytes:
    return reply(200, body, headers)


# Values of the wrong kind -------------------------------------------------------------------

IDS = {
    "object": '{"a": 1}',
    "list": '["1"]',
    "null": "null",
    "true": "true",
    "float": "1e18",
    "fraction": "1.5",
    "nan": "NaN",
    "infinity": "Infinity",
    "negative": "-1",
    "huge": "9" * 400,
    "beyond parsing": "9" * 5000,
    "empty": '""',
    "space": '"1 2"',
    "path": '"../../me"',
    "dots": '".."',
    "markup": '"<script>"',
    "formula": '"=1+1"',
    "escape": '"1\\u001b[2J"',
    "newline": '"1\\n2"',
    "nul": '"1\\u0000"',
    "bidi": '"1\\u202e2"',
    "surrogate": '"1\\ud800"',
    "digits of another script": '"١٢٣"',
    "long": f'"{"1" * 101}"',
    "pattern": '"(a+)+$"',
}


@pytest.mark.parametrize("value", IDS.values(), ids=IDS.keys())
def test_an_id_that_is_none_is_no_success(bench: Bench, value: str) -> None:
    bench.lost("publish", ok(bench.made(value)))
    bench.lost("upload", ok(bench.made(value)))
    bench.lost("check", ok(bench.me(value)))
    bench.fails_to_find(bench.page(bench.post(value)))


BODIES = {
    "empty": b"",
    "list": b"[]",
    "null": b"null",
    "number": b"1",
    "text": b'"id"',
    "true": b"true",
    "no id": b'{"data":{}}',
    "list for an object": b'{"data":[{"id":"1"}],"id":[]}',
    "text for an object": b'{"data":"id","id":null}',
    "number for an object": b'{"data":1,"meta":2,"paging":3}',
    "null for an object": b'{"data":null,"meta":null,"paging":null}',
    "the id twice": b'{"id":"1","id":{},"data":{"id":"1","id":{}}}',
    "cut short": b'{"data":{"id":"1"',
    "two": b'{"data":{"id":"1"},"id":"1"}{}',
    "html": b"<html>",
    "deep": b'{"data":' * 50_000,
    "deep list": b"[" * 100_000 + b"]" * 100_000,
    "half deep": b'{"data":' + b"[" * 900 + b"]" * 900 + b"}",
    "byte order mark": b'\xef\xbb\xbf{"data":{"id":"1"},"id":"1"}',
    "utf-16": '{"data":{"id":"1"},"id":"1"}'.encode("utf-16"),
    "bad utf-8": b'{"data":{"id":"1\xff"},"id":"1\xff"}',
    "surrogate in utf-8": b'{"data":{"id":"\xed\xa0\x80"},"id":"\xed\xa0\x80"}',
    "nul": b'{"data":{"id":"1"},"id":"1"}\0',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("kind", ["application/json", "image/png", "text/plain"])
def test_a_success_that_cannot_be_read_is_none(bench: Bench, body: bytes, kind: str) -> None:
    for operation in OPERATIONS:
        # Bluesky says no more to a deletion than that it is one: any object will do.
        vague = (bench.platform, operation) == ("bluesky", "retract")
        # Only here is an id read from these two, and it is a good one.
        marked = (bench.platform, operation) == ("mastodon", "upload") and body[:1] in b"\xef\xff"
        if not vague and not (marked and body):
            bench.lost(operation, ok(body).replace(b"application/json", kind.encode()))


@pytest.mark.parametrize(
    "name", ["empty", "list", "null", "text", "cut short", "two", "html", "deep", "bad utf-8"]
)
def test_a_deletion_on_bluesky_is_answered_with_an_object(
    bench_of: Callable[[str], Bench], name: str
) -> None:
    bench_of("bluesky").lost("retract", ok(BODIES[name]))


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_refusal_that_cannot_be_read_is_sorted_by_its_status(bench: Bench, body: bytes) -> None:
    surely = {400: "Rejected", 401: "CredentialsRefused", 402: "CredentialsRefused"}
    surely |= {403: "Rejected", 429: "RateLimited"}
    for status in (*surely, 404, 500, 503, 600, 999):
        error = bench.fails("publish", reply(status, body))
        assert type(error).__name__ == surely.get(status, "OutcomeUnknown")


TIMES = ["{}", "1", "true", '""', '"now"', '"2020-01-24"', '"2020-01-24T10:00:00"']
TIMES += ['"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"', '"1e308"', '"\\u0000"']


@pytest.mark.parametrize("made", TIMES)
def test_a_post_without_a_credible_time_proves_no_absence(bench: Bench, made: str) -> None:
    bench.fails_to_find(bench.page(bench.post(made=made)))


@listing
def test_an_id_is_the_same_one_as_number_and_as_text(bench: Bench) -> None:
    page = bench.page(bench.post("9"))

    assert bench.find(page, known=("9",)) is None
    found = bench.find(page)
    assert isinstance(found, Publication)
    assert found.remote_id == "9"


@pytest.mark.parametrize(
    "name", ["{}", "[]", "1", "null", '""', '" "', '"\\u001b\\u0000"', '"\\u202e"']
)
def test_a_name_that_is_none_is_no_identity(bench: Bench, name: str) -> None:
    bench.lost("check", ok(bench.me(name=name)))


def test_a_name_is_printable_and_short_and_its_address_one_to_follow(bench: Bench) -> None:
    name = (
        '"\\u00ad\\ue186\\u200b\\u001b]0;x\\u0007Coll\\u202eectif\\ud800\\n<b>' + "a" * 5000 + '"'
    )
    script = '"javascript:alert(1)"'
    found = bench.act("check", ok(bench.me(name=name, rest=f',"link":{script},"url":{script}')))

    assert isinstance(found, Identity)
    assert found.name.isprintable()
    assert found.name.encode()
    assert len(found.name) <= 100
    # Bluesky's is made of the account's id.
    assert found.url == (f"https://bsky.app/profile/{DID}" if bench.platform == "bluesky" else None)


@pytest.mark.parametrize(
    ("platform", "name", "instead"),
    [("facebook", "permalink_url", "https://www.facebook.com/9"), ("mastodon", "url", None)],
)
@pytest.mark.parametrize(
    "url",
    [
        '"javascript:alert(1)"',
        '"data:text/html,x"',
        '"https://a/\\u001b[2J"',
        '"https://a/\\" onclick=x"',
        '"https://a/<b>"',
        '"https://a/\\u202eb"',
        '"https://[::1"',
        '"https://"',
        f'"https://a/{"b" * 3000}"',
        "{}",
        "1",
    ],
)
def test_a_link_that_is_none_to_follow_is_left_out(
    bench_of: Callable[[str], Bench], platform: str, name: str, instead: str | None, url: str
) -> None:
    bench = bench_of(platform)
    found = bench.find(bench.page(bench.post(rest=f',"{name}":{url}')))

    assert found.url == instead


# Words, waits and clocks ----------------------------------------------------------------------

WORDS = "\\u001b[31m\\u009b2J\\u202eevil\\u2066\\u0007\\ud800\\u0000\\r\\nnew line\\u2028end"


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_a_platforms_words_can_drive_no_terminal(bench: Bench, operation: str, status: int) -> None:
    token = CREDENTIALS[bench.platform].get("access_token", "token-of-the-session")
    words = f"{WORDS} {token} {'x' * 5000}"
    error = f'{{"message":"{words}","code":100}}'
    if bench.platform in {"mastodon", "bluesky"}:
        error = f'"{words}"'
    body = f'{{"detail":"{words}","error":{error},"message":"{words}"}}'

    # The checks are those of ``fails``.
    assert "evil" in str(bench.fails(operation, reply(status, body)))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("words", ["{}", "[[1]]", "7", "true", "[" * 900 + "]" * 900, "NaN"])
def test_words_that_are_none_change_no_sorting(bench: Bench, operation: str, words: str) -> None:
    inner = f'{{"message":{words},"code":{words},"error_subcode":{words}}}'
    body = f'{{"detail":{words},"title":{words},"type":{words},"errors":[{inner}],"error":{inner}}}'

    assert type(bench.fails(operation, reply(429, body))).__name__ == "RateLimited"
    assert not isinstance(bench.fails(operation, reply(403, body)), RateLimited)


WAITS = ["-1", "0", "9" * 30, "1e308", "-1e308", "nan", "inf", "0x10", "", " ", "253402300799"]
WAITS += ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "soon", "\xff", "1,2"]


_RESETS = ["x-rate-limit-reset", "X-RateLimit-Reset", "RateLimit-Reset"]


@pytest.mark.parametrize("header", ["Retry-After", *_RESETS])
@pytest.mark.parametrize("wait", WAITS)
def test_no_wait_is_longer_than_a_day(bench: Bench, header: str, wait: str) -> None:
    usage = json.dumps({"1": [{"estimated_time_to_regain_access": 1e12}]})
    for more in ("", f"X-Business-Use-Case-Usage: {usage}\r\n"):
        error = bench.fails("publish", reply(429, b"{}", f"{header}: {wait}\r\n{more}"))

        assert isinstance(error, RateLimited)
        most = datetime.now(UTC) + timedelta(days=1)
        assert error.retry_at is None or error.retry_at <= most


@pytest.mark.parametrize("wait", WAITS)
def test_no_account_is_throttled_for_longer_than_a_day(bench: Bench, wait: str) -> None:
    usage = json.dumps({"a": [{"estimated_time_to_regain_access": 1e12}]})
    headers = "".join(
        f"{header}: {wait}\r\n{header.replace('eset', 'emaining')}: 0\r\n" for header in _RESETS
    )
    headers += f'X-App-Usage: {{"call_count": 1e400}}\r\nX-Business-Use-Case-Usage: {usage}\r\n'
    made = bench.act("publish", ok(bench.made('"1"'), headers))

    most = datetime.now(UTC) + timedelta(days=1)
    assert made.throttled_until is None or made.throttled_until <= most


@pytest.mark.parametrize(
    "date",
    ["", "never", "Mon, 01 Jan 0001 00:00:00 +1400", "Fri, 31 Dec 9999 23:59:59 -1400", "9" * 99],
)
def test_an_absurd_date_moves_no_look_up(bench: Bench, date: str) -> None:
    first = [ok(bench.me(), f"Date: {date}\r\n")] if bench.first else []
    page = ok(bench.page(bench.post()), f"Date: {date}\r\n")

    assert bench.act("find", *first, page) is not None


# Look-ups without end -------------------------------------------------------------------------


@listing
def test_a_look_up_reads_so_many_pages_and_no_more(bench: Bench) -> None:
    page = bench.page(bench.post(rest=',"none":1').replace("Hello", "Other"), more='"n"')

    bench.lost("find", *bench.first, ok(page))
    # Mastodon's are smaller.
    pages = 25 if bench.platform == "mastodon" else 10
    assert len(bench.requests) == pages + len(bench.first)


@pytest.mark.parametrize("bench", ["x", "facebook"], indirect=True)
@pytest.mark.parametrize("more", ["{}", "[]", "1.5", "true", '""', f'"{"n" * 3000}"'])
def test_a_next_page_that_is_nowhere_is_no_end(bench: Bench, more: str) -> None:
    bench.fails_to_find(bench.page(bench.post().replace("Hello", "Other"), more=more))


@listing
def test_a_page_larger_than_asked_for_is_none(bench: Bench) -> None:
    bench.fails_to_find(bench.page(*[bench.post()] * 101))


@pytest.mark.parametrize(
    "links",
    [
        [{"url": "", "expanded_url": "y" * 1000}] * 50,
        [{"url": "l", "expanded_url": "l" * 50}] * 20,
        [{"url": "Hello", "expanded_url": "y" * 4_000_000}],
        [{"url": "H", "expanded_url": {}}],
        [{"url": 1}],
        ["url"],
        [None],
        {"url": "H"},
    ],
)
def test_links_that_multiply_or_are_none_end_the_look_up(tmp_path: Path, links: Any) -> None:
    bench = Bench("x", tmp_path)
    rest = f',"entities":{{"urls":{json.dumps(links)}}}'
    tracemalloc.start()
    try:
        bench.fails_to_find(bench.page(bench.post(rest=rest)))
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
        bench.close()


# The wire -------------------------------------------------------------------------------------


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
    for operation in ("publish", "find") if isinstance(answer, bytes) else ("publish",):
        begin = time.monotonic()
        tracemalloc.start()
        try:
            bench.lost(operation, answer, timeout=(1.0, 2.0))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert peak < 100_000_000
        # The exchange itself ends after 3 s; the rest is for a busy machine.
        assert time.monotonic() - begin < 8


@pytest.mark.parametrize("operation", OPERATIONS)
def test_bytes_that_trickle_in_end_at_the_bound(bench: Bench, operation: str) -> None:
    def trickle() -> Iterable[bytes]:
        yield _OK
        while True:
            time.sleep(0.05)
            yield b"X: a\r\n"

    begin = time.monotonic()
    bench.lost(operation, trickle, timeout=(0.3, 0.3))
    assert time.monotonic() - begin < 4


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
    assert made.remote_id == (_RKEY if bench.platform == "bluesky" else "1")


# Mastodon's own ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "made"),
    [
        ("<" * 4_000_000, None),
        ("<p" * 2_000_000, None),
        ("&" * 4_000_000, None),
        ("@a@b." * 800_000, None),
        ("Hello " * 600_000, None),
        ("Hello" + "\u0301\u0323" * 700_000, None),
        ("Hello", "1" * 4_000_000),
        ("Hello", "1." * 2_000_000),
    ],
    ids=["tags", "paragraphs", "entities", "mentions", "words", "marks", "long date", "odd date"],
)
def test_no_post_takes_much_time(
    bench_of: Callable[[str], Bench], content: str, made: str | None
) -> None:
    bench = bench_of("mastodon")
    made = made or datetime.now(UTC).isoformat(timespec="seconds")
    post = {"id": "9", "content": content, "created_at": made, "url": None, "account": {"id": made}}
    old = {"id": "2", "content": "", "created_at": "2020-01-24T00:00:00Z"}
    page = json.dumps([post, old], ensure_ascii=False)

    begin = time.monotonic()
    with contextlib.suppress(TemporarilyUnavailable):
        # Where it is doubted, the source is asked for, and says the same.
        source = ok(json.dumps({"text": content}, ensure_ascii=False))
        assert bench.act("find", *bench.first, ok(page), source) is None
    assert time.monotonic() - begin < 8


@pytest.mark.parametrize("count", ["{}", '"0"', "false", "-1", "1.5", "null", "1e400"])
def test_an_empty_list_proves_nothing_where_it_is_unknown_how_many_there_are(
    bench_of: Callable[[str], Bench], count: str
) -> None:
    bench = bench_of("mastodon")
    me = f'{{"id":"123","username":"collectif","statuses_count":{count}}}'

    bench.lost("find", ok(me), ok("[]"))


@pytest.mark.parametrize("said", ["{}", "null", '["Hello"]', "7"])
def test_a_source_that_is_no_text_is_no_absence(
    bench_of: Callable[[str], Bench], said: str
) -> None:
    bench = bench_of("mastodon")
    edited = bench.page(bench.post().replace('"Hello"', '"Hello there"'))

    bench.lost("find", *bench.first, ok(edited), ok(f'{{"text":{said}}}'))


@pytest.mark.parametrize("status", [202, 206])
def test_a_picture_that_is_never_ready_is_waited_for_with_bounds(
    bench_of: Callable[[str], Bench], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    bench = bench_of("mastodon")
    monkeypatch.setattr("socialstrike.platforms.mastodon._PATIENCE", (0.0,) * 6)

    bench.lost("upload", reply(status, '{"id":"5"}'))
    assert len(bench.requests) == 7


@pytest.mark.parametrize(
    "value", ["{}", "-1", "true", '"500"', "1e400", "NaN", "9" * 400, "[]", "null"]
)
def test_no_limit_of_an_instance_is_beyond_reason(
    bench_of: Callable[[str], Bench], value: str
) -> None:
    bench = bench_of("mastodon")
    statuses = f'{{"max_characters":{value},"max_media_attachments":{value}}}'
    media = f'{{"supported_mime_types":[{value}],"image_size_limit":{value}}}'
    told = f'{{"configuration":{{"statuses":{statuses},"media_attachments":{media}}}}}'

    found = bench.act("check", ok(bench.me()), ok(told))
    limits = platforms.get("mastodon").limits_for(found.told)
    assert 1 <= limits.text <= 100_000
    assert 0 <= limits.media <= 40
    assert 1 <= limits.media_bytes <= 20_000_000
    assert limits.media_types == frozenset()


# Bluesky's own: what comes before a post ----------------------------------------------------------

TOKENS = {
    "object": "{}",
    "null": "null",
    "number": "1",
    "empty": '""',
    "two lines": '"a\\r\\nX: y"',
    "space": '"a b"',
    "other letters": '"\\u00e9"',
    "surrogate": '"\\ud800"',
    "long": f'"{"a" * 4_001}"',
}


def login(access: str = '"token-of-today"', refresh: str = '"token-of-tomorrow"') -> bytes:
    return ok(f'{{"did":"{DID}","accessJwt":{access},"refreshJwt":{refresh}}}')


_EXPIRED = reply(400, '{"error":"ExpiredToken","message":"Token has expired"}')


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_login_that_is_none_is_tried_again_and_nothing_is_kept_or_posted(
    bench_of: Callable[[str], Bench], operation: str, token: str
) -> None:
    bench = bench_of("bluesky")
    for answer in (login(access=token), login(refresh=token)):
        error = bench.fails(operation, answer, session="")

        assert type(error) is TemporarilyUnavailable
        assert [head.split()[1] for head in bench.requests] == [
            b"/xrpc/com.atproto.server.createSession"
        ]
    assert bench.renewed == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", TemporarilyUnavailable),
        (reply(500), TemporarilyUnavailable),
        (reply(302), TemporarilyUnavailable),
        (reply(999), TemporarilyUnavailable),
        (reply(429), RateLimited),
        (reply(400), CredentialsRefused),
        (reply(401), CredentialsRefused),
        (reply(403), CredentialsRefused),
        (login().replace(b"did:plc:abc", b"did:plc:<b>"), TemporarilyUnavailable),
    ],
)
@pytest.mark.parametrize("before", [0, 1, 2])
def test_what_fails_before_a_post_says_that_nothing_was_posted(
    bench_of: Callable[[str], Bench], before: int, answer: bytes, kind: type[PlatformError]
) -> None:
    bench, mention = bench_of("bluesky"), Payload("key", "Hello @bob.bsky.social")
    # The login itself; the look-up of a handle, whose token has ended; the next session after that.
    earlier = [[], [login(), _EXPIRED], [login(), ok('{"did":"did:plc:bob"}'), _EXPIRED]][before]
    error = bench.fails("publish", *earlier, answer, session="", payload=mention)

    # A next session that is refused is a reason to log in anew, and is answered the same.
    assert type(error) is kind
    assert sum(b"putRecord" in head for head in bench.requests) == (before == 2)


@pytest.mark.parametrize("did", ["{}", "null", '"did:plc:<b>"', '"bob"', f'"did:a:{"b" * 201}"'])
def test_a_handle_of_nobody_credible_is_not_mentioned(
    bench_of: Callable[[str], Bench], did: str
) -> None:
    bench, mention = bench_of("bluesky"), Payload("key", "Hello @bob.bsky.social")
    error = bench.fails("publish", ok(f'{{"did":{did}}}'), payload=mention)

    assert type(error) is TemporarilyUnavailable
    assert len(bench.requests) == 1


@pytest.mark.parametrize(
    "made",
    [
        blob(kind='"text/html"'),
        blob(kind='"image/a\\nb"'),
        blob(kind="{}"),
        blob(size="0"),
        blob(size="-1"),
        blob(size="true"),
        blob(size='"70"'),
        blob(size="2000001"),
        blob(size="1e400"),
    ],
)
def test_a_picture_that_is_none_is_not_taken(bench_of: Callable[[str], Bench], made: str) -> None:
    bench_of("bluesky").lost("upload", ok(f'{{"blob":{made}}}'))


def test_of_a_picture_only_what_posts_name_is_kept(bench_of: Callable[[str], Bench]) -> None:
    more = f'{{"evil":"{"x" * 1_000_000}",' + blob()[1:]
    entry = json.loads(bench_of("bluesky").act("upload", ok(f'{{"blob":{more}}}')))

    assert entry["image"] == json.loads(blob())


@pytest.mark.parametrize("text", ["{}", "null", "7", '["Hello"]'])
def test_a_post_whose_text_is_none_is_no_absence(
    bench_of: Callable[[str], Bench], text: str
) -> None:
    bench = bench_of("bluesky")
    bench.fails_to_find(bench.page(bench.post()).replace('"Hello"', text))


@pytest.mark.parametrize("before", [[], [_EXPIRED]])
def test_a_login_that_fails_is_no_absence(
    bench_of: Callable[[str], Bench], before: list[Answer]
) -> None:
    bench = bench_of("bluesky")
    absent = reply(400, '{"error":"RecordNotFound","message":"Could not locate record"}')
    kept = {} if before else {"session": ""}

    error = bench.fails("find", *before, absent, **kept)
    assert type(error) is CredentialsRefused
    assert bench.act("find", absent) is None


def test_an_answer_about_another_post_is_no_absence(bench_of: Callable[[str], Bench]) -> None:
    bench = bench_of("bluesky")
    other = bench.page(bench.post()).replace(DID, "did:plc:other").replace("Hello", "Bye")
    bench.fails_to_find(other)


def test_a_post_that_is_there_already_is_looked_up_and_not_sent_again(
    bench_of: Callable[[str], Bench],
) -> None:
    bench = bench_of("bluesky")
    bench.lost("publish", reply(400, '{"error":"InvalidSwap","message":"Record was at bafy"}'))
    assert len(bench.requests) == 1
    assert bench.find(bench.page(bench.post())).remote_id == _RKEY
