"""Walk through a guide as its reader would, and compare what the command says with what it shows.

``python tools/walk_guide.py docs/guide.md`` types every command of the guide into a new folder and
says what differs; with ``--write`` it puts what the command said into the guide. The days of the
story pass by themselves: a comment such as ``<!-- clock: 2027-01-12 10:00 -->`` sets the clock, and
ends a scheduler; after ``<!-- passes: … -->`` it goes on at that time, until nothing is due.

Of a ``console`` block each line after ``$`` is typed, and the lines under it are what it says; a
line that is only ``…`` stands for any lines. A command that does not end with 0 is followed by
``$ echo $?``. A comment such as ``<!-- file: strike.yaml -->`` before a block makes it a file.
"""

from __future__ import annotations

import io
import logging
import os
import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import unified_diff
from itertools import zip_longest
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import time_machine
import uvicorn

from socialstrike import i18n, redaction
from socialstrike.cli import main
from socialstrike.sandbox.connection import CuttableProtocol
from socialstrike.sandbox.server import application
from socialstrike.sandbox.state import Sandbox

_PICTURE = Path(__file__).parents[1] / "sample_posts" / "affiche.png"
_ZONE = ZoneInfo("Europe/Paris")
#: Where the guide's sandbox is; the walk's is on a free port.
_SHOWN = "http://127.0.0.1:8765"
#: No scheduler of the story takes longer to say what it is shown to say, in seconds.
_PATIENCE = 30.0
_PART = re.compile(
    r"<!-- (?P<how>clock|passes): (?P<clock>[^>]+) -->"
    r"|<!-- file: (?P<file>[^ ]+) -->\n```\w*\n(?P<content>.*?)^```"
    r"|^```console\n(?P<block>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
#: Keys, hashes and tokens: other ones on each walk.
_TOKEN = re.compile(
    r"(?:\b\d+ )?\b[0-9a-f]{64}\b"  # with the number of entries that it stands for
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-Za-z+/]{40,}=*|\b[0-9a-f]{8,}\b"
)
#: What else differs from walk to walk: lateness, seconds, processes, machines, addresses, ids.
_VARIES = (
    (re.compile(r"\b\d+(?:[.,]\d+)?[ \u00a0\u202f](ms|s)\b"), r"N \1"),
    (re.compile(r"(\d\d:\d\d):\d\d(?:[.,]\d+)?"), r"\1"),
    (re.compile(r"(process|processus) \d+ (on|sur) [^\s.]+"), r"\1 N \2 HOST"),
    (re.compile(r"http://127\.0\.0\.1:\d+\S*|\d[\d_]{11,}"), "ID"),
    (re.compile(r"\b\d+[ \u00a0](MB|Mo)\b"), r"N \1"),
    # A platform that answers slowly makes the log a line longer.
    (re.compile(r"\b\d+[ \u00a0](entries|entrées)\b|(entry|entrée|entrées) \d+"), "ENTRIES"),
    (re.compile(r"\S*/socialstrike-(rehearsal|répétition)-\w+"), "FOLDER"),
    (re.compile(r"the clock of \w+|l'horloge de \w+|l’horloge de \w+"), "CLOCK"),
    (re.compile(r"[ \t\u00a0\u202f]+|[─━│]+"), " "),
)
_DUE = """
SELECT count(*) FROM deliveries WHERE state = 'publishing'
OR state IN ('scheduled', 'uncertain') AND next_at <= ?
"""
#: The command in a process of its own, where the story's time is.
_LAUNCH = """
import sys, time_machine
time_machine.travel(float(sys.argv.pop(1)), tick=True).start()
from socialstrike.cli import main
main()
"""


@dataclass(frozen=True)
class Typed:
    """One command of the guide: what it shows, and what was really said."""

    command: str
    shown: str
    said: str
    code: int
    told_code: int
    same: bool  # a key that is shown twice is one key

    @property
    def right(self) -> bool:
        """Whether the guide tells the truth about it."""
        return self.code == self.told_code and self.same and _alike(self.shown, self.said)

    def difference(self) -> str:
        """What is otherwise, for a person."""
        lines = unified_diff(
            self.shown.splitlines(), self.said.splitlines(), "shown", "said", lineterm="", n=1
        )
        return "\n".join([f"$ {self.command}", f"exit {self.code}, told {self.told_code}", *lines])


