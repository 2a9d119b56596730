"""``database`` and ``doctor`` as people type them: what they say, and how they end."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

READY = "The scheduler works on"


@pytest.fixture
def queued(strike: Any) -> Any:
    """A home with a post to each account that is due, and one that is not."""
    for text, at in (("Premier", "now"), ("Deuxième", "+5h")):
        assert strike.call("posts", "add", text, "--to", "all", "--at", at).code == 0
    return strike


def change(database: Path, *statements: str) -> None:
    """Change the file as somebody would who means to deceive: its triggers are back afterwards."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = found.fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in (*statements, *(trigger for _, trigger in triggers)):
            connection.execute(statement)


def wrong(ended: Any) -> set[str]:
    """The names of the checks that found something."""
    return {line.split()[1].rstrip(":") for line in ended.out.splitlines() if line[:3] == "BAD"}


# check ----------------------------------------------------------------------------------------


def test_a_sound_database_is_said_to_be_so_one_line_for_each_check(queued: Any) -> None:
    ended = queued.call("database", "check")

    assert ended.code == 0
    lines = ended.out.splitlines()
    assert [line.split()[1] for line in lines] == [
        "file:",
        "tables:",
        "log:",
        "content:",
        "replay:",
    ]
    assert all(line.startswith("ok ") for line in lines)
    assert ended.err == ""


def test_check_as_json_has_the_same(queued: Any) -> None:
    found = queued.call("database", "check", "--json").json()

    assert [item["check"] for item in found] == ["file", "tables", "log", "content", "replay"]
    assert all(item["ok"] and item["faults"] == [] for item in found)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE audit_entries SET line = replace(line, 'Premier', 'x') || ' '", {"log", "replay"}),
        ("DELETE FROM audit_entries WHERE seq = (SELECT max(seq) FROM audit_entries)", {"replay"}),
        ("UPDATE deliveries SET text = 'Premier!' WHERE text = 'Premier'", {"content"}),
        ("UPDATE posts SET link = 'https://example.org/'", {"content"}),
        ("UPDATE deliveries SET state = 'cancelled' WHERE id = 1", {"replay"}),
        ("UPDATE deliveries SET due_at = '2031-01-01 00:00:00.000000' WHERE id = 2", {"replay"}),
        ("UPDATE deliveries SET content_hash = salt WHERE id = 2", {"content", "replay"}),
    ],
)
def test_what_somebody_altered_is_found_by_the_check_it_concerns(
    queued: Any, statement: str, found: set[str]
) -> None:
    change(queued.home / "socialstrike.db", statement)

    ended = queued.call("database", "check")

    assert ended.code == 4
    if "line" in statement:
        assert "log" in wrong(ended)
    else:
        assert wrong(ended) == found


def test_a_reference_that_leads_nowhere_is_damage(queued: Any) -> None:
    change(queued.home / "socialstrike.db", "UPDATE deliveries SET post_id = 99 WHERE id = 1")

    ended = queued.call("database", "check")

    assert ended.code == 1
    assert "a row of deliveries names a row of posts that is not there" in ended.out


def test_words_that_are_no_text_are_a_finding_and_no_fault_of_the_program(queued: Any) -> None:
    change(
        queued.home / "socialstrike.db",
        "UPDATE deliveries SET text = CAST(X'C3FF' AS TEXT)",
        "UPDATE audit_entries SET line = CAST(X'FF' AS TEXT) WHERE seq = 2",
    )

    ended = queued.call("database", "check")

    assert ended.code == 4
    assert {"log", "content"} <= wrong(ended)


def test_a_home_without_a_database_is_not_made_by_looking(cli: Any) -> None:
    for words in (["check"], ["backup", "copy.db"]):
        ended = cli.call("--home", "maisno", "database", *words)
        assert ended.code == 1
        assert "there is no database at" in ended.err
    assert not (cli.folder / "maisno").exists()
    assert not (cli.folder / "copy.db").exists()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_bits_the_disk_changes_the_check_ends_with_a_finding_or_is_right(
    queued: Any, seed: int
) -> None:
    chance = random.Random(seed)
    database = queued.home / "socialstrike.db"
    assert queued.call("database", "backup", "copy.db").code == 0
    sound = (queued.folder / "copy.db").read_bytes()
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    for _ in range(12):
        content = bytearray(sound)
        for _ in range(chance.choice((1, 1, 1, 50, 400))):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        database.write_bytes(content)

        ended = queued.call("database", "check")

        assert ended.code in {0, 1, 4}, ended.said
        assert "a fault of socialstrike itself" not in ended.said
        assert (ended.code == 0) == (not wrong(ended) and "error:" not in ended.err)


# backup and restore ---------------------------------------------------------------------------


