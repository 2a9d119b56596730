"""PostgreSQL: for several machines, with the same tables and the same rules as SQLite.

Transactions run side by side: what two schedulers might both take is locked with SKIP LOCKED where
it is read. Only the audit log is one chain, so whoever appends waits for who appended before; that
lock is taken last, just before the commit, and held for one statement.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import errors
from sqlalchemy import Engine, Table, create_engine, insert, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from socialstrike.clock import Clock
from socialstrike.exceptions import (
    DatabaseError,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    InvalidInput,
)
from socialstrike.i18n import tr

#: The advisory lock of the audit log's end, and the channel on which commits are told.
#: The number is arbitrary, and the product's alone in a database of its own.
_APPEND_LOCK = 0x736F6369616C
_CHANNEL = "socialstrike"

#: The server's clock is read anew after this long, in seconds.
_REREAD = 5.0


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

    def write(self, change: Callable[[Session], object]) -> None:
        """Make a change that nobody is told of."""
        with Session(self._engine) as session, session.begin():
            change(session)

    def ring(self, bell: Callable[[], None]) -> bool:
        """No: the server's notice is read where it is asked for."""
        return False

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


class ServerClock:
    """The server's wall clock: machines whose own clocks differ must agree on what is due.

    It is read every few seconds and carried on by the boot clock in between, so that a step of
    this machine's wall clock does not matter at all.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._read_at = -math.inf
        self._offset = 0.0

    def now(self) -> datetime:
        """The server's time, aware, in UTC; while it is away, as it was last known."""
        boottime = self._clock.boottime()
        if boottime - self._read_at > _REREAD:
            self._read(boottime)
        return datetime.fromtimestamp(self.boottime() + self._offset, UTC)

    def boottime(self) -> float:
        """This machine's boot clock, in seconds."""
        return self._clock.boottime()

    def _read(self, boottime: float) -> None:
        if self._read_at == -math.inf:
            self._offset = self._clock.now().timestamp() - boottime
        self._read_at = boottime  # whether it answers or not: not again at once
        with contextlib.suppress(DatabaseError), self._engine.connect() as connection:
            moment = connection.scalar(text("SELECT clock_timestamp()"))
            if moment is not None:
                # The answer was on its way for half of the time that asking took.
                self._offset = moment.timestamp() - (boottime + self._clock.boottime()) / 2


def make_engine(url: str, *, busy_timeout: float) -> Engine:
    """An engine for the server. ``busy_timeout``, in seconds, bounds the wait for a lock.

    Raises InvalidInput where the URL is none.
    """
    try:
        address = make_url(url).set(drivername="postgresql+psycopg")
    except ArgumentError:
        raise InvalidInput(
            tr(
                "SOCIALSTRIKE_DATABASE_URL is no database URL; write it like"
                " postgresql://user@host/database"
            )
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
                tr("the database server lets this user only read; grant it the right to write")
            )
        case errors.DiskFull():
            return DatabaseFull()
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return DatabaseError(tr("the database server does not answer; is it running?"))
        case _:
            # The server's own words may quote a row; its error class says enough.
            return DatabaseError(
                tr("the database server refused: {kind}", kind=type(error).__name__)
            )


def lock_for_writing(session: Session) -> None:
    """Nothing to do: rows are locked where they are read."""


def serialise(session: Session) -> None:
    """Wait for this transaction's turn; the end of the transaction ends it."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPEND_LOCK})


def insert_all(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> Sequence[int]:
    """Insert rows; their ids, in the same order."""
    statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return session.connection().execute(statement, rows).scalars().all()


def announce(session: Session) -> None:
    """Tell every Watch, at the commit, that something changed."""
    session.execute(text(f"NOTIFY {_CHANNEL}"))


def clock(engine: Engine, clock: Clock) -> Clock:
    """The server's."""
    return ServerClock(engine, clock)


def scrub(engine: Engine) -> None:
    """Rewrite the table that held the credentials, so that its dead rows are gone."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL accounts"))
