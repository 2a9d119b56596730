"""The log as files: JSON Lines is the evidence, CSV a view of it for spreadsheets.

After its entries a JSON Lines file has attachments: what makes them speak, and what they can be
checked with. A CSV has none; its last column holds the entry, so that the evidence can be taken
out of the CSV again.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain as flattening
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from socialstrike.audit import chain, people, rows
from socialstrike.audit.chain import Fact
from socialstrike.db.models import Checkpoint
from socialstrike.i18n import tr
from socialstrike.redaction import escaped, printable

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
    "reason",
    "authorised_by",
    "approved_by",
    "resolved_by",
    "people",
    "entry",
)
_FACTS = COLUMNS[:-2]
#: Those of them that may name somebody.
_PEOPLE = ("actor", "authorised_by", "approved_by", "resolved_by")
# What Excel, LibreOffice and Google Sheets take for the beginning of a formula, at the start of a
# cell or, where the semicolon separates cells, after one; the blanks and quotes before it are what
# they skip. After OWASP's page on CSV injection.
_FORMULA = re.compile(
    '(^|;)(?=[\\s"\u00ad\u200b-\u200d\u2060\ufeff]*[=+\\-@\u2212\ufe62\ufe63\ufe66\ufe6b＝＋－＠])'
)
#: What needs no such look, as most cells do not.
_PLAIN = re.compile(r"\w[\w .:/-]*")
_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|.)", re.DOTALL)
_TOKEN = re.compile('"(p:[0-9a-f]{64})"')
_CONTENT = re.compile('"content":"([0-9a-f]{64})"')
#: So many lines are written together.
_TOGETHER = 250
_MOST_REMEMBERED = 10_000
#: The mark by which Excel knows UTF-8.
BOM = "\ufeff"


class Seen:
    """What the entries of an export refer to, noted while they pass."""

    def __init__(self, *, tokens: bool = True, contents: bool = False) -> None:
        """Which are noted: the tokens of people, the commitments to contents."""
        self.entries = 0
        #: How many of them are of the old form, which holds names as they are.
        self.in_clear = 0
        self.tokens: set[str] = set()
        self._wanted = tokens
        self._contents: set[bytes] | None = set() if contents else None

    def passing(self, lines: Iterable[str]) -> Iterator[str]:
        """The same lines."""
        return flattening.from_iterable(map(self._noted, _batches(lines)))

    def content(self, commitment: str) -> bool:
        """Whether an entry commits to it."""
        return self._contents is not None and bytes.fromhex(commitment) in self._contents

    def _noted(self, batch: list[str]) -> list[str]:
        # Looked for in many lines at once: 0.4 us a line, and reading each takes 3.
        text = "\n".join(batch) if self._wanted else ""
        self.entries += len(batch)
        self.in_clear += len([line for line in batch if line.endswith('"v":1}')])
        if not self.tokens.issuperset(_TOKEN.findall(text)):
            entries = map(chain.facts, batch)
            self.tokens.update(
                str(entry[field]) for entry in entries for field in people.tokens_in(entry)
            )
        if self._contents is not None:
            self._contents.update(map(bytes.fromhex, _CONTENT.findall(text)))
        return batch


def write_jsonl(lines: Iterable[str], out: IO[str]) -> int:
    """Write each line as it stands; return how many."""
    count = 0
    for batch in _batches(lines):
        out.write("\n".join([*batch, ""]))
        count += len(batch)
    return count


def newest_checkpoint(session: Session) -> int:
    """How many entries the newest checkpoint covers, 0 where there is none."""
    return session.scalar(select(func.max(Checkpoint.size))) or 0


def notes(session: Session, size: int) -> Iterator[str]:
    """The checkpoints up to that of ``size`` as attachments.

    ``size`` is to be asked for (``newest_checkpoint``) before the entries are read: those that a
    checkpoint covers are then among them, or missing from the log.
    """
    statement = select(Checkpoint.note).where(Checkpoint.size <= size).order_by(Checkpoint.size)
    for note in session.scalars(statement.execution_options(yield_per=500)):
        yield attachment("checkpoint", note=note)


def persons(names: people.Names, tokens: Iterable[str]) -> Iterator[str]:
    """Who the tokens stand for, as attachments; those whose names are erased are left out."""
    for token in sorted(tokens):
        found = names.find(token)
        if found is not None:
            yield attachment("person", token=token, name=found.name, salt=found.salt)


def attachment(kind: str, **facts: Any) -> str:
    """A line that is no entry: canonical JSON that begins with ``attached``."""
    return chain.canonical({"attached": kind, **facts})


def write_csv(
    lines: Iterable[str],
    out: IO[str],
    names: people.Names | None = None,
    *,
    bom: bool = False,
) -> int:
    """Write the entries as RFC 4180 CSV with a header; return how many. Opened with newline=''.

    ``names`` puts names in the place of tokens, and into the column ``people`` what ties the two;
    ``bom`` begins with the mark by which Excel knows UTF-8.
    """
    if bom:
        out.write(BOM)
    out.write(f"{_joined(COLUMNS)}\r\n")
    table = _Rows(names)
    count = 0
    for batch in _batches(lines):
        out.write("".join(table.of(batch)))
        count += len(batch)
    return count


def line_of(row: Mapping[str, str | None]) -> str:
    """The canonical line of a CSV row, header to cell, that ``write_csv`` wrote.

    Where a cell does not say what the entry says, the line is returned in a form that no longer
    verifies: a CSV altered there is altered too.
    """
    line = _unquoted(row.get("entry") or "")
    try:
        entry = chain.parse(line)
        known = _untied(row.get("people") or "", entry)
    except (ValueError, TypeError, RecursionError):
        return f"{line} "
    shown = [row.get(column) for column in _FACTS]
    same = tuple(row) == COLUMNS and shown == list(_cells(entry, known))
    return line if same else f"{line} "


def cell(value: object) -> str:
    """A fact as a CSV cell, on one line, without what drives a terminal.

    What a spreadsheet would run gets an apostrophe before it.
    """
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    return _FORMULA.sub(r"\1'", re.sub(r"\s", " ", printable(text)))


def as_utf8(stream: IO[str]) -> IO[str]:
    """Let a text stream write UTF-8 with line ends as given, whatever the terminal's habits."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", newline="")
    return stream


