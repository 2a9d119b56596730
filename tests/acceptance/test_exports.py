"""The log leaves the house: what is in the files, who is in them, and that they verify."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

JEANNE = "=HYPERLINK(\"http://evil\");'Jeanne' <b>Müller</b>"
REASON = " \t＝cmd|' /C calc'!A0 \x1b[31m\u202e;=1+1 <script>alert(1)</script>"
TEXT = "=1+1 Grève <script>alert(1)</script> & إضراب"


@pytest.fixture(autouse=True)
def _who(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "camille-martin")


@pytest.fixture
def hostile(
    strike: Any,
    sandbox: Any,
    credentials: dict[str, dict[str, str]],
    furnished: Callable[..., None],
) -> Any:
    """A home whose people, accounts and reasons mean harm."""
    furnished("hostile", lambda: _fill(strike, sandbox, credentials))
    return strike


def _fill(strike: Any, sandbox: Any, credentials: dict[str, dict[str, str]]) -> None:
    file = strike.folder / "again.json"
    file.write_text(json.dumps(credentials["x"]), encoding="utf-8")
    at = ("--base-url", sandbox.base_url, "--authorised-by", JEANNE)
    for words in (
        ["accounts", "add", "x", "collectif-y", "--from-file", file, *at],
        ["campaigns", "set", "blocage24janvier", "--day", "2099-01-24"],
        [
            "posts",
            "add",
            TEXT,
            "--to",
            "collectif-y",
            "--at",
            "+24h",
            "--campaign",
            "blocage24janvier",
        ],
        ["posts", "add", "hors campagne", "--to", "collectif-x", "--at", "+24h"],
        ["stop", "--reason", REASON],
    ):
        ended = strike.call(*words)
        assert ended.code == 0, ended.said


def export(cli: Any, name: str, *options: str) -> Path:
    ended = cli.call("audit", "export", "-o", name, *options)
    assert ended.code == 0, ended.said
    file: Path = cli.folder / name
    return file


def attached(file: Path, kind: str) -> list[dict[str, Any]]:
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line.get("attached") == kind]


@pytest.mark.parametrize(
    "options", [[], ["--pseudonyms"], ["--texts"], ["--texts", "--pseudonyms"]]
)
def test_a_whole_export_verifies_with_all_that_is_attached(
    hostile: Any, options: list[str]
) -> None:
    file = export(hostile, "log.jsonl", *options)
    assert len(attached(file, "key")) == 1
    assert attached(file, "checkpoint")
    assert bool(attached(file, "content")) == ("--texts" in options)
    assert bool(attached(file, "person")) == ("--pseudonyms" not in options)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ended = hostile.call("audit", "verify", file)
    assert ended.code == 0, ended.said
    assert "Signed up to" in ended.out


def test_the_newest_checkpoint_covers_every_entry_of_a_whole_export(hostile: Any) -> None:
    file = export(hostile, "log.jsonl")
    lines = file.read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if not line.startswith('{"attached"')]
    newest = attached(file, "checkpoint")[-1]["note"]
    assert newest.splitlines()[1] == str(len(entries))
    assert lines[: len(entries)] == entries


@pytest.mark.parametrize(
    ("kind", "part", "other"),
    [("person", "name", "Jean"), ("content", "salt", "0" * 32), ("key", "key", "x+00000000+AQ==")],
)
def test_an_altered_attachment_does_not_verify(
    hostile: Any, kind: str, part: str, other: str
) -> None:
    file = export(hostile, "log.jsonl", "--texts")
    lines = file.read_text(encoding="utf-8").splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith(f'{{"attached":"{kind}"'))
    altered = json.loads(lines[place]) | {part: other}
    form = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
    lines[place] = json.dumps(altered, **form)
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    ended = hostile.call("audit", "verify", file)
    assert ended.code == 4, ended.said


def test_the_texts_prove_what_was_said(hostile: Any) -> None:
    file = export(hostile, "log.jsonl", "--texts")
    said = {line["said"]["text"]: line for line in attached(file, "content")}
    words = next(text for text in said if text.startswith(TEXT))
    assert said[words]["said"]["account"] == "collectif-y"
    assert "hors campagne" in said


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_pseudonyms_leave_no_name_in_the_file(hostile: Any, form: str) -> None:
    known = [row["name"] for row in hostile.call("audit", "people", "--json").json()]
    assert JEANNE in known
    named = export(hostile, f"named.{form}", "--format", form).read_text(encoding="utf-8")
    assert "Müller" in named
    assert "camille-martin" in named
    file = export(hostile, f"log.{form}", "--format", form, "--pseudonyms")
    text = file.read_text(encoding="utf-8")
    assert [name for name in [*known, "Müller"] if name in text] == []
    assert hostile.call("audit", "verify", file).code == 0


@pytest.mark.parametrize("options", [[], ["--bom"], ["--pseudonyms"]])
def test_a_csv_runs_nothing_and_verifies(hostile: Any, options: list[str]) -> None:
    file = export(hostile, "log.csv", "--format", "csv", *options)
    assert file.read_bytes().startswith(b"\xef\xbb\xbf") == ("--bom" in options)
    text = file.read_bytes().decode("utf-8-sig")
    assert not {"\x1b", "\u202e"} & set(text)
    for separator in ",;":
        cells = [c for row in csv.reader(text.split("\r\n"), delimiter=separator) for c in row]
        run = [c for c in cells if c.lstrip(" \t\"'").startswith(("=", "＝")) and c[0] != "'"]
        assert run == []
    assert hostile.call("audit", "verify", file).code == 0


@pytest.mark.parametrize(
    ("shown", "other"),
    [("'=HYPERLINK", "'=HYPERLINX"), ("delivery.scheduled,", "delivery.failed,")],
)
def test_a_csv_with_another_name_or_word_in_it_does_not_verify(
    hostile: Any, shown: str, other: str
) -> None:
    file = export(hostile, "log.csv", "--format", "csv")
    text = file.read_text(encoding="utf-8")
    assert shown in text
    file.write_text(text.replace(shown, other, 1), encoding="utf-8", newline="")
    assert hostile.call("audit", "verify", file).code == 4


def test_the_part_of_a_campaign_says_that_it_proves_nothing_by_itself(hostile: Any) -> None:
    ended = hostile.call("audit", "export", "--campaign", "blocage24janvier", "-o", "part.jsonl")
    assert ended.code == 0
    assert "a part cannot be verified by itself" in ended.err
    file = hostile.folder / "part.jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    entries = [line for line in lines if "attached" not in line]
    assert [entry["event"] for entry in entries] == ["campaign.added", "delivery.scheduled"]
    assert attached(file, "checkpoint") == attached(file, "key") == []
    assert hostile.call("audit", "verify", file).code == 4


def test_an_export_goes_to_standard_output_line_for_line(hostile: Any) -> None:
    file = export(hostile, "log.jsonl", "--texts")
    ended = hostile.run("audit", "export", "--texts")
    assert ended.code == 0
    assert ended.out == file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "wrong",
    [
        ["--campaign", "another"],
        ["--format", "csv", "--texts"],
        ["--bom"],
        ["-o", "."],
        ["-o", "nowhere/log.jsonl"],
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_is_written(
    hostile: Any, wrong: list[str]
) -> None:
    before = hostile.dump(), sorted(hostile.folder.iterdir())
    ended = hostile.call("audit", "export", *wrong)
    assert ended.code == 2, ended.said
    assert (hostile.dump(), sorted(hostile.folder.iterdir())) == before


def test_a_forgotten_person_is_gone_from_the_home_and_the_log_verifies(hostile: Any) -> None:
    ended = hostile.call("audit", "forget-person", JEANNE, "--yes")
    assert ended.code == 0, ended.said
    assert hostile.call("audit", "verify").code == 0
    assert "Müller" not in export(hostile, "log.jsonl").read_text(encoding="utf-8")
    assert hostile.call("audit", "verify", "log.jsonl").code == 0
    assert '"authorised_by": "person ' in hostile.call("audit", "list", "--json").out
    for file in hostile.home.iterdir():
        if file.is_file():
            assert "Müller".encode() not in file.read_bytes(), file


def test_nobody_is_forgotten_without_a_yes_nor_under_a_wrong_name(hostile: Any) -> None:
    before = hostile.dump()
    assert hostile.call("audit", "forget-person", JEANNE).code == 2
    assert hostile.call("audit", "forget-person", "Jean", "--yes").code == 2
    assert hostile.dump() == before
