"""What all formats are read into: text, lists and fields that remember their lines."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import Struct

from socialstrike import files
from socialstrike.content import forbidden_character, printable, unclosed_direction
from socialstrike.exceptions import InvalidFile, Problem
from socialstrike.i18n import tr

MAX_PROBLEMS = 100
# Reading ends there: a file with more errors is not read any better to its end.
MAX_ERRORS = 1_000
MAX_TEXT = 70_000
#: So many bytes are decoded at a time: as text, a file may take four times its bytes.
_PIECE = 65_536


# Struct: made in 0.1 us, where a frozen dataclass takes 0.7, and a row of a CSV makes six of them.
class Scalar(Struct, frozen=True):
    """A value as it was written, before any meaning; ``empty`` for null."""

    text: str
    line: int | None = None
    empty: bool = False


class Items(Struct, frozen=True):
    """A list."""

    values: tuple[Node, ...]
    line: int | None = None


class Fields(Struct, frozen=True):
    """Names and values; a name stands once."""

    values: Mapping[str, Node]
    line: int | None = None


Node = Scalar | Items | Fields


class StopReading(InvalidFile):
    """The file is read no further; why is in its report."""

    def __init__(self) -> None:
        super().__init__([])


@dataclass
class Report:
    """Everything wrong or odd in one file, gathered so that it is told in one go."""

    where: str
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether reading ended at an error because there were so many before it."""
        return len(self.errors) >= MAX_ERRORS

    def error(self, line: int | None, name: str | None, message: str) -> None:
        """Note something that makes the file unusable. Raises StopReading at the thousandth."""
        self.errors.append(Problem(self.where, line, name, message))
        if self.full:
            raise StopReading

    def warn(self, line: int | None, name: str | None, message: str) -> None:
        """Note something odd that is allowed; a thousand times, and then no more."""
        if len(self.warnings) < MAX_ERRORS:
            self.warnings.append(Problem(self.where, line, name, message))


def refuse(reports: Iterable[Report]) -> None:
    """Raise InvalidFile with every error of ``reports``, the first hundred in words."""
    reports = tuple(reports)
    problems = [problem for report in reports for problem in report.errors]
    if len(problems) > MAX_PROBLEMS:
        more = f"{len(problems) - MAX_PROBLEMS}"
        if any(report.full for report in reports):
            more = tr("at least {more}", more=more)
        last = problems[MAX_PROBLEMS - 1]
        rest = Problem(
            last.where, None, None, tr("and {more} more; correct the first ones", more=more)
        )
        problems = [*problems[:MAX_PROBLEMS], rest]
    if problems:
        raise InvalidFile(problems)