@contextmanager
def written_whole(path: Path) -> Iterator[IO[str]]:
    """A file that appears under its name complete or not at all, for its owner's eyes alone."""
    number, partial = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(partial).replace(path)
    finally:
        Path(partial).unlink(missing_ok=True)


class _Rows:
    """Entries as rows of a CSV."""

    def __init__(self, names: people.Names | None) -> None:
        self._names = names
        self._people = _People(names)

    def of(self, lines: Sequence[str]) -> list[str]:
        """The rows of the entries, with their line ends."""
        found = rows.plain(lines, self._people)
        if found is not None:
            return found
        if len(lines) == 1:
            return [self._one(lines[0])]
        # Those that are not plain are put aside, so that the others are together again.
        maybe = [rows.may_be_plain(line) for line in lines]
        likely = [line for line, may_be in zip(lines, maybe, strict=True) if may_be]
        found = rows.plain(likely, self._people)
        if found is None:
            found = [row for line in likely for row in self.of([line])]
        rest = iter(found)
        return [
            next(rest) if may_be else self._one(line)
            for line, may_be in zip(lines, maybe, strict=True)
        ]

    def _one(self, line: str) -> str:
        entry = chain.facts(line)
        known = _known(entry, self._names)
        return f"{_joined([*_cells(entry, known), _tied(known), _quoted(line)])}\r\n"


class _People(dict[rows.Who, rows.Shown]):
    """The cells that stand for the people of an entry, remembered."""

    def __init__(self, names: people.Names | None) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, who: rows.Who) -> rows.Shown:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        entry: dict[str, Fact] = dict(zip(("v", *_PEOPLE), who, strict=True))
        known = _known(entry, self._names)
        cells = dict(zip(_FACTS, _cells(entry, known), strict=True))
        shown = {name: _as_cell(cells[name]) for name in _PEOPLE}
        commas = "".join(shown.values()).count(",")
        found = self[who] = rows.Shown(**shown, tied=_as_cell(_tied(known)), commas=commas)
        return found


def _joined(cells: Sequence[str]) -> str:
    """The cells as a CSV row, without its line end."""
    written: list[str] = []
    csv.writer(SimpleNamespace(write=written.append), lineterminator="").writerow(cells)
    return "".join(written)


def _as_cell(text: str) -> str:
    return _joined(["", text]).removeprefix(",")  # alone, an empty one would get quotation marks


def _batches(lines: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(lines)
    while batch := list(islice(rest, _TOGETHER)):
        yield batch


def _known(entry: dict[str, Fact], names: people.Names | None) -> dict[str, people.Named]:
    if names is None:
        return {}
    found = {field: names.find(str(entry[field])) for field in people.tokens_in(entry)}
    return {field: named for field, named in found.items() if named and field in _FACTS}


def _cells(entry: dict[str, Fact], known: Mapping[str, people.Named]) -> Iterator[str]:
    hidden = people.tokens_in(entry)
    for column in _FACTS:
        if column in known:
            yield cell(known[column].name)
        elif column in hidden:
            yield people.pseudonym(str(entry[column]))
        else:
            yield cell(entry.get(column))


def _tied(known: Mapping[str, people.Named]) -> str:
    """The names and salts of a row: what is needed to check its names against its tokens."""
    if not known:
        return ""
    pairs = {field: [named.name, named.salt] for field, named in known.items()}
    return _quoted(chain.canonical(pairs))


def _untied(text: str, entry: dict[str, Fact]) -> dict[str, people.Named]:
    """What ``_tied`` wrote. Raises ValueError where a name is not that of the entry's token."""
    if not text:
        return {}
    pairs: dict[str, Any] = {**chain.parse(_unquoted(text))}
    known = {field: people.Named(*pair) for field, pair in pairs.items()}
    for field, named in known.items():
        if people.token(named.name, named.salt) != entry.get(field):
            raise ValueError(tr("a name that is not in the entry"))
    return known


def _quoted(line: str) -> str:
    """JSON as a cell: it begins with a brace, and no semicolon cuts it where those do."""
    return escaped(line).replace(";", "\\u003b")


def _unquoted(text: str) -> str:
    """What ``_quoted`` wrote: canonical JSON itself escapes only quotes, backslashes and C0."""

    def plain(found: re.Match[str]) -> str:
        code = int(found[1], 16) if found[1] else 0
        return chr(code) if code >= 0x20 else found[0]

    return _ESCAPE.sub(plain, text)
