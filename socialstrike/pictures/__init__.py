"""Pictures and films: what is shown stays byte for byte, what tells about their maker goes.

A picture's file holds more than the picture: the place, the hour, the camera, an uncropped
thumbnail, whatever was appended. Each format keeps a short list of its parts and drops all others,
so that nothing unheard of slips through. The image data is not compressed anew: the same file
always gives the same bytes, whatever the release of Pillow, and nothing is lost of what is seen.
How the picture is turned (its orientation) and its colours (the ICC profile) stay. In a film
(MP4) nothing is moved: what goes is overwritten in its place.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from socialstrike.i18n import tr
from socialstrike.pictures import gif, jpeg, mp4, png, webp
from socialstrike.pictures.parts import Cleaned, UnusablePicture

__all__ = ["MAX_BYTES", "MAX_FILM_BYTES", "Clean", "UnusablePicture", "clean", "is_film"]

# No platform takes more for a picture; a bigger file is refused before it is read.
MAX_BYTES = 20_000_000
# Films are kept in the database as pictures are, and go through memory whole.
MAX_FILM_BYTES = 100_000_000
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
    """A picture or film fit to be published: its bytes, and what was told of before.

    ``place``: the file named the place where it was taken. ``sha256`` is of ``content``. Of a film
    alone there are ``seconds`` and ``measures``, width and height in pixels as it is shown.
    """

    content: bytes
    mime_type: str
    place: bool
    sha256: str
    seconds: float | None = None
    measures: tuple[int, int] | None = None


def clean(content: bytes) -> Clean:
    """The picture or film in ``content`` without anything that is not the picture.

    The content decides what it is; a file's name can say anything. Deterministic.
    Raises UnusablePicture, whose message follows the file's name and ends with the remedy.
    """
    if is_film(content):
        return _clean_film(content)
    name, strip = _format(content)
    made = strip(content)
    _check_size(made, name)
    _check_decodes(made, name)
    digest = hashlib.sha256(made.content).hexdigest()
    return Clean(made.content, f"image/{name.lower()}", made.place, digest)


def is_film(content: bytes) -> bool:
    """Whether the first bytes are those of an MP4 and its family."""
    return content[4:8] == b"ftyp"


def _clean_film(content: bytes) -> Clean:
    film = mp4.clean(content)
    digest = hashlib.sha256(film.content).hexdigest()
    measures = film.width, film.height
    return Clean(film.content, "video/mp4", film.place, digest, film.seconds, measures)


def _format(content: bytes) -> tuple[str, Callable[[bytes], Cleaned]]:
    # The first bytes tell, because a name can say anything.
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WEBP", webp.clean
    for magic, name, strip in _FORMATS:
        if content.startswith(magic):
            return name, strip
    raise UnusablePicture(tr("is no PNG, JPEG, GIF or WebP picture and no MP4 film; convert it"))


def _check_size(made: Cleaned, name: str) -> None:
    if not made.width or not made.height:
        raise UnusablePicture(tr("has no width or no height; save it again as PNG or JPEG"))
    pixels = made.width * made.height
    sides = max(made.width, made.height)
    if sides > MAX_SIDE or pixels > MAX_PIXELS or made.memory > MAX_DECODED:
        kind = "WebP" if name == "WEBP" else name
        raise UnusablePicture(
            tr(
                "measures {width} × {height}, too much for a {kind} picture; make it smaller",
                width=made.width,
                height=made.height,
                kind=kind,
            )
        )


def _check_decodes(made: Cleaned, name: str) -> None:
    """Open the picture as its readers will: a broken one is refused now, not on the day."""
    from PIL import Image  # noqa: PLC0415  # a fifth of a second that most commands do not need

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(made.content), formats=[name]) as image:
                if image.size != (made.width, made.height):
                    raise UnusablePicture(tr("contradicts itself about its size; save it again"))
                # An eighth of a JPEG's measures comes from the same data in a tenth of the time.
                image.draft(None, (image.width // 8 or 1, image.height // 8 or 1))
                image.load()
    except UnusablePicture:
        raise
    except Exception:  # noqa: BLE001  # Pillow's readers raise anything on broken data
        raise UnusablePicture(
            tr("is damaged or incomplete; open it, and save it again as PNG or JPEG")
        ) from None
