"""``doctor --campaign``: what would go wrong is said before the day, with what to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from PIL import Image

DOCTOR = ("doctor", "--campaign", "jour-j", "--json")


@pytest.fixture
def queued(strike: Any) -> Any:
    """A campaign of one post with a picture on two accounts, years ahead."""
    Image.new("RGB", (8, 8), "red").save(strike.folder / "pancarte.png")
    strike.call("campaigns", "set", "jour-j", "--day", "2031-01-24")
    added = strike.call(
        "posts", "add", "Le piquet", "--at", "D 09:00", "--to", "all", "--campaign", "jour-j",
        "--media", "pancarte.png", "--alt", "Une pancarte",
    )  # fmt: skip
    assert added.code == 0, added.said
    return strike


def _findings(cli: Any) -> dict[str, dict[str, Any]]:
    """What matters most, by check."""
    ended = cli.call(*DOCTOR)
    worst = {"ok": 0, "warn": 1, "bad": 2}
    found = {f["check"]: f for f in sorted(ended.json(), key=lambda f: worst[f["verdict"]])}
    assert ended.code == (3 if any(f["verdict"] != "ok" for f in found.values()) else 0)
    assert all((f["verdict"] == "ok") == (f["remedy"] is None) for f in found.values())
    return found


def _sql(cli: Any, statement: str) -> None:
    with closing(sqlite3.connect(cli.home / "socialstrike.db")) as database, database:
        database.execute(statement)


def test_a_ready_campaign_lacks_only_a_scheduler_and_nothing_is_changed_or_posted(
    queued: Any, sandbox: Any
) -> None:
    before = queued.dump()
    found = _findings(queued)
    assert {name for name, f in found.items() if f["verdict"] != "ok"} == {"scheduler"}, found
    assert {"texts", "pictures", "plan", "clock", "account collectif-x"} <= set(found)
    assert sandbox.requests() != []
    assert sandbox.posts() == []
    assert queued.dump() == before


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        ("DELETE FROM pictures", "pictures"),
        ("UPDATE deliveries SET text = 'autre chose' WHERE id = 1", "texts"),
        ("UPDATE accounts SET expires_at = '2031-01-01 00:00:00'", "account collectif-x"),
    ],
)
def test_what_would_go_wrong_is_found(queued: Any, spoil: str, check: str) -> None:
    _sql(queued, spoil)
    assert _findings(queued)[check]["verdict"] == "bad"


def test_a_pause_and_a_stop_are_told_with_the_command_that_ends_them(queued: Any) -> None:
    queued.call("accounts", "pause", "collectif-x")
    queued.call("stop")
    told = queued.call("doctor", "--campaign", "jour-j").out
    assert "→ socialstrike start" in told
    assert "collectif-x" in told


def test_a_campaign_with_nothing_ahead_and_one_that_is_unknown_say_so(queued: Any) -> None:
    queued.call("campaigns", "close", "jour-j", "--yes")
    assert _findings(queued)["campaign"]["remedy"] == "socialstrike campaigns reopen jour-j"
    assert queued.call("doctor", "--campaign", "nulle").code == 2
