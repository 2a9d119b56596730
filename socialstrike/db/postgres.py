"""PostgreSQL: for several machines, with the same tables and the same rules as SQLite.

Transactions run side by side: what two schedulers might both take is locked with SKIP LOCKED where
it is read. Only the audit log is one chain, so whoever appends waits for who appended before; that
lock is taken last, just before the commit, and held for one statement.
"""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg
from psycopg import errors
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from socialstrike.exceptions import (
    DatabaseError,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    InvalidInput,
)

#: The advisory lock of the audit log's end, and the channel on which commits are told.
#: The number is arbitrary, and the product's alone in a database of its own.
_APPEND_LOCK = 0x736F6369616C
_CHANNEL = "socialstrike"


class Watch:
    """LISTENs on a connection of its own; every write NOTIFYs as it commits."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: psycopg.Connection[Any] | None = None
        self.changed()

    def changed(self) -> bool:
        """Whether someone has committed since the last call; True after the server was away.

        Raises DatabaseError where the server cannot be reached.
        """
        try:
            if self._connection is None:
                self._connection = self._listen()
                return True  # whatever happened while nobody listened
            return bool(list(self._connection.notifies(timeout=0)))
        except psycopg.Error as error:
            self.close()
            raise explain(error, "") or DatabaseError(str(error)) from None

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def _listen(self) -> psycopg.Connection[Any]:
        arguments, named = self._engine.dialect.create_connect_args(self._engine.url)
        connection = psycopg.connect(*arguments, **named, autocommit=True, connect_timeout=5)
        connection.execute(f"LISTEN {_CHANNEL}")
        return connection


def make_engine(url: str, *, busy_timeout: float) -> Engine:
    """An engine for the server. ``busy_timeout``, in seconds, bounds the wait for a lock.

    Raises InvalidInput where the URL is none.
    """
    try:
        address = make_url(url).set(drivername="postgresql+psycopg")
    except ArgumentError:
        raise InvalidInput(
            "SOCIALSTRIKE_DATABASE_URL is no database URL; write it like"
            " postgresql://user@host/database"
        ) from None
    milliseconds = int(busy_timeout * 1000)
    return create_engine(
        address,
        connect_args={
            "connect_timeout": 5,
            "options": f"-c lock_timeout={milliseconds} -c timezone=UTC"
            # A machine that vanished in the middle of a write must not hold the lock for hours.
            f" -c idle_in_transaction_session_timeout={milliseconds}",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        },
        pool_size=4,
        max_overflow=64,
        pool_pre_ping=True,  # the server may have been restarted since
        hide_parameters=True,
    )


def explain(error: BaseException, _: object) -> DatabaseError | None:
    """One sentence for what PostgreSQL says, None where it only enforces a constraint."""
    if not isinstance(error, psycopg.Error) or isinstance(error, errors.IntegrityError):
        return None
    match error:
        case errors.LockNotAvailable() | errors.DeadlockDetected() | errors.SerializationFailure():
            return DatabaseLocked()
        case errors.ReadOnlySqlTransaction() | errors.InsufficientPrivilege():
            return DatabaseReadOnly(
                "the database server lets this user only read; grant it the right to write"
            )
        case errors.DiskFull():
            return DatabaseFull()
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return DatabaseError("the database server does not answer; is it running?")
        case _:
            # The server's own words may quote a row; its error class says enough.
            return DatabaseError(f"the database server refused: {type(error).__name__}")


def lock_for_writing(session: Session) -> None:
    """Nothing to do: rows are locked where they are read."""


def serialise(session: Session) -> None:
    """Wait for this transaction's turn; the end of the transaction ends it."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPEND_LOCK})


def announce(session: Session) -> None:
    """Tell every Watch, at the commit, that something changed."""
    session.execute(text(f"NOTIFY {_CHANNEL}"))


def scrub(engine: Engine) -> None:
    """Rewrite the table that held the credentials, so that its dead rows are gone."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL accounts"))
