"""The service as a whole: real threads, real HTTP, a real database file."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from socialstrike import heartbeat, queue
from socialstrike.clock import SystemClock
from socialstrike.config import Settings
from socialstrike.db.migrate import open_database
from socialstrike.db.session import Database
from socialstrike.exceptions import AnotherScheduler
from socialstrike.scheduler import Scheduler
from socialstrike.vault import Vault


@pytest.fixture
def live(strike, sandbox, quick: Settings):
    """The strike by the machine's own clock, with two accounts in the sandbox."""
    strike.clock = SystemClock()
    strike.settings = quick
    for name, platform in (("a", "x"), ("b", "facebook")):
        made = sandbox.add_account(platform, name)
        strike.account(name, platform, made["credentials"], sandbox.base_url)
    return strike


def _scheduler(live, **changes) -> Scheduler:
    settings = live.settings.model_copy(update=changes)
    return Scheduler(live.database, live.vault, settings, live.clock)


@contextmanager
def running(scheduler: Scheduler) -> Iterator[Scheduler]:
    """The scheduler at work in a thread; drained at the end."""
    ready = threading.Event()
    faults: list[BaseException] = []

    def work() -> None:
        try:
            scheduler.run(ready=ready.set)
        except BaseException as fault:  # noqa: BLE001  (handed to the test's own thread)
            faults.append(fault)
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(60)
        yield scheduler
    finally:
        scheduler.stop()
        thread.join(60)
        assert not thread.is_alive()
        assert faults == []


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_until_idle_waits_for_what_is_due_later_and_then_ends(live, sandbox) -> None:
    live.post("a", text="now")
    live.post("b", text="soon", due=timedelta(seconds=1.5))
    _scheduler(live).run(until_idle=True)
    assert live.states() == {"published": 2}
    assert [post["text"] for post in sandbox.posts()] == ["now", "soon"]
    with live.database.read() as session:
        assert heartbeat.alive(session, live.now) == []


def test_until_idle_does_not_wait_for_what_a_person_must_do(live) -> None:
    from socialstrike import accounts

    live.post("a")
    with live.database.write() as session:
        accounts.pause(session, accounts.get(session, "a"), "why", now=live.now, actor="t")
    _scheduler(live).run(until_idle=True)
    assert live.states() == {"scheduled": 1}


def test_nothing_goes_out_before_its_time(live, sandbox) -> None:
    [delivery] = live.post("a", due=timedelta(seconds=1))
    _scheduler(live).run(until_idle=True)
    row = live.row(delivery)
    assert row.published_at >= row.due_at


def test_what_another_process_changes_is_noticed(live, sandbox) -> None:
    code = (
        "import sys, datetime; from pathlib import Path; from sqlalchemy import update\n"
        "from socialstrike.db.models import Delivery\n"
        "from socialstrike.db.session import Database\n"
        "now = datetime.datetime.now(datetime.UTC)\n"
        "place = sys.argv[1]\n"
        "with Database(place if '://' in place else Path(place)).write() as session:\n"
        "    session.execute(update(Delivery).values(next_at=now))"
    )
    [delivery] = live.post("a", due=timedelta(hours=1))
    with running(_scheduler(live)):
        subprocess.run([sys.executable, "-c", code, str(live.location)], check=True, timeout=60)
        until(lambda: live.state(delivery) == "published")


def test_a_cancelled_post_does_not_go_out(live, sandbox) -> None:
    with running(_scheduler(live)):
        [cancelled] = live.post("a", due=timedelta(seconds=1))
        [kept] = live.post("b", due=timedelta(seconds=1))
        live.do(queue.cancel, [cancelled])
        until(lambda: live.state(kept) == "published")
    assert [post["account"] for post in sandbox.posts()] == ["b"]


def test_the_emergency_stop_holds_everything_until_it_is_let_go(live, sandbox) -> None:
    with running(_scheduler(live)):
        live.do(queue.stop, reason="vote")
        live.post("a", "b")
        until(lambda: live.states() == {"scheduled": 2})
        time.sleep(0.5)  # long enough for several looks at the queue
        assert sandbox.posts() == []
        live.do(queue.start)
        until(lambda: live.states() == {"published": 2})


