"""Random kills of the scheduler, under random faults of the platforms."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from breaking import kill_at_random
from course import Course
from runner import finish


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_killed_at_random_it_loses_nothing_and_publishes_nothing_twice(
    make_course: Callable[..., Course], passed: Callable[..., None], long: bool
) -> None:
    kills, each = (500, 4) if long else (25, 6)
    course = make_course()
    course.faults()
    began = time.monotonic()
    in_hand = kill_at_random(course, kills, each)
    finish(course)
    seconds = round(time.monotonic() - began)
    passed("random kills", course.verdict(), kills=kills, in_hand=in_hand, seconds=seconds)
