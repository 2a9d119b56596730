"""The waits that keep a post from going out twice cannot be made too short by accident."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from socialstrike.app import settings
from socialstrike.config import RehearsalSettings, Settings
from socialstrike.exceptions import InvalidInput


@pytest.mark.parametrize(
    ("name", "floor"), [("settle", 80.0), ("lookup_every", 60.0), ("lease", 15.0)]
)
def test_a_wait_at_its_floor_is_taken_and_a_shorter_one_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, floor: float
) -> None:
    variable = f"SOCIALSTRIKE_{name.upper()}"
    monkeypatch.setenv(variable, str(floor))
    assert getattr(settings(home=tmp_path), name) == floor
    monkeypatch.setenv(variable, str(floor - 1))
    with pytest.raises(
        InvalidInput, match=f"{variable}: {floor - 1:g} s is too short .* {floor:g}"
    ):
        settings(home=tmp_path)


def test_the_settling_time_grows_with_the_timeouts(tmp_path: Path) -> None:
    timeouts = {"connect_timeout": 10.0, "read_timeout": 60.0}
    assert Settings(home=tmp_path, **timeouts).settle_after == 170
    with pytest.raises(ValidationError, match="at least 170 s"):
        Settings(home=tmp_path, settle=100, **timeouts)


def test_a_rehearsal_may_be_as_hasty_as_it_likes(tmp_path: Path) -> None:
    hasty = RehearsalSettings(home=tmp_path, settle=0.1, lookup_every=0.1, lease=1)
    assert (hasty.settle_after, hasty.lookup_every, hasty.lease) == (0.1, 0.1, 1)


@pytest.mark.parametrize("name", ["FLOORS_HOLD", "floors_hold"])
def test_nothing_in_the_environment_lifts_the_floors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"SOCIALSTRIKE_{name}", "false")
    given: dict[str, Any] = {"floors_hold": False, "settle": 1}
    with pytest.raises(ValidationError, match="too short"):
        Settings(home=tmp_path, **given)
