"""What went out is looked for: by command, by itself, and never where that would do harm."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from socialstrike import queue
from socialstrike.clock import SystemClock
from socialstrike.config import RehearsalSettings, Settings
from socialstrike.db.models import Campaign, Delivery, Post
from socialstrike.db.writer import Writer
from socialstrike.exceptions import IllegalTransition
from socialstrike.presence import Patrol, Presence
from socialstrike.queue.presence import PRESENCE

#: One on a platform whose look-ups are charged for, two where they are free.
ACCOUNTS = {"a": "x", "b": "facebook", "c": "mastodon"}


@pytest.fixture
def live(strike: Any, sandbox: Any) -> Any:
    """A post on each of three platforms, all out; ``strike.out`` are their ids there."""
    strike.clock = SystemClock()
    for name, platform in ACCOUNTS.items():
        made = sandbox.add_account(platform, name)
        strike.account(name, platform, made["credentials"], sandbox.base_url)
    strike.ids = dict(zip(ACCOUNTS, strike.post(*ACCOUNTS), strict=True))
    return strike


@pytest.fixture
def writer(strike: Any) -> Iterator[Writer]:
    made = Writer(strike.database)
    yield made
    made.close()


@pytest.fixture
def desk(live: Any, writer: Writer, quick: Settings) -> Presence:
    made = Presence(live.database, writer, live.vault, quick, live.clock, owner="zoe")
    for job in live.claim(owner="zoe"):
        made.publish(job)
    assert live.states() == {"published": 3}
    live.out = {name: live.row(number).remote_id for name, number in live.ids.items()}
    return made


@pytest.fixture
def patrol(desk: Presence, live: Any, writer: Writer) -> Callable[..., Patrol]:
    def make(after: float = 0.001, **changes: Any) -> Patrol:
        settings = RehearsalSettings(home=live.home, verify_after=after, **changes)
        return Patrol(
            live.database,
            writer,
            live.vault,
            settings,
            live.clock,
            owner="one",
            done=threading.Event().set,
        )

    return make


def told(strike: Any) -> list[tuple[str, str]]:
    return [
        (entry["event"].removeprefix("delivery."), entry["account"])
        for entry in strike.log()
        if entry["event"] in PRESENCE
    ]


def test_what_disappears_is_told_once_counted_and_cleared_when_it_comes_back(
    desk: Presence, live: Any, sandbox: Any
) -> None:
    ids = list(live.ids.values())
    assert [look.there for look in desk.verify(ids)] == [True, True, True]
    assert all(live.row(number).seen_at for number in ids)

    sandbox.delete_post(live.out["b"])
    for _ in range(2):
        found = {look.account: look for look in desk.verify(ids)}
    assert {name: look.there for name, look in found.items()} == {"a": True, "b": False, "c": True}
    assert not found["b"].news  # the second time it was known
    assert told(live) == [("disappeared", "b")]
    assert live.row(live.ids["b"]).gone_at is not None
    with live.database.read() as session:
        assert queue.gone(session) == 1
        listed = list(queue.deliveries(session, queue.Filter(gone=True)))
        [standing] = [one for one in queue.standings(session, live.now) if one.account == "b"]
        assert list(queue.disagreements(session)) == []
    assert [row["account"] for row in listed] == ["b"]
    assert (standing.gone, standing.troubled) == (1, 0)

    sandbox.delete_post(live.out["b"], restored=True)
    [look] = desk.verify([live.ids["b"]])
    assert (look.there, look.news) == (True, True)
    assert told(live) == [("disappeared", "b"), ("reappeared", "b")]
    assert live.row(live.ids["b"]).gone_at is None
    assert live.states() == {"published": 3}  # nothing is sent again


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_look_up_that_fails_changes_nothing_and_ends_its_account_alone(
    desk: Presence, live: Any, sandbox: Any
) -> None:
    sandbox.delete_post(live.out["b"])
    sandbox.add_fault("rate_limited", account="b", operation="find", times=None)

    found = {look.account: look for look in desk.verify(list(live.ids.values()))}

    assert {name: look.there for name, look in found.items()} == {"a": True, "b": None, "c": True}
    assert found["b"].why is not None
    assert found["b"].ends
    assert told(live) == []
    row = live.row(live.ids["b"])
    assert (row.state, row.seen_at, row.gone_at) == ("published", None, None)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_is_not_out_or_has_no_known_id_cannot_be_looked_for(desk: Presence, live: Any) -> None:
    [waiting] = live.post("a", text="Plus tard", due=timedelta(hours=1))
    with pytest.raises(IllegalTransition, match=rf"{waiting} \(scheduled\)"):
        desk.verify([live.ids["b"], waiting])

    with live.database.write() as session:
        session.execute(update(Delivery).where(Delivery.id == live.ids["b"]).values(remote_id=None))
    [look] = desk.verify([live.ids["b"]])
    assert look.there is None


def test_a_scheduler_looks_once_by_itself_and_never_where_it_is_charged_for(
    patrol: Callable[..., Patrol], live: Any, sandbox: Any
) -> None:
    before = sandbox.request_count()
    guard = patrol()

    assert guard.round() == 2
    assert guard.round() == 0
    assert {request["account"] for request in sandbox.requests()[before:]} == {"b", "c"}
    assert live.row(live.ids["a"]).seen_at is None


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_scheduler_waits_before_it_looks(patrol: Callable[..., Patrol], live: Any) -> None:
    assert patrol(after=900.0).round() == 0


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_scheduler_leaves_an_account_in_peace_that_has_something_due(
    patrol: Callable[..., Patrol], live: Any, sandbox: Any
) -> None:
    live.post("b", text="Bientôt", due=timedelta(seconds=20))
    live.post("c", text="Plus tard", due=timedelta(minutes=5))

    assert patrol().round() == 1
    assert live.row(live.ids["b"]).seen_at is None
    assert live.row(live.ids["c"]).seen_at is not None


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_scheduler_asks_nobody_while_the_stop_is_pulled(
    patrol: Callable[..., Patrol], live: Any, sandbox: Any
) -> None:
    before = sandbox.request_count()
    live.do(queue.stop, reason=None)
    guard = patrol()

    assert guard.round() == 0
    assert not guard.busy
    assert sandbox.request_count() == before

    live.do(queue.start)
    assert guard.round() == 2


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_look_that_has_begun_when_the_stop_is_pulled_is_known_and_is_the_last(
    patrol: Callable[..., Patrol], live: Any, sandbox: Any
) -> None:
    sandbox.add_fault("slow_before", operation="find", seconds=2.5)
    guard = patrol()
    before = sandbox.request_count()
    thread = threading.Thread(target=guard.round)
    thread.start()
    while not any(fault["fired"] for fault in sandbox.faults()):
        assert thread.is_alive()
    live.do(queue.stop, reason=None)
    assert guard.busy

    thread.join()

    assert not guard.busy
    assert sandbox.request_count() == before + 1


@pytest.mark.parametrize("kind", ["sqlite"])
def test_an_account_whose_look_up_failed_is_left_alone_for_a_while(
    patrol: Callable[..., Patrol], live: Any, sandbox: Any
) -> None:
    sandbox.add_fault("error_before", account="b", operation="find", times=None)
    guard = patrol()

    assert guard.round() == 2
    before = sandbox.request_count()
    assert guard.round() == 0
    assert sandbox.request_count() == before
    assert told(live) == []


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_campaigns_posts_are_looked_at_once_more_when_it_is_over(
    patrol: Callable[..., Patrol], live: Any, sandbox: Any
) -> None:
    guard = patrol()
    assert guard.round() == 2
    sandbox.delete_post(live.out["b"])
    yesterday = live.now - timedelta(hours=26)
    with live.database.write() as session:
        day = Campaign(
            name="jour",
            day=live.now.date(),
            timezone="UTC",
            window_hours=0,  # it was over at midnight
            announcement_lateness_s=60,
            created_at=yesterday,
        )
        session.add(day)
        session.flush()
        session.execute(update(Post).values(campaign_id=day.id))
        session.execute(update(Delivery).values(published_at=yesterday, seen_at=yesterday))

    assert guard.round() == 2
    assert guard.round() == 0
    assert told(live) == [("disappeared", "b")]
