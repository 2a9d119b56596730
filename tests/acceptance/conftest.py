"""The command as people meet it: a home, a way to type, and accounts that post to the sandbox."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
from forked import AVAILABLE, Forked

from socialstrike import redaction
from socialstrike.cli import main
from socialstrike.sandbox.process import SandboxProcess

#: No command of these tests may take longer, in seconds.
LONGEST = 100.0
#: Patience for tests: what waits for minutes in a strike waits for moments here, in seconds.
HASTE = {
    "SOCIALSTRIKE_SETTLE": "0.3",
    "SOCIALSTRIKE_LOOKUP_EVERY": "0.2",
    "SOCIALSTRIKE_RETRY_BASE": "0.1",
    "SOCIALSTRIKE_RETRY_MOST": "0.3",
    "SOCIALSTRIKE_CATCH_UP": "0.2",
}
#: The command, with those waits allowed: without it they are refused as too short to be safe.
LAUNCH = """
from socialstrike.config import Settings
Settings.floors_hold = False
from socialstrike.cli import main
main()
"""
#: Values with characters that look different in a URL, in JSON and in base64.
CREDENTIALS = {
    "x": {
        "consumer_key": "cle/Consommateur+1é=",
        "consumer_secret": "secret&Consommateur/2?=",
        "access_token": "1234567-jeton/Acces+3%",
        "access_token_secret": "secret\\Jeton+4 fin",
    },
    "facebook": {"page_id": "112233445566", "access_token": "EAAjeton/De+Page=5"},
}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All that was printed."""
        return self.out + self.err

    def json(self) -> Any:
        """What was printed, read as JSON."""
        return json.loads(self.out)


class Service:
    """A command that goes on by itself."""

    def __init__(self, process: subprocess.Popen[bytes] | Forked, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(encoding="utf-8")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and wait until it has; its exit code."""
        self._process.send_signal(number)
        return self._process.wait(LONGEST)

    def stop(self) -> None:
        """Leave nothing running behind a test."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(LONGEST)


class Cli:
    """Types commands on one home."""

    def __init__(self, home: Path, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.folder = folder
        self._capture = capture

    def run(
        self,
        *arguments: str | Path,
        given: str | None = None,
        env: dict[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> Ended:
        """Run the command in a process of its own; ``before`` is what stands before it."""
        with TemporaryFile() as typed, TemporaryFile() as out, TemporaryFile() as err:
            typed.write((given or "").encode())
            typed.seek(0)
            streams = (typed.fileno(), out.fileno(), err.fileno())
            process = self._start(arguments, streams, env or {}, before)
            try:
                code = process.wait(LONGEST)
            finally:
                process.kill()
                process.wait(LONGEST)
            out.seek(0)
            err.seek(0)
            return Ended(code, out.read().decode(), err.read().decode())

    def call(self, *arguments: str | Path) -> Ended:
        """Run the command in this process: the same door, a tenth of the time.

        Its waits are those of a strike, which ``run`` and ``service`` shorten.
        """
        self._capture.readouterr()
        # As in a process of its own: it hides the secrets that it read itself, and no others.
        redaction._known = redaction._Index()
        with pytest.raises(SystemExit) as end:
            main(["--home", str(self.home), *map(str, arguments)])
        out, err = self._capture.readouterr()
        return Ended(end.value.code if isinstance(end.value.code, int) else 0, out, err)

    @contextmanager
    def service(self, *arguments: str, until: str, **env: str) -> Iterator[Service]:
        """A command that goes on by itself, once it has said ``until``."""
        log = self.folder / f"{arguments[0]}-{len(list(self.folder.iterdir()))}.log"
        with log.open("wb") as out, Path(os.devnull).open("rb") as nothing:
            streams = (nothing.fileno(), out.fileno(), out.fileno())
            process = self._start(arguments, streams, env)
        service = Service(process, log)
        try:
            wait_until(lambda: until in service.said)
            yield service
        finally:
            service.stop()

    def _start(
        self,
        arguments: Sequence[str | Path],
        streams: tuple[int, int, int],
        env: dict[str, str],
        before: Sequence[str] = (),
    ) -> subprocess.Popen[bytes] | Forked:
        haste = os.environ | HASTE | env
        # What stands in front, or is read as Python starts, needs an interpreter of its own.
        if AVAILABLE and not before and not any(name.startswith("PYTHON") for name in env):
            words = ["--home", str(self.home), *map(str, arguments)]
            return Forked("forked:hasty", words, streams=streams, env=haste, cwd=self.folder)
        line = self.line(*arguments, before=before)
        typed, out, err = streams
        return subprocess.Popen(
            line, stdin=typed, stdout=out, stderr=err, env=haste, cwd=self.folder
        )

    def line(self, *arguments: str | Path, before: Sequence[str] = ()) -> list[str]:
        """The command as a shell would start it."""
        home = ["--home", str(self.home)]
        return [*before, sys.executable, "-c", LAUNCH, *home, *map(str, arguments)]

    def add(self, platform: str, name: str, sandbox: SandboxProcess) -> None:
        """Add an account that posts to the sandbox."""
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(CREDENTIALS[platform]), encoding="utf-8")
        at = ("--base-url", sandbox.base_url)
        ended = self.call("accounts", "add", platform, name, "--from-file", file, *at)
        assert ended.code == 0, ended.said

    def rows(self) -> list[dict[str, Any]]:
        """Every delivery, as ``posts list --json`` shows it."""
        rows: list[dict[str, Any]] = self.call("posts", "list", "--json").json()
        return rows

    def states(self) -> dict[str, str]:
        """The state of each delivery, by its text."""
        return {row["text"]: row["state"] for row in self.rows()}

    def dump(self) -> str:
        """The whole database as SQL: equal before and after means that nothing was changed."""
        with closing(sqlite3.connect(self.home / "socialstrike.db")) as database:
            return "\n".join(database.iterdump())


def wait_until(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return as soon as ``happened`` says so; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Waits, for a bounded time, until something has happened."""
    return wait_until


@pytest.fixture
def credentials() -> dict[str, dict[str, str]]:
    """The credentials of the accounts that ``Cli.add`` makes, by platform."""
    return CREDENTIALS


@pytest.fixture
def cli(
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Cli]:
    """The command, on an empty home of its own, typed in an empty folder."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Cli(home, folder, capsys)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``furnished`` made once in this process, to be copied and never opened."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def furnished(cli: Cli, kept: Path) -> Callable[[str, Callable[[], None]], None]:
    """Fills the test's home and folder by ``work``, or by a copy of what it made for another test.

    Nothing may still be running on that home, and what ``work`` leaves in the sandbox is gone.
    """

    def furnish(name: str, work: Callable[[], None]) -> None:
        made = kept / name
        if made.exists():
            shutil.copytree(made / "home", cli.home, dirs_exist_ok=True)
            shutil.copytree(made / "folder", cli.folder, dirs_exist_ok=True)
            return
        work()
        shutil.copytree(cli.home, made / "home")
        shutil.copytree(cli.folder, made / "folder")

    return furnish


@pytest.fixture
def strike(cli: Cli, sandbox: SandboxProcess, furnished: Callable[..., None]) -> Cli:
    """The command on a home with one account on X and one on Facebook, both in the sandbox."""

    def add() -> None:
        cli.add("x", "collectif-x", sandbox)
        cli.add("facebook", "collectif-fb", sandbox)

    furnished("strike", add)
    return cli
