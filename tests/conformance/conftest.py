"""What the suite needs to know of each platform, and an adapter on a fresh sandbox account."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from socialstrike import platforms
from socialstrike.platforms.base import (
    CredentialsRefused,
    Media,
    Payload,
    Platform,
    PlatformError,
    Rejected,
)
from socialstrike.platforms.credentials import Access

if TYPE_CHECKING:
    from socialstrike.sandbox.process import SandboxProcess

#: Long enough for this machine, short enough to wait out.
TIMEOUT = (5.0, 5.0)

#: One transparent pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@dataclass(frozen=True)
class Specifics:
    """Where platforms differ, and nothing else may."""

    platform: str
    library: str
    forbidden: type[PlatformError]
    wrong: dict[str, str]
    #: Options for the sandbox's account.
    account: dict[str, str]
    #: The text a post is seen with when a link was given apart, and the link seen apart.
    seen_with_link: tuple[str, str | None]
    #: Whether the platform knows a post by the delivery's key, so that no look-up can miss it.
    keyed: bool = False
    #: Whether the same key again is answered with the first post, as if it were new.
    repeats: bool = False


_WRONG_TOKEN = "EAAwrongwrongwrongwrongwrong"

SPECIFICS = {
    "x-oauth1": Specifics(
        "x",
        "tweepy",
        Rejected,
        {"access_token_secret": "wrong-secret-wrong-secret"},
        {},
        ("Look\nhttps://example.org/a", None),
    ),
    "x-oauth2": Specifics(
        "x",
        "tweepy",
        Rejected,
        {"access_token": ""},
        {"auth": "oauth2"},
        ("Look\nhttps://example.org/a", None),
    ),
    "facebook": Specifics(
        "facebook",
        "facebook",
        CredentialsRefused,
        {"access_token": _WRONG_TOKEN},
        {},
        ("Look", "https://example.org/a"),
    ),
    "mastodon": Specifics(
        "mastodon",
        "mastodon",
        CredentialsRefused,
        {"access_token": ""},
        {},
        ("Look\nhttps://example.org/a", None),
        repeats=True,
    ),
    "bluesky": Specifics(
        "bluesky",
        "atproto_client",
        Rejected,
        {"app_password": "wrong-wrong-wrong-wrong"},
        {},
        ("Look\nhttps://example.org/a", None),
        keyed=True,
    ),
}

_numbers = itertools.count(1)


class Bench:
    """One account on the sandbox, the adapter that acts for it, and what the sandbox saw."""

    def __init__(self, specifics: Specifics, sandbox: SandboxProcess) -> None:
        self.specifics, self.sandbox = specifics, sandbox
        self.account = f"account-{next(_numbers)}"
        made = sandbox.add_account(specifics.platform, self.account, **specifics.account)
        self.credentials: dict[str, str] = made["credentials"]
        self.base_url: str = made["base_url"]
        self.remote_id: str = made["id"]
        self.adapter = self.make()
        self.begun = datetime.now(UTC)

    def make(
        self,
        *,
        timeout: tuple[float, float] = TIMEOUT,
        base_url: str | None = None,
        **credentials: str,
    ) -> Platform:
        """Another adapter for the account, with some things different."""
        access = Access(
            self.account, {**self.credentials, **credentials}, base_url or self.base_url
        )
        return platforms.get(self.specifics.platform)(access, timeout=timeout)

    def fault(self, fault: str, **options: object) -> None:
        """Ask the sandbox for one fault on this account."""
        self.sandbox.add_fault(fault, account=self.account, **options)

    def posts(self) -> list[dict[str, Any]]:
        """What the sandbox published for this account."""
        return self.sandbox.posts(account=self.account)

    def calls(self, method: str) -> int:
        """How many requests with this method it was sent for this account, but for logging in."""
        every = [r for r in self.sandbox.requests() if r["account"] == self.account]
        seen = [r for r in every if not r["path"].endswith("Session")]
        return sum(r["method"] == method for r in seen)

    def act(
        self,
        operation: str,
        picture: Callable[..., Media],
        remote_id: str,
        adapter: Platform | None = None,
    ) -> None:
        """Do one of the five operations, with content that nothing else has."""
        adapter = adapter or self.adapter
        {
            "publish": lambda: adapter.publish(Payload("key-another", "Another"), ()),
            "check": adapter.check,
            "find": lambda: adapter.find(Payload("key-nowhere", "Nowhere"), self.begun),
            "upload": lambda: adapter.upload(picture("described")),
            "retract": lambda: adapter.retract(remote_id),
        }[operation]()


@pytest.fixture(params=SPECIFICS)
def specifics(request: pytest.FixtureRequest) -> Specifics:
    return SPECIFICS[request.param]


@pytest.fixture
def bench(specifics: Specifics, sandbox: SandboxProcess) -> Iterator[Bench]:
    yield Bench(specifics, sandbox)
    sandbox.clear_faults()


@pytest.fixture
def bench_for(sandbox: SandboxProcess) -> Callable[[str], Bench]:
    """For what only one platform does: a bench by the name of its specifics."""
    return lambda name: Bench(SPECIFICS[name], sandbox)


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Media]:
    def make(alt: str = "", content: bytes = PNG) -> Media:
        path = tmp_path / f"picture-{next(_numbers)}.png"
        path.write_bytes(content)
        return Media(path, "image/png", alt)

    return make
