"""Is a SQLite file what our migrations made: what was planted in it, what is missing, what lies.

A database file is data from outside: a trigger or a view in it would run with our statements, and
SQLite lets any column hold any type.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Date,
    Integer,
    LargeBinary,
    Table,
    event,
    inspect,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import QueryContext
from sqlalchemy.schema import CreateIndex, CreateTable

from socialstrike.db.models import Base
from socialstrike.db.types import UtcDateTime
from socialstrike.exceptions import DatabaseDamaged
from socialstrike.i18n import tr

#: The only triggers there are: they keep these tables append-only.
_APPEND_ONLY = {"audit_entries": "audit log is", "checkpoints": "checkpoints are"}
#: A stored moment, a stored day.
_MOMENT = "%Y-%m-%d %H:%M:%S"
_DAY = "%Y-%m-%d"


def strangers(connection: sqlite3.Connection, newest: str) -> list[str]:
    """What is in the file that no socialstrike puts there; none where it is sound or empty.

    Triggers and views are judged in every version of the tables, the rest in the ``newest``.
    Raises sqlite3's errors where the file is damaged.
    """
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    found = [row for row in rows if not row[1].startswith("sqlite_")]
    current = _version(connection, rows) == newest
    tables = {*Base.metadata.tables, "alembic_version"}
    indexes = {index.name for table in Base.metadata.tables.values() for index in table.indexes}
    triggers = dict(_triggers())
    wrong = []
    for kind, name, sql in found:
        words = " ".join((sql or "").split())
        known = {
            "trigger": triggers.get(name) == words,
            "table": words.upper().startswith("CREATE TABLE") and (name in tables or not current),
            "index": name in indexes or not current,
        }
        if not known.get(kind, False):
            wrong.append(_thing(kind, name))
    if current:
        wrong += _columns(connection)
    return wrong


def missing(connection: sqlite3.Connection, newest: str) -> list[str]:
    """The tables, columns and triggers that ``newest``, its version, has and the file has not."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    if _version(connection, rows) != newest:
        return []
    names = {(kind, name) for kind, name, _ in rows}
    gone = [
        tr("the table {name}", name=t) for t in Base.metadata.tables if ("table", t) not in names
    ]
    gone += [
        tr("the trigger {name}", name=t) for t, _ in _triggers() if ("trigger", t) not in names
    ]
    for table in Base.metadata.tables.values():
        if ("table", table.name) in names:
            there = _names(connection, table)
            gone += [
                tr("the column {name}", name=column)
                for column in table.columns
                if column.name not in there
            ]
    return gone


def altered(connection: sqlite3.Connection, newest: str) -> list[str]:
    """The tables and indexes whose definition is not that of ``newest``, such as a constraint's.

    Compared by their words in any order: a column added later stands last in the file.
    """
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    if _version(connection, rows) != newest:
        return []
    stored = {name: _words(sql or "") for _, name, sql in rows}
    wrong = []
    for table in Base.metadata.tables.values():
        wanted = {table.name: CreateTable(table)} | {
            str(index.name): CreateIndex(index) for index in table.indexes
        }
        wrong += [
            tr("the altered definition of {name}", name=name)
            for name, made in wanted.items()
            if stored.get(name) != _words(str(made.compile(dialect=sqlite.dialect())))
        ]
    return wrong