def test_a_stop_is_confirmed_only_when_no_call_is_under_way(live, sandbox) -> None:
    sandbox.add_fault("slow", account="a", seconds=3)
    [begun] = live.post("a")

    def quiet() -> bool:
        with live.database.read() as session:
            return heartbeat.all_quiet(session, live.now)

    with running(_scheduler(live, read_timeout=20)):
        until(lambda: live.row(begun).attempts == 1)
        live.do(queue.stop, reason="vote")
        assert not quiet()
        until(quiet)
        assert live.state(begun) == "published"
        calls = sandbox.request_count()
        sandbox.add_fault("slow", account="b", seconds=2)
        [next_one] = live.post("b")
        live.do(queue.start)
        until(lambda: live.row(next_one).attempts == 1)
        assert not quiet()
    assert sandbox.request_count() == calls + 1


def test_hundreds_due_at_once_all_go_out_one_at_a_time_per_account(live, sandbox) -> None:
    for number in range(20):
        made = sandbox.add_account("x", f"n{number}", limit=None)
        live.account(made["name"], "x", made["credentials"], sandbox.base_url)
    names = [f"n{number}" for number in range(20)]
    for number in range(10):
        live.post(*names, text=f"{number}. On occupe")
    _scheduler(live, workers=8).run(until_idle=True)

    assert live.states() == {"published": 200}
    assert len(sandbox.posts()) == 200
    # By the log: an account's next attempt starts only after the one before has ended.
    busy: set[str] = set()
    for entry in live.log():
        if entry["event"] == "attempt.started":
            assert entry["account"] not in busy
            busy.add(entry["account"])
        elif entry["event"] == "delivery.published":
            busy.remove(entry["account"])


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
def test_ten_schedulers_share_one_database_and_send_nothing_twice(live, sandbox) -> None:
    names = [f"n{number}" for number in range(12)]
    for name in names:
        made = sandbox.add_account("x", name, limit=None)
        live.account(name, "x", made["credentials"], sandbox.base_url)
    for number in range(5):
        live.post(*names, text=f"{number}. On occupe")
    faults: list[BaseException] = []

    def work() -> None:
        try:
            _scheduler(live, workers=4).run(until_idle=True)
        except BaseException as fault:  # noqa: BLE001  (handed to the test's own thread)
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert faults == []
    assert live.states() == {"published": 60}
    assert len(sandbox.posts()) == 60


def test_one_slow_account_delays_no_other(live, sandbox) -> None:
    sandbox.add_fault("slow", account="a", seconds=4)
    [slow] = live.post("a")
    with running(_scheduler(live, read_timeout=20)):
        until(lambda: live.state(slow) == "publishing")
        [other] = live.post("b")
        until(lambda: live.state(other) == "published")
        assert live.state(slow) == "publishing"
        until(lambda: live.state(slow) == "published")


def test_what_came_due_while_it_was_down_goes_out_or_is_missed_by_its_limit(live, sandbox) -> None:
    [late] = live.post("a", due=timedelta(minutes=-20), limit=timedelta(hours=1))
    [too_late] = live.post("b", due=timedelta(hours=-2), limit=timedelta(hours=1))
    _scheduler(live).run(until_idle=True)
    assert live.state(late) == "published"
    assert live.state(too_late) == "missed"
    assert len(sandbox.posts()) == 1


def test_what_waited_goes_out_one_by_one_and_no_account_floods(live, sandbox) -> None:
    for number in range(3):
        live.post("a", "b", text=f"{number}. En retard", due=timedelta(minutes=-10))
    on_time = live.post("b", text="À l'heure", due=timedelta(seconds=0.2))
    _scheduler(live, catch_up=0.6).run(until_idle=True)
    assert live.states() == {"published": 7}
    assert live.state(on_time[0]) == "published"
    for account in ("a", "b"):
        late = [p for p in sandbox.posts(account=account) if "retard" in p["text"]]
        moments = [datetime.fromisoformat(post["at"]) for post in late]
        gaps = [b - a for a, b in itertools.pairwise(moments)]
        assert min(gaps) > timedelta(seconds=0.5)


def test_what_becomes_too_late_while_its_account_is_paused_is_missed(live) -> None:
    from socialstrike import accounts

    [delivery] = live.post("a", limit=timedelta(seconds=0.3))
    with live.database.write() as session:
        accounts.pause(session, accounts.get(session, "a"), "why", now=live.now, actor="t")
    with running(_scheduler(live)):
        until(lambda: live.state(delivery) == "missed")


