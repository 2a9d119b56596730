"""Whatever a server answers, the adapter for Bluesky ends in one of the five errors or a truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.platforms.base import (
    CredentialsRefused,
    Media,
    OutcomeUnknown,
    Payload,
    PlatformError,
    Publication,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from socialstrike.platforms.bluesky import Bluesky
from socialstrike.platforms.bluesky_record import record_key
from socialstrike.platforms.credentials import Access, Identity
from socialstrike.platforms.http import Answer
from socialstrike.redaction import printable

HELLO = Payload("key-hello", "Hello")
DID = "did:plc:abcdefghijklmnopqrstuvwx"
URI = f"at://{DID}/app.bsky.feed.post/{record_key(HELLO.key)}"
CREDENTIALS = {"handle": "a.test", "app_password": "some-password"}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)

_names = [
    "uri", "cid", "value", "text", "createdAt", "did", "handle", "active", "status", "blob", "ref",
    "$link", "accessJwt", "refreshJwt", "error", "message",
]  # fmt: skip
_texts = st.sampled_from(
    ["Hello", DID, URI, "a.test", "2020-01-24T10:00:00Z", "9999-12-31T23:59:59-14:00", "1e400",
     "ExpiredToken", "InvalidToken", "InvalidSwap", "RecordNotFound", "RateLimitExceeded",
     "AccountTakedown", "token-token-token", "\x1b[31m", "\ud800", ""]
)  # fmt: skip
_leaves = st.none() | st.booleans() | st.integers() | st.floats() | _texts | st.text(max_size=9)
_objects = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_names), inner, max_size=6)
    ),
    max_leaves=12,
)
_good = st.sampled_from(
    [
        {"uri": URI, "cid": "bafyreiabc"},
        {"uri": URI, "cid": "b", "value": {"text": "Hello", "createdAt": "2020-01-24T10:00:00Z"}},
        {"did": DID, "handle": "a.test", "accessJwt": "access-token", "refreshJwt": "refresh"},
        {"blob": {"$type": "blob", "ref": {"$link": "bafkrei"}}},
        {},
    ]
)
_bodies = (_good | _objects).map(lambda body: json.dumps(body).encode()) | st.binary(max_size=40)
_statuses = st.sampled_from([200, 200, 200, 201, 204, 301, 400, 400, 401, 403, 404, 429, 500, 503])
_answers = st.lists(st.tuples(_statuses, _bodies), min_size=1, max_size=5)

_OPERATIONS: dict[str, Callable[[Bluesky, Media], Any]] = {
    "publish": lambda adapter, _: adapter.publish(HELLO, ()),
    "find": lambda adapter, _: adapter.find(HELLO, datetime(2020, 1, 24, tzinfo=UTC)),
    "check": lambda adapter, _: adapter.check(),
    "upload": lambda adapter, media: adapter.upload(media),
    "retract": lambda adapter, _: adapter.retract("3jwcmy7kbo3rt"),
}
_KINDS = (RateLimited, TemporarilyUnavailable, Rejected, CredentialsRefused, OutcomeUnknown)


def _adapter(answers: list[tuple[int, bytes]]) -> Bluesky:
    """An adapter with a session, whose requests meet ``answers`` in turn, the last for ever."""
    session = {"did": DID, "access": "access-token", "refresh": "refresh-token"}
    mark = Bluesky(Access("a", CREDENTIALS))._session._opened_with()
    kept = json.dumps({**session, "opened_with": mark})
    adapter = Bluesky(Access("a", {**CREDENTIALS, "session": kept}, renewed=lambda fields: None))
    waiting = list(answers)

    class Wire(requests.adapters.BaseAdapter):
        def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]  # takes all
            status, body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            adapter.exchange.begin()
            adapter.exchange.sent = True
            adapter.exchange.answer = Answer(status, {}, body)
            response = requests.Response()
            response.status_code, response._content = status, body
            response.request, response.url = request, request.url or ""
            return response

        def close(self) -> None:
            """Nothing is open."""

    adapter._session._client.request._session.mount("https://", Wire())
    return adapter


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    path: Path = tmp_path_factory.mktemp("pictures") / "picture.png"
    path.write_bytes(PNG)
    return Media(path, "image/png", "described")


@pytest.mark.parametrize("operation", _OPERATIONS)
@given(answers=_answers)
def test_any_answers_end_in_a_kind_of_error_or_in_what_they_say(
    operation: str, answers: list[tuple[int, bytes]], media: Media
) -> None:
    adapter = _adapter(answers)
    try:
        result = _OPERATIONS[operation](adapter, media)
    except PlatformError as error:
        assert isinstance(error, _KINDS)
        assert "\n" not in str(error)
        assert printable(str(error)) == str(error)
        assert operation == "publish" or not isinstance(error, OutcomeUnknown)
        last = adapter.exchange.answer
        assert last is not None
        if operation == "publish" and last.status >= 500 and isinstance(error, Rejected):
            pytest.fail("a server in trouble proves no absence")
        return
    assert adapter.exchange.answer is not None
    if isinstance(result, Publication):
        assert result.remote_id == record_key(HELLO.key)
        assert DID in (result.url or "") or "did:" in (result.url or "")
    elif isinstance(result, Identity):
        assert result.remote_id.startswith("did:")
        assert printable(result.name) == result.name
    elif operation == "find":
        assert result is None
        told = adapter.exchange.answer
        named = told.json().get("error") == "RecordNotFound"
        another = b'"text"' in told.body and 200 <= told.status < 300
        assert named or another
