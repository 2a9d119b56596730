"""The platforms' own schedulers: the suite for the adapters that speak to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    Publication,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from socialstrike.platforms.own_scheduler import OwnScheduler, Scheduled

if TYPE_CHECKING:
    from tests.conformance.conftest import Bench

HELLO = Payload("key-hello", "Grève & <b>blocage</b>\n\nà 9 h #jourj", link="https://example.org/z")
ERRORS: dict[str, type[PlatformError]] = {
    "unauthorized": CredentialsRefused,
    "rate_limited": RateLimited,
    "error_before": TemporarilyUnavailable,
    "drop_before": TemporarilyUnavailable,
    "error_html": TemporarilyUnavailable,
    "drop_after": TemporarilyUnavailable,
    "malformed": TemporarilyUnavailable,
}


class Waiting:
    """An adapter that hands off, and its platform's clock."""

    def __init__(self, bench: Bench) -> None:
        assert isinstance(bench.adapter, OwnScheduler)
        self.bench, self.adapter = bench, bench.adapter
        self.at = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)

    def hand_over(self, payload: Payload = HELLO, at: datetime | None = None) -> Scheduled:
        made = self.adapter.hand_over(payload, (), at or self.at)
        assert isinstance(made, Scheduled)
        return made

    def put_forward(self, by: timedelta) -> None:
        self.bench.sandbox.set_clock(by.total_seconds())


@pytest.fixture(params=["mastodon", "facebook"])
def waiting(request: pytest.FixtureRequest, bench_for: Callable[[str], Bench]) -> Iterator[Waiting]:
    bench = bench_for(request.param)
    yield Waiting(bench)
    bench.sandbox.clear_faults()
    bench.sandbox.set_clock(0)


def test_who_says_that_it_takes_posts_ahead_can_be_given_them() -> None:
    for name in platforms.REGISTRY:
        adapter = platforms.get(name)
        assert issubclass(adapter, OwnScheduler) == (adapter.hand_off is not None), name


def test_a_copy_waits_and_goes_out_at_its_time(waiting: Waiting) -> None:
    copy = waiting.hand_over()
    assert abs(copy.at - waiting.at) < timedelta(seconds=1)
    assert waiting.adapter.handed(copy.remote_id) == copy
    assert waiting.adapter.find_scheduled(HELLO, waiting.at) == copy
    since = waiting.at - timedelta(seconds=5)
    assert waiting.adapter.find_published(HELLO, since, None) is None
    assert waiting.bench.posts() == []

    waiting.put_forward(timedelta(hours=1, seconds=5))

    [seen] = waiting.bench.posts()
    assert waiting.adapter.find_scheduled(HELLO, waiting.at) is None
    assert not isinstance(waiting.adapter.handed(copy.remote_id), Scheduled)
    found = waiting.adapter.find_published(HELLO, since, None)
    assert found is not None
    assert (found.remote_id, found.at) == (seen["id"], waiting.at)
    assert seen["text"] == waiting.adapter.compose(HELLO.text, HELLO.link)


def test_pictures_go_along(waiting: Waiting, picture: Callable[..., Media]) -> None:
    media = picture("pancarte")
    payload = replace(HELLO, media=(media,))
    ids = [waiting.adapter.upload(media)]
    waiting.adapter.hand_over(payload, ids, waiting.at)
    assert waiting.adapter.find_scheduled(payload, waiting.at) is not None
    waiting.put_forward(timedelta(hours=2))
    [seen] = waiting.bench.posts()
    assert [one["alt"] for one in seen["media"]] == ["pancarte"]


def test_another_time_other_words_and_known_copies_are_not_taken_for_it(waiting: Waiting) -> None:
    copy = waiting.hand_over()
    find = waiting.adapter.find_scheduled
    assert find(HELLO, waiting.at + timedelta(minutes=1)) is None
    assert find(replace(HELLO, text="Autre"), waiting.at) is None
    assert find(HELLO, waiting.at, [copy.remote_id]) is None


def test_the_first_post_in_the_window_is_the_one(waiting: Waiting) -> None:
    other = replace(HELLO, key="key-other", text="Autre chose")
    for hours, payload in ((1, HELLO), (2, other), (3, replace(HELLO, key="key-again"))):
        waiting.hand_over(payload, waiting.at + timedelta(hours=hours - 1))
    waiting.put_forward(timedelta(hours=5))
    find = waiting.adapter.find_published
    first = find(HELLO, waiting.at - timedelta(seconds=5), None)
    last = find(HELLO, waiting.at + timedelta(hours=2, seconds=-5), None)
    assert first is not None
    assert last is not None
    assert (first.at, last.at) == (waiting.at, waiting.at + timedelta(hours=2))
    assert find(HELLO, waiting.at - timedelta(seconds=5), waiting.at) is None
    assert find(HELLO, waiting.at, None, [first.remote_id, last.remote_id]) is None


