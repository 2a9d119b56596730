"""A SQLite database as one file: copied whole while it is used, looked over, and put in place."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from socialstrike.db import schema
from socialstrike.db.private import BESIDE
from socialstrike.db.sqlite import examine, explain, newest_version
from socialstrike.exceptions import DatabaseError, InvalidInput
from socialstrike.i18n import tr

#: How SQLite begins a finding about the file that is open.
_HEADING = "*** in database main *** "
#: Pages copied at a time, so that a large database does not hold the interpreter up.
_STEP = 1000


def copy(database: Path, to: Path) -> None:
    """Copy ``database`` as it is at this moment to ``to``, an empty file, and onto the disk.

    Others go on reading and writing meanwhile: what they commit is not in the copy. Raises
    DatabaseError and its kinds; what is wrong with ``to`` is told as InvalidInput.
    """
    with closing(sqlite3.connect(_address(database), uri=True, isolation_level=None)) as source:
        try:
            # One read transaction around all steps: a commit between two would start it over.
            examine(source, database)
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise explain(error, database) or error from None
        with closing(sqlite3.connect(to, isolation_level=None)) as target:
            try:
                source.backup(target, pages=_STEP)
                # A file of its own, complete without a write-ahead log beside it.
                target.execute("PRAGMA journal_mode=DELETE").fetchone()
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise _refused(error, to) from None
    _sync(to)


def damage(file: Path, *, quick: bool = False) -> list[str]:
    """What SQLite finds wrong with the file and its references, in its own words; none if sound.

    ``quick`` leaves out the comparison of indexes with their tables, and of definitions and
    values with what socialstrike writes.
    """
    check = "quick_check(20)" if quick else "integrity_check(20)"
    try:
        with _reading(file) as connection:
            rows = connection.execute(f"PRAGMA {check}")
            # SQLite puts a heading and line breaks into its words.
            found = [" ".join(str(row[0]).split()).removeprefix(_HEADING) for row in rows]
            orphans = connection.execute("PRAGMA foreign_key_check").fetchmany(20)
            lies = [] if quick else _lies(connection)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return [str(explain(error, file) or error)]
    wrong = [
        tr("a row of {row} names a row of {row2} that is not there", row=row[0], row2=row[2])
        for row in orphans
    ]
    return [words for words in found if words != "ok"] + wrong + lies


def version(file: Path) -> str | None:
    """The migration the file stands at; None where it is not one of ours.

    Raises DatabaseError where it is damaged.
    """
    try:
        with _reading(file) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise explain(error, file) or error from None
    return None if row is None else str(row[0])


def log_lines(file: Path) -> Iterator[str]:
    """The lines of the audit log in the file, in their order. Raises DatabaseError."""
    try:
        with _reading(file) as connection:
            for (line,) in connection.execute("SELECT line FROM audit_entries ORDER BY seq"):
                yield str(line)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise explain(error, file) or DatabaseError(str(error)) from None


def counted(file: Path) -> tuple[int, int]:
    """How many deliveries the file holds, and how many accounts with credentials."""
    try:
        with _reading(file) as connection:
            [deliveries] = connection.execute("SELECT count(*) FROM deliveries").fetchone()
            [sealed] = connection.execute("SELECT count(credentials) FROM accounts").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise explain(error, file) or error from None
    return int(deliveries), int(sealed)


@contextmanager
def written_whole(path: Path, what: str) -> Iterator[Path]:
    """An empty private file, which gets the name ``path`` when the block ends well.

    Nothing is ever overwritten. Raises InvalidInput, naming ``what`` is to be written, where
    there is something at ``path`` already or its folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    taken = InvalidInput(
        tr("{path} is there already; name a new file for {what}", path=path, what=what)
    )
    if path.exists():
        raise taken
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        try:
            yield partial
            _sync(partial)
            _give_name(partial, path)
            with contextlib.suppress(OSError):  # not every file system syncs a folder
                _sync(path.parent)
        finally:
            for suffix in ("", *BESIDE):
                partial.with_name(partial.name + suffix).unlink(missing_ok=True)
    except FileExistsError:
        raise taken from None
    except OSError as error:
        raise InvalidInput(
            tr(
                "{path} cannot be written ({strerror}); name a file in a folder that you can"
                " write, on a disk with room for it",
                path=path,
                strerror=error.strerror,
            )
        ) from None


def duplicate(file: Path, to: Path) -> None:
    """Copy a backup byte by byte to ``to``, a private empty file.

    Raises InvalidInput where it cannot be read, or is a database in use rather than a backup.
    """
    wal = file.with_name(f"{file.name}-wal")
    if wal.exists() and wal.stat().st_size:
        raise InvalidInput(
            tr(
                "{file} is a database in use, with a log beside it, and no backup; make one"
                " with: socialstrike database backup FILE",
                file=file,
            )
        )
    try:
        with file.open("rb") as source, to.open("wb") as target:
            shutil.copyfileobj(source, target)
    except FileNotFoundError:
        raise InvalidInput(tr("there is no file {file}; name a backup", file=file)) from None
    except OSError as error:
        raise InvalidInput(
            tr("{file} cannot be copied: {strerror}", file=file, strerror=error.strerror)
        ) from None


def _lies(connection: sqlite3.Connection) -> list[str]:
    """What SQLite takes as it is, and no socialstrike put there."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if "alembic_version" not in tables:
        return []
    [version] = connection.execute("SELECT version_num FROM alembic_version").fetchone() or [None]
    if version != newest_version():
        return []  # another version's tables are not known here
    found = schema.altered(connection, version) or schema.misfits(connection)
    return [tr("it holds {words}, which no socialstrike put there", words=words) for words in found]


@contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(_address(file), uri=True, timeout=10)) as connection:
        # Damaged text must be a finding, not an error of the reader.
        connection.text_factory = lambda content: content.decode("utf-8", "replace")
        # What is read may come from anywhere: nothing in its schema may call what is not harmless.
        connection.execute("PRAGMA trusted_schema=OFF").close()
        yield connection


def _address(file: Path) -> str:
    return f"file:{quote(str(file.absolute()))}?mode=ro"


def _refused(error: Exception, to: Path) -> Exception:
    """Reading has begun well, so what fails from here on is nearly always the copy's disk."""
    if getattr(error, "sqlite_errorname", "") in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}:
        return DatabaseError(tr("the database is damaged; see: socialstrike database check"))
    return InvalidInput(
        tr(
            "the copy cannot be written to {parent} ({error}); name a file on a disk with room",
            parent=to.parent,
            error=error,
        )
    )


def _give_name(partial: Path, path: Path) -> None:
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links, such as a USB stick's.
        if path.exists():
            raise FileExistsError from None
        partial.rename(path)


def _sync(path: Path) -> None:
    """Onto the disk, not only into the system's memory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
