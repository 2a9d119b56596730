"""One database: how it is read and written, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import CursorResult, Update, event, inspect, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.orm import DeclarativeBase, Session

from socialstrike.clock import Clock

#: How long a statement waits for another process's write, in seconds.
BUSY_TIMEOUT = 10.0


#: What Python raises over a value that is not of the kind it should be.
_UNFIT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Watch(Protocol):
    """Something that tells cheaply whether anyone else has committed."""

    def changed(self) -> bool:
        """Whether someone has since the last call. Raises DatabaseError."""

    def write(self, change: Callable[[Session], object]) -> None:
        """Make a change that this watch does not tell of; everybody else's before and after it are
        told all the same. Raises DatabaseError, and then nothing was changed.
        """

    def ring(self, bell: Callable[[], None]) -> bool:
        """Have ``bell`` called, in another thread, when something may have changed, this watch's
        own writes included; False where nobody tells, and ``changed`` has to be asked often.
        """

    def close(self) -> None:
        """End watching."""


class Deferred:
    """What a transaction has yet to write just before its commit, in the order it was told.

    The audit log is one chain over everybody's transactions. Appending at the end, all entries at
    once, holds up the others for the shortest time and costs one statement instead of many.
    """

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._write: Callable[[Session, list[Any]], None] | None = None

    @staticmethod
    def of(session: Session) -> Deferred:
        """That of the transaction ``session`` is in."""
        found: Deferred = session.info.setdefault("deferred", Deferred())
        return found

    @staticmethod
    def write_now(session: Session) -> None:
        """Write what the transaction has told so far, if anything; until its end no one else
        writes such things.
        """
        deferred = Deferred.of(session)
        if deferred._items:
            session.info["serialise"](session)
            deferred._write_all(session)

    def add(self, item: object, write: Callable[[Session, list[Any]], None]) -> None:
        """Have ``write`` called once with ``item`` and all others."""
        self._items.append(item)
        self._write = write

    def __len__(self) -> int:
        return len(self._items)

    def mark(self) -> int:
        """How far it has come, for ``back_to``."""
        return len(self._items)

    def back_to(self, mark: int) -> None:
        """Forget what was told since: its part of the transaction was rolled back."""
        del self._items[mark:]

    def _write_all(self, session: Session) -> None:
        assert self._write is not None
        self._write(session, self._items)
        self._items = []


class Database:
    """A SQLite file or a PostgreSQL database, with the same rules for both.

    Reads and writes are separate on purpose: on SQLite a write takes the lock at its start.
    """

    def __init__(self, location: Path | str, *, busy_timeout: float = BUSY_TIMEOUT) -> None:
        """``location`` is a file, or the URL of a PostgreSQL database.

        Raises InvalidInput where the URL is none.
        """
        #: The SQLite file; None where the database is a server's.
        self.path = location if isinstance(location, Path) else None
        #: Whether one scheduler at a time may work on it, which its home's lock file sees to.
        self.sole = self.path is not None
        self._kind = _kind(location)
        self.engine = self._kind.make_engine(location, busy_timeout=busy_timeout)
        self._writing = self.engine.execution_options(writing=True)

        @event.listens_for(self.engine, "handle_error")
        def _on_error(context: ExceptionContext) -> BaseException | None:
            found: BaseException | None = self._kind.explain(context.original_exception, location)
            return found

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading. Raises DatabaseError and its kinds."""
        with self.fit(), Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are durable when the block ends, or never happened."""
        with (
            self.fit(),
            Session(
                self._writing,
                expire_on_commit=False,
                info={"serialise": self.serialise, "insert_all": self._kind.insert_all},
            ) as session,
            session.begin(),
        ):
            self._kind.lock_for_writing(session)
            yield session
            Deferred.write_now(session)
            self._kind.announce(session)

    @contextmanager
    def fit(self) -> Iterator[None]:
        """Say that the database is at fault where what failed is the reading of a planted value.

        Looked for only after something failed: a value of a wrong type can break anything.
        """
        try:
            yield
        except _UNFIT as error:
            found = None
            if self.path is not None:
                found = self._kind.unfit(self.engine, self.path)
            if found is None:
                raise
            raise found from error

    def serialise(self, session: Session) -> None:
        """Wait until every other transaction that did the same has ended."""
        self._kind.serialise(session)

    def watch(self) -> Watch:
        """Something that tells cheaply whether anyone else has committed."""
        watch: Watch = self._kind.Watch(self.engine)
        return watch

    def clock(self, clock: Clock) -> Clock:
        """The clock that everyone on this database goes by: this machine's, or the server's."""
        found: Clock = self._kind.clock(self.engine, clock)
        return found

    def scrub(self) -> None:
        """Leave no trace of the credentials that were deleted."""
        self._kind.scrub(self.engine)

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def affected(session: Session, statement: Update) -> int:
    """Run an update and say how many rows it changed; objects in the session are not touched."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount


def insert_all(
    session: Session, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]
) -> Sequence[int]:
    """Insert rows, all with the same columns, and return their ids, in the same order.

    A row costs 10 us, by way of the session's objects 200. In a session of ``Database.write``.
    """
    if not rows:
        return ()
    session.flush()
    found: Sequence[int] = session.info["insert_all"](session, model.__table__, rows)
    return found


def database_version(database: Database) -> str | None:
    """The migration the database stands at, None where it has no tables yet."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if version is None else str(version)


def _kind(location: Path | str) -> Any:
    """The module for this kind of database, imported on use: its driver may not be installed."""
    name = "sqlite" if isinstance(location, Path) else "postgres"
    return import_module(f"socialstrike.db.{name}")
