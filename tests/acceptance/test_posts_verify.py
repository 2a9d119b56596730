"""``posts verify`` as people use it: what is gone is told everywhere that it matters."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def test_what_has_disappeared_is_told_by_every_command_until_it_is_back(
    strike: Any, sandbox: Any
) -> None:
    day = ("--campaign", "jour")
    assert strike.call("campaigns", "set", "jour", "--day", "2027-01-24").code == 0
    for account in ("collectif-x", "collectif-fb"):
        added = strike.call("posts", "add", "Paru", "--at", "now", "--to", account, *day)
        assert added.code == 0, added.said
    assert strike.run("run", "--until-idle").code == 0
    still = strike.call("posts", "verify", *day)
    assert (still.code, still.out) == (0, "2 posts are still there.\n")

    [post] = sandbox.posts(platform="facebook")
    sandbox.delete_post(post["id"])
    verified = strike.call("posts", "verify", "--account", "collectif-fb", "--json")
    assert verified.code == 3
    [row] = verified.json()
    assert (row["there"], row["news"]) == (False, True)

    [listed] = strike.call("posts", "list", "--gone", "--json").json()
    assert (listed["state"], listed["account"]) == ("published", "collectif-fb")
    assert listed["gone_at"]
    assert "published, gone" in strike.call("posts", "list").out
    status = strike.call("status", "--json")
    assert (status.code, status.json()["gone"]) == (3, 1)
    assert any("posts list --gone" in need for need in status.json()["needs"])
    assert strike.call("database", "check").code == 0
    report = Path(strike.folder / "report.html")
    assert strike.call("audit", "report", "jour", "-o", report).code == 0
    told = report.read_text(encoding="utf-8")
    assert ("disappeared from the platform" in told) or ("disparu" in told)

    sandbox.delete_post(post["id"], restored=True)
    back = strike.call("posts", "verify")
    assert back.code == 0
    assert "is there again" in back.out
    assert strike.call("status", "--json").json()["gone"] == 0
    events = [
        entry["event"]
        for entry in strike.call("audit", "list", "--kind", "delivery", "--json").json()
        if "appeared" in entry["event"]
    ]
    assert events == ["delivery.disappeared", "delivery.reappeared"]


def test_a_platform_that_cannot_be_asked_is_exit_code_1_and_no_absence(
    strike: Any, sandbox: Any
) -> None:
    assert strike.call("posts", "add", "Paru", "--at", "now", "--to", "collectif-fb").code == 0
    assert strike.run("run", "--until-idle").code == 0
    sandbox.add_fault("error_before", operation="find", times=None)

    verified = strike.call("posts", "verify", "1")

    assert verified.code == 1
    assert "it may be there all the same" in verified.out
    assert strike.rows()[0]["gone_at"] is None


def test_what_was_not_published_is_wrong_input(strike: Any) -> None:
    added = strike.call("posts", "add", "Plus tard", "--at", "+10m", "--to", "collectif-fb")
    assert added.code == 0

    assert strike.call("posts", "verify", "1").code == 2
    assert strike.call("posts", "verify", "99").code == 2
    assert strike.call("posts", "verify", "1", "--account", "collectif-fb").code == 2
    assert strike.call("posts", "verify").out == "0 posts are still there.\n"
