"""Is a post still there: the same question to every adapter, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from socialstrike import platforms
from socialstrike.platforms.base import (
    CredentialsRefused,
    Payload,
    PlatformError,
    RateLimited,
    TemporarilyUnavailable,
)

if TYPE_CHECKING:
    from tests.conformance.conftest import Bench

HELLO = Payload("key-hello", "Hello")


def test_a_post_is_there_until_it_is_deleted_and_again_when_it_comes_back(bench: Bench) -> None:
    post = bench.adapter.publish(HELLO, ()).remote_id
    assert bench.adapter.exists(post)

    bench.sandbox.delete_post(post)
    assert not bench.adapter.exists(post)

    bench.sandbox.delete_post(post, restored=True)
    assert bench.adapter.exists(post)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limited", RateLimited),
        ("unauthorized", CredentialsRefused),
        ("forbidden", PlatformError),
        ("error_before", TemporarilyUnavailable),
        ("error_html", TemporarilyUnavailable),
        ("malformed", TemporarilyUnavailable),
        ("empty_json", TemporarilyUnavailable),
        ("drop_before", TemporarilyUnavailable),
    ],
)
def test_a_look_up_that_fails_is_no_absence(
    bench: Bench, fault: str, error: type[PlatformError]
) -> None:
    post = bench.adapter.publish(HELLO, ()).remote_id
    bench.fault(fault, operation="find", times=None)

    with pytest.raises(PlatformError) as raised:
        bench.adapter.exists(post)

    assert isinstance(raised.value, error)


def test_an_account_that_cannot_be_asked_for_hides_its_posts_and_loses_none(
    bench_for: Callable[[str], Bench],
) -> None:
    for name in ("x-oauth1", "facebook", "mastodon"):
        bench = bench_for(name)
        post = bench.adapter.publish(HELLO, ()).remote_id
        bench.sandbox.delete_post(post)
        bench.fault("unauthorized", operation="check", times=None)

        with pytest.raises(PlatformError):
            bench.adapter.exists(post)


def test_only_x_charges_for_looking() -> None:
    free = {name: platforms.get(name).free_to_read for name in platforms.REGISTRY}

    assert free == {"x": False, "facebook": True, "mastodon": True, "bluesky": True}
