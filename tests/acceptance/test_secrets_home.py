"""The home and the process are their owner's alone: made so, mended, or refused in one sentence."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")

OPENING = """
import os, sys
from pathlib import Path
os.umask(0)
from socialstrike.app import App, settings
home = Path(sys.argv[1])
with App(settings(home=home)) as house:
    with house.database.write() as session:
        house.vault
    for path in (home.parent, home, *home.rglob("*")):
        print(f"{path.stat().st_mode & 0o777:o} {path}")
"""
#: What a command's process says of itself once it has begun.
GUARDED = """
import ctypes, resource, sys
from socialstrike.cli import doctor, main
def look(*_):
    print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
doctor.output.busy = look
sys.argv[1:] = ["doctor"]
main()
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("what", ["", "socialstrike.db"])
@pytest.mark.parametrize("bits", [0o020, 0o002])
@pytest.mark.parametrize("words", [["run", "--until-idle"], ["accounts", "check"], ["status"]])
def test_a_home_that_others_can_write_is_not_used_before_that_is_mended(
    cli: Any, what: str, bits: int, words: list[str]
) -> None:
    path = cli.home / what
    before = mode(path)
    path.chmod(before | bits)

    ended = cli.call(*words)
    found = {f["check"]: f for f in cli.call("doctor", "--json").json()}["home"]

    assert ended.code == 1
    assert ended.err.startswith(f"error: others can write to {path}, so what is in there may")
    assert ended.err.endswith(f"; chmod go-w {path}\n")
    assert (found["verdict"], found["remedy"]) == ("bad", f"chmod go-w {path}")
    path.chmod(before)
    assert cli.call(*words).code == 0


def test_a_database_that_others_can_read_is_mended_and_said(cli: Any) -> None:
    database = cli.home / "socialstrike.db"
    database.chmod(0o644)

    ended = cli.call("status")

    assert ended.code == 0
    assert f"others could read {database}; it is its owner's alone again" in ended.err
    assert mode(database) == 0o600
    assert cli.call("status").err == ""


def test_a_shared_temporary_folder_is_no_home(cli: Any) -> None:
    shared = cli.folder / "shared"
    shared.mkdir()
    shared.chmod(0o1777)

    ended = cli.call("--home", "shared", "status")

    assert ended.code == 1
    assert "choose a folder of your own with --home" in ended.err
    assert "chmod" not in ended.err
    assert list(shared.iterdir()) == []
    assert mode(shared) == 0o1777


def test_a_home_of_another_user_is_not_used(cli: Any) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files to another user")
    for path in (cli.home, *cli.home.iterdir()):
        os.chown(path, 12345, 12345)

    ended = cli.call("status")
    found = {f["check"]: f for f in cli.call("doctor", "--json").json()}["home"]

    assert ended.code == 1
    assert f"{cli.home} belongs to another user" in ended.err
    assert "chown" in ended.err
    assert found["verdict"] == "bad"


def test_links_to_a_home_and_to_its_database_are_followed(cli: Any) -> None:
    (cli.folder / "link").symlink_to(cli.home)
    elsewhere = cli.folder / "disk"
    elsewhere.mkdir(mode=0o700)
    shutil.move(cli.home / "socialstrike.db", elsewhere / "strike.db")
    (cli.home / "socialstrike.db").symlink_to(elsewhere / "strike.db")

    assert cli.call("--home", "link", "status").code == 0
    elsewhere.chmod(0o777)
    ended = cli.call("--home", "link", "status")
    assert ended.code == 1
    assert f"others can write to {elsewhere}" in ended.err


def test_whatever_the_umask_a_new_home_is_its_owners_alone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OPENING, tmp_path / "above" / "home"],
        capture_output=True,
        text=True,
        timeout=40,
        check=True,
    )
    found = dict(reversed(line.split(" ", 1)) for line in done.stdout.splitlines())
    names = {Path(path).name for path in found}
    assert {"socialstrike.db", "socialstrike.db-wal", "socialstrike.db-shm", "vault.key"} <= names
    assert {m for path, m in found.items() if Path(path).is_dir()} <= {"700"}
    assert {m for path, m in found.items() if not Path(path).is_dir()} == {"600"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this wish")
def test_a_command_makes_no_core_file_and_its_memory_is_private(cli: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GUARDED],
        capture_output=True,
        text=True,
        env=os.environ | {"SOCIALSTRIKE_HOME": str(cli.home)},
        timeout=40,
        check=False,
    )
    assert done.stdout.startswith("(0, 0) 0\n"), done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_tracer_that_starts_the_command_still_sees_it(cli: Any) -> None:
    ended = cli.run("status", before=["strace", "-f", "-qq", "-o", cli.folder / "calls"])
    assert ended.code == 0, ended.said
    assert "exit_group(0)" in (cli.folder / "calls").read_text()
