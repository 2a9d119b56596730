"""The key as people handle it: shown, replaced, moved, lost, and brought to another machine."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX terminal")
PASSPHRASE = "quatre mots au hasard"
READY = "The scheduler works on"


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    file.write_text(f"{PASSPHRASE}\n", encoding="utf-8")
    return file


def _works(cli: Any, **env: str) -> bool:
    return bool(cli.run("accounts", "check", env=env).code == 0)


def test_a_rotation_is_shown_logged_and_leaves_one_key_file(strike: Any) -> None:
    before = strike.call("key", "show", "--json").json()
    assert (before["source"], before["present"], before["sealed"]) == ("file", True, 2)
    assert before["id"] in strike.call("key", "show").out

    for options in ((), ("--deep",)):
        assert strike.call("key", "rotate", *options).code == 0

    after = strike.call("key", "show", "--json").json()
    assert after["id"] != before["id"]
    assert strike.call("accounts", "check").code == 0
    rotated = [e for e in strike.call("audit", "list", "--json").json() if "key." in e["event"]]
    assert [(e["event"], e["deep"], e["accounts"]) for e in rotated] == [
        ("key.rotated", False, 2),
        ("key.rotated", True, 2),
    ]
    assert rotated[1]["key_id"] == after["id"]
    assert rotated[0]["previous_key_id"] == before["id"]
    assert strike.call("audit", "verify").code == 0
    assert [path.name for path in strike.home.glob("vault.key*")] == ["vault.key"]


def test_no_key_is_ever_printed(strike: Any, tmp_path: Path) -> None:
    keys = [(strike.home / "vault.key").read_text().strip()]
    said = ""
    for words in (
        ["show"], ["show", "--json"], ["rotate", "--json"], ["rotate", "--deep"],
        ["export", tmp_path / "copy.key"], ["move", "--to", "keyring"],
    ):  # fmt: skip
        said += strike.call("key", *words).said
        keys.append((strike.home / "vault.key").read_text().strip())
    assert len(set(keys)) == 3
    assert [key for key in keys if key in said] == []


def test_without_a_keyring_moving_there_says_what_to_do_and_changes_nothing(strike: Any) -> None:
    before = strike.dump()

    ended = strike.run(
        "key", "move", "--to", "keyring",
        env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"},
    )  # fmt: skip

    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert "no system keyring" in ended.err
    assert "choose --to passphrase or --to file" in ended.err
    assert strike.dump() == before


def test_a_service_with_a_passphrase_needs_its_file_and_says_so(
    strike: Any, passphrase_file: Path
) -> None:
    moved = strike.run("key", "move", "--to", "passphrase", "--passphrase-file", passphrase_file)
    assert moved.code == 0, moved.said
    assert not (strike.home / "vault.key").exists()
    assert "SOCIALSTRIKE_PASSPHRASE_FILE" in moved.out

    refused = strike.run("run", "--until-idle")
    assert refused.code == 2
    assert "nobody is here to type it; set SOCIALSTRIKE_PASSPHRASE_FILE" in refused.err
    assert strike.run("key", "show").code == 0  # which needs no key

    named = {"SOCIALSTRIKE_PASSPHRASE_FILE": str(passphrase_file)}
    assert _works(strike, **named)
    passphrase_file.write_text("un autre assez long\n")
    wrong = strike.run("run", "--until-idle", env=named)
    assert wrong.code == 2
    assert "is not the one of this database" in wrong.err
    assert PASSPHRASE not in wrong.said + moved.said


def test_a_running_scheduler_goes_on_after_a_rotation_and_is_asked_to_end_before_a_move(
    strike: Any, passphrase_file: Path, eventually: Any
) -> None:
    with strike.service("run", until=READY) as service:
        assert strike.call("posts", "add", "Avant", "--to", "all", "--at", "now").code == 0
        eventually(lambda: list(strike.states().values()).count("published") == 1)

        assert strike.call("key", "rotate", "--deep").code == 0

        assert strike.call("posts", "add", "Après", "--to", "all", "--at", "now").code == 0
        eventually(lambda: strike.states() == {"Avant": "published", "Après": "published"})
        refused = strike.call(
            "key", "move", "--to", "passphrase", "--passphrase-file", passphrase_file
        )
        assert refused.code == 2
        assert "a scheduler works on this home" in refused.err
        assert "end it, then run this again" in refused.err
        assert service.end() == 0
    assert not [a for a in strike.call("accounts", "list", "--json").json() if a["paused_at"]]


def test_a_restored_home_says_how_to_bring_its_key_file_and_works_with_it(
    strike: Any, tmp_path: Path
) -> None:
    key = strike.call("key", "show", "--json").json()["id"]
    made = strike.call("database", "backup", "copy.db")
    assert f"Copy {strike.home / 'vault.key'} too, to another place; see that it is key {key}." in (
        made.out
    )
    assert "Each is useless without the other" in made.out
    old, strike.home = strike.home, tmp_path / "neuve"

    restored = strike.call("database", "restore", "copy.db")

    assert restored.code == 0, restored.said
    wanted = f"The key is missing (key {key}): put the old home's at {strike.home / 'vault.key'}"
    assert wanted in restored.out
    shown = strike.call("key", "show")
    assert shown.code == 3
    assert "It is not there" in shown.out
    refused = strike.call("run", "--until-idle")
    assert refused.code == 1
    assert f"{strike.home / 'vault.key'} is missing (key {key})" in refused.err
    (strike.home / "vault.key").touch(mode=0o600)
    (strike.home / "vault.key").write_text("A" * 43 + "=\n")
    wrong = strike.call("run", "--until-idle")
    assert f"and {key} is needed" in wrong.err
    shutil.copy(old / "vault.key", strike.home / "vault.key")
    assert _works(strike)


def test_a_restored_home_opens_with_the_passphrase(
    strike: Any, tmp_path: Path, passphrase_file: Path
) -> None:
    strike.run("key", "move", "--to", "passphrase", "--passphrase-file", passphrase_file)
    made = strike.call("database", "backup", "copy.db")
    assert "It comes from your passphrase, so there is nothing to copy" in made.out
    strike.home = tmp_path / "neuve"

    restored = strike.call("database", "restore", "copy.db")

    assert "The credentials open with the passphrase of the old home." in restored.out
    assert _works(strike, SOCIALSTRIKE_PASSPHRASE_FILE=str(passphrase_file))


def test_a_backup_of_a_home_with_its_key_in_the_keyring_says_how_to_copy_it(
    strike: Any, tmp_path: Path
) -> None:
    key = strike.call("key", "show", "--json").json()["id"]
    copy = tmp_path / "copy.key"
    assert strike.call("key", "export", copy).code == 0
    told = json.dumps({"id": key, "source": "keyring"})
    with closing(sqlite3.connect(strike.home / "socialstrike.db")) as database:
        database.execute("UPDATE home SET master_key = ?", (told,))
        database.commit()

    made = strike.call("database", "backup", "copy.db")
    assert "system keyring; write a copy of it, to another place, with:" in made.out
    strike.home = tmp_path / "neuve"
    restored = strike.run("database", "restore", "copy.db")

    assert "set SOCIALSTRIKE_KEY_FILE to a copy" in restored.out
    assert _works(strike, SOCIALSTRIKE_KEY_FILE=str(copy))


def test_an_exported_key_is_private_opens_the_home_and_overwrites_nothing(
    strike: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.key"
    assert strike.call("key", "export", copy).code == 0
    assert copy.stat().st_mode & 0o077 == 0
    assert strike.call("key", "export", copy).code == 2
    (strike.home / "vault.key").unlink()
    assert _works(strike, SOCIALSTRIKE_KEY_FILE=str(copy))


def test_a_lost_key_is_given_up_on_request_and_the_accounts_are_added_again(
    strike: Any, sandbox: Any
) -> None:
    assert strike.call("key", "lost", "--yes").code == 2  # it is there
    (strike.home / "vault.key").unlink()
    assert strike.call("key", "lost").code == 2  # nobody confirmed

    ended = strike.call("key", "lost", "--yes")

    assert ended.code == 0, ended.said
    assert "collectif-x, collectif-fb are wiped" in ended.out
    strike.add("x", "collectif-x", sandbox)
    assert strike.call("accounts", "check", "collectif-x").code == 0
    assert strike.call("key", "show", "--json").json()["sealed"] == 1
    assert strike.call("audit", "verify").code == 0


def typed(cli: Any, answers: list[str], *words: str) -> tuple[int, str]:
    """Run a command on a terminal and type the next answer at each question."""
    import pty

    person, terminal = pty.openpty()
    process = subprocess.Popen(
        cli.line(*words), stdin=terminal, stdout=terminal, stderr=terminal, cwd=cli.folder,
        start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    screen, left = "", list(answers)
    try:
        while True:
            try:
                said = os.read(person, 4096).decode()
            except OSError:  # the terminal is gone: the command has ended
                break
            screen += said
            if left and screen.endswith(": "):
                os.write(person, f"{left.pop(0)}\n".encode())
        return process.wait(60), screen
    finally:
        watchdog.cancel()
        process.kill()
        process.wait(60)
        os.close(person)


@posix
def test_a_typed_passphrase_is_asked_for_twice_and_never_shown(strike: Any) -> None:
    code, screen = typed(strike, [PASSPHRASE, PASSPHRASE], "key", "move", "--to", "passphrase")
    assert code == 0, screen
    assert "New passphrase: " in screen
    assert "Once more: " in screen

    code, opened = typed(strike, ["faux", PASSPHRASE], "accounts", "check")
    assert code == 0, opened
    assert "That is not the passphrase. Try again: " in opened
    assert PASSPHRASE not in screen + opened

    code, refused = typed(strike, ["faux"] * 3, "run", "--until-idle")
    assert code == 2
    assert refused.count("assphrase: ") + refused.count("Try again: ") == 3
    assert "that is not the passphrase of this database" in refused


@posix
def test_a_short_or_misspelt_new_passphrase_changes_nothing(strike: Any) -> None:
    before = strike.dump()
    for answers, said in ((["court"], "12 characters"), ([PASSPHRASE, "autre"], "differ")):
        code, screen = typed(strike, answers, "key", "move", "--to", "passphrase")
        assert code == 2
        assert said in screen
    assert strike.dump() == before
