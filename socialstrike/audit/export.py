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
        cells = (cell(entry.get(column)) for column in COLUMNS[:-1])
        # The entry begins with a brace: no spreadsheet takes it for a formula.
        writer.writerow([*cells, line])
        count += 1
    return count


def cell(value: object) -> str:
    """A fact as a CSV cell: what a spreadsheet would run gets an apostrophe before it."""
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
