"""One database, on SQLite: how it is opened, read and written, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, CursorResult, Engine, Update, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from socialstrike.exceptions import (
    DatabaseError,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
)

#: How long a statement waits for another process's write, in seconds.
BUSY_TIMEOUT = 10.0


class Database:
    """A SQLite file, opened for durability: WAL, ``synchronous=FULL``, foreign keys on.

    Reads and writes are separate on purpose. A write begins with BEGIN IMMEDIATE: a transaction
    that starts by reading and then wants to write fails at once when another has written, and no
    waiting helps it.
    """

    def __init__(self, path: Path, *, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self.path = path
        self.engine = _engine(path, busy_timeout)
        self._writing = self.engine.execution_options(begin="IMMEDIATE")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session over one consistent snapshot. Raises DatabaseError and its kinds."""
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are durable when the block ends, or never happened."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            session.connection()  # take the write lock now, not at the first statement
            yield session

    def watch(self) -> Watch:
        """Something that tells cheaply whether anyone else has committed."""
        return Watch(self.engine)

    def scrub(self) -> None:
        """Leave no trace of what was deleted: rewrite the file and empty the write-ahead log.

        ``secure_delete`` zeroes the freed bytes; the old pages are still in the log until then.
        """
        with self.engine.connect().execution_options(begin="") as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


class Watch:
    """Asks ``PRAGMA data_version`` on a connection of its own: a few microseconds, no lock.

    The number changes when any other connection, in this process or another, has committed.
    """

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.raw_connection()
        self._cursor = self._connection.cursor()
        self._seen = self._version()

    def changed(self) -> bool:
        """Whether someone has committed since the last call."""
        version = self._version()
        changed, self._seen = version != self._seen, version
        return changed

    def close(self) -> None:
        """Give the connection back."""
        self._cursor.close()
        self._connection.close()

    def _version(self) -> int:
        try:
            self._cursor.execute("PRAGMA data_version")
            [version] = self._cursor.fetchone() or (0,)
            return int(version)
        except sqlite3.Error as error:
            raise explain(error) from None


def affected(session: Session, statement: Update) -> int:
    """Run an update and say how many rows it changed; objects in the session are not touched."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount


def create_private(path: Path) -> None:
    """Create an empty file that its owner alone can read, and its folder likewise.

    Raises DatabaseReadOnly where the folder cannot be made or written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise DatabaseReadOnly(
            f"{path} cannot be written ({error.strerror}); check the folder's owner and"
            " permissions, or choose another with --home"
        ) from None


def explain(error: sqlite3.Error, path: object = "the database") -> DatabaseError:
    """One sentence for what SQLite says. The kinds are those of the SQLite result codes."""
    code = getattr(error, "sqlite_errorname", "") or ""
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseLocked()
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return DatabaseReadOnly(
            f"{path} cannot be written; check the owner and permissions of the file and its folder"
        )
    if code == "SQLITE_FULL":
        return DatabaseFull()
    if code in {"SQLITE_NOTADB", "SQLITE_CORRUPT"} or code.startswith("SQLITE_CORRUPT"):
        return DatabaseError(f"{path} is damaged or is not a database; restore a backup")
    if code.startswith("SQLITE_IOERR"):
        return DatabaseError(f"the disk refused to read or write {path} ({code})")
    return DatabaseError(f"the database refused: {error}")


def _engine(path: Path, busy_timeout: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={
            "timeout": busy_timeout,
            # We write BEGIN ourselves, see _begin.
            "isolation_level": None,
            "check_same_thread": False,
        },
        pool_size=4,
        max_overflow=64,
        hide_parameters=True,  # an error must never show a sealed credential or a post
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        try:
            for pragma in (
                "journal_mode=WAL",
                # NORMAL lost acknowledged commits in simulated power cuts; FULL lost none.
                "synchronous=FULL",
                "foreign_keys=ON",
                "secure_delete=ON",
                "trusted_schema=OFF",
            ):
                cursor.execute(f"PRAGMA {pragma}")
        except sqlite3.Error as error:
            raise explain(error, path) from None
        finally:
            cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        kind = connection.get_execution_options().get("begin", "DEFERRED")
        if kind:  # VACUUM alone runs outside a transaction
            connection.exec_driver_sql(f"BEGIN {kind}")

    @event.listens_for(engine, "handle_error")
    def _on_error(context: ExceptionContext) -> BaseException | None:
        original = context.original_exception
        if isinstance(original, sqlite3.Error) and not isinstance(original, sqlite3.IntegrityError):
            return explain(original, path)
        return None  # a unique key said no: the caller's business

    return engine


def database_version(database: Database) -> str | None:
    """The migration the database stands at, None where it has no tables yet."""
    with database.read() as session:
        if not session.scalar(
            text("SELECT 1 FROM sqlite_master WHERE type='table' AND name='alembic_version'")
        ):
            return None
        version = session.scalar(text("SELECT version_num FROM alembic_version"))
        return None if version is None else str(version)
