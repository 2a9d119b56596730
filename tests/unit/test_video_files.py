"""Films as they are read: what stays, what goes, and what hostile files cannot do."""

from __future__ import annotations

import struct
import time
import tracemalloc

import pytest

from socialstrike.pictures import UnusablePicture, clean
from tests.unit.films import FTYP, GPS_WORDS, box, entry, film, full, large, mvhd, stbl, trak


def test_places_hours_and_cameras_go_and_the_film_stays_where_it_is() -> None:
    before = film(gps=True)
    after = clean(before)

    assert len(after.content) == len(before)
    assert [word for word in GPS_WORDS if word in before] == list(GPS_WORDS)
    assert [word for word in GPS_WORDS if word in after.content] == []
    assert struct.pack(">I", 3_700_000_000) not in after.content
    start = len(FTYP) + 8
    for number in range(4):  # pictures and sound of 50 bytes each, then the track of places
        at = start + number * 150
        assert after.content[at : at + 100] == before[at : at + 100]
        assert after.content[at + 100 : at + 150] == bytes(50)
    assert (after.mime_type, after.place) == ("video/mp4", True)
    assert (after.seconds, after.measures) == (2.0, (64, 48))
    assert not clean(film()).place


def test_cleaning_twice_changes_nothing_and_gives_the_same_bytes() -> None:
    once = clean(film(gps=True))
    again = clean(once.content)
    assert (again.content, again.sha256, again.place) == (once.content, once.sha256, False)


def test_sizes_and_places_of_64_bits_are_read() -> None:
    made = clean(film(wide=True, gps=True))
    assert [word for word in GPS_WORDS if word in made.content] == []


def test_a_film_on_its_side_is_told_as_it_is_shown() -> None:
    assert clean(film(turned=True)).measures == (48, 64)


def test_the_last_box_may_reach_to_the_end_of_the_file() -> None:
    tail = struct.pack(">I4s", 0, b"free") + GPS_WORDS[0]
    made = clean(film(more=tail)).content
    assert len(made) == len(film(more=tail))
    assert GPS_WORDS[0] not in made


def _with(table: bytes, *extra: bytes, codec: bytes = b"") -> bytes:
    moov = box(b"moov", mvhd(), trak(1, b"vide", table), *extra)
    moov = moov.replace(b"avc1\0\0\0\0\0\0", codec + b"\0\0\0\0\0\0") if codec else moov
    return FTYP + box(b"mdat", bytes(100)) + moov


_AT = len(FTYP) + 8
_GOOD = stbl(b"vide", [_AT], [50])


def _table(**changed: bytes) -> bytes:
    parts = {
        "stsd": full(b"stsd", struct.pack(">I", 1), entry(b"vide")),
        "stts": full(b"stts", struct.pack(">III", 1, 1, 100)),
        "stsc": full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        "stsz": full(b"stsz", struct.pack(">III", 0, 1, 50)),
        "stco": full(b"stco", struct.pack(">II", 1, _AT)),
    }
    return box(b"stbl", *(parts | changed).values())


_DEEP = b""
for _ in range(10_000):
    _DEEP = box(b"moov", _DEEP)
_FRAGMENTED = "fragments"
_DAMAGED = "damaged or incomplete"

