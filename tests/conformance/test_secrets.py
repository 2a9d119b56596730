"""No credential is in anything an adapter says, whatever went wrong."""

from __future__ import annotations

import base64
import io
import logging
import socket
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from socialstrike.platforms import transport
from socialstrike.platforms.base import Media, Payload, PlatformError

if TYPE_CHECKING:
    from tests.conformance.conftest import Bench

FAULTS = [
    "unauthorized",
    "forbidden",
    "rate_limited",
    "duplicate",
    "error_before",
    "error_html",
    "drop_before",
    "malformed",
    "empty_json",
]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything any logger writes at DEBUG, through a handler without the redacting filter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)


def assert_no_secret(bench: Bench, *texts: str) -> None:
    hidden = bench.adapter.secrets(
        type("Given", (), {"credentials": bench.credentials})()  # type: ignore[arg-type]
    )
    assert hidden
    for secret in hidden:
        encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
        for text in texts:
            for spelling in (secret, quote(secret, safe=""), encoded):
                assert spelling not in text


def everything_about(error: BaseException) -> str:
    """The error's text, its traceback, and all that hangs on it, suppressed or not."""
    texts = [str(error), repr(error), "".join(traceback.format_exception(error))]
    seen: list[BaseException] = []
    waiting = [error.__cause__, error.__context__]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in seen:
            seen.append(one)
            texts.append(repr(one))
            waiting += [one.__cause__, one.__context__]
    return "\n".join(texts)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", ["publish", "check", "find", "upload", "retract"])
def test_no_credential_is_in_an_error_its_traceback_or_the_log(
    bench: Bench,
    picture: Callable[..., Media],
    written: io.StringIO,
    fault: str,
    operation: str,
) -> None:
    remote_id = bench.adapter.publish(Payload("key", "Before"), ()).remote_id
    bench.fault(fault, operation=operation, times=None)

    with pytest.raises(PlatformError) as caught:
        bench.act(operation, picture, remote_id)

    assert caught.value.__context__ is None
    assert_no_secret(bench, everything_about(caught.value), written.getvalue())


def test_no_credential_is_in_the_error_of_a_connection_that_never_opened(
    bench: Bench, written: io.StringIO
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    adapter = bench.make(base_url=f"http://127.0.0.1:{port}")

    with pytest.raises(PlatformError) as caught:
        adapter.check()

    assert_no_secret(bench, everything_about(caught.value), written.getvalue())


def test_no_credential_is_in_the_log_of_what_went_well(
    bench: Bench, picture: Callable[..., Media], written: io.StringIO
) -> None:
    media = picture("described")
    payload = Payload("key", "Hello", link="https://example.org", media=(media,))
    bench.adapter.check()
    published = bench.adapter.publish(payload, [bench.adapter.upload(media)])
    bench.adapter.find(payload, bench.begun)
    bench.adapter.retract(published.remote_id)

    assert_no_secret(bench, written.getvalue(), repr(bench.adapter), str(vars(published.__class__)))


def test_no_credential_travels_in_an_address(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses: list[str] = []
    send = transport._AccountAdapter.send

    def noting(self: Any, request: Any, **rest: Any) -> Any:
        addresses.append(request.url)
        return send(self, request, **rest)

    monkeypatch.setattr(transport._AccountAdapter, "send", noting)
    bench.adapter.check()
    published = bench.adapter.publish(Payload("key", "Hello"), ())
    bench.adapter.find(Payload("key", "Hello"), bench.begun)
    bench.adapter.retract(published.remote_id)

    assert len(addresses) >= 4
    assert_no_secret(bench, *addresses)
