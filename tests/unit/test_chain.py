from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.audit import chain


def _log(*events: str) -> list[str]:
    lines: list[str] = []
    for number, event in enumerate(events, start=1):
        prev = chain.digest(lines[-1]) if lines else chain.GENESIS
        entry = {"v": 1, "seq": number, "at": "2020-01-24T00:00:00.000000Z", "prev": prev}
        lines.append(chain.canonical({**entry, "event": event, "actor": "é"}))
    return lines


LOG = _log("account.added", "delivery.scheduled", "stop", "start", "scheduler.ended")


def test_a_log_that_stands_verifies() -> None:
    verdict = chain.check(LOG)
    assert verdict.ok
    assert (verdict.entries, verdict.head) == (5, chain.digest(LOG[-1]))
    assert chain.check([]).ok


def _versions(*versions: object) -> list[str]:
    lines: list[str] = []
    for number, version in enumerate(versions, start=1):
        prev = chain.digest(lines[-1]) if lines else chain.GENESIS
        entry: dict[str, object] = {"v": version, "seq": number, "prev": prev, "event": "stop"}
        lines.append(chain.canonical(entry))
    return lines


@pytest.mark.parametrize("versions", [(1, 1), (1, 1, 2, 2), (2, 2)])
def test_a_log_may_go_on_in_a_newer_form(versions: tuple[int, ...]) -> None:
    assert chain.check(_versions(*versions)).ok


@pytest.mark.parametrize(
    "versions", [(1, 2, 1, 2), (2, 1, 2), (1, 3, 3), (0, 1), (1, True), (2, 2.0), (2, "2"), (None,)]
)
def test_a_log_never_goes_back_to_an_older_form_nor_on_to_an_unknown_one(
    versions: tuple[object, ...],
) -> None:
    verdict = chain.check(_versions(*versions))
    assert not verdict.ok
    assert all("version" in found.message for found in verdict.breaks)


@given(st.data())
def test_any_bit_flipped_anywhere_but_in_the_last_entry_is_found(data: st.DataObject) -> None:
    lines = list(LOG)
    place = data.draw(st.integers(0, len(lines) - 2))
    content = bytearray(lines[place].encode())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    lines[place] = content.decode(errors="surrogateescape")
    try:
        verdict = chain.check(lines)
    except UnicodeEncodeError:
        return  # a reader of UTF-8 refuses the file before it comes here
    assert not verdict.ok
    assert verdict.breaks[0].place in {place + 1, place + 2}


@given(st.data())
def test_entries_that_are_removed_swapped_doubled_or_inserted_are_found(
    data: st.DataObject,
) -> None:
    lines = list(LOG)
    place = data.draw(st.integers(0, len(lines) - 2))
    match data.draw(st.sampled_from(["remove", "swap", "double", "insert"])):
        case "remove":
            del lines[place]
        case "swap":
            lines[place], lines[place + 1] = lines[place + 1], lines[place]
        case "double":
            lines.insert(place, lines[place])
        case "insert":
            lines.insert(place, _log("forged")[0])
    assert not chain.check(lines).ok


@pytest.mark.parametrize(
    "line", ["", "[]", "null", "1", "{", '{"v": 1}', "[" * 5000, '{"v":2,"seq":1}', "\ud800"]
)
def test_what_is_no_entry_is_a_break_and_no_crash(line: str) -> None:
    verdict = chain.check([line.encode("utf-8", "replace").decode()])
    assert not verdict.ok


def test_the_number_of_breaks_told_is_bounded() -> None:
    assert len(chain.check(["{}"] * 1000, most=20).breaks) == 20


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,10}", fullmatch=True),
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    )
)
def test_the_canonical_form_reads_back_and_is_the_only_one(entry: dict[str, chain.Fact]) -> None:
    try:
        line = chain.canonical(entry)
        line.encode()
    except UnicodeEncodeError:
        return
    assert "\n" not in line
    assert chain.parse(line) == entry
    assert chain.canonical(dict(reversed(entry.items()))) == line
    assert json.loads(line) == entry


def test_the_commitment_needs_both_the_salt_and_the_content() -> None:
    said = {"text": "On bloque"}
    commitment = chain.commitment("aa", said)
    assert commitment == chain.commitment("aa", dict(said))
    assert commitment != chain.commitment("ab", said)
    assert commitment != chain.commitment("aa", {"text": "On bloque "})
