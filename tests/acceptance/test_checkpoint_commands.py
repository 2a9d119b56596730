"""``audit head`` and ``audit verify`` with what was noted, as people type them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest


@pytest.fixture
def logged(strike: Any) -> Any:
    """A home with a log of several entries."""
    assert strike.call("posts", "add", "Grève", "--to", "all", "--at", "+1h").code == 0
    return strike


def test_a_head_is_one_line_that_verify_takes_back(logged: Any) -> None:
    printed = logged.call("audit", "head")
    assert printed.code == 0
    assert printed.out.count("\n") == 1
    assert printed.err == ""
    line = printed.out.strip()
    size, root = line.split(" ")
    assert len(root) == 64
    assert logged.call("audit", "head").out == printed.out  # nothing new, nothing else

    assert logged.call("posts", "cancel", "1").code == 0
    assert logged.call("audit", "verify", "--head", line).code == 0
    assert logged.call("audit", "verify", "--head", f"{int(size) + 1} {root}").code == 4
    wrong = logged.call("audit", "verify", "--head", "66 letters")
    assert wrong.code == 2
    assert wrong.err.startswith("error: '66 letters' is neither a head")


def test_note_key_and_json_tell_the_same_checkpoint(logged: Any) -> None:
    size, root = logged.call("audit", "head").out.split()
    told = logged.call("audit", "head", "--json").json()
    assert (told["size"], told["root"]) == (int(size), root)
    note = logged.call("audit", "head", "--note").out
    assert told["note"] == note
    key = logged.call("audit", "head", "--key").out.strip()
    assert told["key"] == key
    assert told["head"] in note
    assert logged.call("audit", "head", "--note", "--key").code == 2

    (logged.folder / "note.txt").write_text(note, encoding="utf-8")
    (logged.folder / "key.txt").write_text(key + "\n", encoding="utf-8")
    verified = logged.call("audit", "verify", "--head", "note.txt", "--key", "key.txt", "--json")
    assert verified.code == 0, verified.said
    found = verified.json()
    assert (found["ok"], found["signed"], found["key"]) == (True, int(size), key)
    assert logged.call("audit", "verify", "--key", key[:-4] + "AAA=").code == 2


def test_a_whole_export_carries_its_checkpoints_and_verifies_with_a_noted_key(logged: Any) -> None:
    assert logged.call("audit", "export", "-o", "log.jsonl").code == 0
    key = logged.call("audit", "head", "--key").out.strip()
    line = logged.call("audit", "head").out.strip()
    ended = logged.call("audit", "verify", "log.jsonl", "--key", key, "--head", line)
    assert ended.code == 0, ended.said
    assert f"Signed up to entry {line.split()[0]} by {key}" in ended.out

    text = (logged.folder / "log.jsonl").read_text(encoding="utf-8")
    kept = [part for part in text.splitlines() if not part.startswith('{"attached"')]
    (logged.folder / "bare.jsonl").write_text("\n".join(kept) + "\n", encoding="utf-8")
    bare = logged.call("audit", "verify", "bare.jsonl")
    assert bare.code == 4
    assert "they were taken away" in bare.err


def test_a_log_that_was_cut_off_is_told_by_the_noted_head_alone(logged: Any) -> None:
    early = logged.call("audit", "head").out.strip()
    assert logged.call("posts", "cancel", "1").code == 0
    late = logged.call("audit", "head").out.strip()
    with closing(sqlite3.connect(logged.home / "socialstrike.db")) as database, database:
        found = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = found.fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        for table, column in (("audit_entries", "seq"), ("checkpoints", "size")):
            database.execute(f"DELETE FROM {table} WHERE {column} > {early.split()[0]}")
        for _, statement in triggers:  # without them the home would be refused
            database.execute(statement)
    assert logged.call("audit", "verify", "--head", early).code == 0
    ended = logged.call("audit", "verify", "--head", late)
    assert ended.code == 4
    assert f"your head {late.split()[0]}: the log ends at entry {early.split()[0]}" in ended.err


def test_a_run_of_the_scheduler_leaves_the_log_signed_to_its_end(logged: Any) -> None:
    assert logged.call("posts", "cancel", "1").code == 0
    assert logged.call("posts", "cancel", "2").code == 0
    assert logged.run("run", "--until-idle").code == 0
    found = logged.call("audit", "verify", "--json").json()
    assert (found["ok"], found["signed"]) == (True, found["entries"])
    assert found["key"] is not None