def test_what_is_taken_back_is_gone_and_a_second_time_is_told(waiting: Waiting) -> None:
    copy = waiting.hand_over()
    assert waiting.adapter.take_back(copy.remote_id) is True
    assert waiting.adapter.take_back(copy.remote_id) is False
    assert waiting.adapter.handed(copy.remote_id) is None
    waiting.put_forward(timedelta(hours=2))
    assert waiting.bench.posts() == []


def test_what_is_out_is_not_deleted_by_taking_it_back(waiting: Waiting) -> None:
    copy = waiting.hand_over()
    waiting.put_forward(timedelta(hours=1, seconds=1))
    assert waiting.adapter.take_back(copy.remote_id) is False
    assert len(waiting.bench.posts()) == 1


def test_too_near_a_time_is_refused_and_nothing_is_made(waiting: Waiting) -> None:
    with pytest.raises(Rejected):
        waiting.hand_over(at=datetime.now(UTC) + timedelta(minutes=3))
    assert waiting.adapter.find_scheduled(HELLO, waiting.at) is None
    assert waiting.bench.posts() == []


@pytest.mark.parametrize(
    "fault", ["drop_after", "error_after", "malformed", "no_id", "empty_json", "drop_before"]
)
def test_a_hand_over_without_a_readable_answer_is_a_doubt(waiting: Waiting, fault: str) -> None:
    waiting.bench.fault(fault, operation="publish")
    with pytest.raises(OutcomeUnknown):
        waiting.hand_over()
    there = waiting.adapter.find_scheduled(HELLO, waiting.at)
    assert (there is None) == (fault == "drop_before")


@pytest.mark.parametrize("fault", ERRORS)
@pytest.mark.parametrize("act", ["handed", "find_scheduled", "find_published"])
def test_a_look_up_that_fails_is_no_absence(waiting: Waiting, act: str, fault: str) -> None:
    copy = waiting.hand_over()
    waiting.bench.fault(fault, operation="find")
    look = {
        "handed": lambda: waiting.adapter.handed(copy.remote_id),
        "find_scheduled": lambda: waiting.adapter.find_scheduled(HELLO, waiting.at),
        "find_published": lambda: waiting.adapter.find_published(HELLO, waiting.at, None),
    }[act]
    with pytest.raises(ERRORS[fault]):
        look()


@pytest.mark.parametrize("fault", ["unauthorized", "rate_limited", "error_before", "drop_before"])
def test_a_deletion_that_fails_is_none_and_can_be_repeated(waiting: Waiting, fault: str) -> None:
    copy = waiting.hand_over()
    waiting.bench.fault(fault, operation="retract")
    with pytest.raises(ERRORS[fault]):
        waiting.adapter.take_back(copy.remote_id)
    assert waiting.adapter.take_back(copy.remote_id) is True


@pytest.mark.parametrize("fault", ["drop_after", "error_after"])
def test_a_deletion_whose_answer_is_lost_is_seen_as_gone(waiting: Waiting, fault: str) -> None:
    copy = waiting.hand_over()
    waiting.bench.fault(fault, operation="retract")
    with pytest.raises(TemporarilyUnavailable):
        waiting.adapter.take_back(copy.remote_id)
    assert waiting.adapter.take_back(copy.remote_id) is False
    assert waiting.adapter.handed(copy.remote_id) is None


def test_mastodon_gives_the_same_copy_for_the_same_key_and_none_for_a_deleted_one(
    bench_for: Callable[[str], Bench],
) -> None:
    waiting = Waiting(bench_for("mastodon"))
    copy = waiting.hand_over()
    assert waiting.hand_over() == copy
    assert waiting.adapter.take_back(copy.remote_id)
    with pytest.raises(OutcomeUnknown):
        waiting.hand_over()
    assert waiting.hand_over(replace(HELLO, key="key-hello-1")) != copy


def test_mastodon_says_that_it_published_a_past_time_at_once(
    bench_for: Callable[[str], Bench],
) -> None:
    waiting = Waiting(bench_for("mastodon"))
    past = datetime.now(UTC) - timedelta(minutes=1)
    made = waiting.adapter.hand_over(HELLO, (), past)
    assert isinstance(made, Publication)
    assert [post["id"] for post in waiting.bench.posts()] == [made.remote_id]


def test_mastodon_holds_25_of_a_day(bench_for: Callable[[str], Bench]) -> None:
    waiting = Waiting(bench_for("mastodon"))
    day = (waiting.at + timedelta(days=2)).replace(hour=0, minute=0, second=0)
    for number in range(25):
        waiting.hand_over(Payload(f"key-{number}", f"Heure {number}"), day)
    with pytest.raises(Rejected, match="limit"):
        waiting.hand_over(HELLO, day)
    waiting.hand_over(HELLO, day + timedelta(days=1))