def test_a_rate_limited_account_goes_on_when_its_time_has_come(live, sandbox) -> None:
    sandbox.add_fault("rate_limited", account="a", reset_in=1)
    live.post("a")
    _scheduler(live).run(until_idle=True)
    assert live.states() == {"published": 1}
    assert len(sandbox.posts()) == 1


def test_a_lost_answer_is_looked_up_by_itself(live, sandbox) -> None:
    sandbox.add_fault("drop_after", account="a")
    sandbox.add_fault("drop_before", account="b")
    live.post("a", "b")
    _scheduler(live).run(until_idle=True)
    assert live.states() == {"published": 2}
    assert len(sandbox.posts()) == 2


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_second_scheduler_is_refused_and_told_who_works(live) -> None:
    with running(_scheduler(live)), pytest.raises(AnotherScheduler, match=f"process {os.getpid()}"):
        _scheduler(live).run()


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_standby_takes_over_when_the_first_ends(live, sandbox) -> None:
    taken_over = threading.Event()
    second = _scheduler(live)
    with running(_scheduler(live)):
        thread = threading.Thread(
            target=second.run, kwargs={"standby": True, "ready": taken_over.set}
        )
        thread.start()
        assert not taken_over.wait(0.5)
    try:
        assert taken_over.wait(60)
        [delivery] = live.post("a")
        until(lambda: live.state(delivery) == "published")
    finally:
        second.stop()
        thread.join(60)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_standby_that_is_told_to_end_ends(live) -> None:
    second = _scheduler(live)
    with running(_scheduler(live)):
        thread = threading.Thread(target=second.run, kwargs={"standby": True})
        thread.start()
        second.stop()
        thread.join(60)
        assert not thread.is_alive()


def test_stopping_finishes_what_has_begun_and_begins_nothing_new(live, sandbox) -> None:
    sandbox.add_fault("slow", account="a", seconds=3)
    [begun] = live.post("a", text="one")
    [waiting] = live.post("a", text="two")
    with running(_scheduler(live, read_timeout=20)) as scheduler:
        until(lambda: live.row(begun).attempts == 1)
        scheduler.stop()
    assert live.state(begun) == "published"
    assert live.state(waiting) == "scheduled"
    assert len(sandbox.posts()) == 1


class SteppedClock(SystemClock):
    """The machine's clock with a wall clock that a person moves."""

    step = timedelta(0)

    def now(self):
        return super().now() + self.step


def test_a_clock_stepped_forward_wakes_it(live, sandbox) -> None:
    live.clock = SteppedClock()
    [delivery] = live.post("a", due=timedelta(hours=3), limit=timedelta(days=1))
    with running(_scheduler(live)):
        live.clock.step = timedelta(hours=3, seconds=1)
        until(lambda: live.state(delivery) == "published")


