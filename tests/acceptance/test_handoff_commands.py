"""Handing deliveries to the platforms' own schedulers, and having them back, as people type it."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

SOON = ("--at", "+2h")


@pytest.fixture
def handed(strike: Any) -> Any:
    """One announcement with Facebook's own scheduler, and the same waiting here for X."""
    added = strike.call("posts", "add", "On bloque", *SOON, "--to", "all", "--hand-off")
    assert (added.code, "1 delivery handed off." in added.out) == (0, True), added.said
    assert "X takes no posts ahead of their time" in added.out
    assert _states(strike) == {"collectif-fb": "handed_off", "collectif-x": "scheduled"}
    return strike


def _states(strike: Any) -> dict[str, str]:
    return {row["account"]: row["state"] for row in strike.rows()}


def _scheduled(strike: Any) -> int:
    return next(row["id"] for row in strike.rows() if row["account"] == "collectif-fb")


def test_a_cancelled_one_is_deleted_there_too(handed: Any, sandbox: Any) -> None:
    done = handed.run("posts", "cancel", str(_scheduled(handed)))
    assert (done.code, done.out) == (0, "1 delivery cancelled.\n"), done.said
    assert _states(handed)["collectif-fb"] == "cancelled"
    assert [r["status"] for r in sandbox.requests() if r["method"] == "DELETE"] == [200]
    assert handed.call("database", "check").code == 0


def test_a_cancel_that_does_not_get_through_says_so_and_can_be_repeated(
    handed: Any, sandbox: Any
) -> None:
    sandbox.add_fault("error_before", operation="retract")
    done = handed.call("posts", "cancel", str(_scheduled(handed)))
    assert done.code == 3
    assert "may still go out by itself" in done.out
    assert handed.call("posts", "cancel", str(_scheduled(handed))).code == 0
    assert _states(handed)["collectif-fb"] == "cancelled"


def test_the_stop_takes_back_and_a_start_hands_off_again(handed: Any, sandbox: Any) -> None:
    stopped = handed.run("stop")
    assert (stopped.code, "1 of 1 taken back" in stopped.out) == (0, True), stopped.said
    assert _states(handed)["collectif-fb"] == "scheduled"
    assert handed.call("start").code == 0
    again = handed.call("posts", "hand-off", str(_scheduled(handed)))
    assert again.code == 0, again.said
    assert _states(handed)["collectif-fb"] == "handed_off"


def test_a_stop_that_cannot_reach_the_platform_says_what_goes_out(
    handed: Any, sandbox: Any
) -> None:
    sandbox.add_fault("drop_before", platform="facebook", operation="any", times=None)
    stopped = handed.call("stop")
    assert stopped.code == 3
    assert "Stopped." in stopped.out
    assert f"delivery {_scheduled(handed)} (collectif-fb on facebook) may still" in stopped.out


def test_words_are_changed_after_it_was_taken_back(handed: Any) -> None:
    number = str(_scheduled(handed))
    refused = handed.call("posts", "edit", number, "--text", "On occupe")
    assert refused.code == 2
    assert f"socialstrike posts take-back {number}" in refused.err
    assert handed.run("posts", "take-back", number).code == 0
    assert handed.call("posts", "edit", number, "--text", "On occupe").code == 0
    assert handed.run("posts", "hand-off", number).code == 0
    assert handed.states()["On occupe"] == "handed_off"
    assert handed.call("database", "check").code == 0


def test_x_is_refused_plainly_and_nothing_is_changed(strike: Any) -> None:
    strike.call("posts", "add", "On bloque", *SOON, "--to", "collectif-x")
    before = strike.dump()
    refused = strike.call("posts", "hand-off", "1")
    assert refused.code == 2
    assert "X takes no posts ahead of their time" in refused.err
    assert strike.dump() == before


def test_a_dry_run_hands_nothing_off(strike: Any, sandbox: Any) -> None:
    strike.call("posts", "add", "On bloque", *SOON, "--to", "all")
    before = strike.dump()
    dry = strike.call("posts", "hand-off", "--account", "collectif-fb", "--dry-run")
    assert "1 delivery would be handed off. Nothing was changed." in dry.out
    assert strike.dump() == before


def test_a_running_scheduler_hands_off(strike: Any, sandbox: Any, eventually: Any) -> None:
    with strike.service("run", until="The scheduler works on") as service:
        added = strike.call("posts", "add", "On bloque", *SOON, "--to", "all", "--hand-off")
        assert (added.code, "hands them off" in added.out) == (0, True), added.said
        eventually(lambda: _states(strike)["collectif-fb"] == "handed_off")
        assert service.end() == 0


def test_killed_between_ticket_and_answer_one_copy_is_there_in_the_end(
    strike: Any, sandbox: Any, eventually: Any
) -> None:
    sandbox.add_fault("slow", platform="facebook", operation="publish", seconds=15)
    strike.call("posts", "add", "On bloque", *SOON, "--to", "collectif-fb")
    line = strike.line("posts", "hand-off", "1")
    killed = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: strike.rows()[0]["attempts"] == 1)
        # The post is made at once, its answer held back: give it the moment to arrive.
        eventually(lambda: sandbox.faults()[0]["fired"] == 1)
    finally:
        killed.kill()
        killed.wait(60)
    assert strike.rows()[0]["state"] == "publishing"

    strike.run("posts", "add", "On occupe", *SOON, "--to", "collectif-fb", "--hand-off")

    assert set(strike.states().values()) == {"handed_off"}
    made = [r for r in sandbox.requests() if r["method"] == "POST"]
    assert len([r for r in made if r["path"].endswith("/feed")]) <= 2
    assert strike.call("posts", "cancel", "1", "2").code == 0
