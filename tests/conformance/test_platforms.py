"""One suite for every adapter, through its real library and real HTTP, against the sandbox."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from socialstrike import platforms
from socialstrike.platforms.base import (
    CredentialsRefused,
    Media,
    OutcomeUnknown,
    Payload,
    PlatformError,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)

if TYPE_CHECKING:
    from tests.conformance.conftest import Bench

HELLO = Payload("key-hello", "Hello")


# What goes out ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["Hello", "Grève & <b>blocage</b> 🎉 #blocage24janvier", "line\n\nline", "a+b=c&d%20e;f"],
)
def test_a_text_is_published_as_it_is(bench: Bench, text: str) -> None:
    published = bench.adapter.publish(Payload("key", text), ())

    (post,) = bench.posts()
    assert (post["text"], post["id"]) == (text, published.remote_id)
    assert published.url is not None
    assert published.remote_id in published.url
    assert bench.calls("POST") == 1


def test_a_link_travels_where_the_platform_wants_it(bench: Bench) -> None:
    bench.adapter.publish(Payload("key", "Look", link="https://example.org/a"), ())

    (post,) = bench.posts()
    assert (post["text"], post["link"]) == bench.specifics.seen_with_link


def test_what_is_sent_is_what_compose_says(bench: Bench) -> None:
    text = bench.adapter.compose("Look", "https://example.org/a")
    bench.adapter.publish(Payload("key", text, link="https://example.org/a"), ())

    assert bench.posts()[0]["text"] == text


@pytest.mark.parametrize("number", [1, 4])
def test_pictures_travel_in_order_with_their_descriptions(
    bench: Bench, picture: Callable[..., Media], number: int
) -> None:
    media = tuple(picture(f"Description {i} – « é » & 🎉") for i in range(number))
    payload = replace(HELLO, media=media)

    ids = [bench.adapter.upload(one) for one in media]
    assert bench.posts() == []
    bench.adapter.publish(payload, ids)

    (post,) = bench.posts()
    assert [one["alt"] for one in post["media"]] == [one.alt for one in media]


def test_a_link_beside_pictures_is_not_lost(bench: Bench, picture: Callable[..., Media]) -> None:
    media = (picture("a"),)
    payload = Payload("key", "Look", link="https://example.org/a", media=media)

    bench.adapter.publish(payload, [bench.adapter.upload(media[0])])

    assert bench.posts()[0]["text"] == "Look\nhttps://example.org/a"
    assert bench.adapter.find(payload, bench.begun) is not None


def test_a_picture_without_description_is_taken(
    bench: Bench, picture: Callable[..., Media]
) -> None:
    media = picture("")
    bench.adapter.publish(replace(HELLO, media=(media,)), [bench.adapter.upload(media)])

    assert len(bench.posts()[0]["media"]) == 1


def test_a_picture_that_is_gone_or_too_large_is_rejected_before_any_call(
    bench: Bench, picture: Callable[..., Media]
) -> None:
    gone, large = picture(), picture(content=bytes(bench.adapter.limits.media_bytes + 1))
    gone.path.unlink()

    for media in (gone, large):
        with pytest.raises(Rejected, match=media.path.name):
            bench.adapter.upload(media)
    assert bench.calls("POST") == 0


# What is refused, and surely not posted -----------------------------------------------------


@pytest.mark.parametrize("fault", ["unauthorized", "expired"])
@pytest.mark.parametrize("operation", ["publish", "check", "find", "upload", "retract"])
def test_refused_credentials_are_told_from_everything_else(
    bench: Bench, picture: Callable[..., Media], fault: str, operation: str
) -> None:
    published = bench.adapter.publish(HELLO, ())
    bench.fault(fault, operation=operation, times=None)

    with pytest.raises(CredentialsRefused, match=f"{bench.account} --replace"):
        bench.act(operation, picture, published.remote_id)
    assert len(bench.posts()) == 1


def test_a_forbidden_post_is_surely_not_posted(bench: Bench) -> None:
    bench.fault("forbidden")

    with pytest.raises(bench.specifics.forbidden, match="403"):
        bench.adapter.publish(HELLO, ())
    assert bench.posts() == []


def test_a_forbidden_check_is_a_matter_of_credentials(bench: Bench) -> None:
    bench.fault("forbidden", operation="check")

    with pytest.raises(CredentialsRefused):
        bench.adapter.check()


def test_content_of_the_wrong_form_is_rejected_for_good(bench: Bench) -> None:
    with pytest.raises(Rejected, match="posts add"):
        bench.adapter.publish(HELLO, ["no-such-picture"])
    assert bench.posts() == []


@pytest.mark.parametrize("operation", ["publish", "check", "find", "upload", "retract"])
def test_a_limit_tells_when_it_ends(
    bench: Bench, picture: Callable[..., Media], operation: str
) -> None:
    published = bench.adapter.publish(HELLO, ())
    bench.fault("rate_limited", operation=operation, reset_in=120)
    wanted = datetime.now(UTC) + timedelta(seconds=120)

    with pytest.raises(RateLimited) as caught:
        bench.act(operation, picture, published.remote_id)

    assert caught.value.retry_at is not None
    assert caught.value.retry_at.utcoffset() == timedelta()
    assert abs(caught.value.retry_at - wanted) < timedelta(seconds=10)
    assert len(bench.posts()) == 1


def test_a_limit_without_a_word_about_its_end_invents_none(bench: Bench) -> None:
    bench.fault("rate_limited", reset_in=None)

    with pytest.raises(RateLimited) as caught:
        bench.adapter.publish(HELLO, ())

    assert caught.value.retry_at is None
    assert bench.calls("POST") == 1


def test_nobody_listening_means_surely_not_posted(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    adapter = bench.make(base_url=f"http://127.0.0.1:{port}")

    for act in (lambda: adapter.publish(HELLO, ()), adapter.check):
        with pytest.raises(TemporarilyUnavailable, match="nothing was sent"):
            act()


# What leaves the outcome unknown ------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "made"),
    [
        ("error_before", False),
        ("error_after", True),
        ("error_html", False),
        ("drop_before", False),
        ("drop_after", True),
        ("malformed", True),
        ("no_id", True),
        ("empty_json", True),
        ("duplicate", False),
    ],
)
def test_an_answer_that_proves_nothing_leaves_the_outcome_unknown_and_the_look_up_decides(
    bench: Bench, fault: str, made: bool
) -> None:
    bench.fault(fault)

    with pytest.raises(OutcomeUnknown, match="looked up there"):
        bench.adapter.publish(HELLO, ())

    assert bench.calls("POST") == 1
    found = bench.adapter.find(HELLO, bench.begun)
    assert [post["id"] for post in bench.posts()] == ([found.remote_id] if found else [])
    assert (found is not None) is made


def test_a_repeated_post_is_evidence_to_be_looked_up(bench: Bench) -> None:
    if bench.specifics.repeats:
        pytest.skip("the same key again gives the first post")
    first = bench.adapter.publish(HELLO, ())

    with pytest.raises(OutcomeUnknown, match="posted already"):
        bench.adapter.publish(HELLO, ())

    found = bench.adapter.find(HELLO, bench.begun)
    assert found is not None
    assert found.remote_id == first.remote_id
    assert len(bench.posts()) == 1


def test_the_same_key_again_gives_the_first_post_and_no_second(bench: Bench) -> None:
    if not bench.specifics.repeats:
        pytest.skip("a repeat is refused, or makes a second post")
    bench.fault("drop_after")
    with pytest.raises(OutcomeUnknown):
        bench.adapter.publish(HELLO, ())

    again = bench.make().publish(HELLO, ())

    assert [post["id"] for post in bench.posts()] == [again.remote_id]


def test_an_answer_later_than_the_timeout_leaves_the_outcome_unknown(bench: Bench) -> None:
    bench.fault("slow", seconds=1.5)
    adapter = bench.make(timeout=(5.0, 0.2))

    with pytest.raises(OutcomeUnknown, match="no answer in time"):
        adapter.publish(HELLO, ())

    assert bench.adapter.find(HELLO, bench.begun) is not None


@pytest.mark.parametrize(
    "fault", ["error_before", "error_after", "error_html", "drop_before", "malformed", "empty_json"]
)
@pytest.mark.parametrize("operation", ["check", "upload", "retract", "find"])
def test_only_publishing_can_leave_an_outcome_unknown(
    bench: Bench, picture: Callable[..., Media], fault: str, operation: str
) -> None:
    published = bench.adapter.publish(HELLO, ())
    bench.fault(fault, operation=operation)

    with pytest.raises(TemporarilyUnavailable) as caught:
        bench.act(operation, picture, published.remote_id)
    assert "looked up" not in str(caught.value)


def test_a_server_error_that_does_not_call_itself_one_is_no_success(
    bench_for: Callable[[str], Bench],
) -> None:
    bench = bench_for("facebook")
    bench.fault("error_without_error")

    with pytest.raises(OutcomeUnknown, match="500"):
        bench.adapter.publish(HELLO, ())


def test_a_platform_that_wants_to_be_paid_pauses_the_account(
    bench_for: Callable[[str], Bench],
) -> None:
    bench = bench_for("x-oauth1")
    bench.fault("payment_required")

    with pytest.raises(CredentialsRefused, match="add credit"):
        bench.adapter.publish(HELLO, ())
    assert bench.posts() == []


# What everything above must also be ---------------------------------------------------------


def test_every_message_names_the_account_and_a_remedy_in_one_sentence(bench: Bench) -> None:
    faults = ["unauthorized", "forbidden", "rate_limited", "duplicate", "error_html", "drop_after"]
    for fault in faults:
        bench.fault(fault)
        with pytest.raises(PlatformError) as caught:
            bench.adapter.publish(HELLO, ())
        message = str(caught.value)
        assert bench.account in message
        assert "; " in message
        assert "\n" not in message
        assert not message.endswith(".")


@pytest.mark.parametrize(
    ("name", "given", "missing"),
    [
        ("x", "", "consumer_key consumer_secret access_token access_token_secret"),
        ("x", "access_token", "consumer_key consumer_secret access_token_secret"),
        ("x", "consumer_key consumer_secret access_token access_token_secret", ""),
        ("x", "client_id access_token", "refresh_token"),
        ("x", "client_id access_token refresh_token", ""),
        ("facebook", "", "page_id access_token"),
        ("facebook", "access_token", "page_id"),
        ("facebook", "page_id access_token", ""),
        ("mastodon", "", "instance access_token"),
        ("mastodon", "access_token", "instance"),
        ("bluesky", "", "handle app_password"),
        ("bluesky", "handle app_password", ""),
    ],
)
def test_an_adapter_names_the_credentials_that_are_missing(
    name: str, given: str, missing: str
) -> None:
    found = platforms.get(name).missing_fields(dict.fromkeys(given.split(), "value"))

    assert found == missing.split()


@pytest.mark.parametrize("name", platforms.REGISTRY)
def test_an_adapters_limits_cost_no_library(name: str) -> None:
    script = (
        "import sys; from socialstrike import platforms;"
        f"adapter = platforms.get({name!r}); assert adapter.limits.length('Hello') == 5;"
        "heavy = {'tweepy', 'facebook', 'mastodon', 'atproto_client', 'PIL', 'requests'};"
        "heavy &= sys.modules.keys();"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
