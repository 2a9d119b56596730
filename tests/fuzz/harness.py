"""Fuzzing guided by coverage: one script per subject runs atheris, the tests start it and judge.

A script names its targets and calls ``main``::

    def _times() -> Target:
        from socialstrike.post_file.times import Calendar  # imported here, to be instrumented
        def target(data: bytes) -> None: ...
        return target

    if __name__ == "__main__":
        harness.main({"times": _times}, instrument=["socialstrike.post_file"])

A target raises only where something is wrong: it swallows the documented exceptions itself. A test
then calls ``fuzz(script, "times", runs=…)`` and gets the figures, or an AssertionError that tells
the path of the input that broke it. To try that input again: ``python SCRIPT TARGET INPUT``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Target = Callable[[bytes], object]

MAX_SECONDS = 2.0  # of the processor's time for one input
MAX_MEGABYTES = 300
_HANGS = 30  # seconds on the wall: the machine may have much else to do
CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Figures:
    """What a run came to; ``peak`` is its memory in megabytes."""

    inputs: int
    per_second: int
    peak: int


class TooSlow(Exception):  # noqa: N818  (named for what happened)
    """One input took longer than any may."""


def main(targets: Mapping[str, Callable[[], Target]], instrument: Sequence[str]) -> None:
    """Run the target that the command line names, with libFuzzer's own arguments after it."""
    import atheris

    with atheris.instrument_imports(include=list(instrument)):
        target = targets[sys.argv[1]]()

    def bounded(data: bytes) -> None:
        began = time.process_time()
        target(data)
        if (took := time.process_time() - began) > MAX_SECONDS:
            raise TooSlow(f"{took:.1f} s for {len(data)} bytes")

    atheris.Setup([sys.argv[0], *sys.argv[2:]], bounded)
    atheris.Fuzz()


def fuzz(
    script: Path,
    target: str,
    folder: Path,
    *,
    runs: int,
    seeds: Sequence[bytes] = (),
    max_length: int = 4096,
    seconds: int = 100,
) -> Figures:
    """Run ``target`` of ``script`` on ``runs`` inputs in a process of its own, and judge it.

    The first inputs are ``seeds`` and what lies in corpus/TARGET; ``folder`` takes all that the
    run writes. The same seed every time: the same inputs, but for a changed program. It ends
    after ``seconds`` with the inputs it came to.
    """
    corpus = folder / "corpus"
    corpus.mkdir()
    kept = CORPUS / target
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    for path in sorted(kept.iterdir()) if kept.is_dir() else ():
        shutil.copyfile(path, corpus / path.name)
    command = [
        *_AS_A_GRANDCHILD,
        *(sys.executable, str(script), target, str(corpus)),
        *(f"-runs={runs}", f"-max_total_time={seconds}", "-seed=20200124"),
        *(f"-max_len={max_length}", f"-timeout={_HANGS}", f"-rss_limit_mb={MAX_MEGABYTES}"),
        *("-print_final_stats=1", f"-artifact_prefix={folder}/{target}-"),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + 60,
        cwd=folder,
        check=False,
    )
    said = done.stdout + done.stderr
    written = re.search(r"Test unit written to (\S+)", said)
    where = f"the input is in {written[1]}" if written else "no input was written"
    assert done.returncode == 0, f"{target}: {where}\n{said[-6000:]}"
    figures = Figures(*(_figure(said, name) for name in _NAMES))
    assert figures.inputs, f"{target} ran on nothing\n{said[-3000:]}"
    assert figures.peak < MAX_MEGABYTES, f"{target} took {figures.peak} MB"
    return figures


# On Linux the memory a process is charged with begins at that of its parent, which here may have
# run many tests; the shell between the two is small.
_AS_A_GRANDCHILD = ("sh", "-c", '"$@"; exit $?', "sh")
_NAMES = ("number_of_executed_units", "average_exec_per_sec", "peak_rss_mb")


def _figure(said: str, name: str) -> int:
    found = re.search(rf"stat::{name}:\s+(\d+)", said)
    assert found, f"no {name} in:\n{said[-3000:]}"
    return int(found[1])
