"""The chain itself, pure: lines in, verdict out. Needs neither database nor key.

An entry is one line of canonical JSON (RFC 8785: sorted keys, no spaces, UTF-8 as it is). Every
value is a string, an integer, a boolean or null, for which Python's own encoder writes that form.
``prev`` is the SHA-256 of the line before; the first entry's ``prev`` is 64 zeros.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

#: The form of the entries written now; a reader refuses a newer one rather than guess.
VERSION = 1
GENESIS = "0" * 64

Fact = str | int | bool | None


def canonical(entry: dict[str, Fact]) -> str:
    """The one way to write ``entry`` down, without a line end."""
    return json.dumps(
        entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def parse(line: str) -> dict[str, Fact]:
    """The entry that a line holds. Raises ValueError where it holds none."""
    entry = json.loads(line)
    if not isinstance(entry, dict):
        raise ValueError("not an entry")  # noqa: TRY004  (one error for whatever is no entry)
    return entry


def digest(line: str) -> str:
    """SHA-256 of a line, in hexadecimal."""
    return hashlib.sha256(line.encode()).hexdigest()


def commitment(salt: str, content: dict[str, Any]) -> str:
    """A salted SHA-256 of a content: it proves the text to who has both, and tells nothing else."""
    form = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{salt}\n{form}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Break:
    """Where the log stops holding, and how: ``place`` is the 1-based number of the line."""

    place: int
    message: str

    def __str__(self) -> str:
        return f"entry {self.place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found: how many entries, the last one's hash, and every break."""

    entries: int
    head: str
    breaks: tuple[Break, ...]

    @property
    def ok(self) -> bool:
        """Whether every entry stands as it was written."""
        return not self.breaks


def check(lines: Iterable[str], *, most: int = 20) -> Verdict:
    """Walk the lines from the first entry and name each break, ``most`` of them at the most."""
    breaks: list[Break] = []
    count, head = 0, GENESIS
    for place, line in enumerate(lines, start=1):
        count = place
        breaks.extend(Break(place, message) for message in _faults(line, place, head))
        head = digest(line)
        if len(breaks) >= most:
            break
    return Verdict(count, head, tuple(breaks[:most]))


def _faults(line: str, place: int, prev: str) -> Iterator[str]:
    try:
        entry = parse(line)
    except (ValueError, RecursionError):
        yield "is not an entry"
        return
    try:
        changed = canonical(entry) != line
    except ValueError:
        changed = True
    if changed:
        yield "is not in its canonical form: it was rewritten"
    if entry.get("v") != VERSION:
        yield f"has the version {entry.get('v')!r}, this program reads {VERSION}"
    if entry.get("seq") != place:
        yield f"carries the number {entry.get('seq')!r}: entries are missing, added or swapped"
    if entry.get("prev") != prev:
        yield "does not follow the entry before it: one of the two was changed, or some are missing"
