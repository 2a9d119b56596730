"""The gauntlet's options, its courses, and the table it prints at the end."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from socialstrike.sandbox.process import SandboxProcess

# The helpers beside this file are shared with a script, which finds them in the same way.
sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from course import Course
    from verdict import Verdict

_ROW = "gauntlet"
#: No test takes longer, in seconds: the short forms on a machine with much else to do, the long.
_SHORT, _LONG = 300, 1500
#: How long the platforms take to answer, in milliseconds.
_LATENCY = 100


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    longest = _LONG if config.getoption("--gauntlet") == "long" else _SHORT
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(longest))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows: dict[str, list[dict[str, object]]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, row in getattr(report, "user_properties", ()):
                if name == _ROW and getattr(report, "when", "") == "call":
                    rows.setdefault(str(row["scenario"]), []).append(row)
    for scenario, ran in sorted(rows.items()):
        terminalreporter.section(scenario, sep="-")
        for line in _table(ran):
            terminalreporter.write_line(line)


def _table(rows: list[dict[str, object]]) -> Iterator[str]:
    names = list(dict.fromkeys(name for row in rows for name in row if name != "scenario"))
    cells = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    for line in cells:
        padded = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxProcess]:
    """A sandbox of the gauntlet's own, slow enough for a call to be met in the middle."""
    with SandboxProcess(latency_ms=_LATENCY, limit=0) as process:
        yield process


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Where this test's chances come from; in the table, to be given again."""
    given: int | None = request.config.getoption("--gauntlet-seed")
    return secrets.randbits(32) if given is None else given


@pytest.fixture
def make_course(
    home: Path, location: Path | str, sandbox: SandboxProcess, seed: int
) -> Iterator[Callable[..., Course]]:
    """Sets up the test's course; what the runners said is shown where the test fails."""
    from course import Course

    made: list[Course] = []

    def make(**options: Any) -> Course:
        made.append(Course(home, location, sandbox, seed, **options))
        return made[-1]

    yield make
    for course in made:
        course.close()


@pytest.fixture
def passed(record_property: Callable[[str, object], None], seed: int) -> Callable[..., None]:
    """Put a verdict into the table, whatever it is, and fail where it is bad."""

    def tell(scenario: str, verdict: Verdict, **facts: object) -> None:
        record_property(_ROW, {"scenario": scenario, **facts, **verdict.table(), "seed": seed})
        assert verdict.faults == {}, f"seed {seed}"

    return tell
