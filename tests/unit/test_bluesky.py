"""What the adapter for Bluesky decides without a server: counting, keys, pictures, clicks."""

from __future__ import annotations

import io
import json
import random
import struct
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from socialstrike.content import graphemes
from socialstrike.platforms.base import CredentialsRefused, Media, OutcomeUnknown, Rejected
from socialstrike.platforms.bluesky import Bluesky
from socialstrike.platforms.bluesky_pictures import MOST_BYTES, fitted
from socialstrike.platforms.bluesky_record import record_key, text_length
from socialstrike.platforms.bluesky_session import Kept
from socialstrike.platforms.credentials import Access
from socialstrike.platforms.http import Answer

_SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"
_ORIENTATION = 0x0112


# Counting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", 0),
        ("Hello", 5),
        ("a\r\nb", 3),
        ("été", 3),
        ("e\u0301te\u0301", 3),
        ("👨‍👩‍👧‍👦", 1),
        ("✊🏽", 1),
        ("🇫🇷🇧🇪", 2),
        ("नि", 1),
        ("한국", 2),
        ("\u1112\u1161\u11ab", 1),
    ],
)
def test_graphemes_are_what_a_reader_sees(text: str, seen: int) -> None:
    assert graphemes(text) == seen


@given(st.text(max_size=400))
def test_a_text_is_too_long_exactly_when_it_breaks_one_of_the_two_limits(text: str) -> None:
    size = len(text.encode("utf-8", "replace"))

    assert (text_length(text) > 300) == (graphemes(text) > 300 or size > 3_000)


@pytest.mark.parametrize(("text", "length"), [("👨‍👩‍👧‍👦" * 120, 300), ("👨‍👩‍👧‍👦" * 121, 303)])
def test_bytes_decide_where_characters_are_heavy(text: str, length: int) -> None:
    assert text_length(text) == length


# The post's address -------------------------------------------------------------------------


@given(st.text(max_size=64))
def test_a_record_key_is_a_tid_of_a_time_that_has_passed(key: str) -> None:
    made = record_key(key)

    assert len(made) == 13
    assert set(made) <= set(_SORTABLE)
    number = int("".join(f"{_SORTABLE.index(c):05b}" for c in made), 2)
    assert number < 2**63
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=number >> 10)
    assert datetime(2023, 1, 1, tzinfo=UTC) <= at < datetime(2025, 6, 1, tzinfo=UTC)


def test_a_record_key_depends_on_the_delivery_alone_and_never_changes() -> None:
    # What was sent under an older release must be found by a newer one.
    assert record_key("key") == "3jwcmy7kbo3rt"
    assert len({record_key(f"key-{number}") for number in range(10_000)}) == 10_000


# The session --------------------------------------------------------------------------------


def test_a_session_is_kept_and_read_again() -> None:
    kept = Kept("did:plc:a", "access-token", "refresh-token", "mark")

    assert Kept.read(kept.written(), "mark") == kept
    assert "token" not in repr(kept)


@pytest.mark.parametrize(
    "written",
    ["", "{", "[]", "null", "7", '{"did": "d"}', json.dumps(dict.fromkeys(("did", "access"), 7))],
)
def test_what_is_no_session_is_none(written: str) -> None:
    assert Kept.read(written, "mark") is None


def test_a_session_of_other_credentials_does_not_count() -> None:
    written = Kept("did:plc:a", "access-token", "refresh-token", "old").written()

    assert Kept.read(written, "new") is None


# What is clicked ----------------------------------------------------------------------------


def _clicked(text: str) -> dict[str, str]:
    adapter = Bluesky(Access("a", {"handle": "a.test", "app_password": "some-password"}))
    raw = text.encode()
    return {
        raw[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(): facet["features"][0][
            "$type"
        ].partition("#")[2]
        for facet in adapter._facets(text)
    }


@pytest.mark.parametrize(
    ("text", "clicked"),
    [
        ("nothing here", {}),
        ("✊🏽 #blocage24janvier !", {"#blocage24janvier": "tag"}),
        ("#été, #grève.", {"#été": "tag", "#grève": "tag"}),
        ("# 1 #2020", {}),
        ("é https://example.org/a?b=é.", {"https://example.org/a?b=é": "link"}),
        ("(voir https://example.org/a)", {"https://example.org/a": "link"}),
        ("onestla.tech ici", {"onestla.tech": "link"}),
        ("a@example.org", {}),
    ],
)
def test_hashtags_and_links_are_where_their_bytes_are(text: str, clicked: dict[str, str]) -> None:
    assert _clicked(text) == clicked


# Pictures -----------------------------------------------------------------------------------


def _media(tmp_path: Path, content: bytes) -> Media:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    return Media(path, "image/png", "")


def _picture(
    size: tuple[int, int], *, form: str, noise: bool = False, orientation: int = 1
) -> bytes:
    image = Image.new("RGB", size, "red")
    if noise:
        image = Image.frombytes("RGB", size, random.Random(7).randbytes(size[0] * size[1] * 3))
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    made = io.BytesIO()
    image.save(made, form, exif=exif)
    return made.getvalue()


@pytest.mark.parametrize(
    ("form", "mime_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")]
)
def test_a_picture_that_fits_is_left_as_it_is(tmp_path: Path, form: str, mime_type: str) -> None:
    content = _picture((40, 30), form=form)

    assert fitted(_media(tmp_path, content), content) == (content, mime_type, (40, 30))


