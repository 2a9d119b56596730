"""WebP: the images, their transparency, the animation and the colour profile stay."""

from __future__ import annotations

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

_ICC, _ALPHA, _EXIF, _ANIMATION = 0x20, 0x10, 0x08, 0x02
_IMAGES = frozenset({b"VP8 ", b"VP8L"})
_FRAME_HEAD = 16


def clean(content: bytes) -> Cleaned:
    """The WebP without all else. Raises UnusablePicture."""
    told = Told()
    kept: list[bytes] = []
    extended = profile = b""
    size = (0, 0)
    (claimed,) = struct.unpack_from("<I", content, 4)
    if claimed + 8 > len(content):
        raise incomplete()
    for name, body in _chunks(content[12 : claimed + 8]):
        if name == b"VP8X" and not extended and len(body) >= 10:
            extended = body[:10]
        elif name in _IMAGES and size == (0, 0):
            size = _measures(name, body)
            kept.append(_written(name, body))
        elif name == b"ANMF" and extended:
            kept.append(_frame(body))
        elif name in {b"ANIM", b"ALPH"} and extended:
            kept.append(_written(name, body))
        elif name == b"ICCP" and not profile and is_profile(body):
            profile = body
        elif name == b"EXIF":
            told.exif(body)
        else:
            told.words(body)
    if extended:
        canvas = tuple(int.from_bytes(extended[at : at + 3], "little") + 1 for at in (4, 7))
        if size not in {(0, 0), canvas}:
            raise UnusablePicture(tr("contradicts itself about its size; save it again"))
        size = (canvas[0], canvas[1])
    return _made(kept, extended, profile, size, told)


def _made(
    kept: list[bytes], extended: bytes, profile: bytes, size: tuple[int, int], told: Told
) -> Cleaned:
    if not kept:
        raise incomplete()
    turned = told.turned()
    if extended:
        flags = extended[0] & (_ALPHA | _ANIMATION)
        flags |= (_ICC if profile else 0) | (_EXIF if turned else 0)
        head = _written(b"VP8X", bytes((flags, 0, 0, 0)) + extended[4:])
        kept.insert(0, head + (_written(b"ICCP", profile) if profile else b""))
        if turned:
            kept.append(_written(b"EXIF", turned))
    body = b"WEBP" + b"".join(kept)
    made = b"RIFF" + struct.pack("<I", len(body)) + body
    # The reader holds the canvas twice, and Pillow its own copy.
    return Cleaned(made, *size, size[0] * size[1] * 12, told.place)


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    position = 0
    while position + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, position)
        end = position + 8 + length
        if end > len(content):
            raise incomplete()
        found.append((name, content[position + 8 : end]))
        if len(found) > MAX_PARTS:
            raise overfull()
        position = end + length % 2
    return found


def _frame(body: bytes) -> bytes:
    """An animation's frame: where and how long, and the image itself."""
    if len(body) < _FRAME_HEAD:
        raise incomplete()
    parts = (
        _written(name, part)
        for name, part in _chunks(body[_FRAME_HEAD:])
        if name == b"ALPH" or name in _IMAGES
    )
    return _written(b"ANMF", body[:_FRAME_HEAD] + b"".join(parts))


def _measures(name: bytes, body: bytes) -> tuple[int, int]:
    if name == b"VP8L":
        if len(body) < 5 or body[0] != 0x2F:
            raise incomplete()
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if len(body) < 10 or body[3:6] != b"\x9d\x01\x2a":
        raise incomplete()
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF


def _written(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
