"""Pictures as Bluesky takes them: of two million bytes at most, and with their proportions told."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from socialstrike.i18n import stored
from socialstrike.platforms.base import Media
from socialstrike.platforms.http import unusable

if TYPE_CHECKING:
    from PIL.Image import Image

#: What a picture may weigh there, in bytes.
MOST_BYTES = 2_000_000
#: Nobody is shown more of a picture, in pixels of its longer side.
_SIDE = 2_000
#: A picture of more pixels is not opened: it could fill the memory.
_MOST_PIXELS = 80_000_000
_ORIENTATION = 0x0112


def fitted(media: Media, content: bytes) -> tuple[bytes, str, tuple[int, int]]:
    """What to send of a picture: its bytes, their MIME type, and (width, height) as it is seen.

    What fits is left as it is; anything larger becomes a JPEG. Raises Rejected where the content
    is no picture.
    """
    from PIL import Image  # noqa: PLC0415  # on use: most posts have no picture

    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise ValueError(stored("too many pixels"))
            if len(content) <= MOST_BYTES:
                turned = image.getexif().get(_ORIENTATION, 1) >= 5
                size = (image.height, image.width) if turned else image.size
                return content, Image.MIME[image.format or ""], size
            return _smaller(image)
    except (
        OSError,
        ValueError,
        SyntaxError,  # what Pillow raises for a broken PNG
        KeyError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ):
        why = stored("it cannot be read as a picture, or has too many pixels")
    raise unusable(media, why)


def _smaller(image: Image) -> tuple[bytes, str, tuple[int, int]]:
    """The picture as a JPEG within the limit: first fewer pixels, then less detail, then both."""
    from PIL import Image as Pillow  # noqa: PLC0415  # loaded already
    from PIL import ImageOps  # noqa: PLC0415  # on use, like the rest of Pillow

    side = _SIDE
    upright = ImageOps.exif_transpose(image).convert("RGBA")
    # What is transparent is white to a reader, and would be black in a JPEG.
    flat = Pillow.new("RGB", upright.size, "white")
    flat.paste(upright, mask=upright)
    while True:
        flat.thumbnail((side, side))
        for quality in (92, 85, 75):
            made = io.BytesIO()
            flat.save(made, "JPEG", quality=quality, optimize=True)
            if made.tell() <= MOST_BYTES:
                return made.getvalue(), "image/jpeg", flat.size
        side = side * 3 // 4
