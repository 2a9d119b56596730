"""Closing a campaign, on both databases: nothing waits, nothing new, and the overview agrees."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from socialstrike import campaigns, queue
from socialstrike.db.models import Delivery, Post
from socialstrike.drafts import CampaignSpec
from socialstrike.exceptions import InvalidInput
from socialstrike.lifecycle import State


@pytest.fixture
def campaign(strike) -> str:
    """Two deliveries of a campaign that wait, and one that belongs to none."""
    for name, platform in (("a", "x"), ("b", "facebook")):
        strike.account(name, platform)
    strike.post("a", "b", due=timedelta(hours=1))
    with strike.database.write() as session:
        spec = CampaignSpec("jour-j", strike.now.date(), "Europe/Paris")
        stored = campaigns.store(session, spec, now=strike.now, actor="test")
        session.execute(update(Post).values(campaign_id=stored.id))
    strike.post("a", text="Autre", due=timedelta(hours=2))
    return "jour-j"


def _close(strike) -> int:
    with strike.database.write() as session:
        row = campaigns.get(session, "jour-j")
        return queue.close(session, row, now=strike.now, actor="zoe")


def test_closing_cancels_what_waits_of_it_alone_and_is_told_once(strike, campaign: str) -> None:
    assert _close(strike) == 2
    assert strike.states() == {"cancelled": 2, "scheduled": 1}
    assert _close(strike) == 0
    [entry] = [e for e in strike.log() if e["event"] == "campaign.closed"]
    assert (entry["campaign"], entry["cancelled"], entry["actor"]) == ("jour-j", 2, "zoe")


def test_a_closed_campaign_refuses_a_retry_until_it_is_reopened(strike, campaign: str) -> None:
    _close(strike)
    with strike.database.read() as session:
        cancelled = queue.Filter(state="cancelled")
        ids = [row["id"] for row in queue.deliveries(session, cancelled)]
    with pytest.raises(InvalidInput, match="campaigns reopen jour-j"):
        strike.do(queue.requeue, ids)
    with strike.database.write() as session:
        row = campaigns.get(session, "jour-j")
        assert queue.reopen(session, row, now=strike.now, actor="zoe")
        assert not queue.reopen(session, row, now=strike.now, actor="zoe")
    assert strike.do(queue.requeue, ids) == 2
    assert strike.events().count("campaign.reopened") == 1


@pytest.mark.parametrize("state", [State.UNCERTAIN, State.PARKED, State.HANDED_OFF])
def test_a_doubt_refuses_the_closing_and_leaves_everything_as_it_was(
    strike, campaign: str, state: State
) -> None:
    with strike.database.write() as session:
        session.execute(update(Delivery).where(Delivery.id == 1).values(state=state))
    before = strike.log()
    with pytest.raises(InvalidInput, match="Deliveries 1 "):
        _close(strike)
    assert strike.states() == {str(state): 1, "scheduled": 2}
    assert strike.log() == before


def test_the_overview_counts_what_went_out_what_is_next_and_what_is_in_trouble(
    strike, campaign: str
) -> None:
    strike.clock.advance(3700)
    out = {"state": "published", "published_at": strike.now, "remote_id": "1"}
    with strike.database.write() as session:
        session.execute(update(Delivery).where(Delivery.id == 1).values(**out))
        session.execute(update(Delivery).where(Delivery.id == 2).values(state="parked"))
        a, b = queue.standings(session, strike.now)
    assert (a.account, a.sent, a.planned, a.troubled, a.next_text) == ("a", 1, 2, 0, "Autre")
    assert (a.latest, a.late) == (timedelta(seconds=100), timedelta())
    assert (b.sent, b.planned, b.troubled, b.next_at) == (0, 1, 1, None)
    strike.clock.advance(3600)
    with strike.database.read() as session:
        a, _ = queue.standings(session, strike.now)
    assert a.late == timedelta(seconds=100)
