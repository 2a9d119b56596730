"""Disks that are full or refuse: nothing is lost, nothing goes out twice, and it goes on."""

from __future__ import annotations

import itertools
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from socialstrike import heartbeat, queue, storage
from socialstrike.clock import SystemClock
from socialstrike.config import RehearsalSettings
from socialstrike.db.session import Database
from socialstrike.exceptions import DatabaseFull, DatabaseReadOnly, InvalidInput
from socialstrike.scheduler import Scheduler

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)

#: What a scheduler says of such a disk: one sentence with what to do.
SENTENCE = re.compile(
    r"(The disk that holds the database is full; free some space, then run the command again\."
    r"|the disk refused to read or write .+ \(SQLITE_IOERR_?\w*\); see whether it is .+"
    r"|.+ cannot be written.*; check the .+)"
)

#: What else it may say on such a day.
NEWS = re.compile(r"^ready$|back in the queue, \d+ to look up|^an outcome could not be written")

#: What a write that failed left behind is taken up with the next heartbeat, in seconds.
OFTEN = 0.5

RESTORE = """
import sys
from pathlib import Path
from socialstrike import queue, storage
from socialstrike.clock import SystemClock
copy, to = map(Path, sys.argv[1:])
storage.restore(copy, to, upgrade=False, settle=0.1, clock=SystemClock(), actor="person")
"""

SERVICE = """
import logging, resource, signal, sys
from pathlib import Path
from socialstrike import heartbeat
from socialstrike.clock import SystemClock
from socialstrike.config import RehearsalSettings
from socialstrike.db.session import Database
from socialstrike.exceptions import SocialstrikeError
from socialstrike.scheduler import Scheduler
from socialstrike.vault import Vault
home, room = Path(sys.argv[1]), int(sys.argv[2])
logging.basicConfig(level=logging.WARNING, format="%(message)s")
heartbeat.EVERY = float(sys.argv[3])
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
signal.signal(signal.SIGUSR1, lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
waits = {"settle": 0.3, "lookup_every": 0.2, "retry_base": 0.1, "retry_most": 0.3}
settings = RehearsalSettings(home=home, connect_timeout=2, read_timeout=5, **waits)
scheduler = Scheduler(Database(settings.location), Vault(b"k" * 32), settings, SystemClock())
if room:
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
print("ready", flush=True)
try:
    scheduler.run(until_idle=True)
except SocialstrikeError as error:
    sys.exit(f"error: {error}")
"""


class Disk:
    """A file system of its own, whose size can be changed while it is used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, leave: int) -> None:
        """Leave so much room and no more, in bytes; others may write meanwhile."""
        for _ in range(50):
            stat = os.statvfs(self.folder)
            used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
            if self.remount(f"size={used + leave}"):
                return
        raise AssertionError("the disk could not be made small enough")

    def remount(self, options: str) -> bool:
        done = subprocess.run(
            ["mount", "-o", f"remount,{options}", str(self.folder)],
            check=False,
            capture_output=True,
            timeout=100,
        )
        return done.returncode == 0


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Disk]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk, and only here is it known how")
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)]
    done = subprocess.run(["mount", *options], check=False, timeout=100, capture_output=True)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=100)


@pytest.fixture
def day(strike, sandbox, monkeypatch: pytest.MonkeyPatch):
    """The strike by the machine's clock, with four accounts, and the patience of a sandbox."""
    monkeypatch.setattr(heartbeat, "EVERY", OFTEN)
    strike.clock = SystemClock()
    strike.settings = RehearsalSettings(
        home=strike.home, settle=0.3, lookup_every=0.2, retry_base=0.1, retry_most=0.3
    )
    for number in range(4):
        platform = ("x", "facebook")[number % 2]
        made = sandbox.add_account(platform, f"n{number}", limit=None)
        strike.account(made["name"], platform, made["credentials"], sandbox.base_url)
    return strike


def move_to(strike, folder: Path) -> None:
    """Let the strike's home be on another disk."""
    strike.database.dispose()
    shutil.copyfile(strike.location, folder / "socialstrike.db")
    strike.home, strike.location = folder, folder / "socialstrike.db"
    strike.database = Database(strike.location)
    strike.settings = strike.settings.model_copy(update={"home": folder})


