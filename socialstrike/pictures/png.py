"""PNG: the chunks that make the picture and its colours stay; words, dates and places go."""

from __future__ import annotations

import re
import struct
import zlib

from socialstrike.i18n import tr
from socialstrike.pictures.parts import (
    MAX_PARTS,
    MAX_PROFILE,
    Cleaned,
    Told,
    UnusablePicture,
    incomplete,
    is_profile,
    overfull,
)

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA sBIT sRGB cICP mDCV cLLI bKGD pHYs acTL fcTL fdAT".split()
)
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
# Enough to find a place in, and bounded: a text may be a compressed gigabyte.
_MAX_TEXT = 1_000_000
_MAX_TEXTS = 100


def clean(content: bytes) -> Cleaned:
    """The PNG without all else. Raises UnusablePicture."""
    kept: list[bytes] = []
    told = Told()
    texts = 0
    position = len(_SIGNATURE)
    for _ in range(MAX_PARTS):
        if position + 12 > len(content):
            raise incomplete()
        length, name = struct.unpack_from(">I4s", content, position)
        end = position + 12 + length
        if end > len(content):
            raise incomplete()
        body = content[position + 8 : position + 8 + length]
        (crc,) = struct.unpack_from(">I", content, position + 8 + length)
        position = end
        if name in _KEPT or name == b"iCCP":
            # In what is dropped, a wrong sum is no harm.
            if crc != zlib.crc32(body, zlib.crc32(name)):
                raise UnusablePicture(tr("is damaged; open it, and save it again as PNG or JPEG"))
            kept.append(_written(name, body) if name in _KEPT else _profile(body))
        elif name == b"eXIf":
            told.exif(body)
        elif name in _TEXTS:
            texts += 1
            if texts <= _MAX_TEXTS:
                _listen(told, _text(name, body))
        elif not name[0] & 0x20:
            raise UnusablePicture(tr("is a rare kind of PNG; save it again as PNG or JPEG"))
        if name == b"IEND":
            return _made(kept, told)
    raise overfull()


def _made(kept: list[bytes], told: Told) -> Cleaned:
    header = kept[0]
    if header[4:8] != b"IHDR" or len(header) != 25:
        raise UnusablePicture(tr("does not begin as a PNG does; save it again as PNG or JPEG"))
    width, height, depth, colours = struct.unpack_from(">IIBB", header, 8)
    if turned := told.turned():
        kept.insert(1, _written(b"eXIf", turned))
    # Pillow keeps four bytes for a pixel, and one where that is all it has.
    each = 1 if colours in {0, 3} and depth <= 8 else 4
    content = _SIGNATURE + b"".join(kept)
    return Cleaned(content, width, height, width * height * each, told.place)


def _listen(told: Told, said: bytes) -> None:
    told.words(said)
    turned = told.orientation
    told.exif(said)
    told.orientation = turned  # no reader turns a picture for what a text says


def _profile(body: bytes) -> bytes:
    """The colour profile under a name that says nothing; nothing where it is none."""
    _, _, rest = body.partition(b"\0")
    unpacked = zlib.decompressobj()
    try:
        profile = unpacked.decompress(rest[1:], MAX_PROFILE)
    except zlib.error:
        return b""
    if rest[:1] != b"\0" or not unpacked.eof or not is_profile(profile):
        return b""
    packed = rest[1 : len(rest) - len(unpacked.unused_data)]
    return _written(b"iCCP", b"ICC\0\0" + packed)


def _text(name: bytes, body: bytes) -> bytes:
    """What a text chunk says, unpacked where it is packed, as far as it is looked at."""
    keyword, _, rest = body.partition(b"\0")
    said = rest
    if name == b"iTXt":
        said = rest[2:].split(b"\0", 2)[-1]
    if name == b"zTXt" or (name == b"iTXt" and rest[:1] == b"\1"):
        try:
            said = zlib.decompressobj().decompress(said[name == b"zTXt" :], _MAX_TEXT)
        except zlib.error:
            said = b""
    if keyword == b"Raw profile type exif":
        # Three lines of heading, then the EXIF block in hexadecimal.
        digits = re.sub(rb"[^0-9a-fA-F]", b"", said.lstrip().split(b"\n", 2)[-1])
        return bytes.fromhex(digits[: len(digits) // 2 * 2].decode())
    return said


def _written(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
