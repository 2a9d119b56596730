"""Pictures: what is shown stays byte for byte, what tells about their maker goes.

A picture's file holds more than the picture: the place, the hour, the camera, an uncropped
thumbnail, whatever was appended. Each format keeps a short list of its parts and drops all others,
so that nothing unheard of slips through. The image data is not compressed anew: the same file
always gives the same bytes, whatever the release of Pillow, and nothing is lost of what is seen.
How the picture is turned (its orientation) and its colours (the ICC profile) stay.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from socialstrike.pictures import gif, jpeg, png, webp
from socialstrike.pictures.parts import Cleaned, UnusablePicture

__all__ = ["MAX_BYTES", "Clean", "UnusablePicture", "clean"]

# No platform takes more for a picture; a bigger file is refused before it is read.
MAX_BYTES = 20_000_000
# What one opened picture may take: memory is what a small file with huge measures asks for.
MAX_DECODED = 150_000_000
MAX_PIXELS = 120_000_000
MAX_SIDE = 16_384

_FORMATS: tuple[tuple[bytes, str, Callable[[bytes], Cleaned]], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG", png.clean),
    (b"\xff\xd8\xff", "JPEG", jpeg.clean),
    (b"GIF87a", "GIF", gif.clean),
    (b"GIF89a", "GIF", gif.clean),
)


@dataclass(frozen=True, slots=True)
class Clean:
    """A picture fit to be published: its bytes, and what was told of before.

    ``place``: the file named the place where the picture was taken. ``sha256`` is of ``content``.
    """

    content: bytes
    mime_type: str
    place: bool
    sha256: str


def clean(content: bytes) -> Clean:
    """The picture in ``content`` without anything that is not the picture.

    The content decides what it is; a file's name can say anything. Deterministic.
    Raises UnusablePicture, whose message follows the file's name and ends with the remedy.
    """
    name, strip = _format(content)
    made = strip(content)
    _check_size(made, name)
    _check_decodes(made, name)
    digest = hashlib.sha256(made.content).hexdigest()
    return Clean(made.content, f"image/{name.lower()}", made.place, digest)


def _format(content: bytes) -> tuple[str, Callable[[bytes], Cleaned]]:
    # The first bytes tell, because a name can say anything.
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WEBP", webp.clean
    for magic, name, strip in _FORMATS:
        if content.startswith(magic):
            return name, strip
    raise UnusablePicture("is no PNG, JPEG, GIF or WebP picture; convert it")


def _check_size(made: Cleaned, name: str) -> None:
    if not made.width or not made.height:
        raise UnusablePicture("has no width or no height; save it again as PNG or JPEG")
    pixels = made.width * made.height
    sides = max(made.width, made.height)
    if sides > MAX_SIDE or pixels > MAX_PIXELS or made.memory > MAX_DECODED:
        kind = "WebP" if name == "WEBP" else name
        raise UnusablePicture(
            f"measures {made.width} × {made.height}, too much for a {kind} picture; make it smaller"
        )


def _check_decodes(made: Cleaned, name: str) -> None:
    """Open the picture as its readers will: a broken one is refused now, not on the day."""
    from PIL import Image  # noqa: PLC0415  # a fifth of a second that most commands do not need

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(made.content), formats=[name]) as image:
                if image.size != (made.width, made.height):
                    raise UnusablePicture("contradicts itself about its size; save it again")
                # An eighth of a JPEG's measures comes from the same data in a tenth of the time.
                image.draft(None, (image.width // 8 or 1, image.height // 8 or 1))
                image.load()
    except UnusablePicture:
        raise
    except Exception:  # noqa: BLE001  # Pillow's readers raise anything on broken data
        raise UnusablePicture(
            "is damaged or incomplete; open it, and save it again as PNG or JPEG"
        ) from None
