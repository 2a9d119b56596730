"""A database file is data from outside: damaged, foreign or hostile, it is told in one sentence,
and nothing goes out but what was queued.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from socialstrike import audit, publisher, queue, storage
from socialstrike.clock import SystemClock
from socialstrike.config import RehearsalSettings
from socialstrike.db.migrate import open_database
from socialstrike.db.session import Database
from socialstrike.exceptions import DatabaseError, SocialstrikeError
from socialstrike.sandbox.process import SandboxProcess
from socialstrike.scheduler import Scheduler
from socialstrike.vault import Vault

#: Single bits turned in one run: every day, and in the gauntlet's long form.
FLIPS, MANY_FLIPS = 50, 2000
#: In so many parts, for the processes that run tests at the same time.
PARTS = 2
TEXTS = [f"Nous serons {n} mille dans la rue" for n in range(6)]
#: A scheduler that cannot read its database is told to end after so many seconds.
PATIENCE = 1.0
#: And one that can has as long as it needs.
ENDLESS = 60.0


@pytest.fixture
def kind() -> str:
    """SQLite alone: a server's files are the server's matter."""
    return "sqlite"


@pytest.fixture
def day(
    strike, sandbox: SandboxProcess, template_database: Path, tmp_path: Path
) -> Callable[[str], Path]:
    """Makes a home with two accounts and six deliveries that are due; the file, closed."""

    def make(name: str = "day") -> Path:
        sandbox.reset()
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        file = folder / "socialstrike.db"
        shutil.copyfile(template_database, file)
        file.chmod(0o600)
        made = type(strike)(Database(file), folder, file, clock=SystemClock())
        for account, platform in (("a", "x"), ("b", "facebook")):
            known = sandbox.add_account(platform, account, limit=None)
            made.account(account, platform, known["credentials"], sandbox.base_url)
        for number, text in enumerate(TEXTS):
            made.post("ab"[number % 2], text=text, limit=timedelta(hours=10))
        made.database.dispose()
        return file

    return make


def change(file: Path, *statements: str) -> None:
    """Change the file behind the product's back."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        for statement in statements:
            connection.execute(statement)


class Used:
    """What every use of a file came to: the sentences, and what was logged beside them."""

    def __init__(self, file: Path, patience: float) -> None:
        self.file = file
        self.patience = patience
        self.told: list[str] = []
        self.faults: list[str] = []

    @property
    def noticed(self) -> bool:
        """Whether anything was said of it."""
        return bool(self.told or self.faults)

    def all(self) -> None:
        """Look at it, verify it, back it up, and let a scheduler work on it for a while."""
        for use in (self._look, self._check, self._backup, self._run):
            try:
                use()
            except SocialstrikeError as error:
                self.told.append(str(error))

    def _look(self) -> None:
        with closing_database(self.file) as database, database.read() as session:
            list(queue.deliveries(session))
            queue.counts(session)
            audit.verify(session)

    def _check(self) -> None:
        for finding in storage.check(self.file):
            self.faults += finding.faults

    def _backup(self) -> None:
        copy = self.file.with_name("copy.db")
        try:
            storage.backup(self.file, copy)
        finally:
            copy.unlink(missing_ok=True)

    def _run(self) -> None:
        settings = RehearsalSettings(
            home=self.file.parent,
            connect_timeout=1,
            read_timeout=1,
            settle=0.1,
            lookup_every=0.1,
            lookups=2,
            retry_base=0.05,
            retry_most=0.1,
            catch_up=0,
        )
        with closing_database(self.file) as database:
            scheduler = Scheduler(database, Vault(b"k" * 32), settings, SystemClock())
            ending = threading.Timer(self.patience, scheduler.stop)
            ending.start()
            try:
                scheduler.run(until_idle=True)
            finally:
                ending.cancel()
                ending.join()


class closing_database:  # noqa: N801  (read like contextlib.closing)
    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> Database:
        self._database = open_database(self._file)
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.dispose()


@pytest.fixture
def used(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Used]]:
    """Uses a file in every way; fails on a traceback or a message of several lines."""
    # An outcome that cannot be written is kept trying for two minutes, as disks do get room again.
    monkeypatch.setattr(publisher, "_PATIENCE", PATIENCE)

    def use(file: Path, patience: float = PATIENCE) -> Used:
        found = Used(file, patience)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            found.all()
        assert not [record for record in caplog.records if record.exc_info], caplog.text
        assert not [words for words in found.told if "\n" in words], found.told
        return found

    yield use


