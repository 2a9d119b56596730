from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.platforms.base import (
    CredentialsRefused,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from socialstrike.retries import Again, GiveUp, LookUp, Pause, RetryPolicy

NOW = datetime(2020, 1, 24, 8, 0, tzinfo=UTC)
POLICY = RetryPolicy(base=2, most=300, settle=80)


@pytest.mark.parametrize(
    ("error", "decision"),
    [
        (Rejected("too long"), GiveUp()),
        (CredentialsRefused("expired"), Pause()),
        (OutcomeUnknown("no answer"), LookUp(NOW + timedelta(seconds=80))),
    ],
)
def test_what_each_error_decides(error, decision) -> None:
    assert POLICY.decide(error, 1, NOW, random.Random(1)) == decision


@given(st.integers(1, 10_000), st.randoms(use_true_random=False))
def test_a_wait_never_passes_the_longest_and_never_goes_back(tries: int, rng) -> None:
    decision = POLICY.decide(TemporarilyUnavailable("down"), tries, NOW, rng)
    assert isinstance(decision, Again)
    assert timedelta(0) <= decision.at - NOW <= timedelta(seconds=min(300, 2 * 2 ** min(tries, 9)))
    assert decision.throttled_until is None


def test_waits_grow_and_differ() -> None:
    def mean(tries: int) -> float:
        rng = random.Random(1)
        waits = [POLICY.decide(TemporarilyUnavailable("down"), tries, NOW, rng) for _ in range(200)]
        assert len({w.at for w in waits}) > 190
        return sum((w.at - NOW).total_seconds() for w in waits) / 200

    assert mean(1) < mean(3) < mean(6)


@given(st.randoms(use_true_random=False))
def test_the_platforms_own_word_is_kept_and_holds_for_the_account(rng) -> None:
    reset = NOW + timedelta(minutes=9)
    decision = POLICY.decide(RateLimited("slow down", retry_at=reset), 1, NOW, rng)
    assert isinstance(decision, Again)
    assert reset <= decision.at <= reset + timedelta(seconds=2)
    assert decision.throttled_until == decision.at


def test_a_reset_in_the_past_is_not_an_invitation_to_hammer() -> None:
    decision = POLICY.decide(
        RateLimited("slow down", retry_at=NOW - timedelta(days=1)), 1, NOW, random.Random(1)
    )
    assert isinstance(decision, Again)
    assert decision.at >= NOW


def test_a_throttle_without_a_word_waits_too() -> None:
    decision = POLICY.decide(RateLimited("slow down"), 1, NOW, random.Random(1))
    assert isinstance(decision, Again)
    assert decision.at >= NOW + timedelta(seconds=2)
    assert decision.throttled_until == decision.at
