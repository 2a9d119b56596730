"""What the benchmarks share: contenders take turns in one run, and come out in one table.

Each contender is a process of its own. The wall clock of a busy machine says little; the time on
the processor and the ratios do.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
#: Modules stay compiled, as where they are installed; compiling ours would be a tenth of a start.
_ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one turn: seconds by the clock and on the processor, and the most memory in MB."""

    wall: float
    cpu: float
    memory: float


def run(command: Sequence[str | Path], *, into: Path | None = None, typed: str = "") -> Cost:
    """Run a command to its end; its output goes to a file, or nowhere."""
    with (into or Path(os.devnull)).open("wb") as out:
        began = time.perf_counter()
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=out, stderr=out, cwd=ROOT, env=_ENVIRONMENT
        )
        assert child.stdin is not None
        child.stdin.write(typed.encode())
        child.stdin.close()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {child.returncode}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def product(*words: str | Path) -> list[str | Path]:
    """The command line of the checkout."""
    return [sys.executable, "-m", "socialstrike", *words]


def contender(module: str, *words: object) -> list[str | Path]:
    """The command that calls a function of a benchmark in a process of its own."""
    return [sys.executable, "-m", f"benchmarks.{module}", "--contender", *map(str, words)]


def part(module: str, *words: object) -> Cost:
    """A contender that measures its own inner part, and prints it with ``told``."""
    command = contender(module, *words)
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT)
    return Cost(**json.loads(done.stdout))


def told(work: Callable[[], object]) -> None:
    """Do the work of a contender, and print its cost for ``part``."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"wall": wall, "cpu": cpu, "memory": memory()}))


def memory() -> float:
    """The most memory that this process had, in MB."""
    from resource import RUSAGE_SELF, getrusage

    return getrusage(RUSAGE_SELF).ru_maxrss / 1024


def sqlite_shell() -> str | None:
    """SQLite's own command, where it is installed."""
    return shutil.which("sqlite3")


def compare(
    title: str, contenders: Mapping[str, Callable[[], Cost]], *, limit: str, rounds: int
) -> None:
    """Let the contenders take turns, and print what each cost beside the ``limit``."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, turn in contenders.items():
            costs[name].append(turn())
    base = costs[limit]
    wall, cpu = median(one.wall for one in base), median(one.cpu for one in base)
    print(f"\n{title}")
    print(
        f"{'':<34}{'min s':>8}{'median':>8}{'max':>8}{'CPU s':>8}{'MB':>6}{'x wall':>8}{'x CPU':>7}"
    )
    for name, found in costs.items():
        seconds = sorted(one.wall for one in found)
        spent = median(one.cpu for one in found)
        print(
            f"{name:<34}{seconds[0]:>8.2f}{median(seconds):>8.2f}{seconds[-1]:>8.2f}{spent:>8.2f}"
            f"{max(one.memory for one in found):>6.0f}{median(seconds) / wall:>8.2f}"
            f"{spent / cpu:>7.2f}"
        )


def machine() -> str:
    """On what this was measured."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {memory_gb:.0f} GB,"
        f" {platform.system()} {platform.machine()}, Python {platform.python_version()},"
        f" load {os.getloadavg()[0]:.1f}"
    )
