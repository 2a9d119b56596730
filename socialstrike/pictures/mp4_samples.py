"""Where the pictures and the sound of an MP4 lie: by the tables of its tracks, and nothing else.

What of the data belongs to none of the tracks is blanked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from socialstrike.pictures.mp4_boxes import Box, Boxes, incomplete

#: A track's tables, as they are named in the file.
Tables = dict[bytes, Box]


def keep_samples(film: Boxes, data: list[Box], tracks: list[Tables]) -> None:
    """Blank what of ``data`` belongs to none of the ``tracks``, each given by its tables.

    Raises UnusablePicture where the tables do not fit one another or the data.
    """
    spans = sorted(
        (start, end) for track in tracks for start, end in _chunks(film, track) if start < end
    )
    inside = iter(data)
    box = next(inside)
    position = box.body
    for start, end in spans:
        while start >= box.end:
            film.blank(position, box.end)
            following = next(inside, None)
            if following is None:
                raise incomplete()
            box, position = following, following.body
        if start < box.body or end > box.end:
            raise incomplete()
        if start > position:
            film.blank(position, start)
        position = max(position, end)
    film.blank(position, box.end)
    for box in inside:
        film.blank(box.body, box.end)


def _chunks(film: Boxes, track: Tables) -> Iterator[tuple[int, int]]:
    """Where each of the track's chunks lies: (start, end)."""
    offsets = _offsets(film, track)
    sizes = _sizes(film, track)
    for (first, samples), (following, _) in pairwise([*_runs(film, track, len(offsets))]):
        for number in range(first, following):
            start = offsets[number]
            yield start, start + sizes.take(samples)
    if sizes.left:
        raise incomplete()


def _offsets(film: Boxes, track: Tables) -> tuple[int, ...]:
    narrow = track.get(b"stco")
    box = narrow or track[b"co64"]
    return film.numbers(box, "I" if narrow else "Q")


def _runs(film: Boxes, track: Tables, chunks: int) -> Iterator[tuple[int, int]]:
    """From which chunk on a chunk has how many samples; at last where the chunks end."""
    numbers = film.numbers(track[b"stsc"], "III")
    before = -1
    for first, samples in zip(numbers[::3], numbers[1::3], strict=True):
        if not before < first - 1 < chunks or (before < 0 and first != 1):
            raise incomplete()
        before = first - 1
        yield before, samples
    if chunks and before < 0:
        raise incomplete()
    yield chunks, 0


def _sizes(film: Boxes, track: Tables) -> _Sizes:
    box = track[b"stsz"]
    film.need(box, 12)
    each, count = struct.unpack_from(">II", film.data, box.body + 4)
    listed = () if each else film.numbers(box, "I", at=8)
    return _Sizes(each, listed, count)


@dataclass(slots=True)
class _Sizes:
    """The sizes of a track's samples, taken from the first on."""

    each: int
    listed: tuple[int, ...]
    left: int
    _position: int = 0

    def take(self, samples: int) -> int:
        """How many bytes the next samples have. Raises UnusablePicture where there are fewer."""
        if samples > self.left:
            raise incomplete()
        self.left -= samples
        start, self._position = self._position, self._position + samples
        return samples * self.each if self.each else sum(self.listed[start : self._position])
