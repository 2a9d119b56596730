"""What is done to the schedulers, and to their database's server."""

from __future__ import annotations

import os
import signal
import time

import psycopg
from course import Course
from runner import Runner, finish
from sqlalchemy.engine import make_url

from socialstrike.exceptions import DatabaseError

#: Random kills come at most this long after the scheduler has taken over, in seconds.
LIFE = 0.7
#: Deliveries that stand at one point of their way together.
TOGETHER = 5


def kill_at_random(course: Course, kills: int, each: int, *options: str) -> int:
    """Kill ``kills`` schedulers, queueing ``each`` deliveries for every one of them.

    Some die while they start, most while they work. How many died with a delivery in hand.
    """
    in_hand = 0
    for _ in range(kills):
        course.deliver(each, after=0.5, within=1.0)
        with Runner(course, *options, until_idle=False) as runner:
            if course.dice.random() < 0.1:
                time.sleep(course.dice.uniform(0, 0.6))
            else:
                assert runner.ready()
                time.sleep(course.dice.uniform(0, LIFE))
            runner.kill()
        in_hand += course.open_calls() > 0
    return in_hand


def freeze_once(course: Course, point: str, *options: str) -> None:
    """Freeze a scheduler with deliveries in hand, let another do its work, then wake it."""
    course.deliver(TOGETHER)
    with Runner(course, f"--freeze={point}={TOGETHER}", *options, until_idle=False) as frozen:
        frozen.frozen()
        wake_at = time.monotonic() + course.app.settings.lease + 0.5
        if course.app.database.sole:
            _nobody_takes_over(course, frozen)
        else:
            _another_takes_over(course, frozen, wake_at)
    finish(course)


def _nobody_takes_over(course: Course, frozen: Runner) -> None:
    with Runner(course, "--standby") as other:
        assert not other.ready(course.app.settings.lease + 1)
        _wake(frozen)
        assert other.wait() == 0


def _another_takes_over(course: Course, frozen: Runner, wake_at: float) -> None:
    # With posts before and after what it takes over: the platforms notice the same text only
    # where nothing is between.
    for _ in range(2):
        course.deliver(TOGETHER)
        finish(course)
    course.deliver(TOGETHER)
    # The lease began before the freeze, so all this may have taken less time than a lease.
    time.sleep(max(0.0, wake_at - time.monotonic()))
    _wake(frozen)


def _wake(frozen: Runner) -> None:
    """Let it go on, and end once it has finished what it had in hand."""
    frozen.signal(signal.SIGCONT)
    frozen.signal(signal.SIGTERM)
    assert frozen.wait() == 0


def kill_server(course: Course) -> None:
    """Kill one of the server's processes; it then drops every connection and recovers."""
    url = make_url(str(course.app.settings.location)).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)


def wait_for_server(course: Course, patience: float = 30) -> None:
    """Wait until a server that was killed answers again."""
    deadline = time.monotonic() + patience
    while True:
        try:
            course.states()
        except DatabaseError:
            assert time.monotonic() < deadline, "the server did not come back"
            time.sleep(0.2)
        else:
            return
