"""The chain itself, pure: lines in, verdict out. Needs neither database nor key.

An entry is one line of canonical JSON (RFC 8785: sorted keys, no spaces, UTF-8 as it is). Every
value is a string, an integer, a boolean or null, for which Python's own encoder writes that form.
``prev`` is the SHA-256 of the line before; the first entry's ``prev`` is 64 zeros.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from socialstrike.i18n import tr

#: The form of the entries written now; a reader refuses a newer one rather than guess.
VERSION = 2
#: Every form there has been. Version 1 names people, version 2 holds tokens in their place.
VERSIONS = (1, 2)
GENESIS = "0" * 64

Fact = str | int | bool | None


# Made once: json.dumps makes an encoder for every call with other settings than its own.
_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def canonical(entry: Mapping[str, object]) -> str:
    """The one way to write ``entry`` down, without a line end."""
    return _encode(entry)


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
    """Where the log stops holding, and how: ``place`` is the 1-based number of a ``kind``, which
    is an entry, a line of an exported file, or a checkpoint (by its size).
    """

    place: int
    message: str
    kind: str = "entry"

    def __str__(self) -> str:
        return f"{self.kind} {self.place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found: how many entries, the last one's hash, and every break.

    ``root`` is that of the entries' Merkle tree, in hexadecimal. ``signed`` is the number of
    entries under the newest checkpoint, and ``key`` the verifier key that signed it.
    """

    entries: int
    head: str
    breaks: tuple[Break, ...]
    root: str = ""
    signed: int = 0
    key: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every entry stands as it was written."""
        return not self.breaks


class Walk:
    """Follows the chain from the first entry, in constant memory."""

    def __init__(self) -> None:
        self.count = 0
        self.head = GENESIS
        self.breaks: list[Break] = []
        self._version = VERSIONS[0]

    def add(self, line: bytes) -> dict[str, Fact]:
        """Judge the next line and return its entry; an empty one where it holds none."""
        self.count += 1
        prev, self.head = self.head, hashlib.sha256(line).hexdigest()
        try:
            text = line.decode()
            entry = parse(text)
            same = _encode(entry) == text
        except (ValueError, RecursionError):
            self.breaks.append(Break(self.count, tr("is not an entry")))
            return {}
        version, seq = entry.get("v"), entry.get("seq")
        # Types too: to Python true is 1, and 1.0 is 1.
        plain = type(version) is int and type(seq) is int
        if not (
            plain
            and same
            and version == self._version
            and seq == self.count
            and entry.get("prev") == prev
        ):
            self._judge(entry, same, prev)
        return entry

    def _judge(self, entry: dict[str, Fact], same: bool, prev: str) -> None:
        """Name everything that is wrong with ``entry``; a first entry of a newer form is right."""
        version, seq = entry.get("v"), entry.get("seq")
        found = []
        if not same:
            found.append(tr("is not in its canonical form: it was rewritten"))
        if type(version) is not int or version not in VERSIONS:
            found.append(
                tr(
                    "has the version {version!r}, this program reads 1 to {newest}",
                    version=version,
                    newest=VERSION,
                )
            )
        elif version < self._version:
            found.append(
                tr(
                    "has the version {version}, the entry before it {self_version}",
                    version=version,
                    self_version=self._version,
                )
            )
        else:
            self._version = version
        if seq != self.count or type(seq) is not int:
            found.append(
                tr("carries the number {seq!r}: entries are missing, added or swapped", seq=seq)
            )
        if entry.get("prev") != prev:
            found.append(
                tr(
                    "does not follow the entry before it: one of the two was changed, or some are"
                    " missing"
                )
            )
        self.breaks.extend(Break(self.count, message) for message in found)


def check(lines: Iterable[str], *, most: int = 20) -> Verdict:
    """Walk the lines from the first entry and name each break, ``most`` of them at the most."""
    walk = Walk()
    for line in lines:
        walk.add(line.encode("utf-8", "surrogatepass"))
        if len(walk.breaks) >= most:
            break
    return Verdict(walk.count, walk.head, tuple(walk.breaks[:most]))
