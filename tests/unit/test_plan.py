"""The simulation, pure: what would be late, missed, refused or paid, from a snapshot alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from socialstrike.drafts import CampaignSpec
from socialstrike.plan import Snapshot, Step, Voice, expected, simulate

NOW = datetime(2027, 1, 23, 18, tzinfo=UTC)
DAY = datetime(2027, 1, 24, 8, tzinfo=UTC)


def _step(number: int, at: datetime = DAY, **other: Any) -> Step:
    known: dict[str, Any] = {
        "delivery": number,
        "account": "collectif-x",
        "platform": "x",
        "kind": "announcement",
        "text": f"Nous sommes en grève ({number})",
        "link": None,
        "pictures": 0,
        "due_at": at,
        "late_after": at + timedelta(hours=1),
        "timezone": "Europe/Paris",
        "state": "scheduled",
    }
    return Step(**{**known, **other})


def _day(*steps: Step, stopped: bool = False, **voices: Voice) -> Snapshot:
    known = {
        step.account: voices.get(step.account.replace("-", "_"), Voice(step.account, step.platform))
        for step in steps
    }
    return Snapshot(NOW, steps, known, stopped)


def _rules(snapshot: Snapshot) -> list[str]:
    return [trouble.rule for trouble in simulate(snapshot).problems]


def test_a_quiet_day_goes_out_on_time() -> None:
    played = simulate(_day(_step(1), _step(2, DAY + timedelta(hours=2))))
    assert (played.problems, played.warnings, played.latest) == ((), (), timedelta())
    assert played.sent_at == {1: DAY, 2: DAY + timedelta(hours=2)}


def test_posts_of_one_account_at_the_same_second_follow_one_another() -> None:
    played = simulate(_day(*(_step(number) for number in range(10))))
    assert len(set(played.sent_at.values())) == 10
    assert timedelta() < played.latest < timedelta(minutes=1)


def test_more_than_the_platform_takes_in_its_window_wait_for_the_next_one() -> None:
    most = 100  # of one X account in 15 minutes
    played = simulate(_day(*(_step(number) for number in range(most + 1))))
    assert played.sent_at[most] == played.sent_at[0] + timedelta(minutes=15)
    assert played.problems == ()


def test_what_waits_past_its_lateness_limit_is_missed_and_takes_no_place() -> None:
    tight = timedelta(minutes=5)
    steps = [_step(n, late_after=DAY + tight) for n in range(102)]
    late = simulate(_day(*steps))
    assert [t.rule for t in late.problems] == ["lateness", "lateness"]
    assert {t.delivery for t in late.problems} == {100, 101}
    assert len(late.sent_at) == 100


def test_credentials_that_end_before_the_last_delivery_are_a_problem() -> None:
    ending = Voice("collectif-x", "x", expires_at=DAY + timedelta(hours=1))
    steps = (_step(1), _step(2, DAY + timedelta(hours=2)))
    [trouble] = simulate(_day(*steps, collectif_x=ending)).problems
    assert (trouble.rule, trouble.delivery) == ("expiry", 2)
    assert "accounts connect x collectif-x" in trouble.message
    lasting = Voice("collectif-x", "x", expires_at=DAY + timedelta(hours=3))
    assert _rules(_day(*steps, collectif_x=lasting)) == []


def test_a_paused_account_and_a_pulled_stop_are_problems() -> None:
    paused = Voice("collectif-x", "x", paused="its credentials were refused")
    assert _rules(_day(_step(1), stopped=True, collectif_x=paused)) == ["stopped", "paused"]


@pytest.mark.parametrize("state", ["published", "cancelled", "failed", "missed"])
def test_what_is_over_is_not_played_again(state: str) -> None:
    played = simulate(_day(_step(1, state=state), stopped=True))
    assert (played.sent_at, played.problems) == ({}, ())


def test_a_text_that_an_account_does_not_take_any_more_is_a_problem() -> None:
    assert _rules(_day(_step(1, text="é" * 281))) == ["length"]


def test_a_link_makes_a_post_on_x_dear() -> None:
    plain = simulate(_day(_step(1))).costs
    linked = simulate(_day(_step(1, link="https://onestla.tech/"))).costs
    assert (plain, linked) == (
        {"collectif-x": Decimal("0.015")},
        {"collectif-x": Decimal("0.20")},
    )


def test_the_same_words_on_two_accounts_of_a_platform_are_a_warning() -> None:
    same = [_step(n, text="Grève", account=f"collectif-{n}") for n in (1, 2)]
    other = _step(3, text="Grève", account="page", platform="facebook")
    [warning] = simulate(_day(*same, other)).warnings
    assert warning.rule == "same-text"
    assert "collectif-1, collectif-2" in warning.message


def test_the_expected_actions_are_counted_by_account_and_platform() -> None:
    steps = (_step(1), _step(2, account="page", platform="facebook"), _step(3, state="cancelled"))
    counted = expected(_day(*steps))
    assert counted.posts == 2
    assert (counted.accounts, counted.platforms) == (
        {"collectif-x": 1, "page": 1},
        {"facebook": 1, "x": 1},
    )


def test_the_budget_of_an_application_counts_all_its_accounts() -> None:
    steps = [
        _step(n, DAY + timedelta(seconds=5 * n), account=f"a{n % 200}", text=f"{n}")
        for n in range(10_001)
    ]
    [trouble] = [t for t in simulate(_day(*steps)).problems if t.rule == "budget"]
    assert "10001 posts" in trouble.message


def test_a_paused_account_or_a_pulled_stop_sends_nothing() -> None:
    paused = Voice("collectif-x", "x", paused="by hand")
    other = _step(2, account="page", platform="facebook")
    assert simulate(_day(_step(1), other, collectif_x=paused)).sent_at.keys() == {2}
    assert simulate(_day(_step(1), other, stopped=True)).sent_at == {}


def test_what_is_due_after_the_credentials_end_is_not_counted_as_sent() -> None:
    ending = Voice("collectif-x", "x", expires_at=DAY + timedelta(hours=1))
    played = simulate(_day(_step(1), _step(2, DAY + timedelta(hours=2)), collectif_x=ending))
    assert played.sent_at.keys() == {1}


def test_what_a_platform_has_been_handed_goes_out_whatever_stands_still_here() -> None:
    handed = _step(1, state="handed_off", account="page", platform="facebook")
    played = simulate(_day(handed, stopped=True, page=Voice("page", "facebook", paused="x")))
    assert played.sent_at == {1: DAY}
    assert [trouble.rule for trouble in played.problems] == ["stopped"]


def test_a_parked_delivery_needs_a_person_and_is_not_counted_as_sent() -> None:
    played = simulate(_day(_step(7, state="parked")))
    assert played.sent_at == {}
    [trouble] = played.problems
    assert (trouble.rule, trouble.delivery) == ("parked", 7)
    assert "posts resolve 7" in trouble.message


def test_what_was_published_before_takes_room_in_the_budgets() -> None:
    past = [
        _step(n, state="published", published_at=DAY - timedelta(minutes=10)) for n in range(100)
    ]
    played = simulate(_day(*past, _step(100)))
    assert played.sent_at == {100: DAY + timedelta(minutes=5)}


def _odd(*steps: Step) -> list[str]:
    return [trouble.rule for trouble in simulate(_day(*steps)).warnings]


def test_an_empty_plan_is_odd() -> None:
    assert _odd() == ["nothing"]
    assert _odd(_step(1, state="published")) == ["nothing"]


def test_a_post_without_time_for_a_second_try_is_odd() -> None:
    assert _odd(_step(1, late_after=DAY + timedelta(seconds=30))) == ["no-second-try"]


def test_more_posts_in_an_hour_than_x_takes_from_people_are_odd() -> None:
    minutes = [DAY + timedelta(seconds=35 * n) for n in range(102)]
    assert _odd(*(_step(n, at) for n, at in enumerate(minutes))) == ["pace"]
    hourly = [_step(n, at) for n, at in enumerate(minutes[:100])]
    assert _odd(*hourly) == []


def test_an_account_that_repeats_itself_is_odd_where_the_platform_refuses_it() -> None:
    hours = (DAY, DAY + timedelta(hours=1))
    assert _odd(*(_step(n, at, text="Grève") for n, at in enumerate(hours))) == ["repeated-text"]
    there = {"text": "Grève", "account": "masto", "platform": "mastodon"}
    assert _odd(*(_step(n, at, **there) for n, at in enumerate(hours))) == []


def test_an_occupation_outside_its_campaigns_window_is_odd() -> None:
    strike = CampaignSpec("greve", date(2027, 1, 24), "Europe/Paris")
    last = datetime(2027, 1, 24, 22, 59, tzinfo=UTC)
    steps = [
        _step(n, at, kind="occupation", campaign="greve")
        for n, at in enumerate([last, last + timedelta(minutes=1)])
    ]
    announced = _step(2, DAY - timedelta(days=1), campaign="greve")
    voices = {"collectif-x": Voice("collectif-x", "x")}
    snapshot = Snapshot(NOW, (*steps, announced), voices, campaigns={"greve": strike})
    [warning] = simulate(snapshot).warnings
    assert (warning.rule, warning.delivery) == ("window", 1)


def test_every_rule_has_words_that_name_nobody() -> None:
    noisy = _day(_step(1, text="é" * 281), collectif_x=Voice("collectif-x", "x", paused="by hand"))
    played = simulate(noisy)
    assert {trouble.rule for trouble in played.problems} == {"length", "paused"}
    assert all("collectif" not in trouble.nameless for trouble in played.problems)


def test_what_nobody_approved_would_not_go_out() -> None:
    day = replace(_day(_step(1), _step(2)), unapproved={2: "approved by 1 of 2 people"})
    played = simulate(day)
    assert [(t.rule, t.delivery) for t in played.problems] == [("approval", 2)]
    assert set(played.sent_at) == {1}
