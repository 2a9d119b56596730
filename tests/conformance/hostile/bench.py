"""A platform that means harm: a server whose answers the test writes, and an adapter before it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from socialstrike import platforms
from socialstrike.platforms.base import (
    Media,
    OutcomeUnknown,
    Payload,
    Platform,
    PlatformError,
    TemporarilyUnavailable,
)
from socialstrike.platforms.credentials import Access

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
RKEY = "3jwcmy7kbo3rt"
_URI = f"at://{DID}/app.bsky.feed.post/{RKEY}"
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


listing = pytest.mark.parametrize("bench", LISTING, indirect=True)


def reply(status: int, body: str | bytes = b"{}", headers: str = "") -> bytes:
    content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    # Closed by both: a connection kept here could meet its closing in the next request.
    lines = f"HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Type: application/json\r\n"
    lines += headers
    return f"{lines}Content-Length: {len(content)}\r\n\r\n".encode("latin-1") + content


def ok(body: str | bytes, headers: str = "") -> bytes:
    return reply(200, body, headers)
