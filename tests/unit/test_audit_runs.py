"""What is judged or written for many entries at once is what is judged or written for each."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.audit import chain, export, people, rows, stamp, verification
from socialstrike.audit.attachments import Attachments
from socialstrike.audit.merkle import Tree
from socialstrike.audit.proof import Proof

FACT = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]))


def _log(*versions: int) -> list[bytes]:
    lines: list[bytes] = []
    for number, version in enumerate(versions, start=1):
        prev = chain.digest(lines[-1].decode()) if lines else chain.GENESIS
        entry = {"v": version, "seq": number, "prev": prev, "actor": "é", "event": "stop"}
        lines.append(chain.canonical(entry).encode())
    return lines


LOG = _log(1, 1, 1, 1, 1, 1)


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


@pytest.mark.parametrize(
    "lines",
    [
        [LOG[0] + b"\n" + LOG[1]],
        [LOG[0] + b"\n", LOG[1]],
        [LOG[0], b"{", LOG[1][1:]],
        [LOG[0] + b"\n{", LOG[1][1:]],
        [LOG[0], b"", LOG[1]],
        [LOG[0] + LOG[1]],
    ],
)
def test_entries_that_are_not_one_on_each_line_are_no_sound_run(lines: list[bytes]) -> None:
    assert chain.Walk().sound(lines) is None


@pytest.mark.parametrize("versions", [(1, 2, 1), (2, 1), (1, 3), (0, 0)])
def test_versions_that_go_back_or_are_unknown_are_in_no_sound_run(versions: tuple[int]) -> None:
    walk, lines = chain.Walk(), _log(*versions)
    for line in lines:
        walk.add(line)
    assert walk.breaks
    assert chain.Walk().sound(lines) is None


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


MOMENTS = st.lists(st.text("2 TZ\n", max_size=3), min_size=1, max_size=4)


@given(MOMENTS, st.data())
def test_moments_that_are_found_the_same_together_are_the_same_one_by_one(
    stored: list[str], data: st.DataObject
) -> None:
    right = [f"{moment.replace(' ', 'T')}Z" for moment in stored]
    size = len(stored)
    said = data.draw(st.just(right) | st.lists(st.text("2TZ\n"), min_size=size, max_size=size))
    same = verification._same_moments(stored, said)
    assert not same or said == right
    if not any("\n" in moment for moment in stored):
        assert same == (said == right)


def test_moments_with_line_ends_that_only_come_to_the_same_are_not_the_same() -> None:
    assert not verification._same_moments(("2Z\n0", "1"), ["2Z", "0Z\n1Z"])


ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC) | ZONES))  # noqa: DTZ001  # hypothesis adds the zone
def test_a_moment_is_stamped_quickly_as_its_iso_format(moment: datetime) -> None:
    iso = moment.astimezone(UTC).isoformat(timespec="microseconds")
    assert stamp(moment) == iso.replace("+00:00", "Z")
    assert stamp(moment.replace(microsecond=0))[19:] == ".000000Z"


def test_a_moment_without_a_zone_is_not_stamped() -> None:
    with pytest.raises(ValueError, match="naive"):
        stamp(datetime(2020, 1, 24))  # noqa: DTZ001  # that is what is refused


@given(st.integers(0, 5), st.booleans())
def test_a_file_is_judged_alike_in_runs_and_one_by_one(place: int, change: bool) -> None:
    lines = list(LOG)
    if change:
        lines[place] = lines[place].replace(b"stop", b"step")
    one_by_one = Proof([])
    for line in lines:
        one_by_one.add(line)
    found = verification._verify_jsonl(iter(lines), Attachments(), None, None)
    assert found == one_by_one.verdict(notes=True)
    assert found.ok == (not change or place == len(LOG) - 1)


def test_what_follows_the_entries_of_a_file_is_told_by_the_number_of_its_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verification, "_TOGETHER", 3)
    lines = [*LOG, b'{"attached":"key","key":"x"}', LOG[0]]
    found = verification._verify_jsonl(iter(lines), Attachments(), None, None)
    assert [(each.kind, each.place) for each in found.breaks] == [("line", len(LOG) + 2)]


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


TOKENS = {f"p:{number:064x}": name for number, name in enumerate(["ann", "O, P", '=a "b"', "é;-"])}


class Known:
    """Who is behind these tokens, as ``people.Names`` tells it from a database."""

    def find(self, token: str) -> people.Named | None:
        name = TOKENS.get(token)
        return None if name is None else people.Named(name, "5a17")


WHO = st.sampled_from([*TOKENS, f"p:{9:064x}", "", "O, P", "-x"])
SAID = st.sampled_from(
    [
        "x-1",
        "=1+1",
        "a, b",
        "a,b",
        "a,",
        "",
        "é",
        'say "no"',
        " x",
        "a;=b",
        "-1",
        "\uff1d1",
        "\u202ea",
    ]
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "v": st.sampled_from([1, 2]),
                "seq": st.integers(-1, 10**20),
                "event": st.just("stop"),
            },
            optional={
                "actor": WHO,
                "approved_by": WHO,
                "host": WHO,
                "account": SAID,
                "remote_id": SAID | st.integers(-1, 1) | st.booleans() | st.none(),
                "zone": SAID | st.none(),
            },
        ),
        max_size=6,
    )
)
def test_the_rows_of_many_entries_are_those_that_are_looked_at_cell_by_cell(
    entries: list[dict[str, chain.Fact]],
) -> None:
    lines = [chain.canonical(entry) for entry in entries]
    table = export._Rows(Known())  # type: ignore[arg-type]  # all that is asked of it
    assert "".join(table.of(lines)) == "".join(map(table._one, lines))


@pytest.mark.parametrize("other", ['{"seq": 1, "account": "=1", "v": 2}', '{"seq":1,"v":2}\n'])
def test_a_line_that_is_not_canonical_has_no_formula_and_no_second_row(other: str) -> None:
    table = export._Rows(None)
    assert table.of([other]) == [table._one(other)]


def test_the_quick_row_has_every_column_but_those_made_of_others() -> None:
    entry = {name: name for name in export.COLUMNS[:-2]} | {"seq": 1, "v": 2}
    found = rows.plain([chain.canonical(entry)], export._People(None))
    assert found is not None
    columns = next(csv.reader(found))
    assert columns[:-2] == ["1", *export.COLUMNS[1:-2]]
    assert set(rows.Entry.__struct_fields__) == {*export.COLUMNS[:-2], "v"}
