"""An adapter before a platform that means harm, for each platform or for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.hostile.bench import LISTING, Bench


@pytest.fixture(params=[*LISTING, "bluesky"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture
def bench_of(tmp_path: Path) -> Iterator[Callable[[str], Bench]]:
    """A bench for the platform that the test names."""
    benches: list[Bench] = []

    def make(platform: str) -> Bench:
        benches.append(Bench(platform, tmp_path))
        return benches[-1]

    yield make
    for made in benches:
        made.close()