def _thing(kind: str, name: str) -> str:
    known = {
        "table": tr("the table {name}", name=name),
        "trigger": tr("the trigger {name}", name=name),
        "index": tr("the index {name}", name=name),
        "view": tr("the view {name}", name=name),
    }
    return known.get(kind, name)


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether the file is empty, or has the tables that every version of ours has."""
    [mark] = connection.execute("PRAGMA application_id").fetchone()
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    names = {name for kind, name, _ in rows if kind == "table"}
    return mark == 0 and (not names or {"alembic_version", "home"} <= names)


def misfits(connection: sqlite3.Connection, most: int = 20) -> list[str]:
    """Values that no socialstrike wrote, by table, column and row: ``most`` of them."""
    wrong: list[str] = []
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            # Both names are our own, from the models.
            query = (
                f'SELECT rowid, typeof("{column.name}") FROM "{table.name}"'  # noqa: S608  # see above
                f" WHERE NOT ({_sound(column)}) LIMIT {most}"
            )
            for row, kind in connection.execute(query):
                wrong.append(
                    tr(
                        "{column} of row {row}, a {kind} that cannot be right",
                        column=column,
                        row=row,
                        kind=kind,
                    )
                )
            if len(wrong) >= most:
                return wrong[:most]
    return wrong


@event.listens_for(Base, "load", propagate=True)
def _on_load(row: Base, _: QueryContext) -> None:
    _refuse_a_misfit(row)


@event.listens_for(Base, "refresh", propagate=True)
def _on_refresh(row: Base, _context: QueryContext, _names: object) -> None:
    _refuse_a_misfit(row)


def _refuse_a_misfit(row: Base) -> None:
    """SQLite gives back whatever was put into a column; far from here that would break anything."""
    held = vars(row)
    for name, kind in _kinds(type(row)):
        value = held.get(name)
        if value is not None and not isinstance(value, kind):
            raise _damaged(row.__tablename__, name, value)


class Fitting:
    """What loading an object does, for rows of ``columns`` that no object is made of."""

    def __init__(self, columns: Iterable[ColumnElement[Any]]) -> None:
        self._kinds = [
            (
                column.table.name,
                column.name,
                (list, dict) if isinstance(column.type, JSON) else column.type.python_type,
            )
            if isinstance(column, Column)
            else ("", "", object)
            for column in columns
        ]
        # Rows of the same types as one that was sound: 0.7 us instead of 4.
        self._sound: set[tuple[type, ...]] = set()

    def refuse(self, row: Sequence[Any]) -> None:
        """Raises DatabaseDamaged over a value that is not of its column's kind."""
        types = tuple(map(type, row))
        if types in self._sound:
            return
        for (table, column, kind), value in zip(self._kinds, row, strict=True):
            if value is not None and not isinstance(value, kind):
                raise _damaged(table, column, value)
        self._sound.add(types)


def _damaged(table: str, column: str, value: object) -> DatabaseDamaged:
    return DatabaseDamaged(
        tr(
            "the database holds what no socialstrike wrote (a {kind} in {table}.{column});"
            " restore a backup",
            kind=type(value).__name__,
            table=table,
            column=column,
        )
    )


@cache
def _kinds(model: type[Base]) -> tuple[tuple[str, type], ...]:
    """The attributes of a row, and of what kind each is."""
    found = []
    for attribute in inspect(model).column_attrs:
        kind = attribute.columns[0].type.python_type
        if isinstance(attribute.columns[0].type, JSON):
            kind = list if "list[" in str(model.__annotations__[attribute.key]) else dict
        found.append((attribute.key, kind))
    return tuple(found)


def _triggers() -> Iterator[tuple[str, str]]:
    for table, words in _APPEND_ONLY.items():
        for change in ("UPDATE", "DELETE"):
            name = f"{table}_no_{change.lower()}"
            yield (
                name,
                f"CREATE TRIGGER {name} BEFORE {change} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, 'the {words} append-only'); END",
            )


def _words(sql: str) -> Counter[str]:
    words = re.findall(r"'[^']*'|\w+|[^\w\s]", sql.replace('"', ""))
    return Counter(word for word in words if word != ",")


def _columns(connection: sqlite3.Connection) -> list[str]:
    return [
        tr("the column {name}", name=f"{table.name}.{name}")
        for table in Base.metadata.tables.values()
        for name, hidden in _names(connection, table).items()
        if hidden or name not in table.columns
    ]


def _names(connection: sqlite3.Connection, table: Table) -> dict[str, bool]:
    """The columns that the table has in the file, and whether each is reckoned from others."""
    rows = connection.execute(f'PRAGMA table_xinfo("{table.name}")')
    return {str(row[1]): bool(row[6]) for row in rows}


def _version(connection: sqlite3.Connection, rows: list[Any]) -> str | None:
    if not any(row[:2] == ("table", "alembic_version") for row in rows):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _sound(column: Column[Any]) -> str:
    """A condition that every value which socialstrike writes into the column fulfils."""
    name, kind = f'"{column.name}"', column.type
    if isinstance(kind, Boolean):
        sound = f"{name} IN (0, 1)"
    elif isinstance(kind, Integer):
        sound = f"typeof({name}) = 'integer'"
    elif isinstance(kind, LargeBinary):
        sound = f"typeof({name}) = 'blob'"
    elif isinstance(kind, JSON):
        sound = f"typeof({name}) = 'text' AND json_valid({name})"
    elif isinstance(kind, UtcDateTime | Date):
        length, form = (10, _DAY) if isinstance(kind, Date) else (19, _MOMENT)
        sound = (
            f"typeof({name}) = 'text' AND strftime('{form}', {name}) = substr({name}, 1, {length})"
            # A thirty-first of February is taken as it is, until one counts its days.
            f" AND date(julianday(substr({name}, 1, 10) || ' 12:00')) = substr({name}, 1, 10)"
        )
    else:
        sound = f"typeof({name}) = 'text'"
    return f"{name} IS NULL OR coalesce({sound}, 0)" if column.nullable else f"coalesce({sound}, 0)"
