"""What is judged or written for many entries at once is what is judged or written for each."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.audit import chain, export
from socialstrike.audit.merkle import Tree

FACT = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]))


def _log(count: int) -> list[bytes]:
    lines: list[bytes] = []
    for number in range(1, count + 1):
        prev = chain.digest(lines[-1].decode()) if lines else chain.GENESIS
        entry = {"v": 1, "seq": number, "prev": prev, "actor": "é", "event": "stop"}
        lines.append(chain.canonical(entry).encode())
    return lines


LOG = _log(6)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), FACT))
def test_facts_are_written_and_read_quickly_as_they_are_by_the_json_module(
    entry: dict[str, chain.Fact],
) -> None:
    assert chain.written(entry) == chain.canonical(entry)
    assert chain.facts(chain.canonical(entry)) == entry


def test_every_character_is_written_quickly_as_it_is_by_the_json_module() -> None:
    entry = {chr(code): chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000}
    assert chain.written(entry) == chain.canonical(entry)


def test_a_sound_run_is_taken_and_comes_to_what_its_entries_come_to() -> None:
    together, one_by_one = chain.Walk(), chain.Walk()
    for lines in (LOG[:1], LOG[1:5], LOG[5:]):
        run = together.sound(lines)
        assert run is not None
        together.take(run)
        assert list(run.entries) == [one_by_one.add(line) for line in lines]
    assert (together.count, together.head) == (one_by_one.count, one_by_one.head)
    assert one_by_one.breaks == []


OTHERS = [b"", b"[]", b"{}", b'{"v":1}', b'{"a":1.0}', b"[" * 5000, b'{"a":"\xff"}', b"null"]


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_no_entry_is_in_no_sound_run(other: bytes) -> None:
    assert chain.Walk().sound([LOG[0], other]) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seq":1', b'"seq":true'),
        (b'"seq":1', b'"seq":1.0'),
        (b'"v":1', b'"v":true'),
        (b'"v":1', b'"v":2'),
        (b'"seq"', b' "seq"'),
        (b'"actor":"\xc3\xa9"', b'"actor":"\\u00e9"'),
        (b'"actor":"\xc3\xa9"', b'"actor":"x","actor":"\xc3\xa9"'),
        (b'"event":"stop","prev"', b'"prev"'),
    ],
)
def test_a_form_that_only_means_the_same_is_in_no_sound_run(old: bytes, new: bytes) -> None:
    changed = LOG[0].replace(old, new)
    assert changed != LOG[0]
    if b'"event"' not in changed or b'"v":2' in changed:  # sound, but for what follows it
        assert chain.Walk().sound([changed, LOG[1]]) is None
    else:
        assert chain.Walk().sound([changed]) is None


@given(st.data())
def test_a_run_with_any_bit_flipped_is_sound_only_where_each_entry_is(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(LOG) - 1))
    content = bytearray(LOG[place])
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    lines = [*LOG[:place], bytes(content), *LOG[place + 1 :]]
    walk = chain.Walk()
    for line in lines:
        walk.add(line)
    assert chain.Walk().sound(lines) is None or not walk.breaks


@given(st.lists(st.binary(max_size=8), max_size=40), st.integers(0, 40))
def test_lines_added_together_make_the_tree_that_they_make_one_by_one(
    lines: list[bytes], cut: int
) -> None:
    together, one_by_one = Tree(), Tree()
    together.add_all(lines[:cut])
    together.add_all(lines[cut:])
    for line in lines:
        one_by_one.add(line)
    assert (together.size, together.peaks) == (one_by_one.size, one_by_one.peaks)


CELL = st.sampled_from(
    ["", "x-1", "=1+1", "-", "a;=b", "a,b", 'say "no"', "é", "\x07", "\x7f", " @x", "2020-01-24"]
)


@given(
    st.dictionaries(
        st.sampled_from(["account", "campaign", "due_at", "error", "kind", "zone"]),
        CELL | st.none() | st.integers() | st.booleans(),
    )
)
def test_a_plain_row_is_the_row_that_is_looked_at_cell_by_cell(
    entry: dict[str, chain.Fact],
) -> None:
    line = chain.canonical({**entry, "event": "stop", "v": 2})
    out, expected = io.StringIO(newline=""), io.StringIO(newline="")
    export.write_csv([line], out)
    said = json.loads(line)
    cells = [export.cell(said.get(column)) for column in export.COLUMNS[:-2]]
    row = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert list(row)[1][:-2] == cells
    csv.writer(expected).writerow([*cells, ""])
    assert out.getvalue().split("\r\n")[1].startswith(expected.getvalue().removesuffix("\r\n"))