def test_a_clock_stepped_back_sends_nothing_early_and_keeps_the_heartbeat(live, sandbox) -> None:
    live.clock = SteppedClock()
    with running(_scheduler(live)) as scheduler:
        live.clock.step = timedelta(days=-1)
        [delivery] = live.post("a", due=timedelta(seconds=1))
        until(lambda: live.state(delivery) == "published")
        with live.database.read() as session:
            [beat] = heartbeat.alive(session, live.now)
        assert beat.id == scheduler.id
        assert beat.heartbeat_at <= live.now
    row = live.row(delivery)
    assert row.published_at >= row.due_at


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_database_locked_for_a_while_loses_nothing(live, sandbox) -> None:
    with running(_scheduler(live)):
        [delivery] = live.post("a", due=timedelta(seconds=0.5))
        holder = sqlite3.connect(live.database.path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        time.sleep(1.5)
        holder.execute("ROLLBACK")
        holder.close()
        until(lambda: live.state(delivery) == "published")
    assert len(sandbox.posts()) == 1


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_stop_waits_for_an_outcome_that_cannot_be_written_yet(live, sandbox) -> None:
    sandbox.add_fault("slow", account="a", seconds=0.5)
    [delivery] = live.post("a")
    seen, live.database = live.database, Database(live.database.path, busy_timeout=0.05)
    holder = sqlite3.connect(seen.path, isolation_level=None, timeout=5, check_same_thread=False)
    with running(_scheduler(live, read_timeout=20)) as scheduler:
        until(lambda: live.row(delivery).attempts == 1)
        holder.execute("BEGIN IMMEDIATE")
        free = threading.Timer(1.5, lambda: holder.execute("ROLLBACK"))
        free.start()
        scheduler.stop()
    free.join()
    holder.close()
    live.database.dispose()
    live.database = seen
    assert live.state(delivery) == "published"
    assert live.row(delivery).lookups == 0
    assert len(sandbox.posts()) == 1


SERVICE = """
import logging, sys
from pathlib import Path
from socialstrike.clock import SystemClock
from socialstrike.config import RehearsalSettings
from socialstrike.db.session import Database
from socialstrike.scheduler import Scheduler
from socialstrike.vault import Vault
home = Path(sys.argv[1])
waits = {"connect_timeout": 2, "read_timeout": 20, "settle": 0.3, "lookup_every": 0.2}
settings = RehearsalSettings(home=home, **waits)
database = Database(settings.location)
scheduler = Scheduler(database, Vault(b"k" * 32), settings, database.clock(SystemClock()))
with scheduler.stopped_by_signals():
    scheduler.run(until_idle=sys.argv[2] == "idle", ready=lambda: print("ready", flush=True))
"""


@contextmanager
def service(live, mode: str = "service") -> Iterator[subprocess.Popen[str]]:
    """The scheduler in a process of its own."""
    place = {} if live.database.sole else {"SOCIALSTRIKE_DATABASE_URL": live.location}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(live.home), mode],
        env={**os.environ, **place},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


@pytest.mark.parametrize("fault", ["slow", "slow_before"])
def test_killed_in_the_middle_of_a_call_the_post_is_looked_up_and_never_doubled(
    live, sandbox, fault: str
) -> None:
    # ``slow`` has posted and answers late; ``slow_before`` posts late, after the kill. A busy
    # machine has to meet the call in its middle, and the look-up comes after that.
    sandbox.add_fault(fault, account="a", seconds=2.0)
    [delivery] = live.post("a")
    with service(live) as process:
        until(lambda: live.row(delivery).attempts == 1)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    assert live.state(delivery) == "publishing"

    _scheduler(live, settle=3.5, lookup_every=0.3).run(until_idle=True)
    assert live.state(delivery) == "published"
    assert len(sandbox.posts()) == 1
    assert "uncertain" in [e["event"].removeprefix("delivery.") for e in live.log()]


def test_killed_before_the_call_the_post_simply_goes_out(live, sandbox) -> None:
    [delivery] = live.post("a")
    live.claim()  # by a scheduler that never wrote its ticket
    _scheduler(live).run(until_idle=True)
    row = live.row(delivery)
    assert (row.state, row.attempts) == ("published", 1)
    assert len(sandbox.posts()) == 1


def test_sigterm_drains_the_service(live, sandbox) -> None:
    sandbox.add_fault("slow", account="a", seconds=3)
    [begun] = live.post("a", text="one")
    [waiting] = live.post("a", text="two")
    with service(live) as process:
        until(lambda: live.row(begun).attempts == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert (live.state(begun), live.state(waiting)) == ("published", "scheduled")
    with live.database.read() as session:
        assert heartbeat.alive(session, live.now) == []


def test_a_suspended_machine_catches_up_on_waking(live, sandbox) -> None:
    with service(live) as process:
        process.send_signal(signal.SIGSTOP)
        [on_time] = live.post("a", due=timedelta(seconds=0.3))
        [too_late] = live.post("b", due=timedelta(seconds=0.3), limit=timedelta(seconds=0.3))
        time.sleep(1)
        process.send_signal(signal.SIGCONT)
        until(lambda: live.state(on_time) == "published")
        until(lambda: live.state(too_late) == "missed")
    assert len(sandbox.posts()) == 1


def test_the_same_home_opened_anew_goes_on(live, sandbox) -> None:
    live.post("a", due=timedelta(seconds=0.5))
    live.database.dispose()
    reopened = open_database(live.location)
    try:
        Scheduler(reopened, Vault(b"k" * 32), live.settings, live.clock).run(until_idle=True)
    finally:
        reopened.dispose()
    assert len(sandbox.posts()) == 1
