"""GIF: the images, their palettes and timing and the loop stay; comments and all else go."""

from __future__ import annotations

import struct

from socialstrike.pictures.parts import MAX_PARTS, Cleaned, Told, incomplete, overfull

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_TIMING, _APPLICATION = 0xF9, 0xFF
_LOOPS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})


class _Walk:
    """One pass over the blocks."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.position = 0
        self.parts = 0
        self.kept: list[bytes] = []
        self.told = Told()
        self.timing = b""  # belongs to the image that follows

    def run(self) -> None:
        self.take(10)
        (flags,) = head = self.take(1)
        self.kept.append(self.content[:10] + head + self.take(2) + self.palette(flags))
        while (kind := self.take(1)[0]) != _TRAILER:
            if kind == _IMAGE:
                place = self.take(9)
                start = self.position
                self.palette(place[8])
                self.take(1)
                self.blocks()
                image = self.content[start : self.position]
                self.kept.append(self.timing + bytes((_IMAGE,)) + place + image)
                self.timing = b""
            elif kind == _EXTENSION:
                self.extension()
            elif kind:  # a stray zero between blocks is common, and ignored by all readers
                raise incomplete()

    def extension(self) -> None:
        label = self.take(1)[0]
        start = self.position
        self.blocks()
        block = self.content[start : self.position]
        if label == _TIMING and len(block) == 6 and block[0] == 4:
            self.timing = bytes((_EXTENSION, label)) + block
        elif label == _APPLICATION and block[1:12] in _LOOPS and block[12:14] == b"\3\1":
            loop = block[:16] + b"\0"
            if len(loop) == 17:
                self.kept.append(bytes((_EXTENSION, label)) + loop)
        else:
            self.told.words(block)

    def palette(self, flags: int) -> bytes:
        return self.take(3 << (flags & 7) + 1) if flags & 0x80 else b""

    def blocks(self) -> None:
        """Go to the end of a chain of blocks, each after its length, the last one empty."""
        content, position = self.content, self.position
        while True:
            if position >= len(content):
                raise incomplete()
            length = content[position]
            position += 1 + length
            self.parts += 1
            if self.parts > MAX_PARTS:
                raise overfull()
            if not length:
                break
        self.position = position

    def take(self, count: int) -> bytes:
        found = self.content[self.position : self.position + count]
        if len(found) < count:
            raise incomplete()
        self.position += count
        return found


def clean(content: bytes) -> Cleaned:
    """The GIF without all else. Raises UnusablePicture."""
    walk = _Walk(content)
    walk.run()
    width, height = struct.unpack_from("<HH", content, 6)
    if len(walk.kept) < 2:
        raise incomplete()
    made = b"".join((*walk.kept, b";"))
    return Cleaned(made, width, height, width * height * 2, walk.told.place)
