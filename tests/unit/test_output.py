"""The one place that prints: data stays data, and an old terminal is no reason to stop."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from socialstrike.cli import output

TIME = datetime(2031, 1, 24, 9, 30, 15, tzinfo=timezone(timedelta(hours=1), "CET"))


def test_results_go_to_standard_output_and_everything_else_beside_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.line("un")
    output.note("deux")
    output.warning("trois")
    output.error("quatre")

    assert capsys.readouterr() == ("un\n", "deux\nwarning: trois\nerror: quatre\n")


def test_a_cell_is_never_read_as_markup_and_never_drives_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.table(("texte",), [["[bold red]rouge[/] \x1b[2Jblanc\u202e\nligne"]], empty="rien")

    shown = capsys.readouterr().out
    assert "[bold red]rouge[/] [2Jblanc ligne" in shown
    assert "\x1b" not in shown


def test_a_table_without_rows_says_so_instead(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("texte",), [], empty="rien")

    assert capsys.readouterr().out == "rien\n"


def test_a_table_shows_nothing_for_none_and_the_zone_of_a_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.table(("quand", "quoi"), [[TIME, None]], empty="")

    assert "2031-01-24 09:30:15 CET" in capsys.readouterr().out


def test_names_stay_whole_and_sentences_give_way_on_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"COLUMNS": "40", "LINES": "24", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)

    output.table(("compte", "texte"), [["collectif-fb", "des mots " * 20]], empty="")

    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert any("collectif-fb" in line for line in lines)


def test_json_has_iso_times_with_their_offset_and_plain_french(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.as_json({"at": TIME, "day": date(2031, 1, 24), "path": Path("été"), "text": "grève"})

    printed = capsys.readouterr().out
    assert "grève" in printed
    assert json.loads(printed) == {
        "at": "2031-01-24T09:30:15+01:00",
        "day": "2031-01-24",
        "path": "été",
        "text": "grève",
    }


def test_what_has_no_form_in_json_is_a_fault_and_not_a_guess() -> None:
    with pytest.raises(TypeError, match="object has no form in JSON"):
        output.as_json({"x": object()})


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (None, ""),
        (TIME, "2031-01-24 09:30:15 CET"),
        (TIME.astimezone(UTC), "2031-01-24 08:30:15 UTC"),
    ],
)
def test_a_moment_is_shown_in_the_zone_it_carries(moment: datetime | None, shown: str) -> None:
    assert output.when(moment) == shown


def test_nothing_turns_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with output.busy("Queueing"):
        pass

    assert capsys.readouterr() == ("", "")


def test_json_gives_back_every_character_and_drives_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = {"text": "\x1b[2J \u202egauche\u2066 \x9b \x7f\nligne é 🎉"}
    output.as_json(said)

    shown = capsys.readouterr().out
    assert json.loads(shown) == said
    assert not {"\x1b", "\u202e", "\u2066", "\x9b", "\x7f"} & set(shown)
    assert "é 🎉" in shown