@dataclass
class Turned:
    """How many bits are turned, and where the chances come from."""

    flips: int
    seed: int


@pytest.fixture
def turned(long: bool, request: pytest.FixtureRequest) -> Turned:
    given = request.config.getoption("--gauntlet-seed")
    return Turned(MANY_FLIPS if long else FLIPS, 1789 if given is None else given)


@pytest.mark.timeout(60 + MANY_FLIPS)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_single_bit_that_turned_sends_an_altered_post_or_shows_a_traceback(
    day: Callable[[str], Path],
    used: Callable[[Path], Used],
    sandbox: SandboxProcess,
    part: int,
    turned: Turned,
) -> None:
    chance = random.Random(f"{turned.seed} {part}")
    told = 0
    for number in range(part, turned.flips, PARTS):
        file = day(f"flip-{number}")
        content = bytearray(file.read_bytes())
        # All over the file, and the headers of pages are hit more often than by chance.
        page = number * (len(content) // 4096) // turned.flips
        place = page * 4096 + chance.randrange(100 if number % 9 == 0 else 4096)
        content[place] ^= 1 << chance.randrange(8)
        file.write_bytes(content)
        try:
            told += used(file).noticed
            sent = [post["text"] for post in sandbox.posts()]
            assert set(sent) <= set(TEXTS)
            assert len(sent) == len(set(sent))
        except BaseException as error:
            error.add_note(f"flip {number}, of a bit of byte {place}, which is in page {page + 1}")
            raise
        shutil.rmtree(file.parent)
    assert told  # else the flips hit nothing


def test_a_sound_home_is_used_without_a_word_and_sends_everything(
    day: Callable[[str], Path], used: Callable[..., Used], sandbox: SandboxProcess
) -> None:
    assert used(day("sound"), ENDLESS).told == []
    assert sorted(post["text"] for post in sandbox.posts()) == TEXTS


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "CREATE TRIGGER other AFTER UPDATE ON deliveries BEGIN"
            " UPDATE deliveries SET text = 'Reprenez le travail' WHERE state = 'scheduled'; END",
            "the trigger other",
        ),
        (
            "CREATE TRIGGER audit_entries_no_insert BEFORE INSERT ON audit_entries"
            " BEGIN SELECT RAISE(IGNORE); END",
            "the trigger audit_entries_no_insert",
        ),
        ("CREATE VIEW accounts_view AS SELECT * FROM accounts", "the view accounts_view"),
        ("CREATE TABLE loot (line TEXT)", "the table loot"),
        ("CREATE VIRTUAL TABLE words USING fts5(line)", "the table words"),
        ("CREATE INDEX often ON deliveries (abs(id))", "the index often"),
        ("ALTER TABLE deliveries ADD COLUMN extra TEXT", "the column deliveries.extra"),
        (
            "ALTER TABLE deliveries ADD COLUMN words TEXT GENERATED ALWAYS AS (upper(text))",
            "the column deliveries.words",
        ),
        ("DROP TRIGGER audit_entries_no_delete", "the trigger audit_entries_no_delete"),
        ("ALTER TABLE posts RENAME TO others", "the table others"),
        ("ALTER TABLE accounts DROP COLUMN identity", "the column accounts.identity"),
    ],
)
def test_what_was_planted_in_a_database_is_named_and_nothing_of_it_is_used(
    day: Callable[[str], Path],
    used: Callable[[Path], Used],
    sandbox: SandboxProcess,
    statement: str,
    named: str,
) -> None:
    file = day("planted")
    change(file, statement)

    told = used(file).told

    assert len(told) == 3  # looking, backing up and running; the check has findings instead
    assert all(named in words and "restore a backup" in words for words in told), told
    faults = [fault for finding in storage.check(file) for fault in finding.faults]
    assert any(named in fault for fault in faults), faults
    assert sandbox.posts() == []


