"""Clocks that jump, machines that sleep, and the emergency stop in the middle of a burst."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from course import Course
from runner import Runner, finish

from socialstrike import heartbeat, queue

HOUR, DAY = 3600.0, 86400.0


class Hands:
    """The runners' clock, moved by hand: through the product's own Clock, or under its feet."""

    def __init__(self, course: Course, how: str) -> None:
        self._course = course
        self._file = course.home / "offset"
        self.options: list[str] = []
        self.env: dict[str, str] = {}
        if how == "clock":
            self.options = [f"--clock={self._file}"]
        else:
            self.env = {
                "LD_PRELOAD": str(_library()),
                "FAKETIME_TIMESTAMP_FILE": str(self._file),
                "FAKETIME_NO_CACHE": "1",
                "DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        self.move(0)

    def move(self, offset: float) -> None:
        """Let the clock be ``offset`` seconds ahead, whatever it was."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset:+.0f}\n", "ascii")
        os.replace(new, self._file)  # noqa: PTH105  (atomic: a runner reads it all the time)
        self._course.offset = offset


def _library() -> Path | None:
    """The library that the package libfaketime brings, None where it is not installed."""
    found = importlib.util.find_spec("libfaketime")
    if found is None or found.origin is None:
        return None
    return next(Path(found.origin).parent.rglob("libfaketime.so.1"), None)


