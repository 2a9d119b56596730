"""What a post asks for, on the wire: in place of its account's own, and passed over elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from socialstrike.platforms.base import Payload
from socialstrike.platforms.own_scheduler import OwnScheduler

if TYPE_CHECKING:
    from tests.conformance.conftest import Bench

PAYLOAD = Payload(
    "key", "En grève", visibility="unlisted", content_warning="Matraques", language="ar"
)
ACCOUNTS_OWN = {"visibility": "private", "content_warning": "Toujours", "language": "de"}


def test_what_a_post_asks_for_reaches_the_platforms_that_know_it(bench: Bench) -> None:
    bench.adapter.publish(PAYLOAD, ())

    (post,) = bench.posts()
    seen = {"visibility": "unlisted", "content_warning": "Matraques", "language": "ar"}
    known = bench.adapter.options
    assert {name: post["options"].get(name) for name in known} == {n: seen[n] for n in known}
    assert post["text"] == "En grève"
    found = bench.adapter.find(PAYLOAD, bench.begun)
    assert found is not None
    assert found.remote_id == post["id"]


def test_a_post_goes_before_its_account_and_falls_back_on_it(
    bench_for: Callable[[str], Bench],
) -> None:
    bench = bench_for("mastodon")
    adapter = bench.make(**ACCOUNTS_OWN)
    adapter.publish(replace(PAYLOAD, key="k1"), ())
    adapter.publish(Payload("k2", "Encore"), ())

    first, second = (post["options"] for post in bench.posts())
    assert first == {"visibility": "unlisted", "content_warning": "Matraques", "language": "ar"}
    assert second == ACCOUNTS_OWN

    sky = bench_for("bluesky")
    sky.make(language="de").publish(PAYLOAD, ())
    assert sky.posts()[0]["options"] == {"language": "ar"}


def test_a_copy_in_mastodons_scheduler_asks_for_the_same(bench_for: Callable[[str], Bench]) -> None:
    bench = bench_for("mastodon")
    assert isinstance(bench.adapter, OwnScheduler)
    bench.adapter.hand_over(PAYLOAD, (), datetime.now(UTC) + timedelta(minutes=10))
    bench.sandbox.set_clock(900)
    try:
        (post,) = bench.posts()
    finally:
        bench.sandbox.set_clock(0)
    assert post["options"]["content_warning"] == "Matraques"
