"""The live view: it reads alone, fits a narrow terminal, and ends when asked to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

COLUMNS = 80


@pytest.fixture
def queued(strike: Any) -> Any:
    """One post to both accounts, years ahead; one account is paused."""
    words = ("posts", "add", "[bold]On bloque", "--at", "2031-01-24T09:00", "--to", "all")
    assert strike.call(*words).code == 0
    assert strike.call("accounts", "pause", "collectif-x", "--reason", "on attend").code == 0
    return strike


def _on_terminal(cli: Any, ends: bytes | signal.Signals) -> tuple[int, str]:
    """Run it on a pseudo-terminal, end it once it shows an account; exit code and screen."""
    import fcntl
    import pty
    import select
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    environment = os.environ | {"TERM": "xterm"}
    process = subprocess.Popen(
        cli.line("status", "--watch"), stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown, deadline = b"", time.monotonic() + 40
    asked = False
    try:
        while process.poll() is None and time.monotonic() < deadline:
            ready, _, _ = select.select([ours], [], [], 0.2)
            try:
                shown += os.read(ours, 65536) if ready else b""
            except OSError:  # the other side is closed
                break
            if not asked and b"Ctrl-C ends" in shown:
                asked = True
                if isinstance(ends, bytes):
                    os.write(ours, ends)
                else:
                    process.send_signal(ends)
        return process.wait(10), shown.decode()
    finally:
        process.kill()
        process.wait(10)
        os.close(ours)


@pytest.mark.parametrize("ends", [b"q", signal.SIGINT])
def test_it_shows_each_account_on_a_narrow_terminal_and_ends_without_a_change(
    queued: Any, ends: bytes | signal.Signals
) -> None:
    before = queued.dump()
    code, screen = _on_terminal(queued, ends)
    assert code == 0, screen
    for words in ("0 of 2 sent", "collectif-x", "collectif-fb", "0/1", "paused: on", "24 Jan"):
        assert words in screen, (words, screen)
    assert "No scheduler is running" in screen
    assert queued.dump() == before


def test_without_a_terminal_it_says_a_line_for_what_changed_and_nothing_twice(
    queued: Any, eventually: Any
) -> None:
    with queued.service("status", "--watch", until="collectif-x") as watched:
        eventually(lambda: "collectif-fb: 0 of 1 sent" in watched.said)
        assert "paused: on attend" in watched.said
        assert queued.call("accounts", "resume", "collectif-x").code == 0
        eventually(lambda: "collectif-x: 0 of 1 sent, next 2031-01-24 09:00:00 CET, ready"
                   in watched.said)  # fmt: skip
        assert queued.call("stop", "--reason", "assez").code == 0
        eventually(lambda: ": assez; go on with: socialstrike start" in watched.said)
        assert watched.said.count("collectif-fb") == 1
        assert watched.end(signal.SIGINT) == 0


def test_it_excludes_json(queued: Any) -> None:
    assert queued.call("status", "--watch", "--json").code == 2
