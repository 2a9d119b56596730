"""A post under another: the parts of a thread, for every adapter whose platform has replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from socialstrike import platforms
from socialstrike.platforms.base import OutcomeUnknown, Payload, Rejected, ReplyTo

if TYPE_CHECKING:
    from tests.conformance.conftest import Bench, Specifics

FIRST = Payload("key-first", "The first part")
SECOND = Payload("key-second", "The next part")


@pytest.fixture(params=["x-oauth1", "x-oauth2", "mastodon", "bluesky"])
def specifics(request: pytest.FixtureRequest) -> Specifics:
    from tests.conformance.conftest import SPECIFICS

    return SPECIFICS[request.param]


def test_which_platforms_have_replies() -> None:
    answers = {name: platforms.get(name).replies for name in platforms.REGISTRY}
    assert answers == {"x": True, "facebook": False, "mastodon": True, "bluesky": True}


def test_each_part_stands_under_the_one_before(bench: Bench) -> None:
    root = bench.adapter.publish(FIRST, ()).remote_id
    under = ReplyTo(root, root)
    second = bench.adapter.publish(replace(SECOND, reply_to=under), ()).remote_id
    third = replace(SECOND, key="key-third", reply_to=ReplyTo(second, root))
    bench.adapter.publish(third, ())

    assert [post["reply_to"] for post in bench.posts()] == [None, root, second]


def test_a_part_is_found_and_another_post_with_its_words_is_not_taken_for_it(
    bench: Bench,
) -> None:
    root = bench.adapter.publish(FIRST, ()).remote_id
    other = bench.adapter.publish(replace(FIRST, key="key-other", text="Another"), ()).remote_id
    part = replace(SECOND, reply_to=ReplyTo(root, root))
    made = bench.adapter.publish(part, ()).remote_id

    found = bench.adapter.find(part, bench.begun)
    assert found is not None
    assert found.remote_id == made
    if bench.specifics.keyed:
        return  # the key tells one from the other
    assert bench.adapter.find(SECOND, bench.begun) is None
    assert bench.adapter.find(replace(part, reply_to=ReplyTo(other, root)), bench.begun) is None


def test_a_part_under_what_is_gone_is_refused_and_nothing_is_posted(bench: Bench) -> None:
    root = bench.adapter.publish(FIRST, ()).remote_id
    bench.adapter.retract(root)

    with pytest.raises(Rejected):
        bench.adapter.publish(replace(SECOND, reply_to=ReplyTo(root, root)), ())
    assert bench.posts() == []


def test_a_lost_answer_about_a_part_is_a_doubt_that_is_found(bench: Bench) -> None:
    root = bench.adapter.publish(FIRST, ()).remote_id
    part = replace(SECOND, reply_to=ReplyTo(root, root))
    bench.fault("drop_after")

    with pytest.raises(OutcomeUnknown):
        bench.adapter.publish(part, ())
    assert bench.adapter.find(part, bench.begun) is not None


def test_bluesky_names_root_and_parent_by_what_they_are(
    bench_for: Callable[[str], Bench],
) -> None:
    bench = bench_for("bluesky")
    root = bench.adapter.publish(FIRST, ()).remote_id
    second = bench.adapter.publish(replace(SECOND, reply_to=ReplyTo(root, root)), ()).remote_id
    last = Payload("key-third", "The last part", reply_to=ReplyTo(second, root))
    key = bench.adapter.publish(last, ()).remote_id

    there = {name: _record(bench, one) for name, one in _named(root, second, key).items()}
    reply = there["last"]["value"]["reply"]
    for part, name in (("root", "first"), ("parent", "second")):
        assert reply[part] == {"uri": there[name]["uri"], "cid": there[name]["cid"]}


def _named(first: str, second: str, last: str) -> dict[str, str]:
    return {"first": first, "second": second, "last": last}


def _record(bench: Bench, key: str) -> dict:
    import requests

    query = {"repo": bench.remote_id, "collection": "app.bsky.feed.post", "rkey": key}
    url = f"{bench.base_url}/xrpc/com.atproto.repo.getRecord"
    answer = requests.get(url, params=query, timeout=5)
    answer.raise_for_status()
    return answer.json()
