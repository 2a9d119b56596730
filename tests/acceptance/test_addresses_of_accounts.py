"""Where an account's credentials may go is said when it is added, and held to when it is used."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Cli, Ended

FILE = {"page_id": "112233445566", "access_token": "EAAjeton/De+Page=5"}


def _add(cli: Cli, *options: str) -> Ended:
    file = cli.folder / "fb.json"
    file.write_text(json.dumps(FILE), encoding="utf-8")
    return cli.call("accounts", "add", "facebook", "fb", "--from-file", file, *options)


def test_a_private_address_needs_a_word_of_the_operator(cli: Cli) -> None:
    before = cli.dump()
    refused = _add(cli, "--base-url", "https://192.168.1.10")

    assert refused.code == 2
    assert "private network" in refused.err
    assert "--allow-local" in refused.err
    assert cli.dump() == before

    added = _add(cli, "--base-url", "https://192.168.1.10", "--allow-local")
    assert added.code == 0, added.said
    assert "private network" in added.out
    (account,) = cli.call("accounts", "list", "--json").json()
    assert (account["base_url"], account["allow_local"]) == ("https://192.168.1.10", True)


@pytest.mark.parametrize(
    "url", ["https://169.254.169.254", "http://192.168.1.10", "https://0x7f.1"]
)
def test_no_word_of_the_operator_allows_what_is_never_a_server(cli: Cli, url: str) -> None:
    before = cli.dump()
    refused = _add(cli, "--base-url", url, "--allow-local")

    assert refused.code == 2
    assert "the base URL" in refused.err
    assert cli.dump() == before


def test_a_stored_address_that_is_not_allowed_any_more_is_used_by_no_check(cli: Cli) -> None:
    """``check`` says what to do and is sent nowhere: the address is not even connected to."""
    assert _add(cli, "--base-url", "https://10.0.0.1", "--allow-local").code == 0
    with closing(sqlite3.connect(cli.home / "socialstrike.db")) as database, database:
        database.execute("UPDATE accounts SET allow_local = 0")

    ended = cli.call("accounts", "check", "fb")
    assert ended.code == 3
    assert "private network" in " ".join(ended.said.split())


def test_the_word_may_come_later_and_is_in_the_log(cli: Cli) -> None:
    assert _add(cli).code == 0
    assert _add(cli, "--allow-local", "--replace").code == 0

    (account,) = cli.call("accounts", "list", "--json").json()
    assert (account["base_url"], account["allow_local"]) == (None, True)
    first, again = (
        entry
        for entry in cli.call("audit", "list", "--json").json()
        if entry["event"] in {"account.added", "account.replaced"}
    )
    assert "allow_local" not in first
    assert again["allow_local"] is True
