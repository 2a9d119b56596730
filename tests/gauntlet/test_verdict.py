"""The judge: every way in which a delivery can end is told apart."""

from __future__ import annotations

from typing import Any

import pytest
from verdict import Row, judge

DUE, LIMIT = "2020-01-24T11:00:00.000000Z", "2020-01-24T12:00:00.000000Z"


def _log(*events: str, at: str = DUE) -> list[dict[str, Any]]:
    scheduled = {"event": "delivery.scheduled", "delivery": 1, "late_after": LIMIT}
    return [scheduled, *({"event": e, "delivery": 1, "at": at, "due_at": DUE} for e in events)]


@pytest.mark.parametrize(
    ("state", "posts", "end"),
    [
        ("published", 1, "once"),
        ("published", 2, "twice"),
        ("parked", 2, "twice"),
        ("published", 0, "lost"),
        ("publishing", 0, "lost"),
        ("scheduled", 0, "lost"),
        ("scheduled", 1, "untold"),
        ("failed", 1, "untold"),
        ("missed", 1, "untold"),
        ("failed", 0, "failed"),
        ("missed", 0, "missed"),
        ("uncertain", 0, "doubtful"),
        ("parked", 1, "doubtful"),
        ("cancelled", 0, "cancelled"),
    ],
)
def test_each_end_is_counted_as_what_it_is(state: str, posts: int, end: str) -> None:
    verdict = judge([Row(1, "a", state, 0)], ["a"] * posts, _log(f"delivery.{state}"))
    assert getattr(verdict, end) == verdict.planned == 1
    assert (verdict.faults != {}) == (end in {"twice", "lost", "untold"})


def test_a_post_that_belongs_to_nothing_is_a_fault() -> None:
    verdict = judge([Row(1, "a", "published", 0)], ["a", "b"], _log("delivery.published"))
    assert verdict.faults == {"strange": 1}


@pytest.mark.parametrize(
    ("at", "faults"),
    [
        ("2020-01-24T10:59:59.999999Z", {"early": 1}),
        (DUE, {}),
        (LIMIT, {}),
        ("2020-01-24T12:00:00.000001Z", {"late": 1}),
    ],
)
def test_attempts_outside_their_time_are_faults(at: str, faults: dict[str, int]) -> None:
    log = _log("attempt.started", "delivery.published", at=at)
    assert judge([Row(1, "a", "published", 1)], ["a"], log).faults == faults


def test_a_log_that_tells_another_story_is_a_fault() -> None:
    row = Row(1, "a", "published", 1)
    assert judge([row], ["a"], _log("delivery.published")).faults == {"unlike_log": 1}
    story = _log("attempt.started", "delivery.failed")
    assert judge([row], ["a"], story).faults == {"unlike_log": 1}
    assert judge([row], ["a"], _log(), breaks=1).faults == {"unlike_log": 2, "breaks": 1}
