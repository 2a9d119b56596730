"""The log as files: JSON Lines is the evidence, CSV a view of it for spreadsheets.

A CSV cell that a spreadsheet would run as a formula gets an apostrophe before it; its last column
holds the canonical line untouched, so that the evidence can be taken out of the CSV again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from socialstrike.audit import chain
from socialstrike.audit.chain import Verdict
from socialstrike.exceptions import InvalidInput

COLUMNS = (
    "seq",
    "at",
    "event",
    "actor",
    "campaign",
    "kind",
    "platform",
    "account",
    "post",
    "delivery",
    "attempt",
    "content",
    "due_at",
    "published_at",
    "lateness_ms",
    "remote_id",
    "remote_url",
    "error",
    "entry",
)
# What Excel, LibreOffice and Google Sheets take for the beginning of a formula (OWASP's list).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: A line longer than this is no entry of ours; reading stops there.
_LONGEST = 1_000_000


def write_jsonl(lines: Iterable[str], out: IO[str]) -> int:
    """Write each entry as it stands; return how many."""
    count = 0
    for line in lines:
        out.write(line)
        out.write("\n")
        count += 1
    return count


def write_csv(lines: Iterable[str], out: IO[str]) -> int:
    """Write the entries as RFC 4180 CSV with a header; return how many. Opened with newline=''."""
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    count = 0
    for line in lines:
        entry = chain.parse(line)
        cells = (_cell(entry.get(column)) for column in COLUMNS[:-1])
        # The entry begins with a brace: no spreadsheet takes it for a formula.
        writer.writerow([*cells, line])
        count += 1
    return count


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_utf8(stream: IO[str]) -> IO[str]:
    """Let a text stream write UTF-8 with line ends as given, whatever the terminal's habits."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", newline="")
    return stream


@contextmanager
def written_whole(path: Path) -> Iterator[IO[str]]:
    """A file that appears under its name complete or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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
    return all(row.get(column) == _cell(entry.get(column)) for column in COLUMNS[:-1])