def load_bytes(path: Path, limit: int) -> bytes:
    """The file's bytes, at most ``limit`` of them. Raises InvalidFile with one sentence."""
    try:
        if path.is_dir():
            raise _invalid(path, tr("this is a folder; name a YAML or CSV file"))
        return files.read(path, limit)
    except FileNotFoundError:
        raise _invalid(path, tr("there is no such file; check its name and folder")) from None
    except files.NotOrdinaryError:
        raise _invalid(path, tr("this is no ordinary file; name a YAML or CSV file")) from None
    except files.TooBigError as error:
        raise _invalid(
            path,
            tr(
                "the file has {size:.1f} MB, more than the {limit:.0f} MB a post file may"
                " have; split it, or check that it is the right one",
                size=error.size / 1e6,
                limit=limit / 1e6,
            ),
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or tr("its name cannot be used")
        raise _invalid(
            path, tr("the file cannot be read ({reason}); check its permissions", reason=reason)
        ) from None


def decode(path: Path, data: bytes) -> str:
    """The file's text, from UTF-8 with or without a byte order mark, in any line ends.

    Raises InvalidFile that says what else it seems to be, or where the first wrong byte stands.
    """
    return "".join(texts(path, data))


def texts(path: Path, data: bytes) -> Iterator[str]:
    """What ``decode`` gives, in pieces that end with a line; raises what it raises."""
    _refuse_other_files(path, data)
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    while start < len(data):
        end = data.find(b"\n", start + _PIECE) + 1 or len(data)
        try:
            text = data[start:end].decode()
        except UnicodeDecodeError as error:
            byte = start + error.start
            raise _invalid(
                path,
                tr(
                    "byte {byte} (0x{data:02X}) is not UTF-8; save the file as UTF-8",
                    byte=byte + 1,
                    data=data[byte],
                ),
                data.count(b"\n", 0, byte) + 1,
            ) from None
        yield text.replace("\r\n", "\n").replace("\r", "\n")
        start = end


def _refuse_other_files(path: Path, data: bytes) -> None:
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise _invalid(path, tr("this is a spreadsheet or an archive; save it as CSV in UTF-8"))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _invalid(path, tr("this is UTF-16; save it as UTF-8"))
    if (zero := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, zero) + 1
        raise _invalid(
            path,
            tr(
                "byte {zero} is zero: this is no text; check that it is the right file",
                zero=zero + 1,
            ),
            line,
        )


def _invalid(path: Path, message: str, line: int | None = None) -> InvalidFile:
    return InvalidFile([Problem(str(path), line, None, message)])


def check_names(fields: Fields, known: Iterable[str], report: Report, prefix: str = "") -> None:
    """Report every name that is not in ``known``, with the nearest one."""
    if isinstance(known, Set) and fields.values.keys() <= known:
        return
    known = tuple(known)
    for name, value in fields.values.items():
        if name not in known:
            report.error(value.line, prefix + shown(name), unknown(tr("field"), name, known))


def unknown(what: str, name: str, known: Iterable[str], *, listed: bool = True) -> str:
    """The sentence for a name that is not known, with the nearest known one, or them all."""
    known = sorted(set(known))
    near = difflib.get_close_matches(name[:60], known, n=1)
    if near:
        return tr(
            "unknown {what} {name}; did you mean {near}?", what=what, name=shown(name), near=near[0]
        )
    choices = ", ".join(known[:20])
    if not (known and listed):
        return tr("unknown {what} {name}", what=what, name=shown(name))
    return tr(
        "unknown {what} {name}; known: {choices}", what=what, name=shown(name), choices=choices
    )


def shown(text: str) -> str:
    """A written value fit for a message: short, on one line, nothing a terminal would obey."""
    flat = " ".join(printable(text[:1000]).split())
    return flat if len(flat) <= 60 else f"{flat[:57]}…"


def scalar(fields: Fields, name: str, report: Report, label: str | None = None) -> Scalar | None:
    """The single value called ``name``, None where it is absent or null."""
    node = fields.values.get(name)
    if isinstance(node, Scalar):
        return None if node.empty else node
    if node is not None:
        report.error(node.line, label or name, tr("must be a single value"))
    return None


def items(fields: Fields, name: str, report: Report) -> tuple[Node, ...] | None:
    """The list called ``name``; a single value counts as a list of one. None where absent."""
    node = fields.values.get(name)
    if node is None or (isinstance(node, Scalar) and node.empty):
        return None
    return node.values if isinstance(node, Items) else (node,)


def words(nodes: Iterable[Node], name: str, report: Report) -> tuple[Scalar, ...]:
    """The single values among ``nodes``; the others are errors."""
    found = []
    for node in nodes:
        if isinstance(node, Scalar) and not node.empty and node.text.strip():
            found.append(Scalar(node.text.strip(), node.line))
        else:
            report.error(node.line, name, tr("must be a name"))
    return tuple(found)


def clean_text(value: Scalar, name: str, report: Report) -> str | None:
    """The text to publish: normalised (NFC), without white space around. None after an error."""
    if len(value.text) > MAX_TEXT:
        long = tr(
            "has {count:,} characters, more than any platform takes; shorten it",
            count=len(value.text),
        )
        report.error(value.line, name, long)
        return None
    if bad := forbidden_character(value.text):
        line = value.line
        report.error(
            line,
            name,
            tr(
                "holds the control character {bad} at position {bad2}; remove it",
                bad=bad[1],
                bad2=bad[0] + 1,
            ),
        )
        return None
    if bad := unclosed_direction(value.text):
        report.error(
            value.line,
            name,
            tr(
                "changes the writing direction with {bad} at position {bad2} without the"
                " other half of the pair in the same line; complete the pair, or remove it",
                bad=bad[1],
                bad2=bad[0] + 1,
            ),
        )
        return None
    text = unicodedata.normalize("NFC", value.text).strip()
    if not text:
        report.error(value.line, name, tr("is empty; write a text"))
        return None
    return text
