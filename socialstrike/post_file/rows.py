"""CSV and JSON Lines: one post per row or line, in the fields of the YAML posts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from itertools import chain, islice
from pathlib import Path
from typing import Any, NoReturn

from socialstrike.exceptions import InvalidFile, Problem
from socialstrike.i18n import tr
from socialstrike.post_file import options
from socialstrike.post_file.nodes import (
    Fields,
    Items,
    Node,
    Report,
    Scalar,
    load_bytes,
    shown,
    texts,
    unknown,
)

MAX_BYTES = 15_000_000
MAX_ROWS = 100_000
# One post as JSON; what a parser makes of it takes some thirty times its length.
MAX_LINE = 2_000_000
MAX_VALUES = 50_000
MAX_CELLS = 20_000  # as many as a spreadsheet has columns, and some
_TOO_MANY = f"it holds more than {MAX_VALUES:,} values"
COLUMNS = ("at", "kind", "to", "text", "media", "alt", "link", *options.FIELDS)
REQUIRED = ("at", "kind", "to", "text")


def read_csv(path: Path, report: Report) -> Iterator[Fields]:
    """The rows of a CSV file, as posts; a row with errors is reported and left out.

    Separated by commas or semicolons, as the header is. Raises InvalidFile where there is no
    usable header, or the file cannot be read to its end.
    """
    data = _checked(path)
    header = next(_lines(path, data), "")
    delimiter = ";" if header.count(";") > header.count(",") else ","
    # No file has more rows than lines, and counting rows takes as long as reading them.
    if _ends(data) > MAX_ROWS and _too_many(
        csv.reader(_lines(path, data), delimiter=delimiter, strict=True)
    ):
        raise _wrong(
            path, None, tr("has more than {max_rows:,} rows; split the file", max_rows=MAX_ROWS)
        )
    reader = csv.reader(_lines(path, data), delimiter=delimiter, strict=True)
    try:
        columns = _columns(path, next(reader, []))
        line = reader.line_num + 1
        for cells_read in reader:
            first, line = line, reader.line_num + 1
            row = _trimmed(cells_read)
            if not row:
                continue
            if len(row) > len(columns):
                report.error(
                    first,
                    None,
                    tr(
                        'has {count} cells and the header {count2}; put "quotes" around a text that'
                        " holds a {delimiter}",
                        count=len(row),
                        count2=len(columns),
                        delimiter=delimiter,
                    ),
                )
                continue
            cells = {name: cell for name, cell in zip(columns, row, strict=False) if cell.strip()}
            yield _post(cells, first, report)
    except csv.Error as error:
        raise _wrong(
            path,
            reader.line_num,
            tr("this is not CSV ({error}); check the quotes here and above", error=error),
        ) from None


def read_json_lines(path: Path, report: Report) -> Iterator[Fields]:
    """The lines of a JSON Lines file, as posts; a line with errors is reported and left out.

    Raises InvalidFile where the file cannot be read.
    """
    data = _checked(path)
    if _ends(data) > MAX_ROWS:
        raise _wrong(
            path,
            MAX_ROWS + 1,
            tr("has more than {max_rows:,} lines; split the file", max_rows=MAX_ROWS),
        )
    for line, written in enumerate(_lines(path, data), 1):
        if not written.strip():
            continue
        if len(written) > MAX_LINE:
            report.error(
                line,
                None,
                tr(
                    "has more than {max_line:,} characters; write one post per line",
                    max_line=MAX_LINE,
                ),
            )
            continue
        try:
            if written.count(",") > 4 * MAX_VALUES:  # most of a text are not commas
                raise ValueError(_TOO_MANY)
            # Numbers stay as they are written; that also spares what huge ones cost.
            node = _Nodes(line).of(_JSON.decode(written))
        except json.JSONDecodeError as error:
            report.error(
                line,
                None,
                tr("this is not JSON ({msg} at character {pos})", msg=error.msg, pos=error.pos + 1),
            )
        except RecursionError:
            report.error(line, None, tr("is nested too deeply; a post needs three levels"))
        except ValueError as error:
            report.error(line, None, tr("{error}; write one post as a JSON object", error=error))
        else:
            if isinstance(node, Fields):
                yield node
            else:
                report.error(
                    line, None, tr("must be a JSON object with fields such as at and text")
                )


def _checked(path: Path) -> bytes:
    """The file's bytes, which are known to be text. Raises InvalidFile where they are not."""
    data = load_bytes(path, MAX_BYTES)
    for _ in texts(path, data):
        pass  # to its end, before anything is made of its beginning
    return data


