"""The link to the platforms is cut in the middle of everything."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from course import Course
from proxy import Link
from runner import Runner

from socialstrike.sandbox.process import SandboxProcess


# The link is torn in the middle of things: asyncio may tell of a connection that nobody closed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_link_cut_again_and_again_loses_nothing_and_doubles_nothing(
    make_course: Callable[..., Course],
    passed: Callable[..., None],
    sandbox: SandboxProcess,
    long: bool,
) -> None:
    cuts, seconds = (4, 30.0) if long else (2, 3.0)
    with Link(sandbox.base_url) as link:
        course = make_course(base_url=link.base_url)
        with Runner(course, until_idle=False) as runner:
            assert runner.ready()
            for _ in range(cuts):
                course.deliver(40, within=1.0)
                time.sleep(course.dice.uniform(0.3, 0.8))
                link.cut()
                time.sleep(seconds)
                link.mend()
                time.sleep(1)
        with Runner(course) as runner:
            assert runner.wait() == 0
        torn = link.torn
    assert torn > cuts, "no connection was open when the link was cut"
    passed("network cuts", course.verdict(), cuts=cuts, of_seconds=seconds, torn=torn)
