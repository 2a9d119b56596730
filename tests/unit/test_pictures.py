"""Pictures: what is seen stays to the last bit, what was told beside it goes."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packs import ACCOUNTS, NOW, PNG, Write, one, picture, problems, read
from PIL import Image, ImageCms, PngImagePlugin

from socialstrike import files, pictures, post_file
from socialstrike.exceptions import Problem
from socialstrike.pictures import UnusablePicture, clean

SECRET = b"Rue de la Paix 7"
FORMS = ("JPEG", "PNG", "WEBP", "GIF")
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int = 1, *, place: bool = True) -> Image.Exif:
    told = Image.Exif()
    told[0x0112] = orientation
    told[0x010F] = SECRET.decode()
    told.get_ifd(0x8769)[0x927C] = SECRET  # a maker's note
    if place:
        told.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 24.0), 3: "E", 4: (2.0, 21.0, 3.0)})
    return told


def telling(form: str, orientation: int = 1, *, place: bool = True) -> bytes:
    """A picture with everything its format can tell beside the picture itself."""
    ways: dict[str, dict[str, Any]] = {
        "JPEG": {"comment": SECRET, "quality": 90},
        "PNG": {"pnginfo": _words()},
        "WEBP": {"lossless": True},
        "GIF": {"comment": SECRET},
    }
    if form != "GIF":
        ways[form] |= {
            "exif": exif(orientation, place=place),
            "icc_profile": PROFILE,
            "xmp": b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>",
        }
    return picture(form, (40, 30), **ways[form]) + SECRET


def _words() -> PngImagePlugin.PngInfo:
    words = PngImagePlugin.PngInfo()
    words.add_text("Author", SECRET.decode())
    words.add_text("Comment", SECRET.decode(), zip=True)
    words.add_itxt("Title", SECRET.decode(), zip=True)
    words.add(b"tIME", b"\x07\xe4\x01\x18\x09\x00\x00")
    words.add(b"prVt", SECRET)
    return words


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize("form", FORMS)
def test_what_is_seen_stays_to_the_last_bit(form: str) -> None:
    before = telling(form)
    made = clean(before)
    was, now = opened(before), opened(made.content)
    assert (now.size, now.mode, now.tobytes()) == (was.size, was.mode, was.tobytes())
    assert made.mime_type == f"image/{form.lower()}"
    assert made.sha256 == hashlib.sha256(made.content).hexdigest()


@pytest.mark.parametrize("form", FORMS)
def test_what_was_told_beside_the_picture_goes(form: str) -> None:
    before = telling(form)
    assert SECRET in before
    after = clean(before).content
    assert SECRET not in after
    assert len(after) < len(before)
    image = opened(after)
    assert not image.getexif().get_ifd(0x8825)
    assert not {"comment", "Author", "Comment", "Title", "xmp"} & set(image.info)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_colours_profile_and_the_orientation_stay(form: str) -> None:
    image = opened(clean(telling(form, 6)).content)
    assert image.info["icc_profile"] == PROFILE
    assert dict(image.getexif()) == {0x0112: 6}
    assert 0x0112 not in opened(clean(telling(form, 1)).content).getexif()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_place_is_told_of_where_the_file_named_one(form: str) -> None:
    assert clean(telling(form)).place
    assert not clean(telling(form, place=False)).place


@pytest.mark.parametrize("form", FORMS)
def test_cleaning_twice_changes_nothing_more(form: str) -> None:
    once = clean(telling(form, 8))
    again = clean(once.content)
    assert again.content == once.content
    assert not again.place


def test_a_place_in_xmp_in_a_comment_or_in_a_packed_text_is_told_of() -> None:
    xmp = b"<rdf exif:GPSLatitude='48,51.4N'/>"
    packed = PngImagePlugin.PngInfo()
    packed.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=True)
    raw = PngImagePlugin.PngInfo()
    block = exif().tobytes()
    raw.add_text("Raw profile type exif", f"\nexif\n{len(block)}\n{block.hex()}", zip=True)
    found = [
        picture("JPEG", xmp=xmp),
        picture("WEBP", xmp=xmp),
        picture("GIF", comment=xmp),
        picture("PNG", pnginfo=packed),
        picture("PNG", pnginfo=raw),
    ]
    assert [clean(content).place for content in found] == [True] * 5


def test_an_animation_keeps_its_frames_and_its_loop() -> None:
    frames = [
        opened(picture("PNG", (20, 20))).crop((0, 0, size, 20)).resize((20, 20))
        for size in (20, 9, 5)
    ]
    for form in ("GIF", "WEBP", "PNG"):
        made = io.BytesIO()
        how: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "loop": 3}
        frames[0].save(made, form, duration=70, **how)
        was, now = Image.open(made), Image.open(io.BytesIO(clean(made.getvalue()).content))
        assert now.n_frames == was.n_frames == 3  # type: ignore[attr-defined]
        assert now.info.get("loop") == was.info.get("loop")
        for number in range(3):
            was.seek(number)
            now.seek(number)
            assert now.tobytes() == was.tobytes()


def test_the_second_picture_in_a_file_goes() -> None:
    # Phones append the picture without its blur, and panoramas, and films.
    after = clean(picture("JPEG", (40, 30)) + picture("JPEG", (10, 10))).content
    assert after.count(b"\xff\xd8\xff") == 1


def test_a_thumbnail_inside_goes() -> None:
    small = picture("JPEG", (8, 8))
    jfxx = b"JFXX\0\x10" + small
    whole = picture("JPEG", (40, 30))
    before = whole[:2] + b"\xff\xe0" + struct.pack(">H", len(jfxx) + 2) + jfxx + whole[2:]
    assert clean(before).content == clean(whole).content


def test_a_progressive_and_a_four_colour_picture_stay_what_they_are() -> None:
    for content in (
        picture("JPEG", (40, 30), progressive=True),
        _saved(opened(picture("PNG", (40, 30))).convert("CMYK"), "JPEG"),
        _saved(opened(picture("PNG", (40, 30))).convert("P"), "PNG"),
    ):
        was, now = opened(content), opened(clean(content).content)
        assert (now.mode, now.tobytes()) == (was.mode, was.tobytes())


def _saved(image: Image.Image, form: str) -> bytes:
    made = io.BytesIO()
    image.save(made, form)
    return made.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_that_ends_early_is_refused(form: str) -> None:
    whole = picture(form, (40, 30))
    for length in (len(whole) // 4, len(whole) // 2, len(whole) - 3):
        with pytest.raises(UnusablePicture, match=r"ends before|damaged|contradicts"):
            clean(whole[:length])


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _png(width: int, height: int, rows: bytes, *more: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = _chunk(b"IDAT", zlib.compress(rows))
    return b"".join((b"\x89PNG\r\n\x1a\n", header, *more, data, _chunk(b"IEND", b"")))


HUGE = struct.pack(">HH", 60_000, 60_000)
_GIF = picture("GIF")
_JPEG = picture("JPEG")
_FRAME = _JPEG.index(b"\xff\xc0") + 5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_png(100_000, 100_000, b"\0" * 10), "measures 100000 × 100000, too much for a PNG"),
        (_png(12_000, 12_000, b"\0" * 10), "measures 12000 × 12000, too much for a PNG"),
        (_png(0, 5, b"\0" * 10), "has no width or no height"),
        (_JPEG[:_FRAME] + HUGE + _JPEG[_FRAME + 4 :], "measures 60000 × 60000, too much"),
        (_GIF[:6] + b"\xff\xff\xff\xff" + _GIF[10:], "measures 65535 × 65535, too much"),
        (b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f" + b"\0" * 9, "for a WebP"),
        (_png(4, 4, b"\0" * 3), "is damaged or incomplete"),
        (_png(4, 4, b"\0" * 52, _chunk(b"CgBI", b"\0" * 4)), "is a rare kind of PNG"),
        (PNG.replace(b"IDAT", b"IDAt"), "is a rare kind of PNG|damaged|incomplete"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "is a rare kind of PNG"),
        (b"\xff\xd8\xff\xd9", "ends before"),
        (b"\xff\xd8" + b"\xff\xfe\0\2" * 300_000 + b"\xff\xd9", "too many parts"),
        (b"GIF89a" + b"\1\0\1\0\0\0\0" + b"!\xfe" + b"\1a" * 300_000, "too many parts"),
        (b"GIF89a\1\0\1\0\0\0\0;", "ends before"),
        (b"<svg onload='alert(1)'/>", "is no PNG, JPEG, GIF or WebP"),
        (b"%PDF-1.4 " + PNG, "is no PNG, JPEG, GIF or WebP"),
        (b"", "is no PNG, JPEG, GIF or WebP"),
    ],
)
def test_a_bomb_or_a_broken_picture_is_refused_in_one_sentence(content: bytes, said: str) -> None:
    with pytest.raises(UnusablePicture, match=said) as refused:
        clean(content)
    assert ";" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_jpeg_in_a_thousand_scans_is_refused() -> None:
    whole = picture("JPEG", (16, 16), progressive=True)
    start = whole.rindex(b"\xff\xda")
    with pytest.raises(UnusablePicture, match="damaged"):
        clean(whole[:start] + whole[start:-2] * 1000 + whole[-2:])


def test_a_file_that_is_also_something_else_is_only_a_picture_afterwards() -> None:
    for form in FORMS:
        for rest in (b"PK\x03\x04archive", b"<script>alert(1)</script>", b"%PDF-1.4", b"#!/bin/sh"):
            assert rest not in clean(picture(form) + rest).content


def test_a_compressed_text_of_a_gigabyte_costs_nothing() -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(100)) + packer.flush()
    made = clean(_png(4, 4, b"\0" * 52, _chunk(b"zTXt", b"Comment\0\0" + bomb)))
    assert len(made.content) < 200


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_a_flipped_byte_is_shown_or_refused(form: str, data: st.DataObject) -> None:
    content = bytearray(telling(form))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        made = clean(bytes(content))
    except UnusablePicture as error:
        assert ";" in str(error)
    else:
        opened(made.content)


def test_the_content_decides_and_not_the_name(write: Write) -> None:
    write(picture("JPEG"), "a.png")
    [found] = read(write(one(media="[{file: a.png, alt: b}]"))).drafts[0].media
    assert found.mime_type == "image/jpeg"
    write(b"MZ\x90\0", "b.png")
    assert "b.png is no PNG" in problems(write(one(media="[b.png]")))[0]


def test_the_import_keeps_and_counts_what_is_published_and_says_so_once(write: Write) -> None:
    content = telling("JPEG")
    first, second = write(content, "a.jpg"), write(telling("PNG"), "b.png")
    file = read(write(one(media="[{file: a.jpg, alt: a}, {file: b.png, alt: b}]")))
    [note] = file.warnings
    assert "a.jpg and 1 more named the place where it was taken" in str(note)
    found = file.drafts[0].media
    assert [medium.path for medium in found] == [first, second]
    assert found[0].sha256 == clean(content).sha256
    assert found[0].size == len(clean(content).content)
    assert found[0].original == hashlib.sha256(content).hexdigest()


def test_a_command_is_told_of_the_place_too(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(telling("JPEG"))
    warnings: list[Problem] = []
    [made] = post_file.drafts(
        text="a",
        at="now",
        to=["collectif-x"],
        accounts=ACCOUNTS,
        now=NOW,
        media=[(tmp_path / "a.jpg", "b")],
        warnings=warnings,
    )
    assert SECRET not in clean((tmp_path / "a.jpg").read_bytes()).content
    assert made.media[0].original is not None
    assert ["named the place" in str(warning) for warning in warnings] == [True]


def test_the_key_of_a_post_is_made_from_the_file_as_it_lies_there(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(telling("PNG"), "a.png")
    path = write(one(media="[{file: a.png, alt: a}]"))
    draft = read(path).drafts[0]
    # A later release may clean otherwise; the post is still the same.
    monkeypatch.setattr(pictures.png, "_KEPT", pictures.png._KEPT - {b"iCCP", b"pHYs", b"sRGB"})
    monkeypatch.setattr(pictures.png, "_profile", lambda _: b"")
    again = read(path).drafts[0]
    assert again.media[0].sha256 != draft.media[0].sha256
    assert again.key == draft.key
    write(picture(), "a.png")
    assert read(path).drafts[0].key != draft.key


def test_a_picture_under_many_spellings_is_read_once(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(PNG, "a.png")
    opened_paths: list[Path] = []
    real: Callable[..., bytes] = files.read

    def counted(path: Path, limit: int, **where: Any) -> bytes:
        opened_paths.append(path)
        return real(path, limit, **where)

    monkeypatch.setattr(files, "read", counted)
    path = write(
        one(media="[{file: a.png, alt: a}, {file: ./a.png, alt: a}, {file: .//a.png, alt: a}]")
    )
    assert len(read(path).drafts[0].media) == 3
    assert [found.name for found in opened_paths].count("a.png") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows needs a right for links")
def test_a_link_put_in_the_way_after_the_check_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    (inside / "folder").mkdir(parents=True)
    outside.mkdir()
    (outside / "a.png").write_bytes(PNG)
    (inside / "folder" / "a.png").write_bytes(b"mine")
    path = inside / "folder" / "a.png"
    assert files.read(path, 100, inside=inside) == b"mine"
    path.unlink()
    path.symlink_to(outside / "a.png")
    with pytest.raises(OSError):  # the number differs between systems
        files.read(path, 100, inside=inside)
    path.unlink()
    (inside / "folder").rmdir()
    (inside / "folder").symlink_to(outside)
    with pytest.raises(OSError):  # the number differs between systems
        files.read(path, 100, inside=inside)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_or_a_device_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(files.NotOrdinaryError):
            files.read(path, 100)
    with pytest.raises(files.TooBigError):
        files.read(Path("/proc/self/maps"), 100)
