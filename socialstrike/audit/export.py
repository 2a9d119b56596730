"""The log as files: JSON Lines is the evidence, CSV a view of it for spreadsheets.

After its entries a JSON Lines file has attachments: what makes them speak, and what they can be
checked with. A CSV has none; its last column holds the entry, so that the evidence can be taken
out of the CSV again.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain as flattening
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from socialstrike.audit import chain, people
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
# What Excel, LibreOffice and Google Sheets take for the beginning of a formula, at the start of a
# cell or, where the semicolon separates cells, after one; the blanks and quotes before it are what
# they skip. After OWASP's page on CSV injection.
_FORMULA = re.compile(
    '(^|;)(?=[\\s"\u00ad\u200b-\u200d\u2060\ufeff]*[=+\\-@\u2212\ufe62\ufe63\ufe66\ufe6b＝＋－＠])'
)
#: The same at the beginning of a value of a line in ASCII that holds no semicolon.
_BEGINNING = re.compile('":"[ =+@-]')
# Of ASCII; other control characters are never in JSON as they are.
_NOT_PLAIN = ("\\", ";", "\n", "\r", "\t", "\x7f")
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

    def __init__(self, *, contents: bool = False) -> None:
        """With ``contents`` the commitments are noted too."""
        self.entries = 0
        #: How many of them are of the old form, which holds names as they are.
        self.in_clear = 0
        self.tokens: set[str] = set()
        self._contents: set[bytes] | None = set() if contents else None

    def passing(self, lines: Iterable[str]) -> Iterator[str]:
        """The same lines."""
        return flattening.from_iterable(map(self._noted, _batches(lines)))

    def content(self, commitment: str) -> bool:
        """Whether an entry commits to it."""
        return self._contents is not None and bytes.fromhex(commitment) in self._contents

    def _noted(self, batch: list[str]) -> list[str]:
        # Looked for in many lines at once: 0.4 us a line, and reading each takes 3.
        text = "\n".join(batch)
        self.entries += len(batch)
        self.in_clear += text.count('"v":1}')
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
    rows = _Rows(names)
    count = 0
    for batch in _batches(lines):
        out.write("".join(map(rows.row, batch)))
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
    """Entries as rows of a CSV. A plain one, as most are, is not looked at cell by cell: that
    takes 6 us instead of 25.
    """

    def __init__(self, names: people.Names | None) -> None:
        self._names = names
        # What stands for the people in an entry: in their own columns, and in the column people.
        self._people: dict[tuple[object, ...], tuple[dict[str, str], str]] = {}

    def row(self, line: str) -> str:
        """The row of an entry, with its line end."""
        entry = chain.facts(line)
        if not _is_plain(line, entry):
            known = _known(entry, self._names)
            return f"{_joined([*_cells(entry, known), _tied(known), _quoted(line)])}\r\n"
        template, may_hide = _form(tuple(entry))
        who = (entry.get("v"), may_hide, *[entry[field] for field in may_hide])
        if who not in self._people:
            if len(self._people) >= _MOST_REMEMBERED:
                self._people.clear()
            self._people[who] = self._shown(entry)
        shown, tied = self._people[who]
        entry.update(shown)
        entry_cell = line.replace('"', '""')
        return f'{template % entry},{tied},"{entry_cell}"\r\n'

    def _shown(self, entry: dict[str, Fact]) -> tuple[dict[str, str], str]:
        known = _known(entry, self._names)
        cells = dict(zip(_FACTS, _cells(entry, known), strict=True))
        shown = {name: _as_cell(cells[name]) for name in people.tokens_in(entry) if name in cells}
        return shown, _as_cell(_tied(known))


def _is_plain(line: str, entry: dict[str, Fact]) -> bool:
    """Whether ``cell`` would change none of the facts, and no cell needs quotation marks."""
    return (
        line.isascii()
        and not any(map(line.__contains__, _NOT_PLAIN))
        and not _BEGINNING.search(line)
        and line.count(",") == len(entry) - 1
        and None not in entry.values()
    )


@lru_cache(1000)
def _form(names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The row of an entry with these facts, and those of them that may name somebody."""
    row = ",".join(f"%({column})s" if column in names else "" for column in _FACTS)
    return row, tuple(name for name in people.FIELDS if name in names)


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
    known = {field: people.Named(*pair) for field, pair in json.loads(_unquoted(text)).items()}
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
