"""Threads as people write them: on four platforms, in order, under one another, and no further."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

PLATFORMS = {"un": "x", "deux": "facebook", "trois": "mastodon", "quatre": "bluesky"}
PACK = """\
campaign: {name: greve, day: 2036-01-24, timezone: Europe/Paris, hashtag: "#greve"}
posts:
  - kind: announcement
    at: D 09:00
    to: all
    text: |
      Un
      ---
      Deux
      ---
      Trois
"""


@pytest.fixture
def pack(cli: Any, sandbox: Any) -> Any:
    """A home with an account on each platform, and a file with a thread to all of them."""
    for name, platform in PLATFORMS.items():
        join(cli, sandbox, platform, name)
    (cli.folder / "pack.yaml").write_text(PACK, encoding="utf-8")
    return cli


def join(cli: Any, sandbox: Any, platform: str, name: str) -> None:
    """Add an account of the sandbox."""
    made = sandbox.add_account(platform, name)
    file = cli.folder / f"{name}.json"
    file.write_text(json.dumps(made["credentials"]), encoding="utf-8")
    at = ("--base-url", made["base_url"], "--from-file", file)
    ended = cli.call("accounts", "add", platform, name, *at)
    assert ended.code == 0, ended.said


def typed(cli: Any, *to: str) -> None:
    """Queue a thread of three parts from the command line, due now."""
    addressed = [word for name in to for word in ("--to", name)]
    ended = cli.call("posts", "add", "Un\n---\nDeux\n---\nTrois", "--at", "now", *addressed)
    assert ended.code == 0, ended.said


def standing(posts: list[dict[str, Any]], account: str) -> list[tuple[str, str | None]]:
    """What an account said, and the text that each post stands under."""
    texts = {post["id"]: post["text"] for post in posts}
    mine = [post for post in posts if post["account"] == account]
    return [(post["text"], post["reply_to"] and texts[post["reply_to"]]) for post in mine]


THREAD = [("Un", None), ("Deux", "Un"), ("Trois", "Deux")]


def test_a_thread_goes_out_in_order_on_four_platforms_and_is_taken_back_from_its_end(
    pack: Any, sandbox: Any
) -> None:
    typed(pack, "all")
    ended = pack.run("run", "--until-idle")
    assert ended.code == 0, ended.said
    posts = sandbox.posts()
    for name in ("un", "trois", "quatre"):
        assert standing(posts, name) == THREAD
    assert standing(posts, "deux") == [("Un\n\nDeux\n\nTrois", None)]
    assert len(posts) == 10

    done = pack.run("posts", "retract", "--account", "un", "--yes")
    assert (done.code, "3 posts retracted" in done.out) == (0, True), done.said
    told = pack.call("audit", "list", "--json").json()
    gone = [one["delivery"] for one in told if one["event"] == "delivery.retracted"]
    assert gone == sorted(gone, reverse=True)
    for check in (("audit", "verify"), ("database", "check")):
        assert pack.call(*check).code == 0


def test_a_thread_is_shown_as_one_before_anything_is_sent(pack: Any) -> None:
    shown = pack.call("posts", "preview", "pack.yaml")
    assert "X 2/3: un" in shown.out
    assert "Facebook: deux" in shown.out
    dry = pack.call("posts", "import", "pack.yaml", "--dry-run")
    assert "2/3 Deux" in dry.out
    assert pack.call("posts", "import", "pack.yaml").code == 0
    again = pack.call("posts", "import", "pack.yaml")
    assert "Nothing new: 10 deliveries" in again.out
    assert "3/3 Trois" in pack.call("posts", "list").out
    assert "3/3 Trois" in pack.call("plan").out
    for form in ("html", "ics"):
        assert "2/3 Deux" in pack.call("plan", "--format", form).out
    rows = {(row["account"], row["text"]): row for row in pack.rows()}
    first, second = rows["un", "Un #greve"], rows["un", "Deux"]
    assert (first["part"], second["part"], second["parts"]) == (1, 2, 3)
    full = pack.call("posts", "show", str(second["id"]), "--json").json()
    assert full["after"] == first["id"]
    report = pack.folder / "report.html"
    assert pack.call("audit", "report", "greve", "-o", report).code == 0
    assert "2/3 Deux" in report.read_text(encoding="utf-8")


def test_lost_answers_in_the_middle_give_one_post_each_and_the_rest_goes_out_after_it(
    pack: Any, sandbox: Any
) -> None:
    sandbox.add_fault("drop_after", contains="Deux", times=4)
    typed(pack, "all")
    ended = pack.run("run", "--until-idle")
    assert ended.code == 0, ended.said
    posts = sandbox.posts()
    assert [standing(posts, name) for name in ("un", "trois", "quatre")] == [THREAD] * 3
    assert len(posts) == 10
    told = pack.call("audit", "list", "--json").json()
    doubted = {one["account"] for one in told if one["event"] == "delivery.uncertain"}
    assert doubted == set(PLATFORMS)


def test_nothing_goes_out_under_a_part_that_was_refused_until_it_is_sent_again(
    cli: Any, sandbox: Any
) -> None:
    join(cli, sandbox, "x", "un")
    sandbox.add_fault("forbidden", contains="Deux")
    typed(cli, "un")
    ended = cli.run("run", "--until-idle")
    assert ended.code == 1, ended.said
    assert standing(sandbox.posts(), "un") == THREAD[:1]
    assert list(cli.states().values()) == ["published", "failed", "missed"]
    assert cli.rows()[2]["error"] == "the part before it did not go out"
    status = cli.call("status")
    assert status.code == 3, status.said

    retried = cli.call("posts", "retry", "2")
    assert (retried.code, "2 deliveries" in retried.out) == (0, True), retried.said
    assert cli.run("run", "--until-idle").code == 0
    assert standing(sandbox.posts(), "un") == THREAD


def test_killed_in_the_middle_of_a_thread_the_next_run_goes_on_without_a_double(
    cli: Any, sandbox: Any, eventually: Any
) -> None:
    join(cli, sandbox, "x", "un")
    sandbox.add_fault("slow", contains="Deux", seconds=3)
    typed(cli, "un")
    line = cli.line("run", "--until-idle")
    killed = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: cli.states()["Un"] == "published")
    finally:
        killed.kill()
        killed.wait(60)
    ended = cli.run("run", "--until-idle")
    assert ended.code == 0, ended.said
    assert standing(sandbox.posts(), "un") == THREAD
