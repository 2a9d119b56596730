"""JPEG: the tables, the frame and its scans stay, with the JFIF, Adobe and ICC segments."""

from __future__ import annotations

import re
import struct

from socialstrike.i18n import tr
from socialstrike.pictures.parts import (
    MAX_PARTS,
    Cleaned,
    Told,
    UnusablePicture,
    incomplete,
    is_profile,
    overfull,
)

# Each scan goes over the whole picture: a few bytes of file, and all of the work again.
MAX_SCANS = 50
_SOF = frozenset({0xC0, 0xC1, 0xC2})  # what is in use: baseline, extended, progressive
_OTHER_SOF = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_TABLES = frozenset({0xC4, 0xDB, 0xDD})  # Huffman, quantisation, restart interval
_EOI, _SOS, _APP0, _APP1, _APP2, _APP13, _APP14, _COM = (
    *(0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE),
)
# In a scan FF00 is a byte of data and FFD0 to FFD7 are its own marks.
_NEXT = re.compile(rb"\xff++[^\x00\xd0-\xd7\xff]")
_ICC = b"ICC_PROFILE\0"


class _Walk:
    """One pass over the segments."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.kept: list[bytes] = []
        self.profile: dict[int, bytes] = {}
        self.told = Told()
        self.jfif = self.adobe = b""
        self.frame: bytes | None = None
        self.frame_kind = 0
        self.scans = 0

    def run(self) -> None:
        position = 2
        for _ in range(MAX_PARTS):
            marker, position = self._marker(position)
            if marker == _EOI:
                return
            if position + 2 > len(self.content):
                raise incomplete()
            (length,) = struct.unpack_from(">H", self.content, position)
            end = position + length
            if length < 2 or end > len(self.content):
                raise incomplete()
            self._segment(marker, self.content[position + 2 : end])
            if marker == _SOS:
                end = self._scan(end)
            position = end
        raise overfull()

    def _marker(self, position: int) -> tuple[int, int]:
        if self.content[position : position + 1] != b"\xff":
            raise incomplete() if position >= len(self.content) else _damaged()
        while self.content[position : position + 1] == b"\xff":
            position += 1
        if position >= len(self.content):
            raise incomplete()
        return self.content[position], position + 1

    def _scan(self, start: int) -> int:
        """Keep the scan's data; where the next marker begins."""
        found = _NEXT.search(self.content, start)
        if found is None:
            raise incomplete()
        self.kept.append(self.content[start : found.start()])
        return found.start()

    def _segment(self, marker: int, body: bytes) -> None:
        if marker in _SOF:
            if self.frame is not None or len(body) < 6 or len(body) != 6 + 3 * body[5]:
                raise _damaged()
            self.frame, self.frame_kind = body, marker
            self._keep(marker, body)
        elif marker in _OTHER_SOF:
            raise UnusablePicture(tr("is a rare kind of JPEG; save it again as JPEG or PNG"))
        elif marker in _TABLES:
            self._keep(marker, body)
        elif marker == _SOS:
            self.scans += 1
            if self.frame is None or self.scans > MAX_SCANS:
                raise _damaged()
            self._keep(marker, body)
        elif marker == _APP0 and body.startswith(b"JFIF\0") and len(body) >= 14:
            # Its density, without the thumbnail that may follow.
            self.jfif = body[:12] + b"\0\0"
        elif marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            self.adobe = body[:12]  # how the colours are coded
        elif marker == _APP2 and body.startswith(_ICC) and len(body) > 14:
            self.profile.setdefault(body[12], body[14:])
        elif marker == _APP1 and body.startswith(b"Exif\0\0"):
            self.told.exif(body)
        elif marker in (_APP1, _APP13, _COM):
            self.told.words(body)

    def _keep(self, marker: int, body: bytes) -> None:
        self.kept.append(_written(marker, body))


def clean(content: bytes) -> Cleaned:
    """The JPEG without all else. Raises UnusablePicture."""
    walk = _Walk(content)
    walk.run()
    if walk.frame is None or not walk.scans:
        raise incomplete()
    head = [b"\xff\xd8"]
    if walk.jfif:
        head.append(_written(_APP0, walk.jfif))
    if turned := walk.told.turned():
        head.append(_written(_APP1, b"Exif\0\0" + turned))
    head.extend(_profile(walk.profile))
    if walk.adobe:
        head.append(_written(_APP14, walk.adobe))
    height, width = struct.unpack_from(">HH", walk.frame, 1)
    made = b"".join((*head, *walk.kept, b"\xff\xd9"))
    return Cleaned(made, width, height, _memory(walk, width, height), walk.told.place)


def _profile(pieces: dict[int, bytes]) -> list[bytes]:
    whole = b"".join(pieces[number] for number in sorted(pieces))
    if not is_profile(whole):
        return []
    cut = [whole[at : at + 65_000] for at in range(0, len(whole), 65_000)]
    return [
        _written(_APP2, _ICC + bytes((number, len(cut))) + piece)
        for number, piece in enumerate(cut, 1)
    ]


def _memory(walk: _Walk, width: int, height: int) -> int:
    """About what a decoder keeps: an eighth of the measures, and the coefficients of a picture
    that comes in several scans.
    """
    assert walk.frame is not None
    shrunk = width * height * 4 // 64
    if walk.frame_kind != 0xC2 and walk.scans == 1:
        return shrunk
    factors = [(body >> 4 or 1, body & 15 or 1) for body in walk.frame[7::3]]
    most = max((across * down for across, down in factors), default=1)
    samples = sum(across * down for across, down in factors) / most
    return shrunk + int(2 * width * height * samples)


def _written(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _damaged() -> UnusablePicture:
    return UnusablePicture(tr("is damaged; open it, and save it again as PNG or JPEG"))
