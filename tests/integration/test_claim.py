from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from socialstrike import accounts, queue
from socialstrike.db.models import Account, Delivery


def test_a_claim_takes_the_earliest_due_and_one_per_account(strike) -> None:
    strike.account("a")
    strike.account("b", "facebook")
    [late] = strike.post("a", text="second", due=timedelta(minutes=-1))
    [later, other] = strike.post("a", "b", text="third")
    [first] = strike.post("a", text="first", due=timedelta(minutes=-2))

    assert [job.delivery for job in strike.claim()] == [first, other]
    assert strike.claim() == []  # both accounts have something in flight
    assert {strike.state(late), strike.state(later)} == {"scheduled"}


def test_a_claim_takes_no_more_than_asked(strike) -> None:
    for name in "abcde":
        strike.account(name)
    strike.post(*"abcde")
    assert len(strike.claim(most=3)) == 3
    assert len(strike.claim(most=3)) == 2
    assert strike.claim(most=0) == []


def test_what_is_not_due_yet_stays(strike) -> None:
    strike.account("a")
    strike.post("a", due=timedelta(seconds=1))
    assert strike.claim() == []
    strike.clock.advance(1)
    assert len(strike.claim()) == 1


def test_a_paused_account_is_passed_over_until_it_is_resumed(strike) -> None:
    strike.account("a")
    strike.account("b")
    strike.post("a", "b")
    _account(strike, "a", accounts.pause, "its token expired")
    assert [job.account for job in strike.claim()] == ["b"]
    _account(strike, "a", accounts.resume)
    assert [job.account for job in strike.claim()] == ["a"]


def test_a_throttled_account_is_passed_over_until_its_time(strike) -> None:
    strike.account("a")
    strike.post("a")
    with strike.database.write() as session:
        session.execute(update(Account).values(throttled_until=strike.now + timedelta(seconds=30)))
    assert strike.claim() == []
    with strike.database.read() as session:
        assert queue.next_look(session).work_at == strike.now + timedelta(seconds=30)
    strike.clock.advance(30)
    assert len(strike.claim()) == 1


def test_what_is_too_late_is_missed_and_never_claimed(strike) -> None:
    strike.account("a")
    [delivery] = strike.post("a", limit=timedelta(minutes=30))
    strike.clock.advance(30 * 60 + 1)
    assert strike.claim() == []
    assert strike.do(queue.lapse) == 1
    assert strike.state(delivery) == "missed"
    [entry] = [e for e in strike.log() if e["event"] == "delivery.missed"]
    assert entry["lateness_ms"] == 1_801_000


def test_at_its_limit_exactly_a_delivery_still_goes(strike) -> None:
    strike.account("a")
    strike.post("a", limit=timedelta(minutes=30))
    strike.clock.advance(30 * 60)
    assert strike.do(queue.lapse) == 0
    assert len(strike.claim()) == 1


def test_nothing_is_claimed_or_begun_once_stopped(strike) -> None:
    strike.account("a")
    strike.account("b")
    strike.post("a", "b")
    [claimed] = strike.claim(most=1)
    assert strike.do(queue.stop, reason="the assembly voted")
    assert strike.claim() == []
    with pytest.raises(queue.Stale, match="emergency stop"):
        strike.begin(claimed)
    assert strike.do(queue.start)
    assert strike.begin(claimed).number == 1


def test_a_ticket_needs_the_newest_claim(strike) -> None:
    strike.account("a")
    strike.post("a")
    [old] = strike.claim(owner="one")
    strike.do(queue.recover, mine=(), others=(), settle=1)  # the claim's owner is taken for dead
    [new] = strike.claim(owner="two")
    assert new.fence == old.fence + 1
    with pytest.raises(queue.Stale, match="another claim"):
        strike.begin(old, owner="one")
    with pytest.raises(queue.Stale, match="another claim"):
        strike.begin(new, owner="one")
    assert strike.begin(new, owner="two").number == 1


def test_a_ticket_is_refused_for_a_paused_account_or_past_the_limit(strike) -> None:
    strike.account("a")
    strike.account("b")
    strike.post("a", "b", limit=timedelta(seconds=30))
    one, two = strike.claim()
    _account(strike, one.account, accounts.pause, "paused meanwhile")
    with pytest.raises(queue.Stale, match="paused"):
        strike.begin(one)
    strike.clock.advance(31)
    with pytest.raises(queue.Stale, match="lateness limit"):
        strike.begin(two)


