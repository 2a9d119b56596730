"""What is done for many deliveries at once is done for each as if it were alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from socialstrike import accounts, audit, queue
from socialstrike.adapters import Adapters
from socialstrike.config import Settings
from socialstrike.db.session import Database
from socialstrike.db.writer import Writer
from socialstrike.platforms.base import Publication
from socialstrike.queue import Accepted, Begun, Stale

NOW = datetime(2020, 1, 24, 12, tzinfo=UTC)
KEYS = {
    name: name * 2
    for name in ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
}


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    made = Writer(database)
    yield made
    made.close()


def _all_at_once(writer: Writer, change, items: Sequence[int]) -> list[object]:
    """What each thread got, or what was raised in it; all of them wait for the same commit."""
    inside, gate = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        inside.set()
        gate.wait(10)

    def one(item: int) -> object:
        try:
            return writer.run_together(change, item)
        except ValueError as error:
            return error

    with ThreadPoolExecutor(len(items) + 1) as pool:
        first = pool.submit(writer.run, hold)
        assert inside.wait(10)
        waiting = [pool.submit(one, item) for item in items]
        deadline = time.monotonic() + 10
        while writer._jobs.qsize() < len(items) and time.monotonic() < deadline:
            time.sleep(0.001)
        gate.set()
        first.result(10)
        return [future.result(20) for future in waiting]


def test_threads_that_ask_for_the_same_share_one_call_and_get_each_its_own(writer) -> None:
    calls: list[int] = []

    def change(session, items: Sequence[int]) -> list[int | Exception]:
        calls.append(len(items))
        return [ValueError("odd") if item % 2 else item * 10 for item in items]

    found = _all_at_once(writer, change, range(12))
    assert calls == [12]
    assert found[::2] == [0, 20, 40, 60, 80, 100]
    assert all(isinstance(each, ValueError) for each in found[1::2])


def test_one_that_breaks_the_call_of_all_fails_alone_and_leaves_nothing(database, writer) -> None:
    def change(session, items: Sequence[int]) -> list[int]:
        for item in items:
            audit.append(session, NOW, f"item.{item}", "me")
        if 3 in items:
            raise ValueError("three")
        return list(items)

    found = _all_at_once(writer, change, range(6))
    assert isinstance(found.pop(3), ValueError)
    assert found == [0, 1, 2, 4, 5]
    with database.read() as session:
        assert audit.verify(session).ok
        events = {entry["event"] for entry in audit.told(session)}
    assert events == {f"item.{item}" for item in (0, 1, 2, 4, 5)}


def test_a_ticket_is_refused_to_the_one_that_may_not_go(strike) -> None:
    for name in "abc":
        strike.account(name)
    strike.post("a", "b", "c")
    jobs = strike.claim()
    with strike.database.write() as session:
        accounts.pause(session, accounts.get(session, "b"), "rest", now=strike.now, actor="me")
    with strike.database.write() as session:
        begun = queue.begin_all(session, jobs, now=strike.now, owner="one")
    assert [type(each) for each in begun] == [Begun, Stale, Begun]
    assert [strike.row(job.delivery).attempts for job in jobs] == [1, 0, 1]


def test_of_many_outcomes_the_one_that_comes_too_late_changes_nothing(strike) -> None:
    for name in "abc":
        strike.account(name)
    strike.post("a", "b", "c")
    begun = [strike.begin(job) for job in strike.claim()]
    late = begun[1].job
    strike.do(queue.doubted, late, 1, "lost", look_at=strike.now)
    done = [
        Accepted(each.job, each.number, Publication(f"id-{each.job.account}", None))
        for each in begun
    ]
    assert strike.do(queue.accepted_all, done) == [True, False, True]
    assert [strike.state(each.job.delivery) for each in begun] == [
        "published",
        "uncertain",
        "published",
    ]
    assert [e["delivery"] for e in strike.log() if e["event"] == "attempt.late"] == [late.delivery]
    with strike.database.read() as session:
        assert list(queue.disagreements(session)) == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_claim_does_not_read_more_where_more_is_queued(strike) -> None:
    for name in "abc":
        strike.account(name)
    strike.post("a", "b", "c")
    few = _steps_of_a_claim(strike)
    for number in range(400):
        strike.post("a", "b", "c", text=f"{number}. Plus tard", due=timedelta(hours=1 + number))
    assert _steps_of_a_claim(strike) < 1.2 * few + 1


def _steps_of_a_claim(strike) -> int:
    """Tens of SQLite's own steps."""
    steps: list[int] = []
    with pytest.raises(InterruptedError), strike.database.write() as session:
        driver = session.connection().connection.driver_connection
        driver.set_progress_handler(lambda: steps.append(1), 10)
        try:
            owner = {"owner": "one", "lease": 60, "most": 10}
            assert len(queue.claim(session, now=strike.now, **owner)) == 3
        finally:
            driver.set_progress_handler(None, 0)
        raise InterruptedError  # nothing stays claimed
    return len(steps)


def test_an_adapter_is_ready_before_the_post_is_due_and_new_with_new_credentials(strike) -> None:
    for name in "ab":
        strike.account(name, "x", KEYS)
    strike.post("a", "b", due=timedelta(seconds=20))
    settings = Settings(home=strike.home)
    made = Adapters(strike.database, strike.vault, settings, strike.clock, renewed=lambda *_: None)
    made.warm()
    ready = {key: adapter for key, (_, adapter) in made._ready.items()}
    assert len(ready) == 2
    with strike.database.write() as session:
        accounts.add(
            session,
            strike.vault,
            name="b",
            platform="x",
            credentials={**KEYS, "access_token": "another-token"},
            replace=True,
            now=strike.now,
            actor="me",
        )
    strike.clock.advance(20)
    jobs = {job.account: job for job in strike.claim()}
    made.prepare(list(jobs.values()))
    assert made.of(jobs["a"]) is ready[jobs["a"].account_id]
    renewed = made.of(jobs["b"])
    assert renewed is not ready[jobs["b"].account_id]
    assert renewed.access.credentials["access_token"] == "another-token"
    assert made.of(jobs["a"]) is not ready[jobs["a"].account_id]
