"""What a scheduler does while nothing is due, and how it hears that something changed."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from socialstrike import garbage, heartbeat, queue, scheduler
from socialstrike.clock import SystemClock
from socialstrike.config import Settings
from socialstrike.db.inotify import Inotify
from socialstrike.db.session import Database, Watch
from socialstrike.exceptions import DatabaseLocked
from socialstrike.scheduler import Scheduler

NOW = datetime(2020, 1, 24, tzinfo=UTC)
sqlite_only = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


_moments = itertools.count()


def _commit(database: Database) -> None:
    with database.write() as session:  # each time another value: the same again writes nothing
        heartbeat.set_quiet(session, "s", NOW + timedelta(seconds=next(_moments)))


def _told(watch: Watch) -> bool:
    """Whether it tells of a change; a server's notice may take a moment."""
    pause = threading.Event()
    return any(watch.changed() or pause.wait(0.01) for _ in range(1000))


@pytest.fixture
def registered(database: Database) -> Database:
    with database.write() as session:
        heartbeat.register(session, "s", "h", 1, NOW)
    return database


def test_a_watch_does_not_tell_of_its_own_change_and_tells_of_all_others(
    registered: Database,
) -> None:
    later = NOW + timedelta(seconds=5)
    watch = registered.watch()
    try:
        watch.changed()
        watch.write(lambda session: heartbeat.beat(session, "s", later))
        assert not watch.changed()
        _commit(registered)
        watch.write(lambda session: heartbeat.beat(session, "s", later))
        assert _told(watch)
        watch.write(lambda session: heartbeat.beat(session, "s", later))
        _commit(registered)
        assert _told(watch)
    finally:
        watch.close()
    with registered.read() as session:
        [beat] = heartbeat.alive(session, NOW)
    assert beat.heartbeat_at == later


@sqlite_only
def test_a_watch_that_cannot_write_says_so_and_watches_on(registered: Database) -> None:
    impatient = Database(registered.path, busy_timeout=0.05)
    watch = impatient.watch()
    try:
        with registered.write(), pytest.raises(DatabaseLocked):
            watch.write(lambda session: heartbeat.beat(session, "s", NOW))
        watch.changed()
        _commit(registered)
        assert watch.changed()
        watch.write(lambda session: heartbeat.beat(session, "s", NOW))
    finally:
        watch.close()
        impatient.dispose()


@sqlite_only
def test_the_system_tells_of_commits_until_the_watch_is_closed(registered: Database) -> None:
    bell = threading.Event()
    watch = registered.watch()
    assert watch.ring(bell.set)
    for _ in range(2):
        bell.clear()
        _commit(registered)
        assert bell.wait(10)
    watch.close()
    bell.clear()
    _commit(registered)
    assert not bell.wait(0.2)


@sqlite_only
def test_a_file_that_is_gone_ends_the_telling_and_nothing_else(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "log"
    with pytest.raises(OSError, match="No such file"):
        Inotify(file, lambda: None)
    file.touch()
    bell = threading.Event()
    inotify = Inotify(file, bell.set)
    file.unlink()
    assert bell.wait(10)
    inotify.close()


@pytest.fixture
def waiting(strike, quick: Settings, monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    """A scheduler with nothing to do, whose heart beats every 0.1 s."""
    monkeypatch.setattr(heartbeat, "EVERY", 0.1)
    strike.clock = SystemClock()
    return Scheduler(strike.database, strike.vault, quick, strike.clock)


def _run(waiting: Scheduler) -> threading.Thread:
    ready = threading.Event()
    thread = threading.Thread(target=waiting.run, kwargs={"ready": ready.set})
    thread.start()
    assert ready.wait(30)
    return thread


@sqlite_only
def test_a_heartbeat_alone_looks_at_nothing_and_a_change_is_looked_at(
    waiting: Scheduler, strike, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, beats = threading.Semaphore(0), threading.Semaphore(0)
    look, beat = queue.next_look, heartbeat.beat

    def counted_look(*given, **named):
        looked.release()
        return look(*given, **named)

    def counted_beat(*given):
        beats.release()
        beat(*given)

    monkeypatch.setattr(queue, "next_look", counted_look)
    monkeypatch.setattr(heartbeat, "beat", counted_beat)
    thread = _run(waiting)
    try:
        for _ in range(8):  # the first checkpoint is news too
            assert beats.acquire(timeout=30)
        while looked.acquire(blocking=False):
            pass
        for _ in range(4):
            assert beats.acquire(timeout=30)
        assert not looked.acquire(blocking=False)
        strike.account("a")
        assert looked.acquire(timeout=30)
    finally:
        waiting.stop()
        thread.join(30)


@sqlite_only
def test_a_disk_that_tells_nothing_is_asked_often(
    waiting: Scheduler, strike, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "_CALM", 600.0)
    monkeypatch.setattr(Scheduler, "_hear", lambda self: None)
    looked = threading.Event()
    look = queue.next_look

    def noted(*given, **named):
        looked.set()
        return look(*given, **named)

    thread = _run(waiting)
    try:
        with strike.database.read() as session:
            [first] = heartbeat.alive(session, strike.now)

        def beaten() -> bool:
            with strike.database.read() as session:
                [now] = heartbeat.alive(session, strike.now)
            return now.heartbeat_at > first.heartbeat_at + timedelta(seconds=0.3)

        while not beaten():
            thread.join(0.05)
        monkeypatch.setattr(queue, "next_look", noted)
        strike.account("a")
        assert looked.wait(10)
    finally:
        waiting.stop()
        thread.join(30)


@pytest.mark.parametrize(("ahead", "collected"), [(None, True), (30.0, True), (1.0, False)])
@sqlite_only
def test_garbage_is_collected_before_a_burst_and_never_when_something_is_due(
    waiting: Scheduler,
    strike,
    monkeypatch: pytest.MonkeyPatch,
    ahead: float | None,
    collected: bool,
) -> None:
    settled: list[None] = []
    monkeypatch.setattr(garbage, "settle", lambda: settled.append(None))
    waiting._next = None if ahead is None else strike.now + timedelta(seconds=ahead)
    waiting._warm()
    assert bool(settled) is collected
    waiting._writer.close()
