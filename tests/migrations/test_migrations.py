from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from socialstrike.db import migrate
from socialstrike.db.models import Base
from socialstrike.db.session import Database, database_version
from socialstrike.db.sqlite import create_private
from socialstrike.exceptions import (
    DatabaseError,
    DatabaseOutdated,
    DatabaseTooNew,
)


@pytest.fixture
def empty(tmp_path: Path, kind: str, location: Path | str):
    """A database without tables."""
    place = location
    if kind == "sqlite":
        place = tmp_path / "empty.db"
        create_private(place)
    database = Database(place)
    if kind == "postgres":
        migrate.downgrade(database, "base")
    yield database
    database.dispose()


def test_models_and_migrations_describe_the_same_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_every_constraint_of_the_models_is_in_the_database(database: Database) -> None:
    # compare_metadata does not look at CHECK constraints.
    found = {
        check["name"]
        for table in Base.metadata.tables
        for check in inspect(database.engine).get_check_constraints(table)
    }
    assert {"ck_deliveries_state", "ck_posts_kind", "ck_home_one_row"} <= found


@pytest.mark.parametrize("version", migrate.known_versions())
def test_up_down_up(empty: Database, version: str) -> None:
    versions = ["base", *migrate.known_versions()]
    before = versions[versions.index(version) - 1]

    migrate.upgrade(empty, version)
    up = _schema(empty)
    assert migrate.downgrade(empty, before)[1] == (None if before == "base" else before)
    assert _schema(empty) != up
    migrate.upgrade(empty, version)

    assert _schema(empty) == up


def test_the_files_are_numbered_in_the_order_they_apply() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrate.folder()))
    script = ScriptDirectory.from_config(config)
    chain = [revision.revision for revision in script.walk_revisions()][::-1]
    assert chain == migrate.known_versions()


def test_a_new_home_gets_its_tables_and_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "socialstrike.db"
    migrate.open_database(path).dispose()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_two_processes_that_make_the_same_home_agree_on_one(tmp_path: Path) -> None:
    path = tmp_path / "home" / "socialstrike.db"
    code = (
        "import sys; from pathlib import Path; from sqlalchemy import text\n"
        "from socialstrike.db.migrate import open_database\n"
        "database = open_database(Path(sys.argv[1]))\n"
        "with database.read() as s: print(s.scalar(text('SELECT database_id FROM home')))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ids = {process.communicate(timeout=60)[0] for process in running}
    assert len(ids) == 1
    assert ids != {""}


def test_a_kill_in_the_middle_of_a_migration_leaves_the_old_tables(tmp_path: Path) -> None:
    path = tmp_path / "socialstrike.db"
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from sqlalchemy import event\n"
        "from socialstrike.db import migrate, session, sqlite\n"
        "sqlite.create_private(Path(sys.argv[1]))\n"
        "database = session.Database(Path(sys.argv[1]))\n"
        "@event.listens_for(database.engine, 'before_cursor_execute')\n"
        "def _(c, cursor, statement, *_):\n"
        "    if 'CREATE TABLE attempts' in statement: os.kill(os.getpid(), signal.SIGKILL)\n"
        "migrate.upgrade(database)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path)], timeout=60, check=False)
    assert killed.returncode == -9

    database = migrate.open_database(path)  # a new home: it is simply made
    assert database_version(database) == migrate.known_versions()[-1]
    database.dispose()


def test_a_newer_database_is_refused_and_left_alone(
    database: Database, location: Path | str
) -> None:
    _set_version(database, "9999")
    with pytest.raises(DatabaseTooNew, match="install the newer socialstrike"):
        migrate.open_database(location)


def test_an_older_database_is_upgraded_only_on_request(
    database: Database, location: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "known_versions", lambda: ["0001", "0002"])
    _set_version(database, "0001")
    with pytest.raises(DatabaseOutdated, match="socialstrike database upgrade"):
        migrate.open_database(location)


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "socialstrike.db"
    path.write_bytes(b"Chere camarade, " * 1000)
    with pytest.raises(DatabaseError, match="is damaged or is not a database"):
        migrate.open_database(path)
    assert path.read_bytes().startswith(b"Chere camarade")


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entries SET line='x'", "DELETE FROM audit_entries"]
)
def test_the_audit_log_is_append_only_even_to_sql(database: Database, statement: str) -> None:
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO audit_entries (seq, line, hash, prev, at, event)"
                " VALUES (1, '{}', 'h', 'p', '2020-01-24 00:00:00.000000', 'test')"
            )
        )
    with (
        pytest.raises((DBAPIError, DatabaseError), match=r"append-only|RaiseException"),
        database.engine.connect() as raw,
    ):
        raw.execute(text(statement))


def _schema(database: Database) -> set[str]:
    """Every table with its columns, checks and indexes, as text."""
    found = inspect(database.engine)
    return {
        f"{table} {part}"
        for table in found.get_table_names()
        if table != "alembic_version"
        for part in (
            found.get_columns(table),
            found.get_check_constraints(table),
            [(index["name"], index["column_names"]) for index in found.get_indexes(table)],
        )
    }


def _set_version(database: Database, version: str) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
