"""Alerts as people set them up: a file, a test, and a message when something needs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from inbox import TOKEN, Inbox

READY = "The scheduler works on"


@pytest.fixture
def service() -> Iterator[Inbox]:
    made = Inbox()
    yield made
    made.close()


def write(cli: Any, *lines: str, mode: int = 0o600) -> None:
    path = cli.home / "alerts.txt"
    path.touch(0o600)
    path.write_text("\n".join(lines), encoding="utf-8")
    path.chmod(mode)


def add(cli: Any, text: str, to: str) -> None:
    ended = cli.call("posts", "add", text, "--at", "now", "--to", to)
    assert ended.code == 0, ended.said


def test_what_fails_and_what_disappears_is_one_message_each_and_none_after_a_restart(
    strike: Any, sandbox: Any, service: Inbox
) -> None:
    write(strike, "# the committee", service.url)
    sandbox.add_fault("forbidden", contains="Refusé", times=None)
    for text in ("Refusé un", "Refusé deux"):
        add(strike, text, "collectif-x")
    add(strike, "Paru", "collectif-fb")
    first = strike.run("run", "--until-idle")
    assert first.code == 1, first.said
    assert service.titles == ["2 deliveries failed"]
    assert service.messages[0]["message"].count("“Refusé") == 2

    [post] = sandbox.posts(platform="facebook")
    sandbox.delete_post(post["id"])
    verified = strike.call("posts", "verify")
    assert verified.code == 3, verified.said
    second = strike.run("run", "--until-idle")
    assert service.titles[1:] == ["one published post has disappeared"]
    assert "collectif-fb" in service.messages[1]["message"]

    third = strike.run("run", "--until-idle")
    assert len(service.messages) == 2
    log = strike.call("audit", "list", "--kind", "alert", "--json").json()
    assert [(entry["event"], entry["about"], entry["count"]) for entry in log] == [
        ("alert.sent", "failed", 2),
        ("alert.sent", "gone", 1),
    ]
    assert TOKEN not in first.said + second.said + third.said + json.dumps(log)
    assert strike.call("audit", "verify").code == 0


def test_an_alert_that_nobody_answers_holds_up_no_delivery(
    strike: Any, sandbox: Any, service: Inbox, eventually: Callable[..., None]
) -> None:
    service.answers.clear()
    write(strike, f"{service.url}?rto=30")
    sandbox.add_fault("forbidden", contains="Refusé")
    with strike.service("run", until=READY, SOCIALSTRIKE_ALERTS_GROUP="0.1") as running:
        add(strike, "Refusé", "collectif-x")
        eventually(lambda: bool(service.messages))  # and there it hangs

        for text in ("Un", "Deux", "Trois"):
            add(strike, text, "collectif-x")
            add(strike, text, "collectif-fb")
        eventually(lambda: len(sandbox.posts()) == 6)

        assert not service.answers.is_set()
        service.answers.set()
        assert running.end() == 0


def test_addresses_are_shown_masked_and_tested_one_by_one(cli: Any, service: Inbox) -> None:
    assert "alerts.md" in cli.call("alerts", "show").out
    assert cli.call("alerts", "test").code == 2

    write(cli, f"failed,gone={service.url}", f"tgram://123456789:{TOKEN}{TOKEN}/42/")
    shown = cli.call("alerts", "show")
    assert shown.code == 0
    assert "json://127.0.0.1" in shown.out
    assert "tgram://…" in shown.out
    [first, second] = cli.call("alerts", "show", "--json").json()
    assert (first["about"], len(second["about"])) == (["failed", "gone"], 8)

    write(cli, service.url)
    tested = cli.call("alerts", "test")
    assert (tested.code, service.titles) == (0, ["a test"])
    assert tested.out == "line 1, json://127.0.0.1: taken\n"
    assert TOKEN not in shown.said + tested.said


def test_an_address_that_takes_nothing_is_exit_code_1_and_a_bad_file_2(cli: Any) -> None:
    write(cli, f"json://127.0.0.1:1/{TOKEN}")
    refused = cli.call("alerts", "test")
    assert refused.code == 1
    assert refused.out.startswith("line 1, json://127.0.0.1: not taken")

    write(cli, f"falied=json://127.0.0.1/{TOKEN}", f"{TOKEN}")
    wrong = cli.call("alerts", "show")
    assert wrong.code == 2
    assert "alerts.txt:1: there is no kind of alert called falied" in wrong.err
    assert "alerts.txt:2: this is no address" in wrong.err

    if os.name == "posix":
        write(cli, f"json://127.0.0.1/{TOKEN}", mode=0o644)
        open_ = cli.call("alerts", "test")
        assert open_.code == 2
        assert "chmod 600" in open_.err
        assert TOKEN not in open_.said
    assert TOKEN not in refused.said + wrong.said


def test_apprise_is_loaded_only_where_an_address_is_written_down(strike: Any) -> None:
    probe = """
import sys
from pathlib import Path
from socialstrike.cli import main
for command in (["run", "--until-idle"], ["alerts", "show"]):
    try:
        main(["--home", sys.argv[1], *command])
    except SystemExit:
        print("apprise" in sys.modules)
    path = Path(sys.argv[1], "alerts.txt")
    path.touch(0o600)
    path.write_text("json://127.0.0.1:1/x")
"""
    done = subprocess.run(
        [sys.executable, "-c", probe, strike.home],
        capture_output=True,
        text=True,
        timeout=40,
        check=True,
    )

    assert [line for line in done.stdout.splitlines() if line in {"True", "False"}] == [
        "False",
        "True",
    ]


def test_doctor_hints_at_alerts_until_an_address_is_written_down(strike: Any) -> None:
    def found() -> dict[str, Any]:
        rows = strike.call("doctor", "--json").json()
        [row] = [row for row in rows if row["check"] == "alerts"]
        return dict(row)

    assert found()["verdict"] == "ok"
    assert "docs/alerts.md" in found()["message"]
    write(strike, "json://127.0.0.1:1/x")
    assert found()["message"] == "addresses are written down; try them: socialstrike alerts test"
