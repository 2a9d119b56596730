"""The one place that prints. What came from a file, a platform or a person is data: it is shown
without the characters that drive a terminal, and never read as markup.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from socialstrike.i18n import tr, translated
from socialstrike.redaction import escaped, printable, redact

if TYPE_CHECKING:
    from rich.console import Console


def line(text: str = "") -> None:
    """One line of result, on standard output."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """One line beside the result, on standard error."""
    _write(sys.stderr, text)


def error(text: str) -> None:
    """What went wrong, on standard error."""
    _write(sys.stderr, tr("error: {text}", text=redact(translated(text))))


def warning(text: str) -> None:
    """What is odd but allowed, on standard error."""
    _write(sys.stderr, tr("warning: {text}", text=redact(translated(text))))


def as_json(content: object) -> None:
    """The content as JSON: stable names, ISO 8601 times with their offset, nothing left out.

    What would drive a terminal is escaped, so that a text read back is the text that was stored.
    """
    _write(sys.stdout, escaped(json.dumps(content, ensure_ascii=False, indent=2, default=_plain)))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Rows under a heading; ``empty`` where there are none."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    cells = [[printable(_short(cell)) for cell in row] for row in rows]
    for number, column in enumerate(columns):
        # On a narrow terminal sentences give way, names and states stay whole.
        words = any(" " in row[number] for row in cells)
        shown.add_column(column, overflow="fold", no_wrap=not words)
    for row in cells:
        # Text, not str: rich would read markup into somebody's words.
        shown.add_row(*map(Text, row))
    if cells:
        console().print(shown)
    else:
        line(empty)


def console() -> Console:
    """A console on standard output; as wide as needed where it is no terminal."""
    from rich.console import Console

    wide = None if sys.stdout.isatty() else 200
    return Console(file=sys.stdout, width=wide, markup=False, highlight=False)


@contextmanager
def progress(text: str, total: int) -> Iterator[Callable[[int], object]]:
    """A bar on a terminal, moved on by what is given; nothing is written elsewhere."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(printable(text), total=total)
        yield lambda count: bar.advance(task, count)


@contextmanager
def busy(text: str) -> Iterator[None]:
    """Say on a terminal that something goes on; nothing is written elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(printable(text)):
        yield


def confirm(question: str) -> None:
    """Ask on the terminal; raise InvalidInput for a no, and where nobody is there to ask."""
    import typer

    from socialstrike.exceptions import InvalidInput

    if not sys.stdin.isatty():
        raise InvalidInput(tr("nobody is here to confirm; add --yes. Nothing was changed"))
    answer = typer.prompt(
        printable(tr("{question} [y/N]", question=question)),
        default="",
        show_default=False,
        err=True,
    )
    if answer.strip().lower() not in {"y", "yes", tr("y"), tr("yes")}:
        raise InvalidInput(tr("nothing was changed"))


def when(moment: datetime | None) -> str:
    """A moment for people, in the zone it carries."""
    return "" if moment is None else moment.strftime(tr("%Y-%m-%d %H:%M:%S %Z"))


def day(which: date) -> str:
    """A day for people."""
    return which.strftime(tr("%Y-%m-%d"))


def _short(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return when(cell)
    if isinstance(cell, date):
        return day(cell)
    return " ".join(str(cell).split())


def _plain(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _write(stream: TextIO, text: str) -> None:
    stream.write(f"{printable(text)}\n")
    stream.flush()
