"""CSV and JSON Lines: one post per row or line, in the fields of the YAML posts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from socialstrike.exceptions import InvalidFile, Problem
from socialstrike.post_file.nodes import (
    Fields,
    Items,
    Node,
    Report,
    Scalar,
    decode,
    load_bytes,
    shown,
    unknown,
)

MAX_BYTES = 15_000_000
MAX_ROWS = 100_000
COLUMNS = ("at", "kind", "to", "text", "media", "alt", "link")
REQUIRED = ("at", "kind", "to", "text")


def read_csv(path: Path, report: Report) -> Iterator[Fields]:
    """The rows of a CSV file, as posts; a row with errors is reported and left out.

    Separated by commas or semicolons, as the header is. Raises InvalidFile where there is no
    usable header, or the file cannot be read to its end.
    """
    text = decode(path, load_bytes(path, MAX_BYTES))
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = _columns(path, next(reader, []))
        line = reader.line_num + 1
        for number, cells_read in enumerate(reader, 1):
            first, line = line, reader.line_num + 1
            if number > MAX_ROWS:
                raise _wrong(path, first, f"has more than {MAX_ROWS:,} rows; split the file")
            row = _trimmed(cells_read)
            if not row:
                continue
            if len(row) > len(columns):
                report.error(
                    first,
                    None,
                    f"has {len(row)} cells and the header {len(columns)};"
                    f' put "quotes" around a text that holds a {delimiter}',
                )
                continue
            cells = {name: cell for name, cell in zip(columns, row, strict=False) if cell.strip()}
            yield _post(cells, first, report)
    except csv.Error as error:
        raise _wrong(
            path, reader.line_num, f"this is not CSV ({error}); check the quotes here and above"
        ) from None


def read_json_lines(path: Path, report: Report) -> Iterator[Fields]:
    """The lines of a JSON Lines file, as posts; a line with errors is reported and left out.

    Raises InvalidFile where the file cannot be read.
    """
    text = decode(path, load_bytes(path, MAX_BYTES))
    number = 0
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        number += 1
        if number > MAX_ROWS:
            raise _wrong(path, line, f"has more than {MAX_ROWS:,} posts; split the file")
        try:
            value = json.loads(written, object_pairs_hook=_once, parse_constant=str)
        except json.JSONDecodeError as error:
            report.error(line, None, f"this is not JSON ({error.msg} at character {error.pos + 1})")
        except RecursionError:
            report.error(line, None, "is nested too deeply; a post needs three levels")
        except ValueError as error:
            report.error(line, None, f"{error}; write one post as a JSON object")
        else:
            node = _node(value, line)
            if isinstance(node, Fields):
                yield node
            else:
                report.error(line, None, "must be a JSON object with fields such as at and text")


def _columns(path: Path, header: list[str]) -> list[str]:
    columns = [name.strip().lower() for name in _trimmed(header)[: 2 * len(COLUMNS)]]
    problems = [
        Problem(str(path), 1, shown(name) or None, unknown("column", name, COLUMNS))
        for name in columns
        if name not in COLUMNS
    ]
    if missing := [name for name in REQUIRED if name not in columns]:
        problems.append(
            Problem(
                str(path),
                1,
                None,
                f"the header lacks {', '.join(missing)}; it is {','.join(COLUMNS)}",
            )
        )
    problems.extend(
        Problem(str(path), 1, name, "the column stands twice; keep one")
        for name in COLUMNS
        if columns.count(name) > 1
    )
    if problems:
        raise InvalidFile(problems[:20])
    return columns


def _trimmed(row: list[str]) -> list[str]:
    # Spreadsheets end every line with as many separators as the widest has.
    end = len(row)
    while end and not row[end - 1].strip():
        end -= 1
    return row[:end]


def _post(cells: dict[str, str], line: int, report: Report) -> Fields:
    values: dict[str, Node] = {
        name: Scalar(cell if name == "text" else cell.strip(), line)
        for name, cell in cells.items()
        if name not in ("media", "alt")
    }
    pictures = [name.strip() for name in cells.get("media", "").split("|") if name.strip()]
    # One picture may have any description; only several need the separator.
    alts = cells.get("alt", "").split("|") if len(pictures) != 1 else [cells.get("alt", "")]
    alts = [alt.strip() for alt in alts if alt.strip() or len(pictures) > 1]
    if len(alts) > len(pictures):
        report.error(line, "alt", "describes more pictures than media names; separate both by |")
    if pictures:
        alts += [""] * (len(pictures) - len(alts))
        media: list[Node] = []
        for picture, alt in zip(pictures, alts, strict=False):
            named: dict[str, Node] = {"file": Scalar(picture, line)}
            if alt:
                named["alt"] = Scalar(alt, line)
            media.append(Fields(named, line))
        values["media"] = Items(tuple(media), line)
    return Fields(values, line)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a field stands twice")
    return values


def _node(value: Any, line: int) -> Node:
    if isinstance(value, dict):
        return Fields({name: _node(inner, line) for name, inner in value.items()}, line)
    if isinstance(value, list):
        return Items(tuple(_node(inner, line) for inner in value), line)
    return Scalar("" if value is None else str(value), line, empty=value is None)


def _wrong(path: Path, line: int, message: str) -> InvalidFile:
    return InvalidFile([Problem(str(path), line, None, message)])
