"""Fuzzers find no answer of a platform that is more than one of the five errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness import Figures

SCRIPT = Path(__file__).with_name("answers_targets.py")
PLATFORMS = ["x", "facebook", "mastodon", "bluesky"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_whatever_a_platform_answers_is_an_outcome_or_one_of_the_five_errors(
    platform: str,
    runs: int,
    seconds: int,
    tmp_path: Path,
    ran: Callable[[str, Figures], None],
) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed; it has wheels for Linux alone")
    from answers_seeds import seeds
    from harness import fuzz

    begin = seeds(platform)
    figures = fuzz(SCRIPT, platform, tmp_path, runs=runs, seconds=seconds, seeds=begin)
    ran(platform, figures)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_seeds_reach_the_successes_so_that_the_fuzzers_start_behind_the_door(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import answers_targets
    from answers_seeds import seeds

    # What the target replaces is put back when the test ends.
    monkeypatch.chdir(tmp_path)
    reached: dict[str, list[object]] = {}
    judge = answers_targets._judge_success

    def judged(operation: str, found: Any) -> None:
        judge(operation, found)
        reached.setdefault(operation, []).append(found)

    monkeypatch.setattr(answers_targets, "_judge_success", judged)
    target = answers_targets.adapter_target(platform, monkeypatch.setattr)

    for seed in seeds(platform):
        target(seed)

    assert set(reached) == set(answers_targets.operations(platform))
    # None is what a look-up finds in vain, and all that a deletion gives.
    assert all(any(found) for act, found in reached.items() if act != "retract")
