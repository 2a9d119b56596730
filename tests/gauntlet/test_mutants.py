"""The gauntlet's own honesty: it must fail for a product that lacks one of the rules."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from subprocess import TimeoutExpired

import pytest
from breaking import TOGETHER, freeze_once, kill_at_random
from course import Course
from runner import Runner, finish

Make = Callable[..., Course]
Tell = Callable[[str, Course], None]


@pytest.fixture
def tell(record_property: Callable[[str, object], None], seed: int) -> Tell:
    """Put a mutant's verdict into the table, good or bad."""

    def put(mutant: str, course: Course) -> None:
        row = {"scenario": "mutants", "mutant": mutant, **course.verdict().table(), "seed": seed}
        record_property("gauntlet", row)

    return put


def _options(mutant: str) -> list[str]:
    return [] if mutant == "none" else [f"--mutant={mutant}"]


@pytest.mark.parametrize("mutant", ["none", "requeue", "no-ticket"])
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_kills_in_the_middle_of_calls_find_who_sends_again_without_looking(
    mutant: str, make_course: Make, tell: Tell
) -> None:
    # X would hide a second sending: it refuses the same text for as long as the first one stands.
    course = make_course(size=4, platforms=("facebook",))
    course.sandbox.add_fault("slow", times=None, seconds=0.6)
    kill_at_random(course, 6, 8, *_options(mutant))
    finish(course, *_options(mutant))
    tell(mutant, course)
    verdict = course.verdict()
    assert (verdict.twice == 0) == (mutant == "none")
    assert mutant != "none" or verdict.faults == {}


@pytest.mark.parametrize("mutant", ["none", "blind-retry"])
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_lost_answers_find_who_takes_them_for_failures(
    mutant: str, make_course: Make, tell: Tell
) -> None:
    course = make_course(size=2, platforms=("facebook",))
    course.sandbox.add_fault("drop_after", times=None, probability=0.5)
    course.deliver(16)
    # The mutant would go on for ever: the page refuses what was its newest post already.
    with Runner(course, *_options(mutant)) as runner, contextlib.suppress(TimeoutExpired):
        runner.wait(60 if mutant == "none" else 6)
    tell(mutant, course)
    verdict = course.verdict()
    assert (verdict.twice == 0) == (mutant == "none")
    assert mutant != "none" or verdict.faults == {}


@pytest.mark.parametrize("mutant", ["none", "settle-0.3"])
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_posts_that_land_late_find_who_looks_too_early(
    mutant: str, make_course: Make, tell: Tell
) -> None:
    # The client gives up after 0.5 s, the page takes another post after 1.7 s, and the one that
    # was given up lands after 2.5 s. A busy machine can blur these moments: the mutant gets a
    # second and a third chance to be found.
    patience = {"connect_timeout": 0.5, "read_timeout": 0.5, "settle": 3, "lookup_every": 0.1}
    course = make_course(size=4, platforms=("facebook",), **patience)
    for _ in range(1 if mutant == "none" else 3):
        for number in range(4):
            course.sandbox.add_fault("slow_before", account=f"facebook-{number}", seconds=2.5)
        with Runner(course, *_options(mutant), until_idle=False) as runner:
            assert runner.ready()
            course.deliver(4, after=0.5)
            course.deliver(4, after=2.2)
            course.deliver(4, after=4.5)
            time.sleep(5.5)
        finish(course, *_options(mutant))
        verdict = course.verdict()
        if verdict.twice:
            break
    tell(mutant, course)
    assert (verdict.twice == 0) == (mutant == "none")
    assert mutant != "none" or verdict.faults == {}


@pytest.mark.parametrize("mutant", ["none", "no-owner-check"])
@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
def test_a_freeze_before_the_ticket_finds_who_does_not_ask_whose_claim_it_is(
    mutant: str, make_course: Make, tell: Tell, long: bool
) -> None:
    if not long:
        pytest.skip("the lease has to end first, and the freezes prove the same every day")
    course = make_course(size=TOGETHER, platforms=("facebook",))
    freeze_once(course, "claimed", *_options(mutant))
    tell(mutant, course)
    assert (course.verdict().faults == {}) == (mutant == "none")


@pytest.mark.parametrize("mutant", ["none", "deferred"])
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_writers_side_by_side_find_who_takes_the_lock_too_late(
    mutant: str, make_course: Make, tell: Tell, long: bool
) -> None:
    if not long:
        pytest.skip("it costs time and refused writes, never a post")
    course = make_course()
    ended = threading.Event()

    def crowd() -> None:
        while not ended.wait(0.05):
            course.deliver(1, after=1)

    writer = threading.Thread(target=crowd)
    with Runner(course, *_options(mutant), until_idle=False) as runner:
        assert runner.ready()
        writer.start()
        time.sleep(5)
        ended.set()
        writer.join(20)
    finish(course)
    tell(mutant, course)
    refused = course.log.read_text(encoding="utf-8").count("busy in another process")
    assert (refused == 0) == (mutant == "none")
    assert course.verdict().faults == {}