def _until(condition: Callable[[], bool], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def _year(year: int) -> float:
    """How far ahead the clock is at the beginning of a year."""
    return datetime(year, 1, 2, tzinfo=UTC).timestamp() - time.time()


@pytest.mark.parametrize("how", ["clock", "libfaketime"])
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_day_of_jumping_clocks_publishes_nothing_early_nothing_twice_and_no_flood(
    how: str, make_course: Callable[..., Course], passed: Callable[..., None], long: bool
) -> None:
    if how == "libfaketime" and _library() is None:
        pytest.skip("libfaketime is not installed")
    hours = 24 if long else 6
    course = make_course(size=4)
    hands = Hands(course, how)
    for hour in range(1, hours + 1):
        course.deliver(4, after=hour * HOUR, limit=HOUR / 2)
    tomorrow = course.deliver(20, after=3 * DAY, limit=HOUR)
    jumps = 0
    with Runner(course, *hands.options, env=hands.env, until_idle=False) as runner:
        assert runner.ready()
        for hour in range(1, hours + 1):
            hands.move(hour * HOUR + 10)
            _until(lambda h=hour: course.states().get("published", 0) == 4 * h, f"hour {hour}")  # type: ignore[misc]  # a lambda's default has no type
            for elsewhere in (-HOUR, -DAY, _year(1970)):
                hands.move(elsewhere)
                time.sleep(0.3)
                jumps += 1
                assert course.states()["published"] == 4 * hour
        hands.move(_year(2031))
        _until(lambda: course.states().get("missed") == len(tomorrow), "the year 2031")
    verdict = course.verdict()
    assert (verdict.once, verdict.missed) == (4 * hours, len(tomorrow))
    passed("jumping clocks", verdict, hands=how, hours=hours, jumps=jumps + hours + 1)


def test_a_suspend_longer_than_the_lease_in_a_burst_loses_nothing_and_doubles_nothing(
    kind: str, make_course: Callable[..., Course], passed: Callable[..., None]
) -> None:
    course = make_course(read_timeout=1)
    course.faults()
    course.deliver(60, within=1.0)
    with Runner(course) as runner:
        assert runner.ready()
        _until(lambda: course.states().get("published", 0) >= 10, "the burst")
        runner.signal(signal.SIGSTOP)
        time.sleep(course.app.settings.lease + 1)
        runner.signal(signal.SIGCONT)
        assert runner.wait() == 0
    passed("suspend in a burst", course.verdict(), database=kind)


def test_once_the_emergency_stop_has_returned_no_call_begins(
    kind: str, make_course: Callable[..., Course], passed: Callable[..., None]
) -> None:
    course = make_course()
    # Many more than go out before the stop, however slow the machine; the rest is cancelled.
    planned = course.deliver(600, within=30.0)
    with Runner(course, until_idle=False) as runner:
        assert runner.ready()
        _until(lambda: course.states().get("published", 0) >= 10, "the burst")
        began = time.monotonic()
        _command(course, "stop", "--reason", "assembly")
        took = time.monotonic() - began
        stopped_at, there = datetime.now(UTC), len(course.sandbox.posts())
        assert course.states().get("scheduled", 0) > 0, "nothing was left to be stopped"
        time.sleep(1.5)
        assert len(course.sandbox.posts()) == there
        _command(course, "start")
        _until(lambda: course.states().get("published", 0) >= there + 20, "the next ones")
        course.do(queue.stop, reason=None)

        def over() -> bool:
            # A claim that was on its way when the stop was pulled is seen late, and goes back.
            course.do(queue.cancel, [row.id for row in course.rows() if row.state == "scheduled"])
            return course.open_calls() == 0 and course.states().keys() == {"published", "cancelled"}

        _until(over, "the last calls and claims")
        out = course.states()["published"]
    assert course.states() == {"published": out, "cancelled": len(planned) - out}
    begun = [datetime.fromisoformat(post["at"]) for post in course.sandbox.posts()]
    assert sum(at <= stopped_at for at in begun) == there
    passed("emergency stop", course.verdict(), database=kind, stop_took=f"{took:.1f} s")


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_clock_put_right_while_a_post_is_in_doubt_does_not_hide_it(
    make_course: Callable[..., Course], passed: Callable[..., None]
) -> None:
    course = make_course(size=1, platforms=("facebook",))
    hands = Hands(course, "clock")
    hands.move(HOUR)
    course.sandbox.add_fault("drop_after")
    course.deliver(1)
    with Runner(course, *hands.options, until_idle=False) as runner:
        assert runner.ready()
        _until(lambda: course.states() == {"uncertain": 1}, "the doubt")
        course.deliver(1, after=1 - HOUR)
        hands.move(0)
        _until(lambda: course.states() == {"published": 2}, "both")
    passed("clocks that differ", course.verdict(), by="put back 1 h in a doubt")


@pytest.mark.parametrize("ours", [1.5, HOUR])
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_clock_ahead_of_the_platform_does_not_hide_a_post(
    ours: float, make_course: Callable[..., Course], passed: Callable[..., None]
) -> None:
    # By 1.5 s the platform's clock is behind; by an hour the clock that everyone here goes by,
    # which is not this machine's, as where a database server keeps it.
    course = make_course(size=4, platforms=("facebook", "x"))
    hands = Hands(course, "clock")
    if ours == HOUR:
        hands.move(HOUR)
    else:
        course.sandbox.set_clock(-ours)
    course.sandbox.add_fault("drop_after", times=4)
    course.deliver(4)
    course.deliver(4, after=1)
    finish(course, *hands.options)
    passed("clocks that differ", course.verdict(), by=f"ahead by {ours:g} s")


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
def test_a_machine_whose_clock_was_put_back_still_says_that_it_lives(
    make_course: Callable[..., Course], passed: Callable[..., None]
) -> None:
    if _library() is None:
        pytest.skip("libfaketime is not installed")
    course = make_course(size=1)
    hands = Hands(course, "libfaketime")
    course.offset = 0.0  # all go by the server's clock
    with Runner(course, *hands.options, env=hands.env, until_idle=False) as runner:
        assert runner.ready()
        began = _newest_beat(course)
        _until(lambda: _newest_beat(course) > began, "the first heartbeat, which sets the next")
        hands.move(-DAY)
        course.offset = 0.0
        moved = course.now()
        _until(lambda: _newest_beat(course) > moved, "a heartbeat")
        course.deliver(1)
        _until(lambda: course.states() == {"published": 1}, "a delivery")
    passed("clocks that differ", course.verdict(), by="one machine's, put back 1 d")


def _newest_beat(course: Course) -> datetime:
    with course.app.database.read() as session:
        beats = [beat.heartbeat_at for beat in heartbeat.alive(session, course.now())]
    return max(beats, default=datetime.min.replace(tzinfo=UTC))


def _command(course: Course, *words: str) -> None:
    """A command of the product's own, with the patience it has of itself."""
    patience = {f"SOCIALSTRIKE_{name.upper()}" for name in course.patience}
    env = {name: value for name, value in course.env.items() if name not in patience}
    subprocess.run([sys.executable, "-m", "socialstrike", *words], env=env, check=True, timeout=60)