def _lines(path: Path, data: bytes) -> Iterator[str]:
    """The lines with their ends, one at a time: a list of all would take many times the text."""
    return chain.from_iterable(map(StringIO, texts(path, data)))


def _ends(data: bytes) -> int:
    """How many line ends the text has, of any kind."""
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _too_many(rows: Iterator[list[str]]) -> bool:
    # Counted before anything is made of them, which takes a hundred times as long.
    with suppress(csv.Error):  # told when the rows are read, after what is wrong above it
        return sum(1 for _ in islice(rows, MAX_ROWS + 2)) > MAX_ROWS + 1
    return False


def _columns(path: Path, header: list[str]) -> list[str]:
    columns = [name.strip().lower() for name in _trimmed(header)[: 2 * len(COLUMNS)]]
    problems = [
        Problem(str(path), 1, shown(name) or None, unknown(tr("column"), name, COLUMNS))
        for name in columns
        if name not in COLUMNS
    ]
    if missing := [name for name in REQUIRED if name not in columns]:
        problems.append(
            Problem(
                str(path),
                1,
                None,
                tr(
                    "the header lacks {missing}; it is {columns}",
                    missing=", ".join(missing),
                    columns=",".join(COLUMNS),
                ),
            )
        )
    problems.extend(
        Problem(str(path), 1, name, tr("the column stands twice; keep one"))
        for name in COLUMNS
        if columns.count(name) > 1
    )
    if problems:
        raise InvalidFile(problems[:20])
    return columns


def _trimmed(row: list[str]) -> list[str]:
    # Spreadsheets end every line with as many separators as the widest has.
    if len(row) > MAX_CELLS:
        return row
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
    if "media" not in cells and "alt" not in cells:
        return Fields(values, line)
    pictures = [name.strip() for name in cells.get("media", "").split("|") if name.strip()]
    # One picture may have any description; only several need the separator.
    alts = cells.get("alt", "").split("|") if len(pictures) != 1 else [cells.get("alt", "")]
    alts = [alt.strip() for alt in alts if alt.strip() or len(pictures) > 1]
    if len(alts) > len(pictures):
        report.error(
            line, "alt", tr("describes more pictures than media names; separate both by |")
        )
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
        raise ValueError(tr("a field stands twice"))
    return values


def _no_number(name: str) -> NoReturn:
    raise ValueError(tr("{name} is not JSON", name=name))


_JSON = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=_no_number
)


class _Nodes:
    """Makes nodes of what stands in one line of JSON, as many as a post can need."""

    def __init__(self, line: int) -> None:
        self._line = line
        self._count = 0

    def of(self, value: Any) -> Node:
        self._count += 1
        if self._count > MAX_VALUES:
            raise ValueError(_TOO_MANY)
        if isinstance(value, dict):
            return Fields({name: self.of(inner) for name, inner in value.items()}, self._line)
        if isinstance(value, list):
            return Items(tuple(map(self.of, value)), self._line)
        written = str(value).lower() if isinstance(value, bool) else str(value)
        return Scalar("" if value is None else written, self._line, empty=value is None)


def _wrong(path: Path, line: int | None, message: str) -> InvalidFile:
    return InvalidFile([Problem(str(path), line, None, message)])
