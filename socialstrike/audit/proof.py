"""The entries against what was signed or noted about them: checkpoints, a key, a head."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from socialstrike.audit.chain import Break, Fact, Run, Verdict, Walk
from socialstrike.audit.merkle import Tree
from socialstrike.audit.note import Key, Note, read
from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import tr

#: No more breaks than this are told.
MOST = 20
_HEAD = re.compile(r"\s*([0-9]{1,18})[\s:]\s*((?:[0-9a-fA-F]\s*){64})")
#: A file that somebody names as a head or a key is no longer than this, in characters.
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of the first ``size`` entries: their root, and how it is known.

    ``kind`` and ``place`` say where it stands. ``peaks`` are those of a stored checkpoint.
    """

    kind: str
    place: int
    size: int
    root: str
    note: Note | None = None
    peaks: tuple[str, ...] | None = None

    @classmethod
    def of(cls, note: Note, kind: str, place: int) -> Mark:
        """What a note says."""
        said = note.checkpoint
        return cls(kind, place, said.size, said.root.hex(), note)


class Proof:
    """Walks the entries once, in constant memory, and holds each mark against them."""

    def __init__(self, marks: Iterable[Mark], key: Key | None = None) -> None:
        """``key`` is one known from elsewhere: every note must be signed by it."""
        self._walk = Walk()
        self._tree = Tree()
        self._given = key
        self._key: Key | None = None  # the log's own, as its entry log.key tells
        self._key_at = 0
        self._marks: dict[int, list[Mark]] = {}
        self._known = 0  # the newest checkpoint, whether it holds or not
        for mark in marks:
            self._marks.setdefault(mark.size, []).append(mark)
            if mark.note is not None:
                self._known = max(self._known, mark.size)
        self._stops = sorted(self._marks, reverse=True)
        self._sure = 0  # so many entries are those of a checkpoint that holds
        self._signed = 0
        self.keys: set[str] = set()
        self._meet()

    @property
    def breaks(self) -> list[Break]:
        """Every break so far; more may be put to them."""
        return self._walk.breaks

    @property
    def count(self) -> int:
        """How many entries there were."""
        return self._walk.count

    @property
    def head(self) -> str:
        """The last entry's hash."""
        return self._walk.head

    @property
    def key(self) -> str | None:
        """The key that the log names, the newest of them."""
        return None if self._key is None else str(self._key)

    @property
    def full(self) -> bool:
        """Whether so much is broken that it is not worth going on."""
        return len(self._walk.breaks) >= MOST

    def add(self, line: bytes) -> dict[str, Fact]:
        """The next entry, without its line end; what it says, empty where it is none."""
        entry = self._walk.add(line)
        self._tree.add(line)
        if entry.get("event") == "log.key":
            self._name_key(entry.get("key"))
        if self._walk.count in self._marks:
            self._meet()
        return entry

    @property
    def until_mark(self) -> int:
        """How many entries may be added before one has to be held against a mark."""
        while self._stops and self._stops[-1] <= self._walk.count:
            self._stops.pop()
        return self._stops[-1] - self._walk.count if self._stops else sys.maxsize

    def sound(self, lines: Sequence[bytes]) -> Run | None:
        """The next lines, ``until_mark`` of them at the most, where ``add`` would find nothing to
        tell of any; else None. Nothing is added yet.
        """
        run = self._walk.sound(lines)
        if run is None or any(entry.get("event") == "log.key" for entry in run.entries):
            return None
        return run

    def take(self, run: Run) -> None:
        """Add a run that ``sound`` gave."""
        self._walk.take(run)
        self._tree.add_all(run.lines)
        if self._walk.count in self._marks:
            self._meet()

    def verdict(self, *, notes: bool) -> Verdict:
        """``notes``: whether the checkpoints are where the entries are, so that none missing
        where a key was made means that they were taken away.
        """
        count = self._walk.count
        if not self.full:
            for mark in (mark for marks in self._marks.values() for mark in marks):
                missing = tr("the entries up to {size} are missing", size=mark.size)
                self._tell(
                    mark,
                    tr("the log ends at entry {count}: {missing}", count=count, missing=missing),
                )
            if notes and self._known < self._key_at:
                self.breaks.append(
                    Break(
                        self._key_at,
                        tr(
                            "names the key of the checkpoints, and there is none: they were taken"
                            " away"
                        ),
                    )
                )
            if self._given is not None and not self._signed:
                self.breaks.append(
                    Break(count, tr("no checkpoint up to here is signed by your key"))
                )
        breaks = tuple(self.breaks[:MOST])
        key = str(self._given or self._key) if self._signed else None
        root = self._tree.root().hex()
        return Verdict(count, self._walk.head, breaks, root, self._signed, key)

    def _name_key(self, text: Fact) -> None:
        try:
            self._key = Key.parse(text if isinstance(text, str) else "")
        except ValueError:
            self.breaks.append(Break(self._walk.count, tr("names a key that is none")))
            return
        self._key_at = self._walk.count
        self.keys.add(str(self._key))

    def _meet(self) -> None:
        for mark in self._marks.pop(self._walk.count, ()):
            if fault := self._fault(mark):
                self._tell(mark, fault)
            elif mark.note is not None:
                self._sure = self._signed = mark.size

    def _fault(self, mark: Mark) -> str | None:
        if mark.note is not None and (fault := self._signature(mark.note)):
            return fault
        if mark.root != self._tree.root().hex():
            first, last = self._sure + 1, mark.size
            return tr(
                "one of the entries {first} to {last} was changed: their root is another",
                first=first,
                last=last,
            )
        if mark.note is not None and mark.note.checkpoint.head != self._walk.head:
            return tr("it names another hash of entry {size}", size=mark.size)
        if mark.peaks is not None and list(mark.peaks) != self._tree.peaks:
            return tr("its peaks are not those of the entries")
        return None

    def _signature(self, note: Note) -> str | None:
        if self._given is not None and not note.signed_by(self._given):
            return tr("it is not signed by your key")
        if self._key is None:
            return tr("the log names no key before it")
        if note.checkpoint.origin != self._key.name or not note.signed_by(self._key):
            return tr("it is not signed by the key that entry {key_at} names", key_at=self._key_at)
        return None

    def _tell(self, mark: Mark, what: str) -> None:
        self.breaks.append(Break(mark.place, what, mark.kind))


def noted_head(given: str) -> Mark:
    """A head that somebody noted: the line of ``audit head``, its note, or a file with either.

    Raises InvalidInput where it is neither.
    """
    text = _text_or_file(given)
    if match := _HEAD.fullmatch(text):
        size, root = int(match[1]), "".join(match[2].split()).lower()
        return Mark(tr("your head"), size, size, root)
    try:
        note = read(text)
    except ValueError:
        raise InvalidInput(
            tr(
                "{given!r} is neither a head as socialstrike audit head prints it, nor a file"
                " with one; give the number and the 64 letters, in quotation marks",
                given=given[:80],
            )
        ) from None
    return Mark.of(note, tr("your head"), note.checkpoint.size)


def noted_key(given: str) -> Key:
    """A verifier key that somebody noted, or a file with one. Raises InvalidInput."""
    try:
        return Key.parse(_text_or_file(given).strip())
    except ValueError:
        raise InvalidInput(
            tr(
                "{given!r} is neither a key as socialstrike audit head --key prints it, nor a"
                " file with one; a mistyped letter is enough",
                given=given[:80],
            )
        ) from None


def _text_or_file(given: str) -> str:
    path = Path(given)
    try:
        if not path.is_file():
            return given
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST)
    except (OSError, ValueError):  # too long for a name, or with a line end or a zero in it
        return given
