"""What to do after an attempt that did not end with an id: a pure decision.

Frozen data in, a decision out. Waiting is exponential with full jitter (Marc Brooker, "Exponential
Backoff And Jitter", AWS Architecture Blog, 2015), so that accounts which failed together do not
come back together; a platform's own word for when outranks it. The number of tries is not
limited: the delivery's lateness limit is.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from socialstrike.platforms.base import (
    CredentialsRefused,
    OutcomeUnknown,
    PlatformError,
    RateLimited,
    Rejected,
)


@dataclass(frozen=True, slots=True)
class Again:
    """Surely not posted: try at ``at``; the whole account waits until ``throttled_until``."""

    at: datetime
    throttled_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Refused for good."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The account cannot post; its deliveries wait for a person."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Nobody knows: ask the platform at ``at``."""

    at: datetime


Decision = Again | GiveUp | Pause | LookUp


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient we are, in seconds: ``base`` doubles with every try up to ``most``."""

    base: float
    most: float
    settle: float

    def decide(
        self, error: PlatformError, tries: int, now: datetime, rng: random.Random
    ) -> Decision:
        """What follows from ``error`` on the ``tries``-th try (from 1)."""
        match error:
            case CredentialsRefused():
                return Pause()
            case Rejected():
                return GiveUp()
            case RateLimited(retry_at=datetime() as at):
                at = max(at, now) + timedelta(seconds=rng.uniform(0, self.base))
                return Again(at, throttled_until=at)
            case RateLimited():
                # No word from the platform: wait as a whole, and longer than a mere hiccup.
                at = now + timedelta(seconds=self._wait(tries + 2, rng) + self.base)
                return Again(at, throttled_until=at)
            case OutcomeUnknown():
                return LookUp(now + timedelta(seconds=self.settle))
            case _:
                return Again(now + timedelta(seconds=self._wait(tries, rng)))

    def _wait(self, tries: int, rng: random.Random) -> float:
        return rng.uniform(0, min(self.most, self.base * 2.0 ** min(tries - 1, 32)))
