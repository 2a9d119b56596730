"""The fuzzers' option, and the table of what they ran."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# The harness is imported by name, from the tests and from the scripts they start.
sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from harness import Figures

_ROW = "fuzz"
#: Inputs for each target, and seconds at most: for every day, and for the record.
_SHORT, _LONG = (1_500, 40), (120_000, 600)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("fuzz").addoption(
        "--fuzz",
        choices=("short", "long"),
        default="short",
        help="how many inputs each fuzzer tries: enough for every day, or for the record",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seconds = (_LONG if _long(config) else _SHORT)[1] + 120
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(seconds))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each fuzzer ran: the inputs, how many a second, and the memory at its peak."""
    rows = [
        value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
        if name == _ROW
    ]
    if rows:
        terminalreporter.section("fuzz: inputs, inputs a second, MB at the peak")
    for row in sorted(rows):
        terminalreporter.write_line(row)


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether this is the run for the record."""
    return _long(request.config)


@pytest.fixture
def runs(long: bool) -> int:
    """How many inputs each target gets."""
    return (_LONG if long else _SHORT)[0]


@pytest.fixture
def seconds(long: bool) -> int:
    """How long one target may run."""
    return (_LONG if long else _SHORT)[1]


@pytest.fixture
def ran(request: pytest.FixtureRequest) -> Callable[[str, Figures], None]:
    """Puts a target's figures into the table."""

    def put(target: str, figures: Figures) -> None:
        line = f"{target:12} {figures.inputs:9,} {figures.per_second:7,}/s {figures.peak:4} MB"
        request.node.user_properties.append((_ROW, line))

    return put


def _long(config: pytest.Config) -> bool:
    return bool(config.getoption("--fuzz", default="short") == "long")
