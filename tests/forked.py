"""Processes of the product that are forked from one which has imported it.

Each is a process of its own, to be waited for, signalled and killed; only the half second in which
an interpreter starts and imports is spent once. Whoever wants that too, or another program in
front, starts an interpreter instead.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

#: What most of them would import; pytest, because it is the main module of the test process.
_IMPORTED = [
    "pytest",
    "socialstrike.rehearsal",
    "socialstrike.cli",
    "socialstrike.app",
    "socialstrike.scheduler",
    "socialstrike.platforms.x",
    "socialstrike.platforms.facebook",
    "socialstrike.platforms.mastodon",
    "socialstrike.platforms.bluesky",
]
AVAILABLE = "forkserver" in multiprocessing.get_all_start_methods()


class Forked:
    """Runs ``main``, a function's name as in ``module:function``; used like ``Popen``."""

    def __init__(
        self,
        main: str,
        words: Sequence[str],
        *,
        streams: tuple[int, int, int],
        env: Mapping[str, str],
        cwd: Path,
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_IMPORTED)
        given = (main, list(words), streams, dict(env), str(cwd))
        self._process = context.Process(target=_Work(*given), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, the signal's number below zero, or None as long as it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """See ``returncode``."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. Raises TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, where it has not ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would end it."""
        self.send_signal(signal.SIGKILL)


def hasty() -> None:
    """The command, with waits allowed that are too short to be safe."""
    from socialstrike.cli import main
    from socialstrike.config import Settings

    Settings.floors_hold = False
    main()


class _Work:
    """What the new process does; it is made in one process and called in the other."""

    def __init__(
        self, main: str, words: list[str], streams: Sequence[int], env: dict[str, str], cwd: str
    ) -> None:
        self._given = (main, words, env, cwd)
        self._streams: Sequence[Any] = streams

    def __getstate__(self) -> dict[str, Any]:
        from multiprocessing.reduction import DupFd  # there is none on Windows

        return {"_given": self._given, "_streams": [DupFd(stream) for stream in self._streams]}

    def __call__(self) -> None:
        main, words, env, cwd = self._given
        for number, stream in enumerate(self._streams):
            own = stream.detach()
            os.dup2(own, number)
            os.close(own)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  (for the whole process)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  (the same)
        sys.stderr = open(  # noqa: SIM115  (the same)
            2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
        os.environ.clear()
        os.environ.update(env)
        time.tzset()
        os.chdir(cwd)
        sys.argv = [main, *words]
        module, _, name = main.partition(":")
        getattr(import_module(module), name)()