HOSTILE: dict[str, tuple[bytes, str]] = {
    "only-a-beginning": (FTYP, "holds no whole film"),
    "cut-in-the-middle": (film()[:-200], _DAMAGED),
    "a-box-larger-than-the-file": (FTYP + struct.pack(">I4s", 1 << 31, b"moov"), _DAMAGED),
    "a-box-smaller-than-its-head": (FTYP + struct.pack(">I4s", 3, b"moov"), _DAMAGED),
    "a-64-bit-size-round-the-corner": (
        FTYP + struct.pack(">I4sQ", 1, b"mdat", (1 << 64) - 8),
        _DAMAGED,
    ),
    "a-64-bit-size-of-nothing": (FTYP + struct.pack(">I4sQ", 1, b"mdat", 0), _DAMAGED),
    "a-0-size-inside": (
        FTYP + box(b"mdat") + box(b"moov", struct.pack(">I4s", 0, b"trak")),
        _DAMAGED,
    ),
    "boxes-without-end": (FTYP + box(b"free") * 50_000, "too many parts"),
    "nested-ten-thousand-deep": (FTYP + box(b"mdat") + _DEEP, "shows nothing"),
    "tracks-without-end": (
        FTYP + box(b"mdat") + box(b"moov", trak(1, b"vide", _GOOD) * 100),
        "rare kind",
    ),
    "fragmented": (FTYP + box(b"moof") + box(b"mdat"), _FRAGMENTED),
    "to-be-fragmented": (_with(_GOOD, box(b"mvex")), _FRAGMENTED),
    "quicktime": (
        film().replace(b"isom\0\0\2\0isomiso2avc1mp41", b"qt  \0\0\2\0qt  " + bytes(12)),
        "no MP4",
    ),
    "heic": (box(b"ftyp", b"heic\0\0\0\0mif1heic"), "HEIC or AVIF picture"),
    "hevc": (_with(_GOOD, codec=b"hvc1"), "is coded as hvc1"),
    "encrypted": (_with(_GOOD, codec=b"encv"), "is coded as encv"),
    "sound-alone": (
        FTYP
        + box(b"mdat", bytes(50))
        + box(b"moov", mvhd(), trak(1, b"soun", stbl(b"soun", [_AT], [9]))),
        "shows nothing",
    ),
    "samples-outside-the-data": (_with(stbl(b"vide", [1 << 30], [50])), _DAMAGED),
    "samples-in-the-head": (_with(stbl(b"vide", [4], [50])), _DAMAGED),
    "a-sample-beyond-the-data": (_with(stbl(b"vide", [_AT], [1 << 30])), _DAMAGED),
    "a-billion-chunks": (
        _with(_table(stco=full(b"stco", struct.pack(">II", 1 << 30, _AT)))),
        _DAMAGED,
    ),
    "a-billion-samples-of-no-table": (
        _with(_table(stsz=full(b"stsz", struct.pack(">II", 1, 1 << 30)))),
        _DAMAGED,
    ),
    "chunks-out-of-order": (
        _with(_table(stsc=full(b"stsc", struct.pack(">I6I", 2, 1, 1, 1, 1, 1, 1)))),
        _DAMAGED,
    ),
    "its-film-elsewhere": (
        _with(_GOOD).replace(full(b"url ", flags=1), full(b"url ")),
        "rare kind",
    ),
    "no-length": (
        _with(_GOOD).replace(mvhd(), mvhd(0)).replace(struct.pack(">II", 1000, 2000), bytes(8)),
        "how long",
    ),
    "two-sample-tables": (_with(_table(more=full(b"stsz", bytes(8)))), "rare kind"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_film_is_refused_in_words_soon_and_in_little_memory(name: str) -> None:
    content, words = HOSTILE[name]
    tracemalloc.start()
    begun = time.process_time()
    with pytest.raises(UnusablePicture, match=words) as refused:
        clean(content)
    seconds, (_, peak) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "; " in str(refused.value)
    assert seconds < 2
    assert peak < 4 * len(content) + 5_000_000


def test_a_film_cut_or_changed_anywhere_is_refused_or_read_but_never_a_traceback() -> None:
    whole = film(gps=True)
    for at in range(0, len(whole), 7):
        for hurt in (
            whole[:at],
            whole[:at] + b"\xff" + whole[at + 1 :],
            whole[:at] + bytes(4) + whole[at + 4 :],
        ):
            try:
                made = clean(hurt)
            except UnusablePicture:
                continue
            assert len(made.content) == len(hurt)


def test_as_many_samples_as_are_read_take_a_moment() -> None:
    count = 400_000
    table = _table(
        stsc=full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        stsz=full(b"stsz", struct.pack(">II", 0, count), bytes(4 * count)),
        stco=full(b"stco", struct.pack(">I", count), struct.pack(">I", _AT) * count),
    )
    begun = time.process_time()
    assert clean(_with(table)).seconds == 2.0
    assert time.process_time() - begun < 3
    with pytest.raises(UnusablePicture, match="too many parts"):
        clean(_with(_table(stco=full(b"stco", struct.pack(">I", 2_000_000), bytes(8_000_000)))))


def test_data_in_several_boxes_is_kept_where_a_track_says() -> None:
    data = large(b"mdat", b"A" * 20) + box(b"mdat", b"B" * 20) + box(b"mdat", b"C" * 20)
    first, last = len(FTYP) + 16, len(FTYP) + 36 + 28 + 8
    moov = box(b"moov", mvhd(), trak(1, b"vide", stbl(b"vide", [last + 5, first], [10, 20])))
    made = clean(FTYP + data + moov).content
    assert made[first : first + 20] == b"A" * 20
    assert b"B" not in made[first : last + 20]
    assert made[last : last + 20] == bytes(5) + b"C" * 10 + bytes(5)