def test_a_backup_made_while_the_scheduler_works_is_private_whole_and_says_where_the_key_is(
    queued: Any,
) -> None:
    with queued.service("run", until=READY):
        ended = queued.run("database", "backup", "copy.db")

    copy = queued.folder / "copy.db"
    assert ended.code == 0, ended.said
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert "copy.db holds 4 deliveries" in ended.out
    assert "Head of its log: " in ended.out
    assert "The credentials of 2 accounts are in it, sealed; the key that opens them" in ended.out
    assert str(queued.home / "vault.key") in ended.out
    assert queued.call("database", "backup", "copy.db").code == 2


def test_a_restored_home_looks_up_what_may_have_gone_out_and_sends_nothing_twice(
    queued: Any, sandbox: Any, eventually: Any
) -> None:
    assert queued.call("database", "backup", "copy.db").code == 0
    with queued.service("run", until=READY):
        eventually(lambda: _published(queued) == 2)
    home = queued.folder / "neuve"

    ended = queued.run("--home", home, "database", "restore", "copy.db")

    assert ended.code == 0, ended.said
    # Two were due; of what waits, Facebook's may have been handed off since.
    assert "4 are still to go out; 3 of them may have gone out since the backup" in ended.out
    assert f"put the old home's at {home / 'vault.key'}" in ended.out
    shutil.copy(queued.home / "vault.key", home / "vault.key")

    queued.home = home
    assert queued.call("database", "check").code == 0
    with queued.service("run", until=READY):
        eventually(lambda: _published(queued) == 2)
    assert sorted(post["text"] for post in sandbox.posts()) == ["Premier", "Premier"]


def _published(cli: Any) -> int:
    return sum(row["state"] == "published" for row in cli.rows())


def test_a_home_with_a_database_is_not_restored_over(queued: Any) -> None:
    assert queued.call("database", "backup", "copy.db").code == 0
    before = queued.dump()

    ended = queued.call("database", "restore", "copy.db")

    assert ended.code == 2
    assert "has a database already" in ended.err
    assert queued.dump() == before


def test_an_altered_backup_is_refused_with_the_code_of_a_failed_verification(queued: Any) -> None:
    assert queued.call("database", "backup", "copy.db").code == 0
    change(queued.folder / "copy.db", "UPDATE deliveries SET text = 'Autre'")

    ended = queued.call("--home", "neuve", "database", "restore", "copy.db")

    assert ended.code == 4
    assert "does not verify" in ended.err
    assert ended.err.count("\n") == 1
    assert list((queued.folder / "neuve").iterdir()) == []


def test_a_server_is_left_to_its_own_tools(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCIALSTRIKE_DATABASE_URL", "postgresql://u:geheim-42@127.0.0.1:9/none")

    for words, tool in ((["backup", "f.db"], "pg_dump"), (["restore", "f.db"], "pg_restore")):
        ended = cli.call("database", *words)
        assert ended.code == 2
        assert tool in ended.err
        assert "geheim" not in ended.said


# doctor ---------------------------------------------------------------------------------------


def test_the_doctor_says_line_by_line_what_is_well_and_what_to_do(queued: Any) -> None:
    ended = queued.call("doctor")

    assert ended.code == 3  # posts wait and no scheduler runs
    lines = {line.split(": ")[0].split(None, 1)[1]: line for line in ended.out.splitlines()}
    assert lines["account collectif-x"].startswith("ok ")
    assert lines["scheduler"].startswith("warn")
    assert lines["scheduler"].endswith("→ socialstrike run")


def test_the_doctor_of_a_home_where_all_is_well_exits_with_0(strike: Any) -> None:
    ended = strike.call("doctor", "--json")

    assert ended.code == 0, ended.said
    found = ended.json()
    assert {item["verdict"] for item in found} == {"ok"}
    assert all(set(item) == {"check", "verdict", "message", "remedy"} for item in found)


def test_the_doctor_shows_no_credential(strike: Any, credentials: Any) -> None:
    said = strike.call("doctor").said + json.dumps(strike.call("doctor", "--json").json())

    for fields in credentials.values():
        for name, value in fields.items():
            assert name == "page_id" or value not in said


def test_waits_too_short_to_be_safe_are_refused_by_name(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCIALSTRIKE_SETTLE", "5")
    monkeypatch.setenv("SOCIALSTRIKE_LOOKUP_EVERY", "1")

    ended = cli.call("status")

    assert ended.code == 2
    assert "SOCIALSTRIKE_SETTLE: 5 s is too short" in ended.err
    assert "SOCIALSTRIKE_LOOKUP_EVERY: 1 s is too short" in ended.err


@pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")
def test_the_doctor_names_what_others_can_read(strike: Any) -> None:
    strike.home.chmod(0o755)

    ended = strike.call("doctor")

    assert ended.code == 3
    assert f"→ chmod go= {strike.home}" in ended.out