@contextmanager
def working(strike) -> Iterator[threading.Thread]:
    """A scheduler in a thread, until nothing is left to do."""
    scheduler = Scheduler(strike.database, strike.vault, strike.settings, strike.clock)
    thread = threading.Thread(target=scheduler.run, kwargs={"until_idle": True})
    thread.start()
    try:
        yield thread
        thread.join(120)
        assert not thread.is_alive(), "it did not go on by itself"
    finally:
        scheduler.stop()
        thread.join(60)


def until(condition: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def assert_all_once(strike, sandbox, texts: set[str]) -> None:
    """Each text is on the platforms once, the table says so, and everything verifies."""
    posts = Counter(post["text"] for post in sandbox.posts())
    assert posts == dict.fromkeys(texts, 1)
    assert strike.states() == {"published": len(texts)}
    assert [finding for finding in storage.check(strike.location) if finding.faults] == []


def queue_many(strike, count: int, *, spread: float = 0.0) -> set[str]:
    """Posts with texts of their own, over all accounts, due over ``spread`` seconds."""
    for number in range(count):
        due = timedelta(seconds=spread * number / count)
        strike.post(f"n{number % 4}", text=f"{number}. On occupe", due=due)
    return {f"{number}. On occupe" for number in range(count)}


def queue_until(strike, refused: Callable[[], object]) -> set[str]:
    """Queue more posts until a write was ``refused``, and for them all; the texts taken in."""
    taken: set[str] = set()
    deadline = time.monotonic() + 90
    for number in itertools.count(1000):
        if refused():
            return taken
        assert time.monotonic() < deadline, "nothing was refused"
        text = f"{number}. On occupe {'!' * 200}"
        try:
            strike.post(f"n{number % 4}", text=text)
            taken.add(text)
        except DatabaseFull:
            pass
        time.sleep(0.05)
    raise AssertionError


# A full disk ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [224, 260, 300, 400, 560, 800, 1200])
def test_what_was_taken_in_before_the_disk_was_full_is_there_and_goes_out(
    day, sandbox, tmp_path: Path, size: int
) -> None:
    with mounted(tmp_path / "disk", f"{size}k") as disk:
        move_to(day, disk.folder)
        taken: set[str] = set()
        with pytest.raises(DatabaseFull) as error:
            for number in range(2000):
                text = f"{number}. On occupe {'!' * 200}"
                day.post(f"n{number % 4}", text=text)
                taken.add(text)
        assert SENTENCE.fullmatch(str(error.value))
        assert day.states() == ({"scheduled": len(taken)} if taken else {})

        assert disk.remount("size=64m")
        with working(day):
            pass
        assert_all_once(day, sandbox, taken) if taken else None
        day.database.dispose()


@pytest.mark.parametrize("room", [0, 4096, 20_000, 60_000, 150_000, 400_000])
def test_a_scheduler_on_a_disk_that_fills_up_goes_on_once_there_is_room(
    day, sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture, room: int
) -> None:
    caplog.set_level(logging.ERROR)
    with mounted(tmp_path / "disk", "64m") as disk:
        move_to(day, disk.folder)
        texts = queue_many(day, 60, spread=1.5)
        with working(day):
            until(lambda: day.states().get("published", 0) >= 4)
            disk.fill(room)
            texts |= queue_until(day, lambda: caplog.records)
            time.sleep(0.5)  # for whatever else it may try meanwhile
            assert disk.remount("size=64m")
        assert_all_once(day, sandbox, texts)
        day.database.dispose()
    said = {line for record in caplog.records for line in record.getMessage().splitlines()}
    assert all("is full; free some space" in line for line in said), said
    assert not any(record.exc_info for record in caplog.records)


def test_a_disk_that_cannot_be_written_is_told_and_serves_again_once_it_can(
    day, sandbox, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk", "64m") as disk:
        move_to(day, disk.folder)
        texts = queue_many(day, 8)
        day.database.dispose()
        assert disk.remount("ro")
        with service(day) as running:
            *_, sentence = running.ended()
        assert sentence.startswith(f"error: {disk.folder} cannot be written")
        with pytest.raises(DatabaseReadOnly, match="cannot be written"):
            day.post("n0", text="too late")
        day.database.dispose()

        assert disk.remount("rw")
        with working(day):
            pass
        assert_all_once(day, sandbox, texts)
        day.database.dispose()


def test_a_backup_to_a_full_disk_says_so_and_leaves_nothing(day, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "1m") as disk:
        disk.fill(40_960)
        with pytest.raises(InvalidInput, match="on a disk with room"):
            storage.backup(day.location, disk.folder / "copy.db")
        assert list(disk.folder.iterdir()) == []


# Without root ---------------------------------------------------------------------------------


class Service:
    """The scheduler in a process of its own, until nothing is left to do."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def said(self) -> list[str]:
        """What it has said so far, line by line; never a traceback."""
        text = self._log.read_text(encoding="utf-8")
        assert "Traceback" not in text, text
        return text.splitlines()

    def ended(self, seconds: float = 120) -> list[str]:
        """All that it said, once it has ended."""
        self.process.wait(seconds)
        return self.said()


@contextmanager
def service(strike, *, room: int = 0, before: Sequence[str] = ()) -> Iterator[Service]:
    """The files of the service may grow to ``room`` bytes; ``before`` is what stands before it."""
    strike.database.dispose()
    log = strike.home.parent / f"service-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*before, sys.executable, "-c", SERVICE, str(strike.home), str(room), str(OFTEN)],
            stdout=out,
            stderr=out,
        )
    try:
        yield Service(process, log)
    finally:
        process.kill()
        process.wait(60)


@pytest.mark.parametrize("room", [4_000, 60_000, 120_000, 250_000, 500_000])
def test_files_that_may_not_grow_hold_it_up_until_they_may(day, sandbox, room: int) -> None:
    texts = queue_many(day, 60, spread=1.5)
    with service(day, room=room) as running:
        until(running.said)
        texts |= queue_until(
            day, lambda: any("the disk refused" in line for line in running.said())
        )
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGUSR1)  # the limit is lifted
        said = running.ended()
    assert all(SENTENCE.search(line) or NEWS.search(line) for line in said), said
    with working(day):
        pass
    assert_all_once(day, sandbox, texts)


def strace(syscall: str, how: str) -> list[str]:
    """What to put before a command so that the system refuses or kills at that call."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace, which makes system calls fail, is not installed")
    line = [found, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={syscall}"]
    if subprocess.run([*line, "true"], check=False, capture_output=True, timeout=100).returncode:
        pytest.skip("strace may not trace here")
    return [*line, "-e", f"inject={syscall}:{how}"]


@pytest.mark.parametrize("first", [4, 9, 15])
@pytest.mark.parametrize(
    ("syscall", "error"),
    [("pwrite64", "EIO"), ("pwrite64", "ENOSPC"), ("fdatasync", "EIO")],
)
def test_writes_that_fail_for_a_while_lose_nothing(
    day, sandbox, syscall: str, error: str, first: int
) -> None:
    # So many that their commits, however many are made as one, outnumber the refusals.
    texts = queue_many(day, 40 if syscall == "fdatasync" else 12)
    refusals = strace(syscall, f"error={error}:when={first}..{first + 6}")
    with service(day, before=refusals) as running:
        said = running.ended()
    assert any(SENTENCE.search(line) for line in said), said
    assert all(SENTENCE.search(line) or NEWS.search(line) for line in said), said
    with working(day):  # for where it could not even begin, or could not say that it ended
        pass
    assert_all_once(day, sandbox, texts)


@pytest.mark.parametrize("syscall", ["pwrite64", "fdatasync"])
@pytest.mark.parametrize("nth", [2, 5, 9, 14])
def test_killed_in_the_middle_of_a_commit_nothing_is_lost(
    day, sandbox, syscall: str, nth: int
) -> None:
    texts = queue_many(day, 8)
    with service(day, before=strace(syscall, f"signal=SIGKILL:when={nth}")) as running:
        running.ended()
        assert running.process.returncode != 0
    with working(day):
        pass
    assert_all_once(day, sandbox, texts)


@pytest.mark.parametrize("syscall", ["fsync", "link", "linkat"])
def test_a_restore_killed_half_way_leaves_no_database(day, tmp_path: Path, syscall: str) -> None:
    """Either the home has none, and restoring again works, or it has the whole one."""
    queue_many(day, 4)
    copy, home = tmp_path / "copy.db", tmp_path / "elsewhere"
    storage.backup(day.location, copy)
    line = [sys.executable, "-c", RESTORE, str(copy), str(home / "socialstrike.db")]
    subprocess.run(
        [*strace(syscall, "signal=SIGKILL:when=1"), *line],
        check=False,
        capture_output=True,
        timeout=100,
    )
    if not (home / "socialstrike.db").exists():
        subprocess.run(line, check=True, timeout=60)
    with Database(home / "socialstrike.db").read() as session:
        assert queue.counts(session) == {"uncertain": 4}