def test_a_ticket_is_refused_once_the_lease_has_ended_unless_it_was_extended(strike) -> None:
    strike.account("a")
    strike.account("b")
    strike.post("a", "b")
    held_up, alive = strike.claim(lease=30)
    strike.clock.advance(29)
    with strike.database.write() as session:
        until = strike.now + timedelta(seconds=30)
        queue.extend(session, [alive.delivery], until=until, owner="one")
        queue.extend(session, [held_up.delivery], until=until, owner="someone else")
    strike.clock.advance(2)
    assert strike.begin(alive).number == 1
    with pytest.raises(queue.Stale, match="lease has ended"):
        strike.begin(held_up)


def test_the_claim_of_another_scheduler_that_lives_is_left_alone(strike) -> None:
    strike.account("a")
    [delivery] = strike.post("a")
    strike.claim(owner="two")
    assert strike.do(queue.recover, mine=(), others=["two"], settle=60) == (0, 0)
    assert strike.state(delivery) == "publishing"
    assert strike.do(queue.recover, mine=(), others=[], settle=60) == (1, 0)


def test_the_database_itself_refuses_two_in_flight_on_one_account(strike) -> None:
    strike.account("a")
    strike.post("a", text="one")
    strike.post("a", text="two")
    with pytest.raises(IntegrityError), strike.database.write() as session:
        session.execute(update(Delivery).values(state="publishing"))


def test_a_claim_without_a_ticket_goes_back_to_the_queue(strike) -> None:
    strike.account("a")
    [delivery] = strike.post("a")
    strike.claim()
    assert strike.do(queue.recover, mine=(), others=(), settle=60) == (1, 0)
    assert strike.state(delivery) == "scheduled"
    assert len(strike.claim()) == 1


def test_a_claim_with_a_ticket_is_a_doubt_that_waits_for_the_settling_time(strike) -> None:
    strike.account("a")
    [delivery] = strike.post("a")
    [job] = strike.claim()
    ticket = strike.begin(job)
    strike.clock.advance(10)

    assert strike.do(queue.recover, mine=(), others=(), settle=60) == (0, 1)
    assert strike.state(delivery) == "uncertain"
    assert strike.row(delivery).next_at == ticket.at + timedelta(seconds=60)
    assert strike.claim() == []
    with strike.database.write() as session:
        assert queue.claim_doubts(session, now=strike.now, every=5, most=9) == []
    strike.clock.advance(50)
    with strike.database.write() as session:
        [doubt] = queue.claim_doubts(session, now=strike.now, every=5, most=9)
        assert queue.claim_doubts(session, now=strike.now, every=5, most=9) == []
    assert doubt.delivery == delivery


def test_what_is_in_flight_here_is_not_recovered(strike) -> None:
    strike.account("a")
    [delivery] = strike.post("a")
    strike.claim()
    assert strike.do(queue.recover, mine={delivery}, others=(), settle=60) == (0, 0)
    assert strike.state(delivery) == "publishing"


def test_the_next_look_is_the_next_due_time_or_the_next_lapse(strike) -> None:
    strike.account("a")
    strike.account("b")
    with strike.database.read() as session:
        assert queue.next_look(session) == queue.Next(None, None)
    strike.post("a", due=timedelta(hours=2), limit=timedelta(minutes=30))
    strike.post("b", due=timedelta(hours=1), limit=timedelta(hours=9))
    with strike.database.read() as session:
        look = queue.next_look(session)
        assert look.work_at == strike.now + timedelta(hours=1)
        assert look.lapse_at == strike.now + timedelta(hours=2.5)
        ids = {a.name: a.id for a in accounts.every(session)}
        assert queue.next_look(session, busy=[ids["b"]]).work_at == strike.now + timedelta(hours=2)
    strike.do(queue.stop, reason=None)
    with strike.database.read() as session:
        assert queue.next_look(session) == queue.Next(
            None, strike.now + timedelta(hours=2.5), stopped=True
        )


def _account(strike, name: str, change, *arguments) -> None:
    with strike.database.write() as session:
        account = accounts.get(session, name)
        assert change(session, account, *arguments, now=strike.now, actor="test")
