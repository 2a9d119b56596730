"""A scheduler in a process of its own, to be killed, frozen, and started again."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from course import Course
from forked import AVAILABLE, Forked

_SCRIPT = Path(__file__).with_name("run_scheduler.py")
#: The interpreter itself: strace and signals must meet it, not a script that starts it.
PYTHON = sys.executable
#: Nothing here takes longer than this to start, or to end once told to, in seconds.
_PATIENCE = 90.0
#: And to work through all that was left over, in seconds.
_FINISH = 600.0


class Runner:
    """One run of the scheduler on a course, from ``with`` to the block's end."""

    def __init__(
        self,
        course: Course,
        *options: str,
        until_idle: bool = True,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        words = [*(["--until-idle"] if until_idle else []), *options]
        whole = course.env | dict(env or {})
        self._out, out = os.pipe()
        # What is put in front, by hand or by the loader, needs an interpreter of its own.
        self._alone = bool(prefix or env or not AVAILABLE)
        with course.log.open("ab") as log, Path(os.devnull).open("rb") as nothing:
            streams = (nothing.fileno(), out, log.fileno())
            self._process: subprocess.Popen[bytes] | Forked
            if self._alone:
                line = [*prefix, PYTHON, str(_SCRIPT), *words]
                self._process = subprocess.Popen(
                    line, env=whole, stdin=streams[0], stdout=out, stderr=log,
                    # Whatever it starts, and strace above all, ends with it.
                    start_new_session=True,
                )  # fmt: skip
            else:
                main = f"{_SCRIPT.stem}:main"
                self._process = Forked(main, words, streams=streams, env=whole, cwd=course.home)
        os.close(out)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def ready(self, patience: float = _PATIENCE) -> bool:
        """Wait until it has taken over; False where it ended before, or not in time."""
        seen, _, _ = select.select([self._out], [], [], patience)
        return bool(seen) and os.read(self._out, 6) == b"ready\n"

    def kill(self) -> None:
        """End it as a power cut would end it; nothing happens where it has ended."""
        if self.is_alive() and self._alone:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait(_PATIENCE)
        if self._out >= 0:
            os.close(self._out)
            self._out = -1

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and wait until a stop has taken hold."""
        self._process.send_signal(number)
        if number is signal.SIGSTOP:
            self.frozen()

    def frozen(self, patience: float = _PATIENCE) -> None:
        """Wait until it stands still."""
        deadline = time.monotonic() + patience
        while _state(self._process.pid) != "T":
            assert self.is_alive(), "it ended instead of standing still"
            assert time.monotonic() < deadline, "it does not stand still"
            time.sleep(0.01)

    def wait(self, patience: float = _PATIENCE) -> int:
        """Wait until it has ended by itself; its exit code."""
        return self._process.wait(patience)


def finish(course: Course, *options: str) -> None:
    """One more run, undisturbed, until nothing is left to do."""
    with Runner(course, *options) as runner:
        assert runner.wait(_FINISH) == 0, course.log.read_text(encoding="utf-8")[-3000:]


def _state(pid: int) -> str:
    """The state letter of a process: T where it is stopped."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
