"""What a command loads before it does its work: nothing that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from socialstrike.cli import main
try:
    main(json.loads(sys.argv[1]))
except SystemExit as end:
    code = end.code
print("\\n" + json.dumps([code, sorted(sys.modules)]))
"""
CLIENTS = {"tweepy", "facebook", "atproto", "atproto_client", "mastodon", "requests", "urllib3"}


def _loaded(*words: str) -> set[str]:
    command = [sys.executable, "-c", SCRIPT, json.dumps(words)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    code, modules = json.loads(said.stdout.splitlines()[-1])
    assert code in {0, None}, said.stderr
    return set(modules)


@pytest.mark.parametrize("words", [("--help",), ("--lang", "fr", "--help"), ("--version",)])
def test_help_and_version_load_neither_the_database_nor_the_nouns(words: tuple[str, ...]) -> None:
    loaded = _loaded(*words)
    assert not loaded & {"sqlalchemy", "pydantic_settings", "cryptography", "alembic", "rich.table"}
    assert not loaded & {f"socialstrike.cli.{noun}" for noun in ("accounts", "posts", "audit")}


def test_a_noun_loads_its_own_commands_alone() -> None:
    loaded = _loaded("audit", "--help")
    assert "socialstrike.cli.audit" in loaded
    assert not loaded & {"socialstrike.cli.accounts", "socialstrike.cli.posts", "sqlalchemy"}


def test_a_command_that_touches_no_platform_loads_no_client_library(tmp_path: Path) -> None:
    words = ("--home", str(tmp_path / "home"), "posts", "list")
    _loaded(*words)  # makes the home, for which the migrations are needed
    assert not _loaded(*words) & (CLIENTS | {"alembic", "apscheduler", "PIL", "keyring"})