def test_a_trigger_with_the_name_of_ours_and_other_words_is_noticed(
    day: Callable[[str], Path],
) -> None:
    file = day("replaced")
    change(
        file,
        "DROP TRIGGER audit_entries_no_update",
        "CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries BEGIN SELECT 1; END",
    )
    with pytest.raises(DatabaseError, match="the trigger audit_entries_no_update"):
        open_database(file)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE deliveries SET due_at = 'bientôt'", "deliveries.due_at of row 1, a text"),
        ("UPDATE deliveries SET due_at = '2020-02-31 10:00:00.000000'", "deliveries.due_at"),
        ("UPDATE deliveries SET next_at = x'00ff'", "deliveries.next_at of row 1, a blob"),
        ("UPDATE deliveries SET fence = 'trois'", "deliveries.fence of row 1, a text"),
        ("UPDATE deliveries SET text = x'00ff'", "deliveries.text of row 1, a blob"),
        ("UPDATE posts SET media = '{[('", "posts.media of row 1, a text"),
        ("UPDATE accounts SET platform = 7.5", "accounts.platform"),
        ("UPDATE accounts SET created_at = 99999999999999", "accounts.created_at of row 1"),
    ],
)
def test_a_value_that_no_socialstrike_wrote_is_named_and_no_altered_post_goes_out(
    day: Callable[[str], Path],
    used: Callable[[Path], Used],
    sandbox: SandboxProcess,
    statement: str,
    named: str,
) -> None:
    file = day("misfit")
    change(file, statement)

    used(file)

    faults = [fault for finding in storage.check(file) for fault in finding.faults]
    assert any(named in fault for fault in faults) or "platform" in named, faults
    assert {post["text"] for post in sandbox.posts()} <= set(TEXTS)


def test_a_value_too_large_to_be_ours_is_refused(day: Callable[[str], Path]) -> None:
    file = day("huge")
    change(file, "UPDATE deliveries SET text = zeroblob(210000000) WHERE id = 1")
    with (
        closing_database(file) as database,
        pytest.raises(DatabaseError, match="larger than any that socialstrike writes"),
        database.read() as session,
    ):
        list(queue.deliveries(session))


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE moz_cookies (id INTEGER)",),
        ("CREATE TABLE alembic_version (version_num TEXT)", "CREATE TABLE users (id INTEGER)"),
        ("PRAGMA application_id = 252006674",),
    ],
)
def test_another_programs_database_is_told_as_such_and_left_alone(
    tmp_path: Path, statements: tuple[str, ...]
) -> None:
    file = tmp_path / "socialstrike.db"
    change(file, *statements)
    file.chmod(0o600)
    before = file.read_bytes()
    with pytest.raises(DatabaseError, match="the database of another program; choose another"):
        open_database(file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("size", [1, 99, 100, 512, 4095, 4096, 5000, 20_480, 60_000])
def test_a_truncated_file_is_told_as_damaged(
    day: Callable[[str], Path],
    used: Callable[[Path], Used],
    sandbox: SandboxProcess,
    size: int,
) -> None:
    file = day("cut")
    file.write_bytes(file.read_bytes()[:size])
    told = used(file).told
    assert told
    assert all("damaged" in words or "no database of" in words for words in told), told
    assert sandbox.posts() == []


def test_a_file_that_was_emptied_is_no_new_home(day: Callable[[str], Path]) -> None:
    file = day("emptied")
    (file.parent / "scheduler.lock").touch()
    file.write_bytes(b"")
    with pytest.raises(DatabaseError, match="is empty or damaged, though this home"):
        open_database(file)
    assert file.read_bytes() == b""


def test_the_write_ahead_log_of_another_database_changes_nothing(
    day: Callable[[str], Path], used: Callable[[Path], Used], sandbox: SandboxProcess
) -> None:
    other = day("other")
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("UPDATE deliveries SET text = 'Reprenez le travail'")
        log = other.with_name("socialstrike.db-wal").read_bytes()
    file = day("mine")
    file.with_name("socialstrike.db-wal").write_bytes(log)
    file.with_name("socialstrike.db-wal").chmod(0o600)

    used(file)

    assert {post["text"] for post in sandbox.posts()} <= set(TEXTS)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no pipes among its files")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_what_is_no_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], None], request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "socialstrike.db"
    make(file)
    kind = request.node.callspec.id.split("-")[0]
    with pytest.raises(DatabaseError, match=f"is {kind}.* and no database"):
        open_database(file)
    with (
        pytest.raises(DatabaseError, match="and no database"),
        Database(file).read() as session,
    ):
        queue.counts(session)
