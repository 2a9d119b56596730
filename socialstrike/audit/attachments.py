"""What stands after the entries of an exported file: checkpoints, the key, and what the hashes in
the entries stand for. Each is one line of canonical JSON whose first key is ``attached``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from socialstrike.audit import chain, people
from socialstrike.audit.chain import Break, Fact
from socialstrike.audit.note import Note, read
from socialstrike.i18n import tr

#: How each of these lines begins, and no entry does.
BEGINNING = b'{"attached"'
#: What each kind holds beside its own name.
_PARTS: dict[str, dict[str, type]] = {
    "checkpoint": {"note": str},
    "key": {"key": str},
    "person": {"name": str, "salt": str, "token": str},
    "content": {"content": str, "said": dict, "salt": str},
}


@dataclass
class Attachments:
    """The attachments of one file. Dictionaries lead to the 1-based number of the line."""

    checkpoints: list[tuple[int, Note]] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    breaks: list[Break] = field(default_factory=list)
    #: What is attached, by the hash that entries hold; an entry that holds it strikes it off.
    unmet: dict[str, int] = field(default_factory=dict)

    def add(self, place: int, line: bytes) -> None:
        """Judge one line by itself."""
        try:
            fault = self._read(place, chain.parse(line.decode()), line)
        except (ValueError, RecursionError):
            fault = tr("is not an attachment")
        if fault:
            self.breaks.append(Break(place, fault, "line"))

    def meet(self, entry: dict[str, Fact]) -> None:
        """Strike off what ``entry`` refers to."""
        for value in entry.values():
            if isinstance(value, str):
                self.unmet.pop(value, None)

    def strangers(self) -> Iterator[Break]:
        """What no entry refers to."""
        for place in self.unmet.values():
            yield Break(place, tr("no entry refers to what is attached here"), "line")

    def _read(self, place: int, said: dict[str, Any], line: bytes) -> str | None:
        kind = said.pop("attached", None)
        parts = _PARTS.get(kind) if isinstance(kind, str) else None
        if parts is None:
            return tr("attaches something that this program does not know")
        if chain.canonical({"attached": kind, **said}).encode() != line:
            return tr("is not in its canonical form: it was rewritten")
        if said.keys() != parts.keys() or not _all(said, parts):
            return tr("is not a {kind}", kind=kind)
        judge: dict[str, Callable[..., str | None]] = {
            "checkpoint": self._checkpoint,
            "key": self._public,
            "person": self._person,
            "content": self._content,
        }
        return judge[str(kind)](place, **said)

    def _checkpoint(self, place: int, note: str) -> str | None:
        read_note = read(note)
        size = read_note.checkpoint.size
        if self.checkpoints and self.checkpoints[-1][1].checkpoint.size >= size:
            return tr(
                "is not larger than the checkpoint before it: checkpoints were added or swapped"
            )
        self.checkpoints.append((place, read_note))
        return None

    def _public(self, place: int, key: str) -> str | None:
        return self._once(self.keys, key, place)

    def _person(self, place: int, name: str, salt: str, token: str) -> str | None:
        if people.token(name, salt) != token:
            return tr("the token is not that of this name and salt: one of them was changed")
        return self._once(self.unmet, token, place)

    def _content(self, place: int, content: str, salt: str, said: dict[str, Any]) -> str | None:
        if chain.commitment(salt, said) != content:
            return tr("the hash is not that of these words and salt: one of them was changed")
        return self._once(self.unmet, content, place)

    @staticmethod
    def _once(seen: dict[str, int], what: str, place: int) -> str | None:
        if what in seen:
            return tr("is attached in line {seen} already", seen=seen[what])
        seen[what] = place
        return None


def attached(lines: Iterable[bytes]) -> Attachments:
    """The attachments among the lines of a file, wherever they stand."""
    found = Attachments()
    for place, line in enumerate(lines, start=1):
        if line.startswith(BEGINNING):
            found.add(place, line)
    return found


def _all(said: dict[str, Any], parts: dict[str, type]) -> bool:
    return all(isinstance(said[name], kind) for name, kind in parts.items())
