"""A copy of a database at work, and its return: whole, verified, and without sending twice."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from socialstrike import audit, queue, storage
from socialstrike.audit import chain
from socialstrike.clock import SystemClock
from socialstrike.db import migrate
from socialstrike.db.models import Attempt, Delivery, Picture
from socialstrike.db.session import Database
from socialstrike.exceptions import (
    DatabaseError,
    DatabaseOutdated,
    DatabaseTooNew,
    InvalidInput,
    VerificationFailed,
)
from socialstrike.scheduler import Scheduler

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copies" / "strike.db"


@pytest.fixture
def saved(strike, copy: Path) -> Path:
    """A backup of a home with an account and two deliveries, one of which is due."""
    strike.account("a")
    strike.post("a", text="one")
    strike.post("a", text="two", due=timedelta(hours=5))
    copy.parent.mkdir()
    storage.backup(strike.location, copy)
    return copy


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The database file of another home, which is empty."""
    return tmp_path / "elsewhere" / "socialstrike.db"


def restore(strike, copy: Path, to: Path, **named: Any) -> storage.Restored:
    options = {"upgrade": False, "settle": 80.0, **named}
    return storage.restore(copy, to, clock=strike.clock, actor="person", **options)


def faults(file: Path) -> dict[str, tuple[str, ...]]:
    return {found.name: found.faults for found in storage.check(file) if found.faults}


@contextmanager
def opened(file: Path) -> Iterator[Database]:
    database = Database(file)
    try:
        yield database
    finally:
        database.dispose()


