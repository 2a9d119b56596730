"""Whether the log stands: the one in the database, and an exported file without the database."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike.audit import chain
from socialstrike.audit.chain import Break, Verdict
from socialstrike.audit.export import COLUMNS, cell
from socialstrike.audit.log import stamp
from socialstrike.db.models import AuditEntry
from socialstrike.exceptions import InvalidInput

#: A line longer than this is no entry of ours; reading stops there.
_LONGEST = 1_000_000


def verify(session: Session) -> Verdict:
    """Check the whole log in the database: the chain, and the columns against their lines."""
    columns: list[Break] = []

    def lines() -> Iterator[str]:
        statement = select(
            AuditEntry.line,
            AuditEntry.hash,
            AuditEntry.seq,
            AuditEntry.prev,
            AuditEntry.at,
            AuditEntry.event,
            AuditEntry.account,
            AuditEntry.kind,
            AuditEntry.delivery,
        ).order_by(AuditEntry.seq)
        rows = session.execute(statement.execution_options(yield_per=1000))
        for place, row in enumerate(rows, start=1):
            if row.hash != chain.digest(row.line):
                columns.append(Break(place, "its stored hash is not the hash of its line"))
            elif not _agree(row.line, row._asdict()):
                columns.append(Break(place, "its columns do not say what its line says"))
            yield row.line

    verdict = chain.check(lines())
    breaks = sorted({*verdict.breaks, *columns}, key=lambda found: found.place)
    return Verdict(verdict.entries, verdict.head, tuple(breaks))


def _agree(line: str, row: dict[str, object]) -> bool:
    entry = chain.parse(line)
    at = row["at"]
    assert isinstance(at, datetime)
    return (
        entry.get("at") == stamp(at)
        and all(entry.get(name) == row[name] for name in ("seq", "prev", "event"))
        and all(entry.get(name) == row[name] for name in ("account", "kind", "delivery"))
    )


def verify_file(path: Path) -> Verdict:
    """Check an exported file, of the whole log, without the database.

    Raises InvalidInput where it cannot be read or is no export.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            first = file.readline(_LONGEST)
            file.seek(0)
            if first.startswith("seq,"):
                return chain.check(_csv_lines(file))
            return chain.check(_jsonl_lines(file))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8, so it is no export of the audit log") from None


def _jsonl_lines(file: IO[str]) -> Iterator[str]:
    while line := file.readline(_LONGEST):
        yield line.removesuffix("\n")


def _csv_lines(file: IO[str]) -> Iterator[str]:
    csv.field_size_limit(_LONGEST)
    try:
        for row in csv.DictReader(file):
            line = row.get("entry") or ""
            yield line if _says_the_same(row, line) else f"{line} "
    except csv.Error as error:
        raise InvalidInput(f"this is no CSV export of the audit log: {error}") from None


def _says_the_same(row: dict[str, str], line: str) -> bool:
    """Whether the readable cells are those of the entry: a CSV altered there is altered too."""
    try:
        entry = chain.parse(line)
    except ValueError:
        return True  # the chain will say so
    return all(row.get(column) == cell(entry.get(column)) for column in COLUMNS[:-1])