@dataclass
class Walk:
    """A new folder with a home and a sandbox, in the story's time; for one ``with``."""

    folder: Path
    language: str = "en"
    typed: list[Typed] = field(default_factory=list)
    _tokens: dict[str, str] = field(default_factory=dict)
    _address: str = ""
    _travel: Any = None
    _service: subprocess.Popen[bytes] | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Walk:
        """Be a person with this language, in this folder, with no settings."""
        settings = {
            **{name: text for name, text in os.environ.items() if "SOCIALSTRIKE" not in name},
            "LC_ALL": {"fr": "fr_FR.UTF-8"}.get(self.language, "C.UTF-8"),
            "LOGNAME": "secretariat",
            "TZ": _ZONE.key,
            "HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder / "data"),
        }
        root = logging.getLogger()
        self._stack.callback(time.tzset)  # the last: by then the environment is the old one
        self._stack.enter_context(mock.patch.dict(os.environ, settings, clear=True))
        self._stack.enter_context(mock.patch.object(root, "handlers", []))
        self._stack.callback(root.setLevel, root.level)
        self._stack.enter_context(i18n.speaking(i18n.language()))
        self._stack.enter_context(chdir(self.folder))
        time.tzset()
        shutil.copy(_PICTURE, self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing running."""
        self._end_service()
        if self._travel:
            self._travel.stop()
        self._stack.close()

    def through(self, guide: str) -> str:
        """Do all that the guide says; the guide, with what was said in place of what it shows."""
        return _PART.sub(self._part, guide)

    def _part(self, part: re.Match[str]) -> str:
        if part["clock"]:
            self._set_clock(part["clock"])
            if part["how"] == "passes":
                self._start()
                self._wait(self._nothing_is_due)
        elif part["file"]:
            content = part["content"].replace(_SHOWN, self._address)
            (self.folder / part["file"]).write_text(content, encoding="utf-8")
        else:
            return f"```console\n{''.join(self._block(part['block']))}```"
        return part[0]

    def _set_clock(self, when: str) -> None:
        self._end_service()
        if self._travel:
            self._travel.stop()
        moment = datetime.fromisoformat(when).replace(tzinfo=_ZONE)
        self._travel = time_machine.travel(moment, tick=True)
        self._travel.start()

    def _block(self, block: str) -> Iterator[str]:
        parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
        pairs = list(zip(parts[::2], parts[1::2], strict=True))
        code = 0
        for (command, shown), following in zip_longest(pairs, pairs[1:], fillvalue=("", "0")):
            yield f"$ {command}\n"
            if command == "echo $?":
                yield f"{code}\n"
                continue
            told = int(following[1] or 0) if following[0] == "echo $?" else 0
            code, said = self._type(command, shown)
            said = self._in_the_guides_words(said)
            tokens = list(zip(_TOKEN.findall(shown), _TOKEN.findall(said), strict=False))
            same = all(ours == theirs or theirs not in self._tokens for ours, theirs in tokens)
            self._tokens |= {ours: theirs for ours, theirs in tokens if theirs not in self._tokens}
            typed = Typed(command, shown, said, code, told, same)
            self.typed.append(typed)
            yield shown if typed.right else typed.said

    def _in_the_guides_words(self, said: str) -> str:
        """What was said, as the guide would show it: with its own keys, address and folder."""
        for of_guide, of_walk in self._tokens.items():
            said = said.replace(of_walk, of_guide)
        said = said.replace(self._address or _SHOWN, _SHOWN).replace(str(self.folder), "…")
        return re.sub(r" +$", "", said, flags=re.MULTILINE)

    def _type(self, command: str, shown: str) -> tuple[int, str]:
        for of_guide, of_walk in [*self._tokens.items(), (_SHOWN, self._address)]:
            command = command.replace(of_guide, of_walk) if of_walk else command
        words = shlex.split(command)
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            os.environ[name] = value
            return 0, ""
        if words[0] == "curl":
            return self._curl(words[1:])
        assert words.pop(0) == "socialstrike", f"nobody here can type: {command}"
        if words[:1] == ["sandbox"]:
            self._address = self._stack.enter_context(_sandbox())
            return 0, f"{self._address}\n"
        if words == ["run"]:
            return self._run(shown)
        if ">" in words:
            code, said = _called(words[: words.index(">")])
            (self.folder / words[-1]).write_text(said, encoding="utf-8")
            return code, ""
        return _called(words)

    def _run(self, shown: str) -> tuple[int, str]:
        """Start the scheduler, and wait until it has said what it is shown to say."""
        self._start()
        lines = len(shown.splitlines())
        self._wait(lambda: len(self._said().splitlines()) >= lines)
        self._wait(self._nothing_is_due)
        return 0, self._said()

    def _said(self) -> str:
        """What the scheduler has said: what went out at the same moment has no order."""
        first, *others = self._log.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        return "".join([first, *sorted(others, key=lambda line: line.partition("delivery ")[2])])

    @property
    def _log(self) -> Path:
        return self.folder / "scheduler.log"

    def _start(self) -> None:
        """Start the scheduler, which goes on until the clock is set or the walk ends."""
        with self._log.open("wb") as out:
            self._service = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-c", _LAUNCH, str(time.time()), "run"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def _wait(self, happened: Callable[[], bool]) -> None:
        """Wait until it has happened, the scheduler has ended, or patience has."""
        end = time.monotonic() + _PATIENCE
        while not happened() and time.monotonic() < end:
            if self._service is None or self._service.poll() is not None:
                break
            time.sleep(0.05)

    def _nothing_is_due(self) -> bool:
        """Whether nothing is to be sent or looked up in the next seconds."""
        home = Path(os.environ["SOCIALSTRIKE_HOME"]) / "socialstrike.db"
        soon = f"{datetime.now(UTC) + timedelta(seconds=8):%Y-%m-%d %H:%M:%S}"
        for pause in (0.4, 0):  # a look-up under way is not due, and takes a moment
            with closing(sqlite3.connect(home)) as database:
                if next(database.execute(_DUE, [soon]))[0]:
                    return False
            time.sleep(pause)
        return True

    def _end_service(self) -> None:
        service, self._service = self._service, None
        if service:
            service.terminate()
            service.wait(_PATIENCE)

    def _curl(self, words: list[str]) -> tuple[int, str]:
        body = words[words.index("-d") + 1].encode()
        assert words[-1].startswith(self._address)
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(words[-1], body, headers)  # noqa: S310  # our sandbox
        # No proxy stands between this machine and itself.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_PATIENCE) as answer:
            return 0, f"{answer.read().decode()}\n"


def _called(words: list[str]) -> tuple[int, str]:
    """Type the command in this process: the same door, a tenth of the time."""
    redaction._known = redaction._Index()
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    code: object = 0
    with redirect_stdout(said), redirect_stderr(said):
        try:
            main(words)
        except SystemExit as end:
            code = end.code
    said.seek(0)
    return int(str(code or 0)), said.read()


def _alike(shown: str, said: str) -> bool:
    """Whether the guide shows what was said, but for what differs from walk to walk."""
    wanted = [re.escape(line) if line != "…" else None for line in _plain(shown)]
    lines = "".join(r"(?:.*\n)*?" if line is None else f"{line}\n" for line in wanted)
    return re.fullmatch(lines, "".join(f"{line}\n" for line in _plain(said))) is not None


def _plain(text: str) -> list[str]:
    text = _TOKEN.sub("TOKEN", text)
    for pattern, name in _VARIES:
        text = pattern.sub(name, text)
    return [line.strip() for line in text.splitlines()]


@contextmanager
def _sandbox() -> Iterator[str]:
    """The sandbox in this process, so that it lives in the story's time; its address."""
    state = Sandbox()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        state.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(
            uvicorn.Config(
                application(state),
                http=CuttableProtocol,
                loop="asyncio",
                ws="none",
                lifespan="off",
                access_log=False,
                log_level="error",
                log_config=None,
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield state.base_url
        finally:
            server.should_exit = server.force_exit = True
            thread.join(_PATIENCE)


def _main() -> int:
    path = Path(sys.argv[1]).resolve()
    language = "fr" if ".fr." in path.name else "en"
    with tempfile.TemporaryDirectory() as folder, Walk(Path(folder), language) as walk:
        written = walk.through(path.read_text(encoding="utf-8"))
    wrong = [typed for typed in walk.typed if not typed.right]
    sys.stdout.write("\n\n".join(typed.difference() for typed in wrong) + "\n")
    if "--write" in sys.argv[2:]:
        path.write_text(written, encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(_main())
