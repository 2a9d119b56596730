"""What is fuzzed of answers: every method of an adapter, fed raw bytes where its socket would be.

The real client library, requests, urllib3 and http.client run; only the socket is not one. An
input's first byte chooses the method, who asks, and whether what follows are whole HTTP answers or
parts of which answers are built; ``SPLIT`` stands between the answers to one request and the next.

Run by the tests; by hand: ``python tests/fuzz/answers_targets.py TARGET INPUT``.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness

if TYPE_CHECKING:
    from socialstrike.platforms.base import Publication
    from socialstrike.platforms.credentials import Identity
    from socialstrike.platforms.http import HttpPlatform
    from socialstrike.platforms.own_scheduler import Scheduled

SPLIT = b"\n--next--\n"
#: In the first byte: whether answers are built of parts, and whether the second of two asks.
PARTS, SECOND = 1, 128
OPERATIONS = ("publish", "find", "check", "upload", "retract")
#: What platforms with a scheduler of their own do beside that.
SCHEDULING = ("hand_over", "handed", "find_scheduled", "find_published", "take_back")
#: The text that is looked for: an answer with it is a find. Where a handle in it is looked up
#: before it is published, it holds one.
TEXTS = {
    "x": "Hello",
    "facebook": "Hello",
    "mastodon": "Hello",
    "bluesky": "Hello @bob.bsky.social",
}
#: When a copy is to be published.
AT = datetime(2100, 1, 24, tzinfo=UTC)
DID = "did:plc:abc"
_BLUESKY = {"handle": "a.bsky.social", "app_password": "token-of-the-app"}
_SESSION = {
    "did": DID,
    "access": "token-of-the-session",
    "refresh": "token-of-the-next-session",
    "opened_with": hashlib.sha256("\n".join(_BLUESKY.values()).encode()).hexdigest()[:16],
}
_X = {"client_id": "c", "access_token": "token-of-the-account", "refresh_token": "refresh-it"}
_X_ENDING = {"issued_at": "2020-01-01T00:00:00+00:00", "ends_at": "2020-01-01T02:00:00+00:00"}
_MASTODON = {"instance": "mastodon.example", "access_token": "token-of-the-account"}
#: Two who may ask: the second has what spares a request, or what makes another one necessary.
CREDENTIALS: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "x": (_X, {**_X, **_X_ENDING}),
    "facebook": ({"page_id": "123", "access_token": "EAAtoken-of-the-page"},) * 2,
    "mastodon": (_MASTODON, {**_MASTODON, "visibility": "unlisted", "language": "fr"}),
    "bluesky": (_BLUESKY, {**_BLUESKY, "session": json.dumps(_SESSION)}),
}
#: The request that publishes, among those that come before and after it.
_PUBLISHES = {
    "x": re.compile(rb"POST /2/tweets"),
    "facebook": re.compile(rb"POST /\S*/feed"),
    "mastodon": re.compile(rb"POST /api/v1/statuses"),
    "bluesky": re.compile(rb"POST /xrpc/com\.atproto\.repo\.putRecord"),
}
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
_DID = re.compile(r"did:[a-z]+:[0-9A-Za-z._:%-]{1,200}")
_URL = re.compile(r"https?://[!-~]{1,2000}")


@dataclass
class Request:
    """A request that left: its first line, and the status of its answer if there was one."""

    line: bytes
    status: int | None = None


@dataclass
class Answers:
    """In place of sockets: each new connection is answered with the next of the input's parts."""

    waiting: list[bytes] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def connect(self) -> FakeSocket:
        """What a connection takes for its socket."""
        answer = self.waiting.pop(0) if len(self.waiting) > 1 else self.waiting[0]
        return FakeSocket(answer, self.requests)


class FakeSocket:
    """Takes whatever is sent, notes that it was, and has its answer ready."""

    def __init__(self, answer: bytes, requests: list[Request]) -> None:
        self._answer, self._requests, self._used = answer, requests, False

    def makefile(self, *_mode: object) -> io.BufferedReader:
        """The answer as a stream."""
        return io.BufferedReader(io.BytesIO(self._answer))

    def sendall(self, data: bytes) -> None:
        """Note the request, which begins with its first line."""
        if not self._used:
            self._used = True
            self._requests.append(Request(data.partition(b" HTTP/")[0]))

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


