"""MP4: the film and its sound stay where they are; hours, places and whatever else was told go.

Nothing is moved, because the tables of a film say at which byte each part of it lies: what goes is
filled with zeros in its place. As with pictures a short list says what stays. Of the data itself
only what belongs to a picture or sound track stays, so that a camera's track of places is gone
with its content.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from socialstrike.i18n import tr
from socialstrike.pictures.parts import UnusablePicture

#: Boxes that are looked at, of the whole file, and samples and chunks of its tracks: an hour of
#: film has some 400,000. Walking them is what takes the time.
MAX_BOXES = 20_000
MAX_TABLE = 1_500_000
_MAX_TRACKS = 32
_MAX_ENTRIES = 16
#: The names under which a place is told, and as much of a dropped box as is searched for them.
_PLACES = (b"\xa9xyz", b"loci", b"ISO6709", b"GPS", b"gpmd", b"camm", b"mebx")
_MAX_SEARCHED = 1_000_000

_CONTAINERS: dict[bytes, frozenset[bytes]] = {
    b"moov": frozenset({b"mvhd", b"trak"}),
    b"trak": frozenset({b"tkhd", b"edts", b"mdia"}),
    b"edts": frozenset({b"elst"}),
    b"mdia": frozenset({b"mdhd", b"hdlr", b"minf"}),
    b"minf": frozenset({b"vmhd", b"smhd", b"dinf", b"stbl"}),
    b"dinf": frozenset({b"dref"}),
    b"stbl": frozenset(b"stsd stts ctts cslg stss stsh sdtp stsc stsz stco co64 sgpd sbgp".split()),
}
#: These may stand several times, one for each way of grouping samples.
_REPEATED = frozenset({b"sgpd", b"sbgp"})
#: A sample entry's name → bytes before the boxes in it, and those of them that stay.
_ENTRIES: dict[bytes, tuple[int, frozenset[bytes]]] = {
    b"avc1": (78, frozenset({b"avcC", b"btrt", b"colr", b"pasp", b"clap"})),
    b"avc3": (78, frozenset({b"avcC", b"btrt", b"colr", b"pasp", b"clap"})),
    b"mp4a": (28, frozenset({b"esds", b"btrt"})),
}
_CODECS = {b"vide": {b"avc1", b"avc3"}, b"soun": {b"mp4a"}}
_BRANDS = frozenset(b"isom iso2 iso3 iso4 iso5 iso6 mp41 mp42 avc1 MSNV M4V".split()) | {b"M4V "}
_STILL = frozenset(b"heic heix heim heis hevc mif1 msf1 avif avis".split())


@dataclass(frozen=True, slots=True)
class Film:
    """A cleaned film: its content, measures in pixels as it is shown, length in seconds.

    ``place``: what was dropped seemed to name a place.
    """

    content: bytes
    width: int
    height: int
    seconds: float
    place: bool


@dataclass(frozen=True, slots=True)
class _Box:
    name: bytes
    start: int
    body: int
    end: int


@dataclass(slots=True)
class _Track:
    """What one track's boxes said, of what is needed here."""

    kind: bytes = b""
    shown: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    tables: dict[bytes, _Box] = field(default_factory=dict)


def clean(content: bytes) -> Film:
    """The film in ``content`` without all else; as many bytes as before. Raises UnusablePicture."""
    return _Cleaning(content).made()


