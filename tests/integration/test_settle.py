from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from socialstrike import queue
from socialstrike.db.models import Attempt
from socialstrike.exceptions import IllegalTransition, NotFound
from socialstrike.platforms.base import Publication

THERE = Publication(remote_id="1220", url="https://x.com/i/web/status/1220")


@pytest.fixture
def begun(strike) -> queue.Begun:
    strike.account("a")
    strike.post("a")
    [job] = strike.claim()
    return strike.begin(job)


@pytest.fixture
def doubtful(strike, begun) -> queue.Job:
    look_at = strike.now + timedelta(seconds=30)
    assert strike.do(queue.doubted, begun.job, begun.number, "no answer", look_at=look_at)
    return _doubt(strike)


def test_an_accepted_post_is_published_with_its_id_and_lateness(strike, begun) -> None:
    strike.clock.advance(1.5)
    assert strike.do(queue.accepted, begun.job, begun.number, THERE)
    row = strike.row(begun.job.delivery)
    assert (row.state, row.remote_id, row.remote_url) == ("published", "1220", THERE.url)
    assert row.published_at == strike.now
    entry = strike.log()[-1]
    assert entry["event"] == "delivery.published"
    assert entry["lateness_ms"] == 1500
    assert entry["remote_id"] == "1220"
    assert entry["content"] == row.content_hash


def test_a_claim_that_was_lost_settles_nothing_and_leaves_its_answer_as_evidence(
    strike, begun
) -> None:
    strike.do(queue.recover, mine=(), others=(), settle=0)  # it was taken for dead: a doubt now
    assert not strike.do(queue.accepted, begun.job, begun.number, THERE)
    assert strike.state(begun.job.delivery) == "uncertain"
    assert strike.events()[-1] == "attempt.late"
    assert strike.log()[-1]["remote_id"] == "1220"


def test_a_retry_waits_and_may_throttle_the_whole_account(strike, begun) -> None:
    strike.post("a", text="another")
    later = strike.now + timedelta(seconds=40)
    assert strike.do(
        queue.retried,
        begun.job,
        begun.number,
        "too many",
        next_at=later,
        throttled_until=later,
    )
    assert strike.state(begun.job.delivery) == "scheduled"
    assert strike.claim() == []
    strike.clock.advance(40)
    assert [job.delivery for job in strike.claim()] != []


def test_a_refused_post_has_failed_and_only_a_person_sends_it_again(strike, begun) -> None:
    assert strike.do(queue.refused, begun.job, begun.number, "too long")
    delivery = begun.job.delivery
    assert strike.row(delivery).error == "too long"
    assert strike.claim() == []
    assert strike.do(queue.requeue, [delivery]) == 1
    [job] = strike.claim()
    assert job.delivery == delivery


def test_a_requeued_delivery_gets_its_lateness_limit_again(strike, begun) -> None:
    strike.do(queue.refused, begun.job, begun.number, "refused")
    strike.clock.advance(10 * 3600)
    strike.do(queue.requeue, [begun.job.delivery])
    row = strike.row(begun.job.delivery)
    assert row.late_after == strike.now + timedelta(hours=1)
    assert row.due_at == begun.job.due_at
    assert strike.do(queue.lapse) == 0


def test_a_doubt_that_is_found_was_published_when_the_platform_says(strike, doubtful) -> None:
    at = doubtful.due_at + timedelta(seconds=2)
    assert strike.do(queue.found, doubtful, Publication("7", None, at))
    row = strike.row(doubtful.delivery)
    assert (row.state, row.published_at) == ("published", at)


def test_one_absence_is_not_enough_to_send_again(strike, doubtful) -> None:
    assert strike.do(queue.absent, doubtful, next_at=strike.now)
    assert strike.state(doubtful.delivery) == "uncertain"
    assert strike.do(queue.absent, _doubt(strike), next_at=strike.now)
    assert strike.state(doubtful.delivery) == "scheduled"


def test_what_a_late_answer_says_was_posted_is_never_sent_again(strike, begun) -> None:
    strike.do(queue.recover, mine=(), others=(), settle=0)
    assert not strike.do(queue.accepted, begun.job, begun.number, THERE)
    _prove_absent(strike)
    assert strike.state(begun.job.delivery) == "parked"
    assert "posted as 1220" in strike.row(begun.job.delivery).error


def test_after_two_doubts_a_person_must_decide(strike, doubtful) -> None:
    _prove_absent(strike)
    [job] = strike.claim()
    begun = strike.begin(job)
    strike.do(queue.doubted, begun.job, begun.number, "lost again", look_at=strike.now)
    _prove_absent(strike)
    assert strike.state(doubtful.delivery) == "parked"
    assert strike.claim() == []


def test_a_lookup_that_failed_is_no_absence_and_ends_with_a_person(strike, doubtful) -> None:
    for _ in range(2):
        _look_in_vain(strike, most=3)
        assert strike.state(doubtful.delivery) == "uncertain"
    _look_in_vain(strike, most=3)
    assert strike.state(doubtful.delivery) == "parked"
    assert "page 1 could not be read" in strike.row(doubtful.delivery).error


def test_an_absence_between_failures_does_not_count_twice(strike, doubtful) -> None:
    strike.do(queue.absent, doubtful, next_at=strike.now)
    _look_in_vain(strike, most=9)
    assert _doubt(strike).absences == 1


@pytest.mark.parametrize(
    ("verdict", "state"), [("published", "published"), ("absent", "scheduled")]
)
def test_a_person_resolves_a_doubt(strike, doubtful, verdict: str, state: str) -> None:
    strike.do(queue.resolve, doubtful.delivery, verdict, url="https://example.org/1")
    assert strike.state(doubtful.delivery) == state
    assert strike.log()[-1]["resolved_by"] == "one"


def test_an_absent_post_past_its_limit_is_missed_not_sent(strike, doubtful) -> None:
    strike.clock.advance(2 * 3600)
    strike.do(queue.resolve, doubtful.delivery, "absent")
    assert strike.do(queue.lapse) == 1
    assert strike.state(doubtful.delivery) == "missed"


def test_cancelling_is_all_or_nothing(strike, begun) -> None:
    [waiting] = strike.post("a", text="another")
    with pytest.raises(IllegalTransition, match=r"publishing.*Nothing was changed"):
        strike.do(queue.cancel, [waiting, begun.job.delivery])
    assert strike.state(waiting) == "scheduled"
    with pytest.raises(NotFound, match="999"):
        strike.do(queue.cancel, [waiting, 999])
    assert strike.do(queue.cancel, [waiting]) == 1
    assert strike.state(waiting) == "cancelled"


def test_every_attempt_is_kept_with_its_outcome(strike, begun) -> None:
    strike.do(queue.retried, begun.job, begun.number, "busy", next_at=strike.now)
    [job] = strike.claim()
    again = strike.begin(job)
    strike.do(queue.accepted, again.job, again.number, THERE)
    with strike.database.read() as session:
        attempts = session.scalars(select(Attempt).order_by(Attempt.number)).all()
    assert [(a.number, a.outcome) for a in attempts] == [(1, "not posted"), (2, "accepted")]


def _doubt(strike) -> queue.Job:
    strike.clock.advance(30)
    with strike.database.write() as session:
        [job] = queue.claim_doubts(session, now=strike.now, every=0, most=1)
    return job


def _prove_absent(strike) -> None:
    for _ in range(2):
        strike.do(queue.absent, _doubt(strike), next_at=strike.now)


def _look_in_vain(strike, most: int) -> None:
    job = _doubt(strike)
    strike.do(queue.looked_in_vain, job, "page 1 could not be read", most=most, next_at=strike.now)