def change(file: Path, *statements: str) -> None:
    """Change the file behind the product's back; the triggers are out of the way."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        for name, _ in (kept := triggers.fetchall()):
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in kept:
            connection.execute(sql)


# A copy ---------------------------------------------------------------------------------------


def test_a_backup_is_one_private_file_that_verifies(strike, saved: Path) -> None:
    assert [path.name for path in saved.parent.iterdir()] == ["strike.db"]
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert faults(saved) == {}
    assert [path.name for path in saved.parent.iterdir()] == ["strike.db"]


def test_a_backup_tells_the_head_of_its_log(strike, copy: Path) -> None:
    strike.account("a")
    strike.post("a")
    copy.parent.mkdir()
    made = storage.backup(strike.location, copy)
    with strike.database.read() as session:
        verdict = audit.verify(session)
    assert (made.head, made.entries, made.deliveries, made.sealed) == (
        verdict.head,
        verdict.entries,
        1,
        1,
    )


def test_a_backup_holds_the_credentials_sealed_and_no_key(strike, saved: Path) -> None:
    content = saved.read_bytes()
    assert b"access-token-of-x" not in content
    assert b"k" * 32 not in content


def test_copies_made_while_others_write_are_each_one_moment_of_the_database(
    strike, tmp_path: Path
) -> None:
    """Large enough for many steps, and a commit between any two of them."""
    with strike.database.write() as session:
        for number in range(8):
            session.add(Picture(sha256=f"{number:064}", content=os.urandom(2_000_000)))
        for event in ("test.one", "test.two"):
            audit.append(session, strike.now, event, "t")
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            with strike.database.write() as session:
                audit.append(session, strike.now, "test.one", "t")
                audit.append(session, strike.now, "test.two", "t")

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write) for _ in range(2)]
        try:
            made = [
                storage.backup(strike.location, tmp_path / f"{number}.db") for number in range(4)
            ]
        finally:
            done.set()
        for writer in writers:
            writer.result(20)
    entries = [copied.entries for copied in made]
    assert entries == sorted(set(entries)), "nothing was written between the copies"
    assert all(count % 2 == 0 for count in entries)  # a transaction is in it whole or not at all
    with strike.database.read() as session:
        lines = list(audit.entries(session))
    for copied in made:
        assert chain.digest(lines[copied.entries - 1]) == copied.head


def test_nothing_is_overwritten(strike, copy: Path) -> None:
    copy.parent.mkdir()
    copy.write_bytes(b"what somebody keeps here")
    with pytest.raises(InvalidInput, match="is there already; name a new file"):
        storage.backup(strike.location, copy)
    assert copy.read_bytes() == b"what somebody keeps here"
    assert [path.name for path in copy.parent.iterdir()] == ["strike.db"]


def test_of_two_backups_to_one_name_one_is_refused(strike, copy: Path) -> None:
    strike.account("a")
    copy.parent.mkdir()
    with ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(storage.backup, strike.location, copy).exception for _ in range(2)]
        errors = [error for end in ends if (error := end(30)) is not None]
    assert len(errors) == 1
    assert isinstance(errors[0], InvalidInput)
    assert faults(copy) == {}


def test_a_folder_that_is_not_there_is_told(strike, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="name a file in a folder that you can write"):
        storage.backup(strike.location, tmp_path / "no" / "such" / "copy.db")


def test_a_log_that_does_not_verify_gives_no_backup(strike, copy: Path) -> None:
    strike.account("a")
    change(strike.location, "UPDATE audit_entries SET line = replace(line, '\"a\"', '\"b\"')")
    strike.post("a")
    copy.parent.mkdir()
    with pytest.raises(VerificationFailed, match="no backup was kept"):
        storage.backup(strike.location, copy)
    assert list(copy.parent.iterdir()) == []


def test_a_server_is_backed_up_by_its_own_tools(strike, copy: Path) -> None:
    with pytest.raises(InvalidInput, match="pg_dump"):
        storage.backup("postgresql://nobody@127.0.0.1/none", copy)


# Its return -----------------------------------------------------------------------------------


def test_what_may_have_gone_out_since_is_doubted_and_the_rest_waits(
    strike, saved: Path, elsewhere: Path
) -> None:
    strike.clock.advance(3600)
    done = restore(strike, saved, elsewhere)
    assert (done.deliveries, done.waiting, done.doubted, done.sealed) == (2, 2, 1, 1)
    with opened(elsewhere) as database, database.read() as session:
        one, two = session.scalars(select(Delivery).order_by(Delivery.id))
        assert (one.state, two.state) == ("uncertain", "scheduled")
        assert one.next_at == strike.now + timedelta(seconds=80)
        assert one.started_at == one.due_at  # the look-up reaches back to the first chance


def test_the_log_says_what_was_restored_and_goes_on_from_there(
    strike, saved: Path, elsewhere: Path
) -> None:
    with opened(saved) as database, database.read() as session:
        before = list(audit.entries(session))
    done = restore(strike, saved, elsewhere)
    assert faults(elsewhere) == {}
    with opened(elsewhere) as database, database.read() as session:
        lines = list(audit.entries(session))
        *_, told = audit.told(session, kind="database.restored")
    assert lines[: len(before)] == before
    assert told["seq"] == len(before) + 1
    assert told["actor"] == "person"
    assert told["head"] == chain.digest(before[-1])
    assert chain.digest(lines[-1]) == done.head


def _tried(strike, delivery: int) -> None:
    [job] = strike.claim()
    begun = strike.begin(job)
    assert begun.job.delivery == delivery


def _claimed(strike, delivery: int) -> None:
    [job] = strike.claim()
    assert job.delivery == delivery


def _to_be_tried_again(strike, delivery: int) -> None:
    [job] = strike.claim()
    begun = strike.begin(job)
    later = strike.now + timedelta(hours=1)
    strike.do(queue.retried, begun.job, begun.number, "busy", next_at=later)


def _uncertain(strike, delivery: int) -> None:
    [job] = strike.claim()
    begun = strike.begin(job)
    strike.do(queue.doubted, begun.job, begun.number, "lost", look_at=strike.now)
    with strike.database.write() as session:
        [doubt] = queue.claim_doubts(session, now=strike.now, every=60, most=1)
    strike.do(queue.absent, doubt, next_at=strike.now)


@pytest.mark.parametrize("before", [_claimed, _tried, _to_be_tried_again, _uncertain])
def test_whatever_was_under_way_is_looked_up_with_its_counts_at_zero(
    strike, copy: Path, elsewhere: Path, before: Any
) -> None:
    strike.account("a")
    [delivery] = strike.post("a")
    before(strike, delivery)
    copy.parent.mkdir()
    storage.backup(strike.location, copy)
    started = strike.row(delivery).started_at
    restore(strike, copy, elsewhere)
    with opened(elsewhere) as database, database.read() as session:
        row = session.scalars(select(Delivery)).one()
        assert (row.state, row.absences, row.lookups) == ("uncertain", 0, 0)
        assert row.claimed_by is None
        assert row.started_at in {started, row.due_at}
        assert session.scalars(select(Attempt).where(Attempt.ended_at.is_(None))).all() == []
    assert faults(elsewhere) == {}


@pytest.mark.parametrize("verdict", ["cancelled", "missed", "published", "failed"])
def test_what_was_over_stays_over(strike, copy: Path, elsewhere: Path, verdict: str) -> None:
    from socialstrike.platforms.base import Publication

    strike.account("a")
    [delivery] = strike.post("a", limit=timedelta(minutes=1))
    if verdict == "cancelled":
        strike.do(queue.cancel, [delivery])
    elif verdict == "missed":
        strike.clock.advance(120)
        strike.do(queue.lapse)
    else:
        [job] = strike.claim()
        begun = strike.begin(job)
        if verdict == "published":
            strike.do(queue.accepted, begun.job, begun.number, Publication("1", None))
        else:
            strike.do(queue.refused, begun.job, begun.number, "no")
    copy.parent.mkdir()
    storage.backup(strike.location, copy)
    done = restore(strike, copy, elsewhere)
    assert (done.waiting, done.doubted) == (0, 0)
    with opened(elsewhere) as database, database.read() as session:
        assert queue.counts(session) == {verdict: 1}


def test_a_home_that_has_a_database_keeps_it(strike, saved: Path) -> None:
    before = strike.log()
    with pytest.raises(InvalidInput, match="has a database already"):
        restore(strike, saved, strike.location)
    assert strike.log() == before


@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE audit_entries SET line = replace(line, \'"platform":"x"\', \'"platform":"y"\')',
        "DELETE FROM audit_entries WHERE seq = 1",
        "UPDATE deliveries SET text = 'another' WHERE text = 'two'",
        "UPDATE deliveries SET state = 'scheduled', due_at = '2020-01-25 00:00:00.000000'",
        "UPDATE deliveries SET state = 'cancelled'",
        "DELETE FROM deliveries WHERE text = 'two'",
    ],
)
def test_an_altered_backup_is_refused_and_nothing_is_left(
    strike, saved: Path, elsewhere: Path, statement: str
) -> None:
    change(saved, statement)
    with pytest.raises(VerificationFailed, match="nothing was restored"):
        restore(strike, saved, elsewhere)
    assert list(elsewhere.parent.iterdir()) == []


def test_what_is_no_backup_is_refused(strike, tmp_path: Path, elsewhere: Path) -> None:
    letter, empty = tmp_path / "letter", tmp_path / "empty"
    letter.write_bytes("Chères et chers camarades, ".encode() * 500)
    empty.write_bytes(b"")
    for file in (letter, empty):
        with pytest.raises(DatabaseError, match=r"use another backup|no database of socialstrike"):
            restore(strike, file, elsewhere)
    with pytest.raises(InvalidInput, match="there is no file"):
        restore(strike, tmp_path / "none", elsewhere)
    assert list(elsewhere.parent.iterdir()) == []


def test_a_file_copied_from_a_database_in_use_is_refused(
    strike, tmp_path: Path, elsewhere: Path
) -> None:
    strike.account("a")
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{strike.location}{suffix}", tmp_path / f"raw.db{suffix}")
    with pytest.raises(InvalidInput, match="database in use"):
        restore(strike, tmp_path / "raw.db", elsewhere)


def test_a_backup_of_a_newer_version_is_refused(strike, saved: Path, elsewhere: Path) -> None:
    change(saved, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseTooNew, match="install the newer socialstrike"):
        restore(strike, saved, elsewhere)


def test_a_backup_of_an_older_version_is_upgraded_on_request_alone(
    strike, saved: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(migrate.folder(), newer, ignore=shutil.ignore_patterns("__pycache__"))
    last = migrate.known_versions()[-1]
    (newer / "versions" / "9000_one_more.py").write_text(
        f"from alembic import op\nrevision, down_revision = '9000', '{last}'\n"
        "def upgrade(): op.execute('CREATE TABLE one_more (id INTEGER)')\n"
        "def downgrade(): op.execute('DROP TABLE one_more')\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(migrate, "folder", lambda: newer)
    before = saved.read_bytes()
    with pytest.raises(DatabaseOutdated, match="add --upgrade"):
        restore(strike, saved, elsewhere)
    assert not elsewhere.exists()
    restore(strike, saved, elsewhere, upgrade=True)
    assert faults(elsewhere) == {}
    assert saved.read_bytes() == before


# Not twice ------------------------------------------------------------------------------------


@pytest.fixture
def burst(strike, sandbox, quick):
    """Sixty deliveries on six accounts, due over two seconds; some answers are lost."""
    strike.clock = SystemClock()
    strike.settings = quick
    names = []
    for number in range(6):
        platform = ("x", "facebook")[number % 2]
        made = sandbox.add_account(platform, f"n{number}", limit=None)
        names.append(strike.account(made["name"], platform, made["credentials"], sandbox.base_url))
    for number in range(10):
        strike.post(*names, text=f"{number}. On occupe", due=timedelta(seconds=number / 5))
    sandbox.add_fault("drop_after", probability=0.1, times=None)
    sandbox.add_fault("drop_before", probability=0.1, times=None)
    sandbox.seed(20200124)
    return strike


@contextmanager
def working(strike, database: Database, home: Path) -> Iterator[Scheduler]:
    settings = strike.settings.model_copy(update={"home": home})
    scheduler = Scheduler(database, strike.vault, settings, strike.clock)
    thread = threading.Thread(target=scheduler.run, kwargs={"until_idle": True})
    thread.start()
    try:
        yield scheduler
        thread.join(60)
        assert not thread.is_alive()
    finally:
        scheduler.stop()
        thread.join(60)


def _published(strike) -> int:
    return strike.states().get("published", 0)


@pytest.mark.parametrize("at", [0, 1, 20, 45])
@pytest.mark.parametrize("end", ["finishes", "dies"])
def test_restored_from_the_middle_of_a_burst_nothing_goes_out_twice_and_nothing_is_lost(
    burst, sandbox, elsewhere: Path, at: int, end: str
) -> None:
    copy = elsewhere.parent.with_name("burst.db")
    with working(burst, burst.database, burst.home) as scheduler:
        deadline = time.monotonic() + 30
        while _published(burst) < at and time.monotonic() < deadline:
            time.sleep(0.005)
        storage.backup(burst.location, copy)
        if end == "dies":
            scheduler.stop()
    sandbox.clear_faults()

    storage.restore(copy, elsewhere, upgrade=False, settle=0.1, clock=burst.clock, actor="person")
    with opened(elsewhere) as database:
        with working(burst, database, elsewhere.parent):
            pass
        with database.read() as session:
            states = queue.counts(session)
    posts = Counter((post["account"], post["text"]) for post in sandbox.posts())
    assert set(posts.values()) == {1}
    assert len(posts) == 60
    assert states == {"published": 60}
    assert faults(elsewhere) == {}