@pytest.mark.parametrize("size", [(1_000, 800), (4_000, 100)])
def test_a_picture_that_is_too_large_is_made_smaller_and_keeps_its_shape(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    content = _picture(size, form="PNG", noise=True)
    content += bytes(max(0, MOST_BYTES + 1 - len(content)))

    sent, mime_type, (width, height) = fitted(_media(tmp_path, content), content)

    assert len(sent) <= MOST_BYTES
    assert mime_type == "image/jpeg"
    assert Image.open(io.BytesIO(sent)).size == (width, height)
    assert abs(width / height - size[0] / size[1]) < 0.01 * size[0] / size[1]


def test_a_picture_on_its_side_is_told_as_it_is_seen(tmp_path: Path) -> None:
    content = _picture((40, 30), form="JPEG", orientation=6)
    large = _picture((1_200, 900), form="PNG", noise=True, orientation=6)

    assert fitted(_media(tmp_path, content), content)[2] == (30, 40)
    width, height = fitted(_media(tmp_path, large), large)[2]
    assert width * 4 == height * 3


def test_what_is_transparent_stays_white(tmp_path: Path) -> None:
    made = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(made, "PNG")
    content = made.getvalue() + bytes(MOST_BYTES)

    sent, _, _ = fitted(_media(tmp_path, content), content)

    assert Image.open(io.BytesIO(sent)).getpixel((25, 25)) == (255, 255, 255)


def _bomb() -> bytes:
    """A PNG of a few bytes that says it is 20,000 pixels wide and high."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        _picture((40, 30), form="PNG")[:60],
        _picture((1_000, 900), form="PNG", noise=True)[: MOST_BYTES + 1],
        _bomb(),
    ],
    ids=["empty", "text", "cut off in its head", "cut off", "a bomb"],
)
def test_what_cannot_be_opened_is_rejected(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Rejected, match="posts add"):
        fitted(_media(tmp_path, content), content)


# Answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("AccountTakedown", "accounts resume"),
        ("AccountSuspended", "accounts resume"),
        ("AccountDeactivated", "accounts resume"),
        ("RepoDeactivated", "accounts resume"),
        ("AuthFactorTokenRequired", "app password"),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_closed_account_is_told_with_its_own_remedy(name: str, remedy: str, status: int) -> None:
    adapter = Bluesky(Access("a", {"handle": "a.test", "app_password": "some-password"}))
    found = adapter.diagnose(Answer(status, {}, json.dumps({"error": name}).encode()))

    assert found.kind is CredentialsRefused
    assert remedy in (found.remedy or "")


@pytest.mark.parametrize("status", [301, 500, 502, 503])
@pytest.mark.parametrize(
    "name", ["InvalidToken", "RateLimitExceeded", "BlobTooLarge", "InvalidSwap"]
)
def test_a_server_in_trouble_proves_nothing_whatever_it_says(name: str, status: int) -> None:
    adapter = Bluesky(Access("a", {"handle": "a.test", "app_password": "some-password"}))

    found = adapter.diagnose(Answer(status, {}, json.dumps({"error": name}).encode()))

    assert found.kind is OutcomeUnknown


def test_the_end_of_a_limit_is_read_from_bluesky_own_header() -> None:
    adapter = Bluesky(Access("a", {"handle": "a.test", "app_password": "some-password"}))
    reset = datetime(2020, 1, 24, 10, tzinfo=UTC)
    headers = {"ratelimit-reset": str(int(reset.timestamp()))}

    found = adapter.diagnose(Answer(429, headers, b'{"error":"RateLimitExceeded"}'))

    assert found.retry_at == reset
