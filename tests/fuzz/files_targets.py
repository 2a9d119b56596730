"""What is fuzzed of files: the import of each format, written times, and pictures.

Run by the tests; by hand: ``python tests/fuzz/files_targets.py TARGET INPUT``.
"""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import harness


def _import(suffix: str) -> harness.Target:
    from socialstrike import post_file
    from socialstrike.content import forbidden_character, printable, unclosed_direction
    from socialstrike.drafts import CampaignSpec
    from socialstrike.exceptions import InvalidFile
    from socialstrike.platforms import documents
    from socialstrike.platforms.documents import UnavailableError

    path = Path(f"posts{suffix}").absolute()
    # One open file, written over: emptying a file anew takes some systems a millisecond or two.
    written = path.open("wb", buffering=0)
    strike = CampaignSpec("greve", date(2020, 1, 24), "Europe/Paris", "#g24")
    accounts = {"collectif-x": "x", "antenne-x": "x", "collectif-fb": "facebook"}

    def offline(url: str) -> None:
        raise UnavailableError("no answer in time")

    # A file of a fuzzer's may name any address; nobody there asked to be fuzzed.
    documents.fetch = offline  # type: ignore[assignment]

    def target(data: bytes) -> None:
        written.seek(0)
        written.write(data)
        written.truncate()
        try:
            [read] = post_file.read(
                [path],
                campaigns=lambda name: strike if name == "greve" else None,
                accounts=accounts,
                now=datetime(2020, 1, 1, tzinfo=UTC),
                campaign=None if data.startswith(b"campaign") else "greve",
            )
        except InvalidFile as error:
            assert error.problems
            for problem in error.problems:
                said = str(problem)
                assert problem.where == str(path)
                assert printable(said) == said, repr(said)
                assert "\n" not in said, repr(said)
                assert len(said) < 1_000, repr(said)
            return
        for draft in read.drafts:
            for delivery in draft.deliveries:
                assert not forbidden_character(delivery.text)
                assert not unclosed_direction(delivery.text)
                assert delivery.due_at.tzinfo is UTC
                assert delivery.late_after >= delivery.due_at

    return target


def _times() -> harness.Target:
    from socialstrike.post_file.times import Calendar, WrongTime, day_of, duration

    calendar = Calendar(ZoneInfo("Europe/Paris"), date(2020, 3, 29))

    def target(data: bytes) -> None:
        written = data.decode("utf-8", "surrogateescape")
        for read in (calendar.resolve, duration, day_of):
            try:
                found = read(written)
            except WrongTime as error:
                assert len(str(error)) < 500
                continue
            if isinstance(found, datetime):
                assert found.tzinfo is UTC
                assert calendar.to_local(found)

    return target


def _pictures() -> harness.Target:
    from socialstrike.pictures import UnusablePicture, clean

    def target(data: bytes) -> None:
        data = _summed(data)
        try:
            made = clean(data)
        except UnusablePicture as error:
            assert str(error)
            return
        assert len(made.content) <= len(data) + 200
        again = clean(made.content)
        assert again.content == made.content
        assert not again.place

    return target


def _summed(data: bytes) -> bytes:
    """A PNG with the right sums: a wrong one would keep all mutations from the readers."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    parts, position = [data[:8]], 8
    while position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        if end + 4 > len(data):
            break
        named = data[position + 4 : end]
        parts.append(data[position : position + 4] + named + zlib.crc32(named).to_bytes(4, "big"))
        position = end + 4
    return b"".join(parts) + data[position:]


TARGETS = {
    "yaml": lambda: _import(".yaml"),
    "csv": lambda: _import(".csv"),
    "jsonl": lambda: _import(".jsonl"),
    "times": _times,
    "pictures": _pictures,
}

if __name__ == "__main__":
    harness.main(
        TARGETS,
        instrument=["socialstrike.post_file", "socialstrike.pictures", "socialstrike.content"],
    )
