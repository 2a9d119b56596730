"""One running sandbox per test process, emptied before each test, and the real client libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import facebook
import pytest
import requests
import tweepy
from requests.adapters import HTTPAdapter

from socialstrike.sandbox.process import SandboxProcess

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


class _Redirected(HTTPAdapter):
    """Sends to the sandbox what the client library addressed, and signed, for the platform."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        super().__init__()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override] # passes everything on
        assert request.url
        parts = urlsplit(request.url)
        request.url = self._base_url + parts.path + (f"?{parts.query}" if parts.query else "")
        options["timeout"] = 10
        return super().send(request, **options)


class _Graph(facebook.GraphAPI):  # type: ignore[misc] # the library has no types
    def __init__(self, token: str, session: requests.Session) -> None:
        super().__init__(token, session=session)
        self.version = "v26.0"


@pytest.fixture(scope="session")
def _running() -> Iterator[SandboxProcess]:
    with SandboxProcess() as process:
        yield process


@pytest.fixture
def sandbox(_running: SandboxProcess) -> SandboxProcess:
    _running.reset()
    return _running


@pytest.fixture
def session(sandbox: SandboxProcess) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", _Redirected(sandbox.base_url))
        yield session


@pytest.fixture
def tweepy_client(session: requests.Session) -> Callable[..., tweepy.Client]:
    """Makes a client from credentials, with anything in them replaced by name."""

    def make(credentials: dict[str, str], **replaced: str) -> tweepy.Client:
        client = tweepy.Client(**{**credentials, **replaced})
        client.session.close()
        client.session = session
        return client

    return make


@pytest.fixture
def graph(session: requests.Session) -> Callable[[str], facebook.GraphAPI]:
    return lambda token: _Graph(token, session)


@pytest.fixture
def x_account(sandbox: SandboxProcess) -> dict[str, Any]:
    return sandbox.add_account("x", "collectif-x")


@pytest.fixture
def page(sandbox: SandboxProcess) -> dict[str, Any]:
    return sandbox.add_account("facebook", "collectif-fb")


@pytest.fixture
def png() -> bytes:
    return PNG
