"""The end of a campaign: nothing waits any more, the log is signed, nothing new gets in."""

from __future__ import annotations

import re
from typing import Any

import pytest

ADD = ("posts", "add", "--to", "collectif-x", "--campaign", "jour-j")


@pytest.fixture
def queued(strike: Any) -> Any:
    """A campaign to come with two deliveries, and a post that belongs to none."""
    strike.call("campaigns", "set", "jour-j", "--day", "2031-01-24")
    for hour in ("09:00", "10:00"):
        assert strike.call(*ADD, f"Le piquet de {hour}", "--at", f"D {hour}").code == 0
    other = strike.call("posts", "add", "Autre", "--to", "collectif-x", "--at", "2031-01-25T09:00")
    assert other.code == 0, other.said
    return strike


def _close(cli: Any) -> Any:
    return cli.call("campaigns", "close", "jour-j", "--yes")


def test_what_waits_is_cancelled_and_the_head_that_is_printed_verifies(queued: Any) -> None:
    done = _close(queued)
    assert (done.code, "2 deliveries cancelled" in done.out) == (0, True), done.said
    states = {row["text"]: row["state"] for row in queued.rows()}
    assert sorted(states.values()) == ["cancelled", "cancelled", "scheduled"]
    assert states["Autre"] == "scheduled"
    head = re.search(r"head of the log: (\d+ [0-9a-f]{64})\n", done.out)
    assert head is not None, done.out
    assert queued.call("audit", "verify", "--head", head[1]).code == 0
    assert "audit report jour-j" in done.out
    [entry] = [
        e for e in queued.call("audit", "list", "--json").json() if e["event"] == "campaign.closed"
    ]
    assert (entry["campaign"], entry["cancelled"]) == ("jour-j", 2)
    assert queued.call("database", "check").code == 0
    assert queued.call("campaigns", "show", "jour-j", "--json").json()["closed_at"] is not None


def test_nobody_there_to_confirm_changes_nothing(queued: Any) -> None:
    before = queued.dump()
    asked = queued.run("campaigns", "close", "jour-j")
    assert (asked.code, "add --yes" in asked.err) == (2, True), asked.said
    assert queued.dump() == before


@pytest.mark.parametrize(
    "words",
    [
        (*ADD, "Encore un", "--at", "D 11:00"),
        ("posts", "retry", "1"),
        ("campaigns", "set", "jour-j", "--hashtag", "#encore"),
    ],
)
def test_a_closed_campaign_takes_nothing_until_it_is_reopened(
    queued: Any, words: tuple[str, ...]
) -> None:
    assert _close(queued).code == 0
    before = queued.dump()
    refused = queued.call(*words)
    assert (refused.code, "campaigns reopen jour-j" in refused.err) == (2, True), refused.said
    assert queued.dump() == before
    assert queued.call("campaigns", "reopen", "jour-j").code == 0
    assert queued.call(*words).code == 0


def test_what_was_queued_before_is_still_known_and_closing_twice_changes_no_delivery(
    queued: Any,
) -> None:
    assert _close(queued).code == 0
    same = queued.call(*ADD, "Le piquet de 09:00", "--at", "D 09:00")
    assert (same.code, "Nothing new" in same.out) == (0, True), same.said
    again = _close(queued)
    assert (again.code, "was closed already" in again.out) == (0, True), again.said


@pytest.mark.parametrize("state", ["uncertain", "parked", "handed_off", "publishing"])
def test_what_is_in_doubt_refuses_the_closing_by_its_number(queued: Any, state: str) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(queued.home / "socialstrike.db")) as database, database:
        database.execute("UPDATE deliveries SET state = ? WHERE id = 1", (state,))
    before = queued.dump()
    refused = _close(queued)
    assert (refused.code, "Deliveries 1 " in refused.err) == (2, True), refused.said
    assert queued.dump() == before
