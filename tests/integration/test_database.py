from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

from socialstrike import audit, heartbeat
from socialstrike.db.models import Scheduler
from socialstrike.db.session import Database
from socialstrike.db.writer import Writer
from socialstrike.exceptions import DatabaseLocked

NOW = datetime(2020, 1, 24, tzinfo=UTC)
sqlite_only = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


@sqlite_only
def test_the_file_is_opened_for_durability(database: Database) -> None:
    with database.read() as session:
        pragmas = {
            name: session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }


def test_a_naive_time_is_refused_and_any_zone_comes_back_as_utc(database: Database) -> None:
    naive = datetime(2020, 1, 24)  # noqa: DTZ001  (the mistake under test)
    with pytest.raises(StatementError, match="naive"), database.write() as session:
        session.add(Scheduler(id="n", host="h", pid=1, started_at=naive, heartbeat_at=NOW))
        session.flush()
    paris = datetime(2020, 1, 24, 1, tzinfo=timezone(timedelta(hours=1)))
    with database.write() as session:
        session.add(Scheduler(id="p", host="h", pid=1, started_at=paris, heartbeat_at=NOW))
    with database.read() as session:
        found = session.scalars(select(Scheduler.started_at)).one()
    assert found == NOW
    assert found.tzinfo is UTC


def test_an_error_leaves_nothing_of_its_transaction(database: Database) -> None:
    with pytest.raises(RuntimeError, match="half way"), database.write() as session:
        audit.append(session, NOW, "test", "me")
        raise RuntimeError("half way")
    with database.read() as session:
        assert list(audit.entries(session)) == []


@sqlite_only
def test_a_database_that_stays_locked_is_said_to_be_busy(database: Database) -> None:
    impatient = Database(database.path, busy_timeout=0.1)
    with database.write(), pytest.raises(DatabaseLocked, match="try again"), impatient.write():
        pass
    impatient.dispose()


@sqlite_only
def test_readers_are_not_in_the_way_of_a_writer(database: Database) -> None:
    with database.read() as reading:
        before = reading.scalars(select(Scheduler.id)).all()
        with database.write() as session:
            heartbeat.register(session, "s", "h", 1, NOW)
        assert reading.scalars(select(Scheduler.id)).all() == before == []
    with database.read() as session:
        assert [beat.id for beat in heartbeat.alive(session, NOW)] == ["s"]


def test_four_writers_at_once_all_get_through(database: Database) -> None:
    def work(number: int) -> None:
        for _ in range(25):
            with database.write() as session:
                audit.append(session, NOW, f"writer-{number}", "me")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    with database.read() as session:
        verdict = audit.verify(session)
    assert verdict.ok
    assert verdict.entries == 100


@sqlite_only
def test_the_watch_notices_another_process_and_only_once(database: Database) -> None:
    watch = database.watch()
    try:
        assert not watch.changed()
        other = sqlite3.connect(database.path)
        other.execute("UPDATE home SET stop_reason = 'x'")
        assert not watch.changed()  # not committed yet
        other.commit()
        other.close()
        assert watch.changed()
        assert not watch.changed()
    finally:
        watch.close()


@sqlite_only
def test_scrubbing_leaves_no_deleted_bytes_in_the_file_or_its_log(database: Database) -> None:
    secret = "jeton-a-oublier-" * 50
    with database.write() as session:
        session.execute(text("UPDATE home SET stop_reason = :s"), {"s": secret})
    assert _on_disk(database, b"jeton-a-oublier")
    with database.write() as session:
        session.execute(text("UPDATE home SET stop_reason = NULL"))
    database.scrub()
    assert not _on_disk(database, b"jeton-a-oublier")


@sqlite_only
def test_the_writer_makes_everybodys_changes_durable_in_few_commits(database: Database) -> None:
    commits: list[int] = []
    writer = Writer(database)
    gate = threading.Event()

    def count(session) -> None:
        session.connection().connection.driver_connection.set_trace_callback(
            lambda sql: commits.append(1) if sql == "COMMIT" else None
        )
        gate.wait(60)  # everybody queues up behind this one

    with ThreadPoolExecutor(33) as pool:
        first = pool.submit(writer.run, count)
        others = [
            pool.submit(writer.run, lambda s, n=n: audit.append(s, NOW, f"e{n}", "me"))
            for n in range(32)
        ]
        gate.set()
        for future in [first, *others]:
            future.result(20)
    writer.close()
    with database.read() as session:
        assert audit.verify(session).entries == 32
    assert len(commits) < 20


def test_one_change_that_fails_takes_nobody_else_down(database: Database) -> None:
    writer = Writer(database)

    def fail(session) -> None:
        audit.append(session, NOW, "never", "me")
        raise ValueError("a fault")

    with ThreadPoolExecutor(16) as pool:
        futures = [
            pool.submit(writer.run, fail if n % 2 else lambda s: audit.append(s, NOW, "ok", "me"))
            for n in range(32)
        ]
        errors = [future.exception(20) for future in futures]
    writer.close()
    assert sum(isinstance(error, ValueError) for error in errors) == 16
    with database.read() as session:
        assert audit.verify(session).ok
        assert audit.verify(session).entries == 16


@sqlite_only
def test_a_writer_that_cannot_commit_tells_everyone_and_goes_on(database: Database) -> None:
    impatient = Database(database.path, busy_timeout=0.1)
    writer = Writer(impatient)
    with database.write(), pytest.raises(DatabaseLocked):
        writer.run(lambda session: audit.append(session, NOW, "never", "me"))
    writer.run(lambda session: audit.append(session, NOW, "later", "me"))
    writer.close()
    impatient.dispose()
    with database.read() as session:
        assert audit.verify(session).entries == 1


def _on_disk(database: Database, needle: bytes) -> bool:
    files = database.path.parent.glob(f"{database.path.name}*")
    return any(needle in file.read_bytes() for file in files)
