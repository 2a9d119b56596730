"""A home that cannot be used is said in one sentence, with where it is and what to do."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from socialstrike.db.migrate import known_versions
from socialstrike.db.session import Database

LINE = ["posts", "add", "Grève", "--to", "all", "--at", "+1h"]


def _newer(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


def _not_a_database(database: Path) -> None:
    database.write_bytes("Chères et chers camarades, ".encode() * 500)


def _damaged(database: Path) -> None:
    content = bytearray(database.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    database.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "fragment"),
    [
        (_newer, "install the newer socialstrike"),
        (_not_a_database, "is damaged or is not a database; restore a backup"),
        (_damaged, "is damaged or is not a database; restore a backup"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [["status"], LINE, ["run", "--until-idle"], ["audit", "verify"], ["database", "upgrade"]],
)
def test_an_unusable_database_is_named_with_the_remedy_and_left_alone(
    cli: Any, damage: Callable[[Path], None], fragment: str, words: list[str]
) -> None:
    database = cli.home / "socialstrike.db"
    damage(database)
    before = database.read_bytes()

    ended = cli.call(*words)

    assert ended.code == 1
    assert ended.err.startswith(f"error: {database} ")
    assert fragment in ended.err
    assert ended.said.count("\n") == 1
    assert database.read_bytes() == before


def test_a_database_that_another_process_holds_is_said_to_be_busy(
    strike: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Database.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "busy_timeout", 0.2)
    with closing(sqlite3.connect(strike.home / "socialstrike.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")

        read = strike.call("posts", "list")
        written = strike.call(*LINE)

    assert read.code == 0  # who only looks need not wait
    assert written.code == 1
    assert "busy in another process; try again in a moment" in written.err
    assert strike.states() == {}


def test_a_missing_key_is_named_with_the_remedy_and_never_replaced(strike: Any) -> None:
    (strike.home / "vault.key").unlink()

    ended = strike.call("run", "--until-idle")
    added = strike.call("accounts", "add", "x", "autre", "--from-file", "collectif-x.json")

    for refused in (ended, added):
        assert refused.code == 1
        assert f"{strike.home / 'vault.key'} is missing" in refused.err
        assert "SOCIALSTRIKE_KEY_FILE" in refused.err
    assert not (strike.home / "vault.key").exists()


@pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")
def test_a_key_that_others_can_read_is_not_used_before_that_is_mended(strike: Any) -> None:
    key = strike.home / "vault.key"
    key.chmod(0o640)

    ended = strike.call("run", "--until-idle")

    assert ended.code == 1
    assert f"chmod 600 {key}" in ended.err
    key.chmod(0o600)
    assert strike.call("accounts", "check").code == 0


def test_another_key_opens_nothing_and_says_how_to_go_on(strike: Any, tmp_path: Path) -> None:
    shutil.copyfile(strike.home / "vault.key", tmp_path / "mine")
    (strike.home / "vault.key").write_text("A" * 43 + "=\n")

    checked = strike.call("accounts", "check", "collectif-x", "--json")

    assert checked.code == 3
    [found] = checked.json()
    assert not found["ok"]
    assert "vault.key is not the key of this database" in found["error"]


def _without_privileges() -> list[str]:
    """What to put before a command so that file modes hold, for root too."""
    if os.name != "posix":
        pytest.skip("file modes are a matter of POSIX")
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root ignores file modes, and setpriv is not installed")
    return [setpriv, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]


def test_a_home_that_cannot_be_written_is_named_with_the_remedy(strike: Any) -> None:
    before = _without_privileges()
    files = [strike.home, *strike.home.iterdir()]
    modes = [file.stat().st_mode for file in files]
    for file in files:
        file.chmod(file.stat().st_mode & ~0o222)
    try:
        ended = strike.run(*LINE, before=before)
    finally:
        for file, mode in zip(files, modes, strict=True):
            file.chmod(mode)

    assert ended.code == 1
    assert f"{strike.home / 'socialstrike.db'} cannot be written" in ended.err
    assert "permissions" in ended.err
    assert strike.states() == {}


def test_a_home_inside_a_file_is_refused(cli: Any) -> None:
    (cli.folder / "lettre").write_text("bonjour")

    ended = cli.call("--home", "lettre", "status")

    assert ended.code == 1
    assert "lettre" in ended.err
    assert "choose another with --home" in ended.err


def test_a_new_home_is_announced_so_that_a_slip_in_its_name_is_noticed(cli: Any) -> None:
    ended = cli.call("--home", "maisno", "status")

    assert ended.code == 0
    assert ended.err == f"A new home: {cli.folder / 'maisno'}\n"


def test_an_up_to_date_database_needs_no_upgrade(cli: Any) -> None:
    ended = cli.call("database", "upgrade")

    assert (ended.code, ended.out) == (0, f"The tables are at {known_versions()[-1]} already.\n")
