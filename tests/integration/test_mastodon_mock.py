"""The Mastodon adapter against mastodon-mock, a server that others wrote.

It is not among the dependencies, because it brings a web framework of its own: install it into an
environment of its own (tried with 0.6.1) and put its program on PATH or into MASTODON_MOCK.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from socialstrike.platforms.base import CredentialsRefused, Media, OutcomeUnknown, Payload, Rejected
from socialstrike.platforms.credentials import Access
from socialstrike.platforms.mastodon import Mastodon

PROGRAM = os.environ.get("MASTODON_MOCK") or shutil.which("mastodon_mock")
pytestmark = pytest.mark.skipif(
    not PROGRAM, reason="mastodon-mock is not installed; see the top of this file"
)

HELLO = Payload("key-hello", "Hello")


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running mastodon-mock, which has one account."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert PROGRAM
    command = [PROGRAM, "serve", "--in-memory", "--host=127.0.0.1", f"--port={port}"]
    folder = tmp_path_factory.mktemp("mastodon-mock")
    with subprocess.Popen(
        [*command, "--log-level=critical"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, "mastodon-mock ended by itself"
            time.sleep(0.1)
        else:
            return
    pytest.fail("mastodon-mock did not start within a minute")


@pytest.fixture
def adapter(instance: str) -> Mastodon:
    return _adapter(instance)


@pytest.fixture
def begun(adapter: Mastodon, instance: str) -> datetime:
    """When the test began, by a clock that the posts of earlier tests are behind."""
    for post in _posts(instance):
        adapter.retract(post["id"])
    return datetime.now(UTC) - timedelta(seconds=1)


def _adapter(instance: str, base_url: str | None = None, **credentials: str) -> Mastodon:
    given = {"instance": instance, "access_token": "mock_token", **credentials}
    return Mastodon(Access("collectif", given, base_url), timeout=(5.0, 10.0))


def _posts(instance: str) -> list[dict[str, Any]]:
    """All that the account has published, as the server tells it without our adapter."""

    def ask(path: str) -> Any:
        headers = {"authorization": "Bearer mock_token"}
        request = urllib.request.Request(instance + path, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    me = ask("/api/v1/accounts/verify_credentials")
    posts: list[dict[str, Any]] = ask(f"/api/v1/accounts/{me['id']}/statuses?limit=40")
    return posts


@contextmanager
def _losing_the_answer(instance: str) -> Iterator[str]:
    """A way to the server that carries one request there, and nothing back."""
    port = int(instance.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def carry() -> None:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", port), timeout=10)
            with near, far:
                near.settimeout(0.5)
                try:
                    while part := near.recv(65_536):
                        far.sendall(part)
                except TimeoutError:
                    pass  # the request is complete, and the client waits
                assert far.recv(65_536)
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        carrier = threading.Thread(target=carry, daemon=True)
        carrier.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        carrier.join(60)
        assert not carrier.is_alive()


def test_a_lost_answer_means_one_post_and_not_two(
    adapter: Mastodon, instance: str, begun: datetime
) -> None:
    with (
        _losing_the_answer(instance) as lossy,
        pytest.raises(OutcomeUnknown, match="looked up there"),
    ):
        _adapter(instance, lossy).publish(HELLO, ())

    found = adapter.find(HELLO, begun)
    again = adapter.publish(HELLO, ())

    assert found is not None
    assert again.remote_id == found.remote_id
    assert [post["id"] for post in _posts(instance)] == [found.remote_id]


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "Grève & <b>blocage</b> &amp; 🎉 #blocage24janvier",
        "First https://example.org/a?b=1&c=2 then\n\na line\nand @somebody@example.org.",
    ],
)
def test_a_post_is_published_found_and_retracted(
    adapter: Mastodon, instance: str, begun: datetime, text: str
) -> None:
    payload = Payload(f"key-{text}"[:6] + str(len(text)), text, link="https://example.org/z")
    made = adapter.publish(payload, ())
    found = adapter.find(payload, begun)

    assert found is not None
    assert (found.remote_id, found.url) == (made.remote_id, made.url)
    assert adapter.find(replace(payload, text=f"{text}!"), begun) is None
    assert adapter.find(payload, begun, [made.remote_id]) is None

    adapter.retract(made.remote_id)
    adapter.retract(made.remote_id)
    assert _posts(instance) == []
    assert adapter.find(payload, begun) is None


def test_a_picture_travels_with_its_description(
    adapter: Mastodon, instance: str, begun: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "affiche.png"
    Image.new("RGB", (4, 4), "red").save(path)
    media = Media(path, "image/png", "Une affiche – « grève »")
    payload = Payload("key-picture", "Look", media=(media,))

    adapter.publish(payload, [adapter.upload(media)])

    (post,) = _posts(instance)
    assert [one["description"] for one in post["media_attachments"]] == [media.alt]
    assert adapter.find(payload, begun) is not None


def test_visibility_and_language_are_the_accounts(instance: str, begun: datetime) -> None:
    adapter = _adapter(instance, visibility="unlisted", language="fr")
    adapter.publish(Payload("key-quiet", "Doucement"), ())

    (post,) = _posts(instance)
    assert (post["visibility"], post["language"]) == ("unlisted", "fr")
    assert adapter.find(Payload("key-quiet", "Doucement"), begun) is not None


def test_check_tells_who_and_what_the_instance_takes(adapter: Mastodon) -> None:
    identity = adapter.check()

    assert identity.name == "testuser"
    limits = Mastodon.limits_for(identity.told)
    assert (limits.text, limits.media, limits.length("https://example.org/" + "a" * 90)) == (
        500,
        4,
        23,
    )


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda a: a.publish(Payload("key-long", "a" * 501), ()), Rejected),
        (lambda a: a.publish(Payload("key-empty", ""), ()), Rejected),
    ],
)
def test_what_the_server_refuses_is_rejected(
    adapter: Mastodon, act: Callable[[Mastodon], object], kind: type[Exception]
) -> None:
    with pytest.raises(kind, match="422"):
        act(adapter)


def test_a_wrong_token_is_refused(instance: str) -> None:
    adapter = _adapter(instance, access_token="wrong")

    for act in (adapter.check, lambda: adapter.publish(HELLO, ())):
        with pytest.raises(CredentialsRefused, match="--replace"):
            act()
