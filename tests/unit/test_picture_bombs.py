"""The costliest pictures that are taken still cost little; the next bigger are refused unopened."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from packs import measured
from PIL import Image

MAX_SECONDS = 2.0
MAX_MEGABYTES = 300
MEASURED = """
import sys, time
from pathlib import Path
from socialstrike import files, pictures

began = time.process_time()
try:
    pictures.clean(files.read(Path(sys.argv[1]), pictures.MAX_BYTES))
    said = "taken"
except pictures.UnusablePicture as error:
    said = str(error)
print(time.process_time() - began, peak(), said)
"""


def _png(side: int) -> bytes:
    """All black: a hundred kilobytes that come to more than a hundred megabytes."""
    packer = zlib.compressobj(9)
    rows = [packer.compress(bytes(1 + 3 * side)) for _ in range(side)]
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", b"".join(rows) + packer.flush()),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def _saved(form: str, width: int, height: int, **how: object) -> bytes:
    made = io.BytesIO()
    Image.new("L" if form == "JPEG" else "RGB", (width, height)).save(made, form, **how)
    return made.getvalue()


def _scans(count: int) -> bytes:
    """A progressive JPEG whose last scan, of almost nothing, comes again and again."""
    whole = _saved("JPEG", 7_000, 6_000, progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * count + whole[-2:]


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "most.png": (lambda: _png(6_100), "taken"),
    "more.png": (lambda: _png(6_200), "too much for a PNG"),
    "most.webp": (lambda: _saved("WEBP", 3_500, 3_500, quality=1), "taken"),
    "more.webp": (lambda: _saved("WEBP", 3_600, 3_600, quality=1), "too much for a WebP"),
    "most.jpg": (lambda: _saved("JPEG", 12_000, 10_000), "taken"),
    "more.jpg": (lambda: _saved("JPEG", 12_000, 10_001), "too much for a JPEG"),
    "scans.jpg": (lambda: _scans(30), ""),
    "more-scans.jpg": (lambda: _scans(60), "is damaged"),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell a process's memory this way")
@pytest.mark.parametrize("name", BOMBS)
def test_a_picture_costs_at_most_two_seconds_and_300_megabytes(tmp_path: Path, name: str) -> None:
    make, said = BOMBS[name]
    (tmp_path / name).write_bytes(make())
    seconds, megabytes, answer = measured(MEASURED, tmp_path / name)
    assert said in answer
    assert seconds < MAX_SECONDS
    assert megabytes < MAX_MEGABYTES
