"""A kill at every single durable write, send and receive of one delivery, through strace."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
from course import Course
from runner import Runner, finish

#: No thread makes more of one call than this for one delivery; if one did, the test would fail.
_MOST = 60


def _refusal() -> str | None:
    """Why strace cannot be used here, None where it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(
        [*_strace("getpid", 1), sys.executable, "-c", "import os; os.getpid()"],
        capture_output=True,
        check=False,
        timeout=30,
    )
    return None if b"ptrace" not in tried.stderr.lower() else "this system refuses ptrace"


def _strace(call: str, number: int) -> list[str]:
    """Kill whoever makes the ``number``-th ``call`` of a thread, before it is made."""
    inject = f"inject={call}:signal=SIGKILL:when={number}"
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]


@pytest.mark.parametrize("platform", ["x", "facebook"])
@pytest.mark.parametrize("call", ["fdatasync", "sendto", "recvfrom"])
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_killed_at_every_single_call_of_a_delivery_it_goes_out_once(
    call: str,
    platform: str,
    make_course: Callable[..., Course],
    passed: Callable[..., None],
    long: bool,
) -> None:
    if why := _refusal():
        pytest.skip(why)
    if not long and (call, platform) not in {("fdatasync", "facebook"), ("sendto", "x")}:
        pytest.skip("one platform for each call is enough for every day")
    course = make_course(size=1, platforms=(platform,), settle=0.5, lookup_every=0.2)
    for number in range(1, _MOST):
        course.deliver(1)
        with Runner(course, prefix=_strace(call, number)) as runner:
            survived = runner.wait() == 0
        if survived:
            break
        finish(course)
    assert survived
    assert number > 1, "the call was never made: nothing was tried"
    passed("kill at every call", course.verdict(), call=call, platform=platform, kills=number - 1)
