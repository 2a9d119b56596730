"""SQLite: one file, opened for durability, one writer at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Dialect, Engine, Table, create_engine, event, func, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from socialstrike.clock import Clock
from socialstrike.db import schema
from socialstrike.db.inotify import Inotify
from socialstrike.db.private import create_private as create_private  # noqa: PLC0414  # it is known by this address
from socialstrike.db.private import refuse_what_is_no_file
from socialstrike.db.types import UtcDateTime, from_json
from socialstrike.exceptions import (
    DatabaseDamaged,
    DatabaseError,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
)
from socialstrike.i18n import tr

#: Before anything of a file is looked at: nothing in its schema may call what is not harmless, and
#: a damaged page is noticed when it is read.
_WARY = ("trusted_schema=OFF", "cell_size_check=ON")
_PRAGMAS = (
    "journal_mode=WAL",
    # NORMAL lost acknowledged commits in simulated power cuts; FULL lost none.
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    # Sorting and rewriting happen in memory: a temporary file could be read by others, and stays.
    "temp_store=MEMORY",
)
#: The largest value read, in bytes; pictures are far smaller.
_LARGEST = 200_000_000


class Watch:
    """Asks ``PRAGMA data_version`` on a connection of its own: a few microseconds, no lock.

    The number changes when any other connection, in this process or another, has committed.
    """

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect().execution_options(writing=True)
        self._cursor = self._connection.connection.cursor()
        self._seen = self._version()
        self._inotify: Inotify | None = None

    def changed(self) -> bool:
        """Whether someone has committed since the last call."""
        version = self._version()
        changed, self._seen = version != self._seen, version
        return changed

    def write(self, change: Callable[[Session], object]) -> None:
        """Make a change over the same connection, whose own commits do not change its number."""
        with Session(self._connection) as session, session.begin():
            change(session)

    def ring(self, bell: Callable[[], None]) -> bool:
        """Where the system has inotify: whoever commits writes into the log beside the file."""
        [_, _, path], *_ = self._cursor.execute("PRAGMA database_list").fetchall()
        with suppress(OSError):
            self._inotify = Inotify(Path(f"{path}-wal"), bell)
        return self._inotify is not None

    def close(self) -> None:
        """Give the connection back."""
        if self._inotify is not None:
            self._inotify.close()
        self._cursor.close()
        self._connection.close()

    def _version(self) -> int:
        try:
            self._cursor.execute("PRAGMA data_version")
            [version] = self._cursor.fetchone() or (0,)
        except sqlite3.Error as error:
            raise _explained(error, tr("the database")) from None
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
        json_deserializer=from_json,
    )
    # Many rows in one statement: two thirds of the time, and one step of the driver (see many.py).
    engine.dialect.use_insertmanyvalues_wo_returning = True

    @event.listens_for(engine, "do_connect")
    def _before_connecting(*_: object) -> None:
        refuse_what_is_no_file(path)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        opened = cast("sqlite3.Connection", connection)
        try:
            examine(opened, path)
            for pragma in _PRAGMAS:
                opened.execute(f"PRAGMA {pragma}").close()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise explain(error, path) or error from None

    @event.listens_for(engine, "handle_error")
    def _on_refusal(context: ExceptionContext) -> DatabaseError | None:
        if context.connection is None:
            return None
        if not isinstance(context.original_exception, sqlite3.IntegrityError):
            return None
        # A constraint refused: is it one of ours?
        with suppress(sqlite3.Error, UnicodeDecodeError):
            driver = cast("sqlite3.Connection", context.connection.connection.driver_connection)
            if found := schema.altered(driver, newest_version()):
                return _planted(path, found)
        return None

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        options = connection.get_execution_options()
        if not options.get("bare"):  # VACUUM alone runs outside a transaction
            kind = "IMMEDIATE" if options.get("writing") else "DEFERRED"
            connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


def examine(connection: sqlite3.Connection, path: Path) -> None:
    """Make ``connection`` wary of what is in its file, and look at the schema of that.

    Raises DatabaseError where the file is not what our migrations make: another program's, or one
    with a trigger, a view, a table or a column that would take part in our statements.
    """
    for pragma in _WARY:
        connection.execute(f"PRAGMA {pragma}").close()
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST)
    if not schema.is_ours(connection):
        raise DatabaseError(
            tr(
                "{path} is the database of another program; choose another home with --home",
                path=path,
            )
        )
    newest = newest_version()
    if planted := schema.strangers(connection, newest):
        raise _planted(path, planted)
    if gone := schema.missing(connection, newest):
        raise DatabaseDamaged(
            tr(
                "{path} lacks what every home has ({listed}), so nothing in it is used;"
                " restore a backup",
                path=path,
                listed=_listed(gone),
            )
        )


def unfit(engine: Engine, path: object) -> DatabaseError | None:
    """Why a row could not be read, where it holds a value that no socialstrike wrote; else None."""
    try:
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            found = schema.misfits(cast("sqlite3.Connection", driver))
    except DatabaseError as error:
        return error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return explain(error, path)
    if not found:
        return None
    return DatabaseDamaged(
        tr(
            "{path} holds what no socialstrike wrote ({listed}); restore a backup",
            path=path,
            listed=_listed(found),
        )
    )


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


def insert_all(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> Sequence[int]:
    """Insert rows; their ids, which are those that SQLite would choose: nobody else writes now."""
    connection = session.connection()
    first = (connection.scalar(select(func.max(table.c.id))) or 0) + 1
    ids = range(first, first + len(rows))
    names = tuple(rows[0])
    statement, binds, usual = _inserting(table, names, connection.dialect)
    # By the driver and column by column, each moment once: SQLAlchemy takes 20 us more for a row.
    moments: dict[object, object] = {}
    columns: list[list[Any]] = []
    for name, bind in zip(names, binds, strict=True):
        values = [row[name] for row in rows]
        if isinstance(table.c[name].type, UtcDateTime):
            moments |= {value: bind(value) for value in {*values} - moments.keys()}
            columns.append([moments[value] for value in values])
        else:
            columns.append([*map(bind, values)] if bind else values)
    connection.exec_driver_sql(
        statement, [(*row, *usual) for row in zip(ids, *columns, strict=True)]
    )
    return ids


@cache
def _inserting(
    table: Table, names: tuple[str, ...], dialect: Dialect
) -> tuple[str, list[Any], list[object]]:
    """The statement for rows of an id, these columns and those that have a usual value; what makes
    of each column's value the driver's, or None; and the usual values.
    """
    usual = {
        column.name: cast("Any", column.default).arg
        for column in table.columns
        if column.name not in names and column.default is not None
    }
    columns = ("id", *names, *usual)
    places = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608  # our own names
    binds = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    return statement, binds, [*usual.values()]


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


def _explained(error: sqlite3.Error, path: object) -> DatabaseError:
    """The kinds are those of the SQLite result codes."""
    code = getattr(error, "sqlite_errorname", "") or ""
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseLocked()
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return DatabaseReadOnly(
            tr(
                "{path} cannot be written; check the owner and permissions of the file and"
                " its folder",
                path=path,
            )
        )
    if code == "SQLITE_FULL":
        return DatabaseFull()
    if code == "SQLITE_NOTADB" or code.startswith("SQLITE_CORRUPT"):
        return _damaged(path)
    words = tr("the database refused: {error}", error=error)
    if code == "SQLITE_TOOBIG":
        words = tr(
            "{path} holds a value larger than any that socialstrike writes; restore a backup",
            path=path,
        )
    if code.startswith("SQLITE_IOERR"):
        words = tr(
            "the disk refused to read or write {path} ({code}); see whether it is full,"
            " over a quota, unplugged or failing",
            path=path,
            code=code,
        )
    return DatabaseError(words)


@cache
def newest_version() -> str:
    """The version of the tables that this socialstrike makes."""
    from socialstrike.db.migrate import known_versions  # noqa: PLC0415  # it stands on this module

    return known_versions()[-1]


def _planted(path: object, found: list[str]) -> DatabaseError:
    return DatabaseDamaged(
        tr(
            "{path} holds what no socialstrike put there ({listed}), so nothing in it is"
            " used; restore a backup",
            path=path,
            listed=_listed(found),
        )
    )


def _listed(found: list[str]) -> str:
    more = tr(" and {count} more", count=len(found) - 1) if len(found) > 1 else ""
    return found[0] + more


def _damaged(path: object) -> DatabaseError:
    return DatabaseDamaged(
        tr("{path} is damaged or is not a database; restore a backup", path=path)
    )
