"""What is fuzzed of answers: every method of an adapter, fed raw bytes where its socket would be.

The real client library, requests, urllib3 and http.client run; only the socket is not one. An
input's first byte chooses the method and whether what follows are whole HTTP answers or parts of
which answers are built; ``SPLIT`` stands between the answers to one request and the next.

Run by the tests; by hand: ``python tests/fuzz/answers_targets.py TARGET INPUT``.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import harness

if TYPE_CHECKING:
    from socialstrike.platforms.base import Identity, Platform, Publication
    from socialstrike.platforms.http import HttpPlatform

SPLIT = b"\n--next--\n"
OPERATIONS = ("publish", "find", "check", "upload", "retract")
#: The text that is looked for: an answer with it is a find.
TEXT = "Hello"
CREDENTIALS = {
    "x": {"client_id": "c", "access_token": "token-of-the-account", "refresh_token": "refresh-it"},
    "facebook": {"page_id": "123", "access_token": "EAAtoken-of-the-page"},
}
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
_URL = re.compile(r"https?://[!-~]{1,2000}")


class Answers:
    """In place of sockets: each new connection is answered with the next of the input's parts."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def connect(self) -> FakeSocket:
        """What a connection takes for its socket."""
        answer = self.waiting.pop(0) if len(self.waiting) > 1 else self.waiting[0]
        return FakeSocket(answer)


class FakeSocket:
    """Takes whatever is sent and has its answer ready."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def makefile(self, *_mode: object) -> io.BufferedReader:
        """The answer as a stream."""
        return io.BufferedReader(io.BytesIO(self._answer))  # type: ignore[arg-type]  # as good as raw

    def sendall(self, data: bytes) -> None:
        """Nothing: nobody is there."""

    def settimeout(self, seconds: float | None) -> None:
        """Nothing: nobody waits."""

    def gettimeout(self) -> float:
        """As on a real one."""
        return 5.0

    def shutdown(self, how: int) -> None:
        """Nothing: nobody is there."""

    def close(self) -> None:
        """Nothing: nobody is there."""


def frame(status: int, body: bytes, headers: bytes = b"Content-Type: application/json") -> bytes:
    """A whole HTTP answer."""
    head = b"HTTP/1.1 %d Said\r\n%s\r\nContent-Length: %d\r\n\r\n"
    return head % (status, headers.strip(b"\r\n"), len(body)) + body


def _built(part: bytes) -> bytes:
    """An answer out of a part: status, a line of headers, the body."""
    status, _, rest = part.partition(b"\n")
    headers, _, body = rest.partition(b"\n")
    lines = b"Content-Type: application/json\r\n" + headers.replace(b"|", b"\r\n")
    number = status.strip()
    known = number.isdigit() and len(number) == 3
    return frame(int(number) if known else 200, body, lines)


def _adapter(name: str) -> harness.Target:
    from socialstrike import platforms
    from socialstrike.platforms import transport
    from socialstrike.platforms.base import Access, Media, Payload

    answers = Answers()
    transport._Recording._new_conn = answers.connect  # type: ignore[method-assign,assignment]
    transport.MOST_IDLE = -1.0  # every request opens a connection, and so gets its own answer
    picture = Path("picture.png").absolute()
    picture.write_bytes(b"\x89PNG")
    media, payload = Media(picture, "image/png", "seen"), Payload("key", TEXT)
    access = Access("a", CREDENTIALS[name], "http://127.0.0.1:9")
    since = datetime.now(UTC) - timedelta(minutes=5)
    kind = platforms.get(name)

    def target(data: bytes) -> None:
        if not data:
            return
        operation = OPERATIONS[(data[0] >> 1) % len(OPERATIONS)]
        parts = data[1:].split(SPLIT)
        answers.waiting = [_built(part) for part in parts] if data[0] & 1 else parts
        adapter = kind(access)
        act = {
            "publish": lambda: adapter.publish(payload, ()),
            "find": lambda: adapter.find(payload, since, ("known",)),
            "check": adapter.check,
            "upload": lambda: adapter.upload(media),
            "retract": lambda: adapter.retract("123"),
        }[operation]
        _judge(adapter, operation, act)

    return target


def _judge(adapter: Platform, operation: str, act: object) -> None:
    from socialstrike.platforms.base import PlatformError

    try:
        found = act()  # type: ignore[operator]
    except PlatformError as error:
        _judge_error(adapter, operation, error)  # type: ignore[arg-type]
    else:
        _judge_success(operation, found)
    moment = adapter.their_time()
    assert moment is None or 2000 <= moment.year <= 2200


def _judge_error(adapter: HttpPlatform, operation: str, error: Exception) -> None:
    from socialstrike.platforms.base import (
        OutcomeUnknown,
        RateLimited,
        Rejected,
        TemporarilyUnavailable,
    )

    said = str(error)
    assert said.isprintable(), repr(said)
    assert len(said) < 1_000, repr(said)
    said.encode()
    assert "token-of" not in said, said
    assert error.__cause__ is None
    assert error.__context__ is None
    if operation == "publish":
        answer = adapter.exchange.answer
        assert not isinstance(error, TemporarilyUnavailable), "it was sent"
        if answer is None or answer.status < 400 or answer.status >= 500:
            assert isinstance(error, OutcomeUnknown), type(error)
    else:
        assert not isinstance(error, OutcomeUnknown), operation
        assert operation in {"upload", "retract"} or not isinstance(error, Rejected), operation
    if isinstance(error, RateLimited) and error.retry_at is not None:
        assert error.retry_at.tzinfo is not None
        assert error.retry_at <= datetime.now(UTC) + timedelta(days=1)


def _judge_success(operation: str, found: Publication | Identity | str | None) -> None:
    from socialstrike.platforms.base import Identity, Publication

    if isinstance(found, str):
        assert operation == "upload"
        assert _ID.fullmatch(found), repr(found)
    if isinstance(found, Publication | Identity):
        assert _ID.fullmatch(found.remote_id), repr(found.remote_id)
        assert found.url is None or _URL.fullmatch(found.url), repr(found.url)
    if isinstance(found, Publication):
        assert operation in {"publish", "find"}
        assert found.remote_id != "known"
        assert found.at is None or 2000 <= found.at.year <= 2200
        until = found.throttled_until
        assert until is None or until <= datetime.now(UTC) + timedelta(days=1)
    if isinstance(found, Identity):
        assert found.name.isprintable()
        assert 0 < len(found.name) <= 100


TARGETS = {"x": lambda: _adapter("x"), "facebook": lambda: _adapter("facebook")}

if __name__ == "__main__":
    harness.main(TARGETS, instrument=["socialstrike.platforms", "tweepy.client", "facebook"])
