"""While a scheduler runs, each campaign is looked at a day and an hour before its first post."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from sqlalchemy import update

from socialstrike import campaigns, queue
from socialstrike.clock import ManualClock, SystemClock
from socialstrike.config import Settings
from socialstrike.db.models import Account, Post
from socialstrike.drafts import CampaignSpec
from socialstrike.preflight import Lookout


@pytest.fixture
def lookout(strike, sandbox, quick: Settings) -> Lookout:
    """A campaign whose first delivery is in 25 hours, and a lookout from now on."""
    strike.clock = ManualClock(SystemClock().now())
    made = sandbox.add_account("x", "a")
    strike.account("a", "x", made["credentials"], sandbox.base_url)
    strike.post("a", due=timedelta(hours=25))
    with strike.database.write() as session:
        day = (strike.now + timedelta(hours=25)).date()
        spec = CampaignSpec("jour-j", day, "Europe/Paris")
        stored = campaigns.store(session, spec, now=strike.now, actor="test")
        session.execute(update(Post).values(campaign_id=stored.id))
    return Lookout(strike.database, strike.vault, quick, strike.clock, actor="one")


def _entries(strike) -> list[dict]:
    return [entry for entry in strike.log() if entry["event"] == "campaign.preflight"]


def test_it_looks_twice_and_keeps_the_counts_in_the_log(lookout: Lookout, strike) -> None:
    lookout.look()
    assert _entries(strike) == []
    for hours, looked in ((1.5, [24]), (1, [24]), (21.6, [24, 1]), (0.5, [24, 1]), (2, [24, 1])):
        strike.clock.advance(hours * 3600)
        lookout.look()
        assert [entry["hours_before"] for entry in _entries(strike)] == looked
    entry = _entries(strike)[0]
    assert (entry["campaign"], entry["actor"]) == ("jour-j", "one")
    assert entry["ok"] > 3
    assert set(entry) >= {"ok", "warn", "bad"}


def test_of_two_schedulers_one_looks(lookout: Lookout, strike, quick: Settings) -> None:
    other = Lookout(strike.database, strike.vault, quick, strike.clock, actor="two")
    strike.clock.advance(1.5 * 3600)
    lookout.look()
    other.look()
    assert [entry["actor"] for entry in _entries(strike)] == ["one"]


def test_what_is_to_be_done_is_logged_with_its_remedy(
    lookout: Lookout, strike, caplog: pytest.LogCaptureFixture
) -> None:
    with strike.database.write() as session:
        session.execute(update(Account).values(expires_at=strike.now + timedelta(hours=20)))
    strike.clock.advance(1.5 * 3600)
    with caplog.at_level(logging.WARNING):
        lookout.look()
    assert "accounts add x a --replace" in caplog.text
    assert _entries(strike)[0]["bad"] >= 1


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_scheduler_that_begins_later_and_one_that_ended_do_not_look(
    lookout: Lookout, strike, quick: Settings
) -> None:
    strike.clock.advance(3 * 3600)
    Lookout(strike.database, strike.vault, quick, strike.clock, actor="late").look()
    lookout.close()
    lookout.look()
    assert _entries(strike) == []


def test_during_the_emergency_stop_no_platform_is_asked_and_the_start_makes_up_for_it(
    lookout: Lookout, strike
) -> None:
    with strike.database.write() as session:
        queue.stop(session, reason=None, now=strike.now, actor="test")
    strike.clock.advance(1.5 * 3600)
    lookout.look()
    assert _entries(strike) == []
    with strike.database.write() as session:
        queue.start(session, now=strike.now, actor="test")
    strike.clock.advance(3600)
    lookout.look()
    assert [entry["hours_before"] for entry in _entries(strike)] == [24]