class _Cleaning:
    """One file on its way; ``data`` becomes what is kept of it."""

    def __init__(self, content: bytes) -> None:
        self.data = bytearray(content)
        self.boxes = self.table = 0
        self.place = False

    def made(self) -> Film:
        top = list(self._walk(0, len(self.data), top=True))
        if not top or top[0].name != b"ftyp":
            raise _no_beginning()
        self._check_brand(top[0])
        names = [box.name for box in top]
        if b"moof" in names:
            raise _fragmented()
        if names.count(b"moov") != 1 or b"mdat" not in names or names.count(b"ftyp") != 1:
            raise UnusablePicture(
                tr("holds no whole film; save it again as an ordinary MP4 (H.264 and AAC)")
            )
        for box in top:
            if box.name not in {b"ftyp", b"moov", b"mdat"}:
                self._drop(box)
        seconds, tracks = self._movie(top[names.index(b"moov")])
        film = next((track for track in tracks if track.kind == b"vide"), None)
        if film is None or not all(film.shown):
            raise UnusablePicture(
                tr(
                    "shows nothing: it has no track of pictures;"
                    " save it again as an ordinary MP4 (H.264 and AAC)"
                )
            )
        self._keep_samples([box for box in top if box.name == b"mdat"], tracks)
        seconds = max(seconds, *(track.seconds for track in tracks))
        if not 0 < seconds < 1_000_000:
            raise UnusablePicture(
                tr("does not say how long it is; save it again as an ordinary MP4 (H.264 and AAC)")
            )
        width, height = film.shown
        return Film(bytes(self.data), width, height, round(seconds, 3), self.place)

    def _walk(self, start: int, end: int, *, top: bool = False) -> Iterator[_Box]:
        """The boxes between two places. Raises UnusablePicture where they do not fit."""
        while start < end:
            self.boxes += 1
            if self.boxes > MAX_BOXES:
                raise _overfull()
            if end - start < 8:
                raise _incomplete()
            size, name = struct.unpack_from(">I4s", self.data, start)
            body = start + 8
            if size == 1 and end - start >= 16:
                (size,) = struct.unpack_from(">Q", self.data, body)
                body += 8
            elif size == 0 and top:
                size = end - start  # the last one, up to the end of the file
            if start + size < body or start + size > end:
                raise _incomplete()
            yield _Box(name, start, body, start + size)
            start += size

    def _drop(self, box: _Box) -> None:
        """Make free space of a box: readers pass over it, and nothing is left in it."""
        head = bytes(self.data[box.start + 4 : min(box.end, box.body + _MAX_SEARCHED)])
        self.place = self.place or any(word in head for word in _PLACES)
        self.data[box.start + 4 : box.start + 8] = b"free"
        self._blank(box.body, box.end)

    def _blank(self, start: int, end: int) -> None:
        self.data[start:end] = bytes(end - start)

    def _check_brand(self, box: _Box) -> None:
        brands = bytes(self.data[box.body : box.body + 4]), bytes(self.data[box.body + 8 : box.end])
        found = {brands[0], *(brands[1][at : at + 4] for at in range(0, len(brands[1]), 4))}
        if box.end - box.body < 8 or box.end - box.start > 1_000:
            raise _no_beginning()
        if brands[0] in _STILL:
            raise UnusablePicture(tr("is a HEIC or AVIF picture; save it again as PNG or JPEG"))
        if brands[0] == b"qt  " or not found & _BRANDS:
            raise UnusablePicture(
                tr(
                    "is no MP4 but a file of the same family;"
                    " save it again as an ordinary MP4 (H.264 and AAC)"
                )
            )

    def _movie(self, moov: _Box) -> tuple[float, list[_Track]]:
        seconds = 0.0
        tracks: list[_Track] = []
        for box in self._walk(moov.body, moov.end):
            if box.name == b"mvex":
                raise _fragmented()
            if box.name not in _CONTAINERS[b"moov"]:
                self._drop(box)
            elif box.name == b"mvhd":
                seconds = self._header(box, 100)
            elif len(tracks) == _MAX_TRACKS:
                raise _rare()
            else:
                tracks.append(self._track(box))
        return seconds, [track for track in tracks if track.kind]

    def _track(self, trak: _Box) -> _Track:
        """One track; without a kind where it is neither pictures nor sound, and then it is gone."""
        track = _Track(kind=self._kind(trak))
        if track.kind:
            self._contents(trak, track)
            self._check_track(track)
        else:
            self._drop(trak)
        return track

    def _kind(self, trak: _Box) -> bytes:
        for mdia in self._walk(trak.body, trak.end):
            if mdia.name == b"mdia":
                for box in self._walk(mdia.body, mdia.end):
                    if box.name == b"hdlr":
                        kind = bytes(self.data[box.body + 8 : min(box.body + 12, box.end)])
                        return kind if kind in _CODECS else b""
        return b""

    def _contents(self, above: _Box, track: _Track) -> None:
        # As deep as the list of containers, whatever the file holds.
        kept = _CONTAINERS[above.name]
        for box in self._walk(above.body, above.end):
            if box.name not in kept:
                self._drop(box)
            elif box.name in _CONTAINERS:
                self._contents(box, track)
            elif box.name in track.tables and box.name not in _REPEATED:
                raise _rare()
            else:
                track.tables[box.name] = box
                self._told(box, track)

    def _told(self, box: _Box, track: _Track) -> None:
        """What a box says of its track; the hours and names that it says as well are blanked."""
        if box.name == b"mdhd":
            track.seconds = self._header(box, 24)
        elif box.name == b"tkhd":
            wide = self._wide(box, 84)
            self._blank(box.body + 4, box.body + (20 if wide else 12))
            width, height = struct.unpack_from(">II", self.data, box.body + (88 if wide else 76))
            turned = struct.unpack_from(">i", self.data, box.body + (52 if wide else 40))[0] == 0
            width, height = width >> 16, height >> 16
            track.shown = (height, width) if turned else (width, height)
        elif box.name == b"hdlr":
            self._need(box, 24)
            self._blank(box.body + 12, box.body + 24)
            self._blank(box.body + 24, box.end)  # the name, such as that of the camera
        elif box.name == b"dref":
            self._check_reference(box)
        elif box.name == b"stsd":
            self._codec(box, track)

    def _header(self, box: _Box, least: int) -> float:
        """The length in seconds that a movie's or a medium's header tells;"
        " its hours are blanked."""
        wide = self._wide(box, least)
        self._blank(box.body + 4, box.body + (20 if wide else 12))
        form, at = (">IQ", 20) if wide else (">II", 12)
        scale, length = struct.unpack_from(form, self.data, box.body + at)
        unknown = length in {0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF}
        return 0.0 if unknown or not scale else length / scale

    def _wide(self, box: _Box, least: int) -> bool:
        """Whether a header has times of 64 bits. Raises UnusablePicture where it is cut short."""
        self._need(box, 4)
        wide = self.data[box.body] == 1
        self._need(box, least + (12 if wide else 0))
        return wide

    def _need(self, box: _Box, size: int) -> None:
        if box.end - box.body < size:
            raise _incomplete()

    def _check_reference(self, box: _Box) -> None:
        self._need(box, 8)
        for each in self._walk(box.body + 8, box.end):
            self._need(each, 4)
            if each.name != b"url " or not self.data[each.body + 3] & 1:
                raise _rare()
            self._blank(each.body + 4, each.end)

    def _codec(self, stsd: _Box, track: _Track) -> None:
        self._need(stsd, 8)
        entries = list(self._walk(stsd.body + 8, stsd.end))
        if not 0 < len(entries) <= _MAX_ENTRIES:
            raise _rare()
        for entry in entries:
            if entry.name not in _CODECS[track.kind]:
                shown = entry.name.decode("ascii", "replace")
                shown = "".join(c if c.isalnum() else "?" for c in shown)
                raise UnusablePicture(
                    tr(
                        "is coded as {coding}, which not everybody can show;"
                        " save it again as an ordinary MP4 (H.264 and AAC)",
                        coding=shown,
                    )
                )
            before, kept = _ENTRIES[entry.name]
            self._need(entry, before)
            if track.kind == b"vide":
                self._blank(entry.body + 42, entry.body + 74)  # the coder's name
            elif struct.unpack_from(">H", self.data, entry.body + 8)[0]:
                raise _rare()
            for box in self._walk(entry.body + before, entry.end):
                if box.name not in kept:
                    self._drop(box)

    def _check_track(self, track: _Track) -> None:
        lacking = {b"tkhd", b"mdhd", b"stsd", b"stsc", b"stsz", b"stts"} - track.tables.keys()
        if lacking or not {b"stco", b"co64"} & track.tables.keys():
            raise _incomplete()

    def _keep_samples(self, data: list[_Box], tracks: list[_Track]) -> None:
        """Blank what of the data belongs to none of the tracks."""
        spans = sorted(
            (start, end) for track in tracks for start, end in self._chunks(track) if start < end
        )
        inside = iter(data)
        box = next(inside)
        position = box.body
        for start, end in spans:
            while start >= box.end:
                self._blank(position, box.end)
                following = next(inside, None)
                if following is None:
                    raise _incomplete()
                box, position = following, following.body
            if start < box.body or end > box.end:
                raise _incomplete()
            if start > position:
                self._blank(position, start)
            position = max(position, end)
        self._blank(position, box.end)
        for box in inside:
            self._blank(box.body, box.end)

    def _chunks(self, track: _Track) -> Iterator[tuple[int, int]]:
        """Where each of the track's chunks lies: (start, end)."""
        offsets = self._offsets(track)
        sizes = self._sizes(track)
        for (first, samples), (following, _) in pairwise([*self._runs(track, len(offsets))]):
            for number in range(first, following):
                start = offsets[number]
                yield start, start + sizes.take(samples)
        if sizes.left:
            raise _incomplete()

    def _offsets(self, track: _Track) -> tuple[int, ...]:
        narrow = track.tables.get(b"stco")
        box = narrow or track.tables[b"co64"]
        return self._numbers(box, "I" if narrow else "Q")

    def _runs(self, track: _Track, chunks: int) -> Iterator[tuple[int, int]]:
        """From which chunk on a chunk has how many samples; at last where the chunks end."""
        numbers = self._numbers(track.tables[b"stsc"], "III")
        before = -1
        for first, samples in zip(numbers[::3], numbers[1::3], strict=True):
            if not before < first - 1 < chunks or (before < 0 and first != 1):
                raise _incomplete()
            before = first - 1
            yield before, samples
        if chunks and before < 0:
            raise _incomplete()
        yield chunks, 0

    def _sizes(self, track: _Track) -> _Sizes:
        box = track.tables[b"stsz"]
        self._need(box, 12)
        each, count = struct.unpack_from(">II", self.data, box.body + 4)
        listed = () if each else self._numbers(box, "I", at=8)
        return _Sizes(each, listed, count)

    def _numbers(self, box: _Box, each: str, *, at: int = 4) -> tuple[int, ...]:
        """A table's numbers, ``each`` row a struct format. ``at``: where their count stands."""
        self._need(box, at + 4)
        (count,) = struct.unpack_from(">I", self.data, box.body + at)
        form = struct.Struct(f">{each}")
        self._need(box, at + 4 + count * form.size)
        self.table += count
        if self.table > MAX_TABLE:
            raise _overfull()
        kind = each[0]
        return struct.unpack_from(f">{count * len(each)}{kind}", self.data, box.body + at + 4)


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
            raise _incomplete()
        self.left -= samples
        start, self._position = self._position, self._position + samples
        return samples * self.each if self.each else sum(self.listed[start : self._position])


def _incomplete() -> UnusablePicture:
    return UnusablePicture(
        tr("is damaged or incomplete; play it to its end, then copy it again from where it came")
    )


def _fragmented() -> UnusablePicture:
    return UnusablePicture(
        tr("is in fragments, as for streaming; save it again as an ordinary MP4 (H.264 and AAC)")
    )


def _rare() -> UnusablePicture:
    return UnusablePicture(
        tr("is a rare kind of MP4; save it again as an ordinary MP4 (H.264 and AAC)")
    )


def _overfull() -> UnusablePicture:
    return UnusablePicture(
        tr(
            "is made of too many parts to be a film;"
            " save it again as an ordinary MP4 (H.264 and AAC)"
        )
    )


def _no_beginning() -> UnusablePicture:
    return UnusablePicture(
        tr("does not begin as an MP4 does; save it again as an ordinary MP4 (H.264 and AAC)")
    )
