"""Small MP4 films made of boxes: whole ones, with or without a camera's track of places."""

from __future__ import annotations

import struct

#: What tells the place in ``film(gps=True)``, each in another part of the file.
GPS_WORDS = (
    b"+48.8577+002.2950/",
    b"N48.8577 in a track",
    b"<exif:GPSLatitude>48.8577",
    b"com.apple.quicktime.location.ISO6709",
    b"iFilm 14",
)


def box(name: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I4s", 8 + len(body), name) + body


def large(name: bytes, *bodies: bytes) -> bytes:
    """A box that gives its size in 64 bits."""
    body = b"".join(bodies)
    return struct.pack(">I4sQ", 1, name, 16 + len(body)) + body


def full(name: bytes, *bodies: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *bodies)


FTYP = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
_HOUR = 3_700_000_000


def mvhd(seconds: float = 2.0) -> bytes:
    times = struct.pack(">IIII", _HOUR, _HOUR, 1000, int(seconds * 1000))
    return full(b"mvhd", times, bytes(80))


def tkhd(number: int, size: tuple[int, int], *, turned: bool = False) -> bytes:
    matrix = (
        (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
        if turned
        else (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    )
    head = struct.pack(">IIIII8xHHHH", _HOUR, _HOUR, number, 0, 2000, 0, 0, 0, 0)
    return full(
        b"tkhd",
        head,
        struct.pack(">9i", *matrix),
        *(struct.pack(">I", s << 16) for s in size),
        flags=3,
    )


def entry(kind: bytes) -> bytes:
    if kind == b"vide":
        head = bytes(6) + struct.pack(">H", 1) + bytes(16) + struct.pack(">HH", 64, 48) + bytes(14)
        return box(
            b"avc1", head, b"\x08iFilm 14".ljust(32, b"\0"), bytes(4), box(b"avcC", b"\1\x42\0\x0a")
        )
    if kind == b"soun":
        return box(b"mp4a", bytes(6) + struct.pack(">H", 1) + bytes(20), box(b"esds", bytes(20)))
    return box(b"gpmd", bytes(6) + struct.pack(">H", 1))


def stbl(kind: bytes, offsets: list[int], sizes: list[int], *, wide: bool = False) -> bytes:
    """One sample in each chunk."""
    count = len(sizes)
    chunks = struct.pack(f">{count}{'Q' if wide else 'I'}", *offsets)
    return box(
        b"stbl",
        full(b"stsd", struct.pack(">I", 1), entry(kind)),
        full(b"stts", struct.pack(">III", 1, count, 100)),
        full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        full(b"stsz", struct.pack(">II", 0, count), struct.pack(f">{count}I", *sizes)),
        full(b"co64" if wide else b"stco", struct.pack(">I", count), chunks),
    )


def trak(number: int, kind: bytes, table: bytes, *extra: bytes, turned: bool = False) -> bytes:
    size = (64, 48) if kind == b"vide" else (0, 0)
    handler = full(b"hdlr", bytes(4), kind, bytes(12), b"iFilm 14\0")
    header = full(b"mdhd", struct.pack(">IIIIHH", _HOUR, _HOUR, 1000, 2000, 0, 0))
    reference = box(b"dinf", full(b"dref", struct.pack(">I", 1), full(b"url ", flags=1)))
    media = full(b"vmhd", bytes(8)) if kind == b"vide" else full(b"smhd", bytes(4))
    minf = box(b"minf", media, reference, table)
    return box(
        b"trak", tkhd(number, size, turned=turned), box(b"mdia", header, handler, minf), *extra
    )


def film(
    *,
    gps: bool = False,
    samples: int = 4,
    sample_size: int = 50,
    seconds: float = 2.0,
    wide: bool = False,
    turned: bool = False,
    more: bytes = b"",
) -> bytes:
    """A film with sound; the data stands first, so that tables need not know their own size."""
    start = len(FTYP) + (16 if wide else 8)
    data, spans = bytearray(), {}
    kinds = (b"vide", b"soun", b"meta") if gps else (b"vide", b"soun")
    for kind in kinds:
        spans[kind] = []
    for number in range(samples):
        for kind in kinds:
            said = (
                GPS_WORDS[1].ljust(sample_size, b".")
                if kind == b"meta"
                else bytes([number % 250 + 1]) * sample_size
            )
            spans[kind].append((start + len(data), len(said)))
            data += said
    if gps:
        data += GPS_WORDS[0]  # in no track at all
    tracks = [
        trak(
            number,
            kind,
            stbl(kind, [at for at, _ in spans[kind]], [size for _, size in spans[kind]], wide=wide),
            turned=turned,
        )
        for number, kind in enumerate(kinds, 1)
    ]
    told = (
        box(b"udta", box(b"\xa9xyz", struct.pack(">HH", 18, 0), GPS_WORDS[0])),
        box(b"meta", bytes(4), box(b"keys", GPS_WORDS[3]), box(b"ilst", GPS_WORDS[0])),
    )
    after = box(b"uuid", bytes(16), GPS_WORDS[2]) if gps else b""
    mdat = large if wide else box
    moov = box(b"moov", mvhd(seconds), *tracks, *(told if gps else ()))
    return FTYP + mdat(b"mdat", bytes(data)) + moov + after + more