def operations(name: str) -> tuple[str, ...]:
    """What the platform ``name`` can be asked to do."""
    from socialstrike import platforms
    from socialstrike.platforms.own_scheduler import OwnScheduler

    return OPERATIONS + (SCHEDULING if issubclass(platforms.get(name), OwnScheduler) else ())


def adapter_target(name: str, put: Callable[[Any, str, Any], None] = setattr) -> harness.Target:
    """What to call with inputs; ``put`` replaces what must not be real: sockets, waits."""
    from PIL import Image

    from socialstrike import platforms, redaction
    from socialstrike.platforms import connections, mastodon_media, transport
    from socialstrike.platforms.base import Media
    from socialstrike.platforms.credentials import Access
    from socialstrike.platforms.http import Answer

    answers = Answers()

    def noted(status: int, *rest: Any) -> Any:
        answers.requests[-1].status = status
        return Answer(status, *rest)

    put(transport, "Answer", noted)
    put(connections._Recording, "_new_conn", lambda _: answers.connect())
    put(connections, "MOST_IDLE", -1.0)  # every request opens a connection, and gets its own answer
    put(mastodon_media, "_PATIENCE", (0.0,) * len(mastodon_media._PATIENCE))
    picture = Path("picture.png").absolute()
    Image.new("RGB", (1, 1)).save(picture)
    media = Media(picture, "image/png", "seen")
    accesses = [
        Access("a", credentials, "http://127.0.0.1:9", renewed=_stored)
        for credentials in CREDENTIALS[name]
    ]
    kind, able = platforms.get(name), operations(name)

    def target(data: bytes) -> None:
        if not data:
            return
        if len(redaction._known._secrets) > 50:  # every input's answers may bring new ones
            put(redaction, "_known", redaction._Index())
        operation = able[(data[0] % SECOND >> 1) % len(able)]
        parts = data[1:].split(SPLIT)
        answers.waiting = [_built(part) for part in parts] if data[0] & PARTS else parts
        answers.requests.clear()
        _act(kind(accesses[data[0] // SECOND]), operation, media, answers.requests)

    return target


def _stored(fields: Mapping[str, str]) -> None:
    """Nobody else renews, so what is to be exchanged is as it was."""
    from socialstrike.platforms.credentials import Swap

    if isinstance(fields, Swap):
        fields.held = True


def _act(
    adapter: Any,  # each platform has its own methods
    operation: str,
    media: object,
    requests: list[Request],
) -> None:
    from socialstrike.platforms.base import Payload, PlatformError

    payload, since = Payload("key", TEXTS[adapter.name]), datetime.now(UTC) - timedelta(minutes=5)
    act: Callable[[], Any] = {
        "publish": lambda: adapter.publish(payload, ()),
        "find": lambda: adapter.find(payload, since, ("known",)),
        "check": adapter.check,
        "upload": lambda: adapter.upload(media),
        "retract": lambda: adapter.retract("123"),
        "hand_over": lambda: adapter.hand_over(payload, (), AT),
        "handed": lambda: adapter.handed("123"),
        "find_scheduled": lambda: adapter.find_scheduled(payload, AT, ("known",)),
        "find_published": lambda: adapter.find_published(payload, since, None, ("known",)),
        "take_back": lambda: adapter.take_back("123"),
    }[operation]
    try:
        found = act()
    except PlatformError as error:
        _judge_error(adapter, operation, error, requests)
    else:
        _judge_success(operation, found)
        if (adapter.name, operation, found) == ("bluesky", "find", None):
            assert b"getRecord" in requests[-1].line, "it did not look"
        if operation in {"publish", "hand_over"}:
            assert _PUBLISHES[adapter.name].match(requests[-1].line)
            assert requests[-1].status in range(200, 300)
    moment = adapter.their_time()
    assert moment is None or 2000 <= moment.year <= 2200


def _judge_error(
    adapter: HttpPlatform, operation: str, error: Exception, requests: list[Request]
) -> None:
    from socialstrike.platforms.base import OutcomeUnknown, RateLimited, Rejected

    said = str(error)
    assert said.isprintable(), repr(said)
    assert len(said) < 1_000, repr(said)
    said.encode()
    assert "token-of" not in said, said
    assert error.__cause__ is None
    assert error.__context__ is None
    if operation in {"publish", "hand_over"}:
        _judge_unpublished(adapter.name, error, requests)
    else:
        assert not isinstance(error, OutcomeUnknown), operation
        may = {"upload", "retract", "take_back"}
        assert operation in may or not isinstance(error, Rejected), operation
    if isinstance(error, RateLimited) and error.retry_at is not None:
        assert error.retry_at.tzinfo is not None
        assert error.retry_at <= datetime.now(UTC) + timedelta(days=1)


def _judge_unpublished(name: str, error: Exception, requests: list[Request]) -> None:
    """Whether the error fits how far publishing came."""
    from socialstrike.platforms.base import OutcomeUnknown, Rejected, TemporarilyUnavailable

    own = [request for request in requests if _PUBLISHES[name].match(request.line)]
    assert len(own) <= 2, "it was sent again and again"
    if own and own[-1] is requests[-1]:
        status = own[-1].status
        if status is None or not 400 <= status < 500:
            assert isinstance(error, OutcomeUnknown), type(error)
        # Of a picture that is not ready yet, and of nothing else.
        soon = name == "mastodon" and status == 422
        assert soon or not isinstance(error, TemporarilyUnavailable), "it was sent"
    else:
        # Whatever went wrong came before, or after a refusal of the token, which proves absence.
        assert not isinstance(error, OutcomeUnknown | Rejected), type(error)
    assert all(each.status in {400, 401} for each in own if each is not requests[-1])


def _judge_success(
    operation: str, found: Publication | Scheduled | Identity | str | bool | None
) -> None:
    from socialstrike.platforms.base import Publication
    from socialstrike.platforms.credentials import Identity
    from socialstrike.platforms.own_scheduler import Scheduled

    if isinstance(found, str):
        assert operation == "upload"
        _judge_media_id(found)
    if isinstance(found, bool):
        assert operation == "take_back"
    if isinstance(found, Publication | Scheduled):
        assert _ID.fullmatch(found.remote_id), repr(found.remote_id)
        assert found.at is None or 2000 <= found.at.year <= 2200
        assert found.remote_id != "known" or not operation.startswith("find")
    if isinstance(found, Publication):
        assert operation not in {"find_scheduled", "check", "upload", "retract", "take_back"}
        assert found.url is None or _URL.fullmatch(found.url), repr(found.url)
        until = found.throttled_until
        assert until is None or until <= datetime.now(UTC) + timedelta(days=1)
    if isinstance(found, Identity):
        _judge_identity(found)


def _judge_identity(found: Identity) -> None:
    assert _ID.fullmatch(found.remote_id) or _DID.fullmatch(found.remote_id), found.remote_id
    assert found.url is None or _URL.fullmatch(found.url), repr(found.url)
    assert found.name.isprintable()
    assert 0 < len(found.name) <= 100
    assert all(scope.isprintable() for scope in (*(found.scopes or ()), *found.missing))
    assert len(json.dumps(found.told)) < 50_000, "too much is kept of what it told"


def _judge_media_id(found: str) -> None:
    if not found.startswith("{"):
        assert _ID.fullmatch(found), repr(found)
        return
    image = json.loads(found)["image"]
    assert _ID.fullmatch(image["ref"]["$link"]), found
    assert len(found) < 1_000, found


TARGETS = {name: lambda name=name: adapter_target(name) for name in CREDENTIALS}

if __name__ == "__main__":
    harness.main(TARGETS, instrument=["socialstrike.platforms", "tweepy.client", "facebook"])
