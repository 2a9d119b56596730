"""The scheduler as a service: stopped, drained, refused twice, and told when a person is needed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

READY = "The scheduler works on"
Eventually = Callable[[Callable[[], bool]], None]


def add(cli: Any, text: str, *to: str, at: str = "now") -> None:
    accounts = [word for name in to or ("collectif-x",) for word in ("--to", name)]
    ended = cli.call("posts", "add", text, "--at", at, *accounts)
    assert ended.code == 0, ended.said


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no signals to drain on")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_post_that_began_finish_and_begins_no_other(
    strike: Any, sandbox: Any, eventually: Eventually, number: signal.Signals
) -> None:
    sandbox.add_fault("slow_before", contains="Premier", seconds=4)
    add(strike, "Premier")
    add(strike, "Second")

    with strike.service("run", until=READY) as service:
        eventually(lambda: strike.states()["Premier"] == "publishing" and fired(sandbox))
        code = service.end(number)

    assert code == 0, service.said
    assert strike.states() == {"Premier": "published", "Second": "scheduled"}
    assert [post["text"] for post in sandbox.posts()] == ["Premier"]
    assert "Deliveries: 1 published, 1 scheduled." in service.said


def fired(sandbox: Any) -> bool:
    return any(fault["fired"] for fault in sandbox.faults())


def test_after_the_emergency_stop_returned_no_new_call_begins_until_the_start(
    strike: Any, sandbox: Any, eventually: Eventually
) -> None:
    sandbox.add_fault("slow_before", contains="Premier", seconds=4)
    add(strike, "Premier")
    add(strike, "Second")

    with strike.service("run", until=READY):
        eventually(lambda: strike.states()["Premier"] == "publishing" and fired(sandbox))
        stopped = strike.run("stop", "--reason", "piquet levé")
        calls = sandbox.request_count()
        add(strike, "Troisième", "collectif-x", "collectif-fb")
        status = strike.call("status")

        assert stopped.code == 0, stopped.said
        assert stopped.out.startswith("Stopped.")
        assert status.code == 3
        assert "(piquet levé): socialstrike start" in status.out
        assert "Scheduler: alive" in status.out
        assert sandbox.request_count() == calls
        assert strike.states()["Premier"] == "published"

        assert strike.call("stop").out.startswith("It was stopped already.")
        assert strike.call("start").out == "Posts go out again.\n"
        eventually(lambda: {row["state"] for row in strike.rows()} == {"published"})
    assert len(sandbox.posts()) == 4


def test_a_second_scheduler_is_refused_and_told_who_works(strike: Any) -> None:
    with strike.service("run", until=READY):
        [beat] = strike.call("status", "--json").json()["schedulers"]
        second = strike.call("run")

    assert second.code == 1
    assert f"process {beat['pid']} on {beat['host']}" in second.err
    assert "--standby" in second.err


def test_a_standby_takes_over_when_the_first_one_ends(strike: Any, eventually: Eventually) -> None:
    with (
        strike.service("run", until=READY) as first,
        strike.service("run", "--standby", until="") as second,
    ):
        assert first.end() == 0
        eventually(lambda: READY in second.said)
        add(strike, "Relève")
        eventually(lambda: strike.states() == {"Relève": "published"})
        assert second.end() == 0, second.said


def test_refused_credentials_pause_the_account_and_new_ones_let_its_posts_go_out(
    strike: Any, sandbox: Any
) -> None:
    sandbox.add_fault("unauthorized", platform="x", times=None)
    add(strike, "Grève", "all")

    ran = strike.run("run", "--until-idle")

    assert ran.code == 3, ran.said
    assert "Deliveries: 1 published, 1 scheduled." in ran.out
    status = strike.call("status")
    assert status.code == 3
    assert "! collectif-x is paused" in status.out
    assert "accounts add x collectif-x --replace" in status.out
    [waiting] = strike.call("posts", "list", "--account", "collectif-x", "--json").json()
    assert waiting["state"] == "scheduled"

    sandbox.clear_faults()
    replaced = strike.call(
        "accounts", "add", "x", "collectif-x", "--from-file", "collectif-x.json", "--replace"
    )
    assert replaced.code == 0, replaced.said
    again = strike.run("run", "--until-idle")

    assert (again.code, again.out) == (0, "Deliveries: 2 published.\n"), again.said
    assert strike.call("status").code == 0
    assert len(sandbox.posts()) == 2


def test_a_paused_account_waits_and_a_resumed_one_goes_on(strike: Any, sandbox: Any) -> None:
    assert strike.call("accounts", "pause", "collectif-x", "--reason", "relecture").code == 0
    add(strike, "Grève")

    assert strike.run("run", "--until-idle").code == 3
    assert sandbox.posts() == []
    assert "(relecture)" in strike.call("status").out

    assert strike.call("accounts", "resume", "collectif-x").code == 0
    assert strike.run("run", "--until-idle").code == 0
    assert len(sandbox.posts()) == 1


def test_a_post_refused_for_good_ends_a_run_with_exit_code_1_and_can_be_retried(
    strike: Any, sandbox: Any
) -> None:
    sandbox.add_fault("forbidden", platform="x")
    add(strike, "Grève")

    ran = strike.run("run", "--until-idle")

    assert (ran.code, ran.out.splitlines()[0]) == (1, "Deliveries: 1 failed."), ran.said
    assert "posts list --state failed" in ran.out
    shown = strike.call("posts", "show", "1")
    assert "403" in shown.out
    assert strike.call("posts", "retry", "1").out == "1 delivery back in the queue.\n"
    assert strike.run("run", "--until-idle").code == 0


def test_what_is_due_without_a_scheduler_is_a_person_s_business(strike: Any) -> None:
    add(strike, "Grève")

    status = strike.call("status")

    assert status.code == 3
    assert "! 1 due and no scheduler is running: socialstrike run" in status.out


def test_a_cancelled_post_never_goes_out(strike: Any, sandbox: Any) -> None:
    add(strike, "Grève", "all")
    tried = strike.call("posts", "cancel", "1", "2", "--dry-run")
    assert tried.out == "2 deliveries would be cancelled.\n"
    assert set(strike.states().values()) == {"scheduled"}

    assert strike.call("posts", "cancel", "1", "2").out == "2 deliveries cancelled.\n"

    assert strike.run("run", "--until-idle").out == "Deliveries: 2 cancelled.\n"
    assert sandbox.posts() == []


def test_forgotten_credentials_are_nowhere_in_the_home(
    strike: Any, credentials: dict[str, dict[str, str]]
) -> None:
    assert strike.call("accounts", "forget", "collectif-x", "--yes").code == 0

    assert "forgotten" in strike.call("accounts", "list").out
    assert strike.call("accounts", "resume", "collectif-x").code == 2
    with (strike.home / "socialstrike.db").open("rb") as database:
        assert credentials["x"]["access_token"].encode() not in database.read()
    [known] = [a for a in strike.call("accounts", "list", "--json").json() if a["forgotten_at"]]
    assert known["name"] == "collectif-x"


def test_a_check_says_which_account_cannot_post(strike: Any, sandbox: Any) -> None:
    sandbox.add_fault("expired", platform="facebook", operation="check", times=None)

    checked = strike.call("accounts", "check", "--json")

    assert checked.code == 3
    assert {found["name"]: found["ok"] for found in checked.json()} == {
        "collectif-fb": False,
        "collectif-x": True,
    }
