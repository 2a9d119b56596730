"""MP4: the film and its sound stay where they are; hours, places and whatever else was told go.

Nothing is moved, because the tables of a film say at which byte each part of it lies: what goes is
filled with zeros in its place. As with pictures a short list says what stays. Of the data itself
only what belongs to a picture or sound track stays, so that a camera's track of places is gone
with its content.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from socialstrike.i18n import tr
from socialstrike.pictures.mp4_boxes import Box, Boxes, fragmented, incomplete, no_beginning, rare
from socialstrike.pictures.mp4_samples import keep_samples
from socialstrike.pictures.parts import UnusablePicture

_MAX_TRACKS = 32
_MAX_ENTRIES = 16
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


def clean(content: bytes) -> Film:
    """The film in ``content`` without all else; as many bytes as before. Raises UnusablePicture."""
    return _Cleaning(content).made()


@dataclass(slots=True)
class _Track:
    """What one track's boxes said, of what is needed here."""

    kind: bytes = b""
    shown: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    tables: dict[bytes, Box] = field(default_factory=dict)


class _Cleaning:
    """What stays of one file, and what it says of the film."""

    def __init__(self, content: bytes) -> None:
        self._file = Boxes(content)

    def made(self) -> Film:
        top = list(self._file.walk(0, len(self._file.data), top=True))
        if not top or top[0].name != b"ftyp":
            raise no_beginning()
        self._check_brand(top[0])
        names = [box.name for box in top]
        if b"moof" in names:
            raise fragmented()
        if names.count(b"moov") != 1 or b"mdat" not in names or names.count(b"ftyp") != 1:
            raise UnusablePicture(
                tr("holds no whole film; save it again as an ordinary MP4 (H.264 and AAC)")
            )
        for box in top:
            if box.name not in {b"ftyp", b"moov", b"mdat"}:
                self._file.drop(box)
        seconds, tracks = self._movie(top[names.index(b"moov")])
        film = next((track for track in tracks if track.kind == b"vide"), None)
        if film is None or not all(film.shown):
            raise UnusablePicture(
                tr(
                    "shows nothing: it has no track of pictures;"
                    " save it again as an ordinary MP4 (H.264 and AAC)"
                )
            )
        data = [box for box in top if box.name == b"mdat"]
        keep_samples(self._file, data, [track.tables for track in tracks])
        seconds = max(seconds, *(track.seconds for track in tracks))
        if not 0 < seconds < 1_000_000:
            raise UnusablePicture(
                tr("does not say how long it is; save it again as an ordinary MP4 (H.264 and AAC)")
            )
        width, height = film.shown
        return Film(bytes(self._file.data), width, height, round(seconds, 3), self._file.place)

    def _check_brand(self, box: Box) -> None:
        data = self._file.data
        brands = bytes(data[box.body : box.body + 4]), bytes(data[box.body + 8 : box.end])
        found = {brands[0], *(brands[1][at : at + 4] for at in range(0, len(brands[1]), 4))}
        if box.end - box.body < 8 or box.end - box.start > 1_000:
            raise no_beginning()
        if brands[0] in _STILL:
            raise UnusablePicture(tr("is a HEIC or AVIF picture; save it again as PNG or JPEG"))
        if brands[0] == b"qt  " or not found & _BRANDS:
            raise UnusablePicture(
                tr(
                    "is no MP4 but a file of the same family;"
                    " save it again as an ordinary MP4 (H.264 and AAC)"
                )
            )

    def _movie(self, moov: Box) -> tuple[float, list[_Track]]:
        seconds = 0.0
        tracks: list[_Track] = []
        for box in self._file.walk(moov.body, moov.end):
            if box.name == b"mvex":
                raise fragmented()
            if box.name not in _CONTAINERS[b"moov"]:
                self._file.drop(box)
            elif box.name == b"mvhd":
                seconds = self._header(box, 100)
            elif len(tracks) == _MAX_TRACKS:
                raise rare()
            else:
                tracks.append(self._track(box))
        return seconds, [track for track in tracks if track.kind]

    def _track(self, trak: Box) -> _Track:
        """One track; without a kind where it is neither pictures nor sound, and then it is gone."""
        track = _Track(kind=self._kind(trak))
        if track.kind:
            self._contents(trak, track)
            self._check_track(track)
        else:
            self._file.drop(trak)
        return track

    def _kind(self, trak: Box) -> bytes:
        for mdia in self._file.walk(trak.body, trak.end):
            if mdia.name == b"mdia":
                for box in self._file.walk(mdia.body, mdia.end):
                    if box.name == b"hdlr":
                        kind = bytes(self._file.data[box.body + 8 : min(box.body + 12, box.end)])
                        return kind if kind in _CODECS else b""
        return b""

    def _contents(self, above: Box, track: _Track) -> None:
        # As deep as the list of containers, whatever the file holds.
        kept = _CONTAINERS[above.name]
        for box in self._file.walk(above.body, above.end):
            if box.name not in kept:
                self._file.drop(box)
            elif box.name in _CONTAINERS:
                self._contents(box, track)
            elif box.name in track.tables and box.name not in _REPEATED:
                raise rare()
            else:
                track.tables[box.name] = box
                self._told(box, track)

    def _told(self, box: Box, track: _Track) -> None:
        """What a box says of its track; the hours and names that it says as well are blanked."""
        if box.name == b"mdhd":
            track.seconds = self._header(box, 24)
        elif box.name == b"tkhd":
            data, wide = self._file.data, self._wide(box, 84)
            self._file.blank(box.body + 4, box.body + (20 if wide else 12))
            width, height = struct.unpack_from(">II", data, box.body + (88 if wide else 76))
            turned = struct.unpack_from(">i", data, box.body + (52 if wide else 40))[0] == 0
            width, height = width >> 16, height >> 16
            track.shown = (height, width) if turned else (width, height)
        elif box.name == b"hdlr":
            self._file.need(box, 24)
            self._file.blank(box.body + 12, box.body + 24)
            self._file.blank(box.body + 24, box.end)  # the name, such as that of the camera
        elif box.name == b"dref":
            self._check_reference(box)
        elif box.name == b"stsd":
            self._codec(box, track)

    def _header(self, box: Box, least: int) -> float:
        """The length in seconds that a movie or medium tells in its header; its hours go."""
        wide = self._wide(box, least)
        self._file.blank(box.body + 4, box.body + (20 if wide else 12))
        form, at = (">IQ", 20) if wide else (">II", 12)
        scale, length = struct.unpack_from(form, self._file.data, box.body + at)
        unknown = length in {0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF}
        return 0.0 if unknown or not scale else length / scale

    def _wide(self, box: Box, least: int) -> bool:
        """Whether a header has times of 64 bits. Raises UnusablePicture where it is cut short."""
        self._file.need(box, 4)
        wide = self._file.data[box.body] == 1
        self._file.need(box, least + (12 if wide else 0))
        return wide

    def _check_reference(self, box: Box) -> None:
        self._file.need(box, 8)
        for each in self._file.walk(box.body + 8, box.end):
            self._file.need(each, 4)
            if each.name != b"url " or not self._file.data[each.body + 3] & 1:
                raise rare()
            self._file.blank(each.body + 4, each.end)

    def _codec(self, stsd: Box, track: _Track) -> None:
        self._file.need(stsd, 8)
        entries = list(self._file.walk(stsd.body + 8, stsd.end))
        if not 0 < len(entries) <= _MAX_ENTRIES:
            raise rare()
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
            self._file.need(entry, before)
            if track.kind == b"vide":
                self._file.blank(entry.body + 42, entry.body + 74)  # the coder's name
            elif struct.unpack_from(">H", self._file.data, entry.body + 8)[0]:
                raise rare()
            for box in self._file.walk(entry.body + before, entry.end):
                if box.name not in kept:
                    self._file.drop(box)

    def _check_track(self, track: _Track) -> None:
        lacking = {b"tkhd", b"mdhd", b"stsd", b"stsc", b"stsz", b"stts"} - track.tables.keys()
        if lacking or not {b"stco", b"co64"} & track.tables.keys():
            raise incomplete()
