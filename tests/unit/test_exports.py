from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from socialstrike.audit import chain, export

WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "＋1", "－1", "＠a", "−1", "﹦1"]
BEFORE = [
    "",
    " ",
    "\t",
    "\r\n",
    "\u00a0",
    "\u3000",
    "\ufeff",
    "\u200b",
    '"',
    ' " ',
    "\x1b",
    "\u202e",
]


def written(*entries: dict[str, object], bom: bool = False) -> str:
    out = io.StringIO(newline="")
    lines = [chain.canonical({"v": 2, **entry}) for entry in entries]
    assert export.write_csv(lines, out, bom=bom) == len(lines)
    return out.getvalue()


def read(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("formula", FORMULAS)
def test_nothing_a_spreadsheet_would_run_begins_a_cell(before: str, formula: str) -> None:
    assert export.cell(before + formula).startswith("'")


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_formula_begins_a_cell_where_the_semicolon_separates(formula: str) -> None:
    text = written(
        {"account": f"a; {formula}", "error": f'x;"{formula}', "reason": f"y\r\n{formula}"}
    )
    starts = [cell.lstrip(' "') for row in read(text, ";")[1:] for cell in row]
    assert not [cell for cell in starts if cell.startswith(formula[0])]


def test_words_and_numbers_stay_as_they_are() -> None:
    assert export.cell("Grève générale - jeudi, à 9 h") == "Grève générale - jeudi, à 9 h"
    assert export.cell(-5) == "-5"
    assert export.cell(None) == ""


def test_a_row_is_one_line_that_ends_with_cr_lf() -> None:
    text = written({"error": "one\ntwo\r\nthree\u2028four"}, {"error": "five"})
    assert text.count("\n") == text.count("\r\n") == 3
    assert "one two" in text


def test_nothing_that_drives_a_terminal_is_in_the_csv() -> None:
    text = written({"account": "\x1b[31mred\x9b1m", "reason": "\u202egnp.exe"})
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)


def test_the_mark_for_excel_is_there_on_request_alone() -> None:
    assert written({}, bom=True).startswith("\ufeffseq,")
    assert written({}).startswith("seq,")


@given(account=WORDS, error=WORDS, reason=WORDS)
@example("\\u003b;", "\\\\;\x80", '"\\u0041\\"')
@example("\x7f\x1f", "\u2028", "\ud7ff\uffff\U0010ffff")
def test_the_entry_can_be_taken_out_of_the_csv_again(account: str, error: str, reason: str) -> None:
    entry = {"v": 2, "seq": 1, "account": account, "error": error, "reason": reason}
    [row] = csv.DictReader(io.StringIO(written(entry), newline=""))
    assert export.line_of(row) == chain.canonical(entry)


@given(account=WORDS, column=st.sampled_from(export.COLUMNS), other=WORDS)
@example("x", "people", "0")
@example("x", "people", '{"actor":0}')
def test_a_cell_that_says_something_else_does_not_verify(
    account: str, column: str, other: str
) -> None:
    entry = {"v": 2, "seq": 1, "account": account, "error": "no"}
    [row] = csv.DictReader(io.StringIO(written(entry), newline=""))
    before = row[column]
    row[column] = other
    assert (export.line_of(row) == chain.canonical(entry)) == (before == other)


@pytest.mark.parametrize(
    "row", [{}, {"entry": None}, {"entry": "{}"}, {"entry": "[" * 100_000}, {"people": "[]"}]
)
def test_a_row_of_another_file_is_no_entry(row: dict[str, str]) -> None:
    assert export.line_of(row).endswith(" ")


def test_what_is_attached_begins_with_that_word() -> None:
    line = export.attachment("person", token="p:1", name="é", salt="s")
    assert line == '{"attached":"person","name":"é","salt":"s","token":"p:1"}'
    assert json.loads(line)["attached"] == "person"


def test_a_file_appears_whole_or_not_at_all_and_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    file = folder / "log.jsonl"
    file.write_text("before", encoding="utf-8")
    file.chmod(0o644)
    with pytest.raises(ZeroDivisionError), export.written_whole(file) as out:
        out.write("half")
        raise ZeroDivisionError
    assert [path.read_text(encoding="utf-8") for path in folder.iterdir()] == ["before"]

    with export.written_whole(file) as out:
        out.write("whole")
    assert [path.read_text(encoding="utf-8") for path in folder.iterdir()] == ["whole"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("precious", encoding="utf-8")
    file = tmp_path / "log.jsonl"
    file.symlink_to(other)
    with export.written_whole(file) as out:
        out.write("whole")
    assert other.read_text(encoding="utf-8") == "precious"
    assert not file.is_symlink()
