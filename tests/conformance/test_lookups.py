"""Looking up, taking back and asking who we are: the suite's second half, for every adapter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from socialstrike.platforms.base import (
    CredentialsRefused,
    Media,
    Payload,
    TemporarilyUnavailable,
)

if TYPE_CHECKING:
    from tests.conformance.conftest import Bench, Specifics

HELLO = Payload("key-hello", "Hello")


# Looking up ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Grève & <b>blocage</b> &amp; 🎉 #blocage24janvier",
        "First https://example.org/a?b=1&c=2 then www.example.org/d and\n\na line",
        "e\u0301 decomposed",
    ],
)
def test_a_post_is_found_by_its_exact_content(bench: Bench, text: str) -> None:
    payload = Payload("key", text, link="https://example.org/z")
    published = bench.adapter.publish(payload, ())

    found = bench.adapter.find(payload, bench.begun)

    assert found is not None
    assert found.remote_id == published.remote_id
    assert found.at is not None
    assert abs(found.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert bench.adapter.find(replace(payload, text=f"{text}!"), bench.begun) is None


def test_a_post_that_proves_another_delivery_is_passed_over(bench: Bench) -> None:
    published = bench.adapter.publish(HELLO, ())

    assert bench.adapter.find(HELLO, bench.begun, [published.remote_id]) is None
    assert bench.adapter.find(HELLO, bench.begun, ["another"]) is not None


def test_a_post_with_pictures_is_found(bench: Bench, picture: Callable[..., Media]) -> None:
    media = picture("a")
    payload = replace(HELLO, media=(media,))
    bench.adapter.publish(payload, [bench.adapter.upload(media)])

    assert bench.adapter.find(payload, bench.begun) is not None


def test_a_post_made_before_is_not_taken_for_this_one(bench: Bench) -> None:
    if bench.specifics.keyed:
        pytest.skip("the key tells posts apart, whenever they were made")
    bench.adapter.publish(HELLO, ())

    assert bench.adapter.find(HELLO, datetime.now(UTC) + timedelta(seconds=2)) is None


def test_another_accounts_post_is_not_taken_for_this_one(
    bench: Bench, specifics: Specifics
) -> None:
    other = type(bench)(specifics, bench.sandbox)
    other.adapter.publish(HELLO, ())

    assert bench.adapter.find(HELLO, bench.begun) is None


def test_a_retracted_post_is_not_found(bench: Bench) -> None:
    bench.adapter.retract(bench.adapter.publish(HELLO, ()).remote_id)

    assert bench.adapter.find(HELLO, bench.begun) is None


def test_a_post_is_found_behind_more_than_a_page_of_others(bench: Bench) -> None:
    bench.sandbox.set_limit(bench.specifics.platform, bench.account, None)
    bench.adapter.publish(HELLO, ())
    for number in range(101):
        bench.adapter.publish(Payload(f"key-{number}", f"other {number}"), ())

    assert bench.adapter.find(HELLO, bench.begun) is not None


def test_a_look_up_that_does_not_reach_back_is_no_absence(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    if bench.specifics.keyed:
        pytest.skip("a look-up by key is one request and reaches everything")
    bench.sandbox.set_limit(bench.specifics.platform, bench.account, None)
    monkeypatch.setattr(f"socialstrike.platforms.{bench.adapter.name}_posts._PAGES", 1)
    for number in range(101):
        bench.adapter.publish(Payload(f"key-{number}", f"other {number}"), ())

    with pytest.raises(TemporarilyUnavailable, match="too many to look through"):
        bench.adapter.find(HELLO, bench.begun)


@pytest.mark.parametrize(
    "fault", ["error_before", "error_html", "drop_after", "malformed", "no_id", "empty_json"]
)
def test_a_failed_look_up_is_never_an_absence(bench: Bench, fault: str) -> None:
    bench.adapter.publish(HELLO, ())
    bench.fault(fault, operation="find")

    with pytest.raises(TemporarilyUnavailable):
        bench.adapter.find(HELLO, bench.begun)


# Taking back, and who we are ----------------------------------------------------------------


def test_a_post_is_retracted_and_retracting_it_again_is_no_error(bench: Bench) -> None:
    published = bench.adapter.publish(HELLO, ())

    bench.adapter.retract(published.remote_id)
    assert bench.posts() == []
    bench.adapter.retract(published.remote_id)


def test_a_post_is_not_believed_gone_by_credentials_that_no_longer_work(bench: Bench) -> None:
    published = bench.adapter.publish(HELLO, ())
    adapter = bench.make(**bench.specifics.wrong)

    with pytest.raises(CredentialsRefused):
        adapter.retract(published.remote_id)
    assert len(bench.posts()) == 1


def test_check_names_the_identity(bench: Bench) -> None:
    identity = bench.adapter.check()

    assert identity.remote_id == bench.remote_id
    assert identity.name.replace("_", "-").removesuffix(".sandbox.test") == bench.account
    assert identity.url


def test_wrong_credentials_are_refused_everywhere(
    bench: Bench, picture: Callable[..., Media]
) -> None:
    for operation in ("check", "publish", "upload", "find"):
        with pytest.raises(CredentialsRefused):
            bench.act(operation, picture, "", bench.make(**bench.specifics.wrong))
    assert bench.posts() == []


def test_a_token_of_another_page_is_refused(bench_for: Callable[[str], Bench]) -> None:
    mine, other = bench_for("facebook"), bench_for("facebook")

    with pytest.raises(CredentialsRefused):
        mine.make(access_token=other.credentials["access_token"]).check()
