"""What the formats share: the answer, the refusal, and the little that is read of EXIF and XMP."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from socialstrike.i18n import tr

# More parts than any honest picture has; walking them is what takes the time.
MAX_PARTS = 200_000
MAX_PROFILE = 2_000_000
_ORIENTATION = 0x0112
_GPS = 0x8825
_TURNED = range(2, 9)
_PLACE_WORDS = (b"GPSLatitude", b"GPSLongitude", b"GPSPosition")


class UnusablePicture(Exception):  # noqa: N818  (named as in exceptions.py)
    """The picture cannot be used; the message follows its name and ends with the remedy."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A picture's kept parts. ``memory`` is about what opening it takes, in bytes."""

    content: bytes
    width: int
    height: int
    memory: int
    place: bool


@dataclass(slots=True)
class Told:
    """What the dropped parts told: how the picture is turned, and whether they named a place."""

    orientation: int = 1
    place: bool = False

    def exif(self, block: bytes) -> None:
        """Read an EXIF block: TIFF, with or without its ``Exif`` prefix."""
        tiff = block.removeprefix(b"Exif\0\0")
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
        if order is None or len(tiff) < 8:
            return
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        if start + 2 > len(tiff):
            return
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for at in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, at)
            if tag == _ORIENTATION and kind == 3 and value in _TURNED:
                self.orientation = value
            # Cameras that know no place write an empty block; that is no place.
            if tag == _GPS:
                (gps,) = struct.unpack_from(f"{order}I", tiff, at + 8)
                self.place |= _names_a_place(tiff, order, gps)

    def words(self, block: bytes) -> None:
        """Look for a place in XMP or in a comment."""
        self.place = self.place or any(word in block for word in _PLACE_WORDS)

    def turned(self) -> bytes | None:
        """An EXIF block that says how the picture is turned and nothing else; None where upright.

        Turning the picture itself would compress it anew, and show differently what readers that
        know no orientation show now.
        """
        if self.orientation not in _TURNED:
            return None
        entry = struct.pack(">HHIHH", _ORIENTATION, 3, 1, self.orientation, 0)
        return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)


def is_profile(profile: bytes) -> bool:
    """Whether this is an ICC profile, of the length it claims."""
    return (
        128 <= len(profile) <= MAX_PROFILE
        and profile[36:40] == b"acsp"
        and int.from_bytes(profile[:4], "big") == len(profile)
    )


def incomplete() -> UnusablePicture:
    """The error for a file that ends before its picture does."""
    return UnusablePicture(tr("ends before its picture does; copy it again from where it came"))


def overfull() -> UnusablePicture:
    """The error for a file in more parts than any picture needs."""
    return UnusablePicture(tr("is made of too many parts to be a picture; save it again"))


def _names_a_place(tiff: bytes, order: str, start: int) -> bool:
    if start + 2 > len(tiff):
        return False
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    tags = (
        struct.unpack_from(f"{order}H", tiff, at)[0]
        for at in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12)
    )
    # Latitude and longitude, or those of the destination.
    return any(tag in {2, 4, 20, 22} for tag in tags)
