"""Second thoughts: other words and other times for what waits, alone or many at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest


@pytest.fixture
def queued(strike: Any, furnished: Callable[..., None]) -> Any:
    """Two accounts with an announcement and an occupation each, on a day to come."""
    furnished("changes", lambda: _queue(strike))
    return strike


def _queue(strike: Any) -> None:
    strike.call("campaigns", "set", "jour-j", "--day", "2031-01-24", "--hashtag", "#jourj")
    for at, text in (("D 09:00", "Le piquet tient à Lyon"), ("D 10:00", "Lyon, deuxième heure")):
        added = strike.call(
            "posts", "add", text, "--at", at, "--to", "all", "--campaign", "jour-j", "--json"
        )
        assert added.code == 0, added.said


def _by_id(strike: Any) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for row in strike.call("posts", "list", "--json").json()}


def test_an_edited_text_goes_out_with_its_hashtag_and_the_log_says_what_it_was(queued: Any) -> None:
    before = queued.call("posts", "show", "1", "--json").json()
    done = queued.run("posts", "edit", "1", "--text", "Le piquet tient à Marseille")
    assert (done.code, "1 delivery changed." in done.out) == (0, True), done.said

    after = queued.call("posts", "show", "1", "--json").json()
    assert after["text"] == "Le piquet tient à Marseille #jourj"
    assert after["content_hash"] != before["content_hash"]
    entry = queued.call("audit", "list", "--json").json()[-1]
    assert (entry["event"], entry["content"]) == ("delivery.scheduled", after["content_hash"])
    assert entry["content_before"] == before["content_hash"]
    assert queued.call("database", "check").code == 0


def test_words_are_replaced_in_all_of_a_campaign_and_a_dry_run_only_shows_it(queued: Any) -> None:
    words = ("posts", "edit", "--campaign", "jour-j", "--replace", "Lyon", "--with", "Lille")
    dry = queued.call(*words, "--dry-run")
    assert "4 deliveries would be changed. Nothing was changed." in dry.out
    assert "Le piquet tient à Lille" in dry.out
    assert all("Lyon" in row["text"] for row in _by_id(queued).values())

    assert queued.call(*words).code == 0
    assert all("Lille" in row["text"] for row in _by_id(queued).values())
    again = queued.call(*words)
    assert (again.code, again.out) == (0, "Nothing to change.\n")


def test_a_move_takes_the_lateness_limit_along_and_the_local_time(queued: Any) -> None:
    first = queued.call("posts", "show", "1", "--json").json()
    assert queued.run("posts", "reschedule", "1", "--at", "D-1 18:30").code == 0
    moved = queued.call("posts", "show", "1", "--json").json()
    assert (moved["due_at"], moved["local_time"]) == (
        "2031-01-23T18:30:00+01:00",
        "2031-01-23T18:30:00",
    )
    assert moved["late_after"] != first["late_after"]

    for at, least in (("now", timedelta(0)), ("+10m", timedelta(minutes=10))):
        before = datetime.now(UTC)
        assert queued.run("posts", "reschedule", "1", "--at", at).code == 0
        moved = queued.call("posts", "show", "1", "--json").json()
        due = datetime.fromisoformat(moved["due_at"])
        assert before + least - timedelta(seconds=1) < due <= datetime.now(UTC) + least

    later = queued.call("posts", "reschedule", "--account", "collectif-x", "--later", "1h30")
    assert later.code == 0, later.said
    times = {row["id"]: row["due_at"] for row in _by_id(queued).values()}
    assert "2031-01-24T11:30:00+01:00" in times.values()
    assert queued.call("database", "check").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("edit", "1", "--text", "é" * 300), "would count 307 of 280"),
        (("edit", "1", "--text", "  "), "would say nothing"),
        (("edit", "1", "--text", "a\x07b"), "control character U+0007 at position 2"),
        (("edit", "99", "--text", "a"), "there is no delivery 99"),
        (("edit", "1"), "give the new --text"),
        (("edit", "--text", "a"), "name deliveries by id"),
        (("reschedule", "1", "--at", "2020-01-24T09:00"), "which has passed"),
        (("reschedule", "1", "--at", "2031-03-30T02:30"), "does not exist"),
        (("reschedule", "1", "--earlier", "soon"), "is no duration"),
        (("reschedule", "1", "--at", "+soon"), "is no duration"),
        (("reschedule", "1", "--later", "1h", "--earlier", "1h"), "give one of"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence_and_changes_nothing(
    queued: Any, words: tuple[str, ...], told: str
) -> None:
    before = _by_id(queued)
    x = next(str(row["id"]) for row in before.values() if row["platform"] == "x")
    done = queued.call("posts", *(x if word == "1" else word for word in words))
    assert done.code == 2, done.said
    assert told in " ".join(done.err.split()), done.err
    assert _by_id(queued) == before


def test_what_is_no_longer_waiting_keeps_its_words(queued: Any) -> None:
    queued.call("posts", "cancel", "1")
    done = queued.call("posts", "edit", "1", "2", "--text", "Autre chose")
    assert done.code == 2
    assert "cannot be changed: 1 (cancelled)" in done.err
    assert "Autre" not in str(_by_id(queued))
