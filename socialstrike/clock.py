"""Time: always aware, in UTC, and injected, so that tests and rehearsals hold the hands."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the rest of the house knows of time."""

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""

    def boottime(self) -> float:
        """Seconds since some fixed moment, counting sleep, never stepping with the wall clock."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""
        return datetime.now(UTC)

    def boottime(self) -> float:
        """Seconds since boot, a suspended machine's sleep included where the system tells it."""
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to, for tests and simulations."""

    def __init__(self, now: datetime) -> None:
        self._now = now.astimezone(UTC)
        self._boottime = 0.0

    def now(self) -> datetime:
        """The time it was set to, aware, in UTC."""
        return self._now

    def boottime(self) -> float:
        """Seconds since the clock was made."""
        return self._boottime

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, on both clocks."""
        self._now += timedelta(seconds=seconds)
        self._boottime += seconds

    def step(self, seconds: float) -> None:
        """Step the wall clock alone, as an administrator or a time server does."""
        self._now += timedelta(seconds=seconds)
