"""Many rows changed by one step of the database.

SQLite's driver lets go of the interpreter's lock at every step, and an executemany takes a step for
each row. While two hundred threads send, the writer waits for that lock again each time: the 64
outcomes of one commit took 50 ms by the clock and 10 on the processor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, Update, bindparam, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

#: SQLite takes 32,766 values in a statement; the widest change here has twelve a row.
_AT_ONCE = 1000


class Change(NamedTuple):
    """The columns that ``which`` row holds, its key among them, and what others become."""

    which: Mapping[str, Any]
    changes: Mapping[str, Any]


def change_all(session: Session, table: Table, wanted: Sequence[Change]) -> None:
    """Change rows of a table, all by the same columns; one that is none any more stays as it is."""
    if not wanted:
        return
    connection = session.connection()
    which, changes = tuple(wanted[0].which), tuple(wanted[0].changes)
    if connection.dialect.name == "sqlite":
        for few in range(0, len(wanted), _AT_ONCE):
            _by_one_step(connection, table, which, changes, wanted[few : few + _AT_ONCE])
        return
    rows = [
        {f"old_{name}": old[name] for name in which}
        | {f"new_{name}": new[name] for name in changes}
        for old, new in wanted
    ]
    connection.execute(_one_by_one(table, which, changes), rows)


@cache
def _one_by_one(table: Table, which: tuple[str, ...], changes: tuple[str, ...]) -> Update:
    return (
        update(table)
        .where(*(table.c[name] == bindparam(f"old_{name}") for name in which))
        .values({name: bindparam(f"new_{name}") for name in changes})
    )


def _by_one_step(
    connection: Connection,
    table: Table,
    which: tuple[str, ...],
    changes: tuple[str, ...],
    wanted: Sequence[Change],
) -> None:
    olds, news = _binds(table, which), _binds(table, changes)
    values = [
        bind(values[name]) if bind else values[name]
        for change in wanted
        for values, binds in zip(change, (olds, news), strict=True)
        for name, bind in binds
    ]
    connection.exec_driver_sql(_statement(table, which, changes, len(wanted)), tuple(values))


@cache
def _binds(
    table: Table, names: tuple[str, ...]
) -> Sequence[tuple[str, Callable[[Any], Any] | None]]:
    """For each column what makes a value one that the driver takes, if it is not one already."""
    dialect = sqlite.dialect()
    kinds = [table.c[name].type.dialect_impl(dialect) for name in names]
    return [(name, kind.bind_processor(dialect)) for name, kind in zip(names, kinds, strict=True)]


@lru_cache(maxsize=256)
def _statement(table: Table, which: tuple[str, ...], changes: tuple[str, ...], count: int) -> str:
    row = f"({', '.join('?' * (len(which) + len(changes)))})"
    names = [*(f"old_{name}" for name in which), *(f"new_{name}" for name in changes)]
    settings = ", ".join(f"{name} = wanted.new_{name}" for name in changes)
    matches = " AND ".join(f"{table.name}.{name} = wanted.old_{name}" for name in which)
    return (
        f"WITH wanted ({', '.join(names)}) AS (VALUES {', '.join([row] * count)})"  # noqa: S608  (names of the models alone)
        f" UPDATE {table.name} SET {settings} FROM wanted WHERE {matches}"
    )
