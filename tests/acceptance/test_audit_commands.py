"""What was altered is found, with exit code 4, wherever it was altered."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def logged(strike: Any) -> Any:
    """A home with a log of several entries, exported in both forms."""
    for words in (
        ["posts", "add", "Grève", "--to", "all", "--at", "+1h"],
        ["posts", "cancel", "1"],
        ["audit", "export", "-o", "log.jsonl"],
        ["audit", "export", "--format", "csv", "-o", "log.csv"],
    ):
        assert strike.call(*words).code == 0
    return strike


def _lines(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(change(lines)), encoding="utf-8", newline="")

    return rewrite


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(
            _lines(lambda ls: [line.replace("collectif-fb", "collectif-fc") for line in ls]),
            id="words changed",
        ),
        pytest.param(_lines(lambda ls: ls[:3] + ls[4:]), id="entry taken out"),
        pytest.param(_lines(lambda ls: [*ls[:2], ls[3], ls[2], *ls[4:]]), id="entries swapped"),
        pytest.param(_lines(lambda ls: [*ls[:3], ls[2], *ls[3:]]), id="entry repeated"),
        pytest.param(_lines(lambda _: []), id="everything taken out"),
        pytest.param(_lines(lambda _: ["bonjour\n"]), id="another file"),
    ],
)
def test_an_altered_export_does_not_verify(
    logged: Any, form: str, alter: Callable[[Path], None]
) -> None:
    file = logged.folder / f"log.{form}"
    assert logged.call("audit", "verify", file).code == 0
    alter(file)

    ended = logged.call("audit", "verify", file)

    assert ended.code == 4, ended.said
    assert ended.err.startswith(f"error: {file} ")
    assert ended.out == ""


def test_an_altered_database_does_not_verify(logged: Any) -> None:
    with closing(sqlite3.connect(logged.home / "socialstrike.db")) as database:
        found = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = found.fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        database.execute(
            "UPDATE audit_entries SET line = replace(line, 'collectif-fb', 'collectif-fc')"
        )
        # Without its triggers the home would not even be opened.
        for _, statement in triggers:
            database.execute(statement)
        database.commit()

    ended = logged.call("audit", "verify")
    as_json = logged.call("audit", "verify", "--json")

    assert ended.code == as_json.code == 4
    assert "the log of this home does not verify" in ended.err
    assert as_json.json()["ok"] is False


def test_the_database_refuses_to_rewrite_its_log(logged: Any) -> None:
    with (
        closing(sqlite3.connect(logged.home / "socialstrike.db")) as database,
        pytest.raises(sqlite3.IntegrityError),
    ):
        database.execute("UPDATE audit_entries SET line = '' WHERE seq = 1")


def test_a_long_list_of_breaks_is_cut_short(logged: Any) -> None:
    file = logged.folder / "log.jsonl"
    file.write_text("bonjour\n" * 500, encoding="utf-8")

    ended = logged.call("audit", "verify", file)

    assert ended.code == 4
    assert 2 < ended.err.count("\n") < 30


def test_a_part_of_the_log_is_said_to_prove_nothing_by_itself(logged: Any) -> None:
    ended = logged.call("audit", "export", "--account", "collectif-x", "-o", "part.jsonl")

    assert ended.code == 0
    assert "a part cannot be verified by itself" in ended.err
    assert logged.call("audit", "verify", "part.jsonl").code == 4


def test_the_log_is_listed_by_account_and_kind(logged: Any) -> None:
    listed = logged.call("audit", "list", "--account", "collectif-x", "--kind", "account", "--json")

    assert [entry["event"] for entry in listed.json()] == ["account.added"]
