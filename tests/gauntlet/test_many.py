"""Several schedulers on one home: a standby on a file, any number on a server's database."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

import pytest
from breaking import kill_server, wait_for_server
from course import Course
from runner import Runner, finish

from socialstrike.exceptions import DatabaseError

#: Schedulers side by side.
CREW = 4
#: The server is killed this often, in seconds.
SERVER_LIFE = 20.0


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_standby_takes_over_from_each_killed_scheduler(
    make_course: Callable[..., Course], passed: Callable[..., None], long: bool
) -> None:
    kills = 60 if long else 6
    course = make_course()
    course.faults()
    began = time.monotonic()
    longest = 0.0
    working = Runner(course, until_idle=False)
    assert working.ready()
    for _ in range(kills):
        course.deliver(6, within=1.5)
        following = Runner(course, "--standby", until_idle=False)
        time.sleep(course.dice.uniform(0.7, 1.7))
        assert not following.ready(0)
        assert working.is_alive()
        working.kill()
        killed = time.monotonic()
        assert following.ready()
        longest = max(longest, time.monotonic() - killed)
        working = following
    working.kill()
    finish(course)
    passed(
        "standby, SQLite",
        course.verdict(),
        kills=kills,
        longest_gap=f"{longest:.1f} s",
        seconds=round(time.monotonic() - began),
    )


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
def test_four_schedulers_and_their_server_killed_again_and_again(
    make_course: Callable[..., Course], passed: Callable[..., None], long: bool
) -> None:
    if os.environ.get("SOCIALSTRIKE_TEST_POSTGRES"):
        pytest.skip("the server of SOCIALSTRIKE_TEST_POSTGRES is not ours to kill")
    seconds = 180 if long else 12
    course = make_course(size=12)
    course.faults()
    crew = [Runner(course, until_idle=False) for _ in range(CREW)]
    began = time.monotonic()
    server_dies = began + (SERVER_LIFE if long else seconds / 2)
    kills = server_kills = fallen = 0
    try:
        while time.monotonic() < began + seconds:
            # While the server is away nothing can be queued, and nothing is lost by that.
            with contextlib.suppress(DatabaseError):
                course.deliver(8, within=1.0)
            time.sleep(1)
            if time.monotonic() >= server_dies:
                kill_server(course)
                server_kills += 1
                server_dies += SERVER_LIFE
            unlucky = course.dice.randrange(CREW)
            for place, runner in enumerate(crew):
                fell = not runner.is_alive()
                fallen += fell
                kills += place == unlucky and not fell
                if fell or place == unlucky:
                    runner.kill()
                    crew[place] = Runner(course, until_idle=False)
    finally:
        for runner in crew:
            runner.kill()
    wait_for_server(course)
    finish(course)
    passed(
        f"{CREW} schedulers, PostgreSQL",
        course.verdict(),
        kills=kills,
        server_kills=server_kills,
        fallen=fallen,
        seconds=round(time.monotonic() - began),
    )
