"""What an MP4 is made of: boxes in boxes, walked within bounds, and blanked where they are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from socialstrike.i18n import tr
from socialstrike.pictures.parts import UnusablePicture

#: Boxes that are looked at, of the whole file, and samples and chunks of its tracks: an hour of
#: film has some 400,000. Walking them is what takes the time.
MAX_BOXES = 20_000
MAX_TABLE = 1_500_000
#: The names under which a place is told, and as much of a dropped box as is searched for them.
_PLACES = (b"\xa9xyz", b"loci", b"ISO6709", b"GPS", b"gpmd", b"camm", b"mebx")
_MAX_SEARCHED = 1_000_000


@dataclass(frozen=True, slots=True)
class Box:
    """One box: where it begins, where its content begins, where it ends."""

    name: bytes
    start: int
    body: int
    end: int


class Boxes:
    """One file on its way; ``data`` becomes what is kept of it.

    ``place``: what was dropped seemed to name a place.
    """

    def __init__(self, content: bytes) -> None:
        self.data = bytearray(content)
        self.place = False
        self._boxes = self._table = 0

    def walk(self, start: int, end: int, *, top: bool = False) -> Iterator[Box]:
        """The boxes between two places. Raises UnusablePicture where they do not fit."""
        while start < end:
            self._boxes += 1
            if self._boxes > MAX_BOXES:
                raise overfull()
            if end - start < 8:
                raise incomplete()
            size, name = struct.unpack_from(">I4s", self.data, start)
            body = start + 8
            if size == 1 and end - start >= 16:
                (size,) = struct.unpack_from(">Q", self.data, body)
                body += 8
            elif size == 0 and top:
                size = end - start  # the last one, up to the end of the file
            if start + size < body or start + size > end:
                raise incomplete()
            yield Box(name, start, body, start + size)
            start += size

    def drop(self, box: Box) -> None:
        """Make free space of a box: readers pass over it, and nothing is left in it."""
        head = bytes(self.data[box.start + 4 : min(box.end, box.body + _MAX_SEARCHED)])
        self.place = self.place or any(word in head for word in _PLACES)
        self.data[box.start + 4 : box.start + 8] = b"free"
        self.blank(box.body, box.end)

    def blank(self, start: int, end: int) -> None:
        """Fill with zeros what lies between two places."""
        self.data[start:end] = bytes(end - start)

    def need(self, box: Box, size: int) -> None:
        """Raise UnusablePicture where a box holds fewer than ``size`` bytes."""
        if box.end - box.body < size:
            raise incomplete()

    def numbers(self, box: Box, each: str, *, at: int = 4) -> tuple[int, ...]:
        """A table's numbers, ``each`` row a struct format. ``at``: where their count stands.

        Raises UnusablePicture where they do not fit, or are too many.
        """
        self.need(box, at + 4)
        (count,) = struct.unpack_from(">I", self.data, box.body + at)
        form = struct.Struct(f">{each}")
        self.need(box, at + 4 + count * form.size)
        self._table += count
        if self._table > MAX_TABLE:
            raise overfull()
        kind = each[0]
        return struct.unpack_from(f">{count * len(each)}{kind}", self.data, box.body + at + 4)


def incomplete() -> UnusablePicture:
    """The error for a file whose boxes or tables do not fit."""
    return UnusablePicture(
        tr("is damaged or incomplete; play it to its end, then copy it again from where it came")
    )


def fragmented() -> UnusablePicture:
    """The error for a film in fragments."""
    return UnusablePicture(
        tr("is in fragments, as for streaming; save it again as an ordinary MP4 (H.264 and AAC)")
    )


def rare() -> UnusablePicture:
    """The error for what cameras and phones do not make."""
    return UnusablePicture(
        tr("is a rare kind of MP4; save it again as an ordinary MP4 (H.264 and AAC)")
    )


def overfull() -> UnusablePicture:
    """The error for more parts than any film needs."""
    return UnusablePicture(
        tr(
            "is made of too many parts to be a film;"
            " save it again as an ordinary MP4 (H.264 and AAC)"
        )
    )


def no_beginning() -> UnusablePicture:
    """The error for a file that does not say that it is an MP4."""
    return UnusablePicture(
        tr("does not begin as an MP4 does; save it again as an ordinary MP4 (H.264 and AAC)")
    )
