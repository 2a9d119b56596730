"""The scheduler stands still for longer than its lease, at each point of a delivery's way.

On a file nobody takes over: its lock is held. On a server's database another scheduler does, and
then the first one wakes.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from breaking import TOGETHER, freeze_once
from course import Course

_EVERY_DAY = {("sqlite", "ticket"), ("postgres", "ticket"), ("postgres", "connected")}


@pytest.mark.parametrize("point", ["claimed", "ticket", "connected", "sent"])
def test_frozen_on_its_way_and_woken_after_the_lease_it_publishes_nothing_twice(
    kind: str,
    point: str,
    make_course: Callable[..., Course],
    passed: Callable[..., None],
    long: bool,
) -> None:
    if not long and (kind, point) not in _EVERY_DAY:
        pytest.skip("the points around the ticket are enough for every day")
    course = make_course(size=TOGETHER)
    rounds = 5 if long else 1
    for _ in range(rounds):
        freeze_once(course, point)
    passed("freezes", course.verdict(), database=kind, point=point, freezes=rounds * TOGETHER)


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
def test_the_one_window_that_stays_open_is_as_wide_as_the_documents_say(
    make_course: Callable[..., Course], record_property: Callable[[str, object], None], seed: int
) -> None:
    # After the boot clock was looked at and before the transport sets its deadline nothing can
    # notice a pause: what another scheduler proved absent meanwhile is then sent once more.
    course = make_course(size=TOGETHER, platforms=("facebook",))
    freeze_once(course, "checked")
    verdict = course.verdict()
    facts = {"point": "checked", "freezes": TOGETHER}
    record_property(
        "gauntlet", {"scenario": "the open window", **facts, **verdict.table(), "seed": seed}
    )
    assert set(verdict.faults) <= {"twice"}
    assert verdict.once + verdict.twice == verdict.planned
