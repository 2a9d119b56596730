"""The drafts of one file in little memory: a hundred thousand of them take 20 MB instead of 150."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from msgspec import msgpack
from msgspec.structs import force_setattr, replace

from socialstrike.drafts import Draft

#: So many drafts are packed together: to see one again, all of them are unpacked.
_TOGETHER = 16
#: What comes to more deliveries is not packed again once it was changed: it may be changed often.
_LARGE = 16


def _plain(value: Any) -> bytes:
    """A picture's path as bytes: its name need not be text."""
    if not isinstance(value, Path):
        raise TypeError(f"a draft holds a {type(value).__name__}, which is not packed")
    return os.fsencode(value)


def _path(kind: type, value: Any) -> Path:
    if kind is not Path:
        raise TypeError(f"a draft holds a {kind.__name__}, which is not packed")
    return Path(os.fsdecode(value))


_encode = msgpack.Encoder(enc_hook=_plain).encode
_decode = msgpack.Decoder(list[Draft], dec_hook=_path).decode


class Pile(Sequence[Draft]):
    """Drafts, each of which is made anew when it is asked for; all of one file, ``where``.

    ``deliveries`` is how many they come to, ``accounts`` maps each account they address to its
    platform.
    """

    def __init__(self, where: str) -> None:
        self.deliveries = 0
        self.accounts: dict[str, str] = {}
        self._where = where
        self._packed: list[bytes] = []
        # The last drafts, which are too few for a pack.
        self._last: list[Draft] = []
        # What was changed since it was packed, each by itself.
        self._changed: dict[int, Draft | bytes] = {}
        self._seen = -1, self._last

    def append(self, draft: Draft) -> None:
        """Put a draft at the end."""
        self._last.append(draft)
        self._count(draft)
        if len(self._last) == _TOGETHER:
            # Compressed to a fifth: posts are alike.
            self._packed.append(zlib.compress(_pack(self._last), 1))
            self._last = []

    def change(self, place: int, into: Callable[[Draft], Draft]) -> None:
        """Put another draft in the place of one, to the same accounts and more."""
        before = self[place]
        after = into(before)
        self.deliveries -= len(before.deliveries)
        self._count(after)
        number, inside = divmod(place, _TOGETHER)
        if number == len(self._packed):
            self._last[inside] = after
        else:
            self._changed[place] = after if len(after.deliveries) > _LARGE else _pack([after])

    def __len__(self) -> int:
        return len(self._packed) * _TOGETHER + len(self._last)

    def __eq__(self, other: object) -> bool:
        """Whether the other holds the same drafts in the same order."""
        return isinstance(other, Sequence) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __iter__(self) -> Iterator[Draft]:
        for number, packed in enumerate(self._packed):
            for place, draft in enumerate(
                self._unpack(zlib.decompress(packed)), number * _TOGETHER
            ):
                yield self[place] if place in self._changed else draft
        yield from self._last

    @overload
    def __getitem__(self, place: int) -> Draft: ...

    @overload
    def __getitem__(self, place: slice) -> list[Draft]: ...

    def __getitem__(self, place: int | slice) -> Draft | list[Draft]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        found = range(len(self))[place]
        if changed := self._changed.get(found):
            return changed if isinstance(changed, Draft) else self._unpack(changed)[0]
        number, inside = divmod(found, _TOGETHER)
        if number == len(self._packed):
            return self._last[inside]
        if self._seen[0] != number:
            self._seen = number, self._unpack(zlib.decompress(self._packed[number]))
        return self._seen[1][inside]

    def _count(self, draft: Draft) -> None:
        self.deliveries += len(draft.deliveries)
        for one in draft.deliveries:
            self.accounts[one.account] = one.platform

    def _unpack(self, packed: bytes) -> list[Draft]:
        drafts = _decode(packed)
        for draft in drafts:
            force_setattr(draft, "where", self._where)
        return drafts


def _pack(drafts: Sequence[Draft]) -> bytes:
    """The drafts without their file's name, which need not be text."""
    return _encode([replace(draft, where="") for draft in drafts])
