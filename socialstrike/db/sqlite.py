"""SQLite: one file, opened for durability, one writer at a time."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from socialstrike.clock import Clock
from socialstrike.exceptions import (
    DatabaseError,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
)

_PRAGMAS = (
    "journal_mode=WAL",
    # NORMAL lost acknowledged commits in simulated power cuts; FULL lost none.
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    "trusted_schema=OFF",
)


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
        except sqlite3.Error as error:
            raise _explained(error, "the database") from None
        return int(version)


def make_engine(path: Path, *, busy_timeout: float) -> Engine:
    """An engine whose writes, marked by the option ``writing``, begin with BEGIN IMMEDIATE.

    A transaction that starts by reading and then wants to write fails at once when another has
    written meanwhile, and no waiting helps it. ``busy_timeout`` is in seconds.
    """
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        # We write BEGIN ourselves, see _begin.
        connect_args={"timeout": busy_timeout, "isolation_level": None, "check_same_thread": False},
        pool_size=4,
        max_overflow=64,
        hide_parameters=True,  # an error must never show a sealed credential or a post
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        try:
            for pragma in _PRAGMAS:
                cursor.execute(f"PRAGMA {pragma}")
        except sqlite3.Error as error:
            raise _explained(error, path) from None
        finally:
            cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        options = connection.get_execution_options()
        if not options.get("bare"):  # VACUUM alone runs outside a transaction
            kind = "IMMEDIATE" if options.get("writing") else "DEFERRED"
            connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


def explain(error: BaseException, path: object) -> DatabaseError | None:
    """One sentence for what SQLite says, None where it only enforces a constraint."""
    if isinstance(error, UnicodeDecodeError):
        return _damaged(path)  # Python's reader raises it for a text that is none any more
    if not isinstance(error, sqlite3.Error) or isinstance(error, sqlite3.IntegrityError):
        return None
    return _explained(error, path)


def lock_for_writing(session: Session) -> None:
    """Take the write lock now, not at the first statement that needs it."""
    session.connection()


def serialise(session: Session) -> None:
    """Nothing to do: the write lock is held since the start."""


def announce(session: Session) -> None:
    """Nothing to do: every commit moves the counter that Watch reads."""


def clock(_: Engine, clock: Clock) -> Clock:
    """This machine's."""
    return clock


def scrub(engine: Engine) -> None:
    """Rewrite the file and empty the write-ahead log.

    ``secure_delete`` zeroes the freed bytes, but the old pages stay in the log until then.
    """
    with engine.connect().execution_options(bare=True) as connection:
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


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


def _explained(error: sqlite3.Error, path: object) -> DatabaseError:
    """The kinds are those of the SQLite result codes."""
    code = getattr(error, "sqlite_errorname", "") or ""
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseLocked()
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return DatabaseReadOnly(
            f"{path} cannot be written; check the owner and permissions of the file and its folder"
        )
    if code == "SQLITE_FULL":
        return DatabaseFull()
    if code == "SQLITE_NOTADB" or code.startswith("SQLITE_CORRUPT"):
        return _damaged(path)
    if code.startswith("SQLITE_IOERR"):
        return DatabaseError(
            f"the disk refused to read or write {path} ({code}); see whether it is full, over a"
            " quota, unplugged or failing"
        )
    return DatabaseError(f"the database refused: {error}")


def _damaged(path: object) -> DatabaseError:
    return DatabaseError(f"{path} is damaged or is not a database; restore a backup")
