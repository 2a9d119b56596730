"""Taking back what is out, as people type it."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def published(strike: Any) -> Any:
    """One post that went out on both accounts."""
    queued = strike.call("posts", "add", "On bloque", "--at", "now", "--to", "all")
    assert queued.code == 0, queued.said
    assert strike.run("run", "--until-idle").code == 0
    return strike


def test_a_dry_run_and_a_missing_yes_change_nothing(published: Any, sandbox: Any) -> None:
    before = published.dump()
    dry = published.call("posts", "retract", "--post", "1", "--dry-run")
    assert (dry.code, "2 posts would be deleted there" in dry.out) == (0, True), dry.said
    asked = published.call("posts", "retract", "--post", "1")
    assert (asked.code, "add --yes" in asked.err) == (2, True), asked.said
    assert published.dump() == before
    assert len(sandbox.posts()) == 2


def test_all_of_an_account_is_deleted_there_and_the_database_agrees_with_its_log(
    published: Any, sandbox: Any
) -> None:
    done = published.run("posts", "retract", "--account", "collectif-x", "--yes")
    assert (done.code, "1 post retracted." in done.out) == (0, True), done.said
    assert [post["platform"] for post in sandbox.posts()] == ["facebook"]
    states = {row["account"]: row["state"] for row in published.rows()}
    assert states == {"collectif-x": "retracted", "collectif-fb": "published"}
    assert published.call("database", "check").code == 0
    assert published.call("audit", "verify").code == 0
    again = published.call("posts", "retract", "--account", "collectif-x", "--yes")
    assert (again.code, again.out) == (0, "Nothing to retract.\n")


def test_a_lost_answer_needs_a_person_and_the_stop_does_not_hinder_a_retraction(
    published: Any, sandbox: Any
) -> None:
    assert published.call("stop").code == 0
    sandbox.add_fault("drop_after", platform="facebook", operation="retract", times=1)
    done = published.call("posts", "retract", "--post", "1", "--yes")
    assert done.code == 3, done.said
    assert "1 post retracted." in done.out
    assert "! delivery" in done.out
    assert "ask again with the same command" in done.out
    assert published.call("posts", "retract", "--post", "1", "--yes").code == 0
    assert sandbox.posts() == []


@pytest.mark.parametrize(
    ("words", "told"),
    [((), "name deliveries by id"), (("99", "--yes"), "there is no delivery 99"),
     (("--campaign", "nulle"), "there is no campaign called 'nulle'")],
)  # fmt: skip
def test_a_slip_is_said_in_a_sentence(published: Any, words: tuple[str, ...], told: str) -> None:
    ended = published.call("posts", "retract", *words)
    assert (ended.code, told in " ".join(ended.said.split())) == (2, True), ended.said
