"""The plan as a calendar: RFC 5545's lines, one event for a post and time, and UIDs that stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from socialstrike.drafts import CampaignSpec
from socialstrike.plan import Snapshot, Step, Voice, as_calendar
from socialstrike.redaction import printable

NOW = datetime(2027, 1, 23, 18, tzinfo=UTC)
DAY = datetime(2027, 1, 24, 8, tzinfo=UTC)
STRIKE = CampaignSpec("greve", date(2027, 1, 24), "Europe/Paris")


def _step(number: int, **other: Any) -> Step:
    known: dict[str, Any] = {
        "delivery": number,
        "account": f"compte-{number}",
        "platform": "x",
        "kind": "announcement",
        "text": "En grève",
        "link": None,
        "pictures": 0,
        "due_at": DAY,
        "late_after": DAY + timedelta(hours=1),
        "timezone": "Europe/Paris",
        "state": "scheduled",
        "post": "clé",
        "changed_at": NOW,
    }
    return Step(**known | other)


def _file(*steps: Step, now: datetime = NOW, names: bool = True) -> str:
    voices = {step.account: Voice(step.account, step.platform) for step in steps}
    return as_calendar(Snapshot(now, steps, voices, campaigns={"greve": STRIKE}), names=names)


def _unfolded(file: str) -> list[str]:
    assert file.endswith("END:VCALENDAR\r\n")
    return file.replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def _events(file: str) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in _unfolded(file):
        name, _, value = line.partition(":")
        if line == "BEGIN:VEVENT":
            event = {}
        elif line == "END:VEVENT":
            yield event
        else:
            event[name] = value


def _read(value: str) -> str:
    """A TEXT value as a calendar reads it."""
    found, chars = "", iter(value)
    for char in chars:
        found += (
            {"n": "\n", "N": "\n"}.get(follows := next(chars), follows) if char == "\\" else char
        )
    return found


def test_twelve_accounts_at_the_same_minute_are_one_event_that_lists_them() -> None:
    steps = [_step(n, due_at=DAY + timedelta(seconds=n)) for n in range(12)]
    [event] = _events(_file(*steps))
    assert event["DTSTART"] == "20270124T080000Z"
    assert _read(event["SUMMARY"]) == "announcement, 12 accounts: En grève"
    assert all(step.account in event["DESCRIPTION"] for step in steps)


def test_each_time_of_a_post_is_an_event_of_its_own() -> None:
    later = DAY + timedelta(hours=2)
    first, second = _events(_file(_step(1), _step(2, occurrence=1, due_at=later)))
    assert first["UID"] != second["UID"]


def test_a_moved_post_keeps_its_uid_and_has_a_newer_version() -> None:
    [before] = _events(_file(_step(1)))
    moved = _step(1, due_at=DAY + timedelta(hours=1), changed_at=NOW + timedelta(minutes=5))
    [after] = _events(_file(moved, now=NOW + timedelta(hours=1)))
    assert after["UID"] == before["UID"]
    assert after["DTSTART"] != before["DTSTART"]
    assert int(after["SEQUENCE"]) > int(before["SEQUENCE"])


def test_accounts_of_a_post_that_were_moved_apart_never_share_a_uid() -> None:
    together = [_step(1), _step(2), _step(3)]
    [before] = _events(_file(*together))
    hours = (0, 1, 2)
    apart = [
        replace(step, due_at=DAY + timedelta(hours=hour))
        for step, hour in zip(together, hours, strict=True)
    ]
    uids = [event["UID"] for event in _events(_file(*apart))]
    assert len(set(uids)) == 3
    assert before["UID"] in uids


def test_a_cancelled_post_cancels_its_event_and_a_cancelled_account_leaves_it() -> None:
    [gone] = _events(_file(_step(1, state="cancelled")))
    [left] = _events(_file(_step(1, state="cancelled"), _step(2)))
    assert (gone["STATUS"], left["STATUS"]) == ("CANCELLED", "CONFIRMED")
    assert "compte-2" in left["DESCRIPTION"]
    assert "compte-1" not in left["DESCRIPTION"]


def test_without_names_there_are_counts_and_neither_accounts_nor_texts() -> None:
    file = _file(_step(1), _step(2), _step(3, platform="facebook"), names=False)
    [event] = _events(file)
    assert _read(event["DESCRIPTION"]) == "1 on Facebook, 2 on X"
    assert "compte" not in file
    assert "grève" not in file


@given(st.text(min_size=1))
def test_any_text_comes_back_whole_from_lines_of_75_octets(text: str) -> None:
    file = _file(_step(1, text=text))
    assert all(len(line.encode()) <= 75 for line in file.split("\r\n"))
    [event] = _events(file)
    told = _read(event["DESCRIPTION"])
    assert told == f"compte-1 (X, scheduled):\n{printable(text)}".replace("\t", " ")
