"""Threads in the queue: one part after the other, and none after one that did not go out."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from socialstrike import approvals, campaigns, queue, revision, signatures
from socialstrike.db.models import AuditEntry, Campaign, Delivery
from socialstrike.drafts import CampaignSpec, Draft, DraftDelivery
from socialstrike.exceptions import IllegalTransition, InvalidInput
from socialstrike.platforms.base import Publication, ReplyTo
from socialstrike.post_file import thread
from socialstrike.queue import Job

BEFORE = "the part before it did not go out"
HOUR = timedelta(hours=1)


def queued(strike: Any, *texts: str, quorum: int = 0) -> list[int]:
    """Queue a thread on account ``a``; the ids of its parts."""
    at = strike.now
    said = tuple(thread.Part(text, "text", None) for text in texts)
    deliveries = tuple(
        DraftDelivery("a", "x", 0, text, at, at.isoformat()[:19], "UTC", at + HOUR, number, 3)
        for number, text in enumerate(texts, 1)
    )
    first = Draft("announcement", (thread.whole(said),), None, (), "test", None, ())
    drafts = list(thread.drafts(first, [(said, deliveries)]))
    with strike.database.write() as session:
        campaign = None
        if quorum:
            spec = CampaignSpec("grève", date(2030, 1, 24), "UTC")
            campaign = campaigns.store(session, spec, now=at, actor="test")
            session.execute(update(Campaign).values(quorum=quorum))
        ids = queue.enqueue(session, drafts, campaign, now=at, actor="test").ids
        assert queue.enqueue(session, drafts, campaign, now=at, actor="test").ids == ()
        return list(ids)


def publish(strike: Any, job: Job, remote_id: str) -> None:
    """Let the platform take it."""
    begun = strike.begin(job)
    there = Publication(remote_id, None)
    assert strike.do(_accept, begun.job, begun.number, there)


def _accept(session: Any, *told: Any, **named: Any) -> bool:
    return queue.accepted(session, *told, **named)


def refuse(strike: Any, job: Job) -> None:
    """Let the platform refuse it for good."""
    begun = strike.begin(job)
    assert strike.do(queue.refused, begun.job, begun.number, "no")


def above(strike: Any, job: Job) -> ReplyTo | None:
    with strike.database.read() as session:
        return queue.above(session, job)


def states(strike: Any, ids: list[int]) -> list[str]:
    return [strike.state(one) for one in ids]


@pytest.fixture
def parts(strike: Any) -> list[int]:
    strike.account("a")
    return queued(strike, "un", "deux", "trois")


def test_a_part_waits_for_the_one_before_and_goes_out_under_it(
    strike: Any, parts: list[int]
) -> None:
    seen = []
    for number, part in enumerate(parts, 1):
        [job] = strike.claim()
        assert job.delivery == part
        seen.append(above(strike, job))
        assert strike.claim() == []
        publish(strike, job, f"id-{number}")
    assert seen == [None, ReplyTo("id-1", "id-1"), ReplyTo("id-2", "id-1")]
    with strike.database.read() as session:
        shown = [str(queue.places(session)[part]) for part in parts]
    assert shown == ["1/3", "2/3", "3/3"]


def test_a_part_that_waits_holds_back_no_other_post_and_no_scheduler(
    strike: Any, parts: list[int]
) -> None:
    other = strike.post("a", text="à part", due=timedelta(minutes=1))
    [job] = strike.claim()
    begun = strike.begin(job)
    look_at = strike.now + timedelta(minutes=10)
    assert strike.do(queue.doubted, begun.job, begun.number, "lost", look_at=look_at)
    with strike.database.read() as session:
        assert queue.next_look(session).work_at == strike.row(other[0]).due_at
    with strike.database.write() as session:
        later = strike.now + timedelta(minutes=2)
        claimed = queue.claim(session, now=later, owner="one", lease=60, most=5)
    assert [one.delivery for one in claimed] == other


def test_what_comes_after_a_refused_part_is_missed_and_says_why(
    strike: Any, parts: list[int]
) -> None:
    [job] = strike.claim()
    publish(strike, job, "id-1")
    [job] = strike.claim()
    refuse(strike, job)
    assert states(strike, parts) == ["published", "failed", "missed"]
    assert strike.row(parts[2]).error == BEFORE
    last = strike.log()[-1]
    assert (last["event"], last["delivery"], last["error"]) == (
        "delivery.missed",
        parts[2],
        BEFORE,
    )
    assert strike.claim() == []


def test_sending_a_refused_part_again_brings_back_the_rest(strike: Any, parts: list[int]) -> None:
    [job] = strike.claim()
    refuse(strike, job)
    assert states(strike, parts) == ["failed", "missed", "missed"]
    with pytest.raises(IllegalTransition, match=f"under delivery {parts[0]}, which is failed"):
        strike.do(queue.requeue, [parts[1]])
    assert strike.do(queue.requeue, [parts[0]]) == 3
    for number in range(3):
        [job] = strike.claim()
        publish(strike, job, f"id-{number}")
    assert states(strike, parts) == ["published"] * 3


def test_cancelling_a_part_ends_the_thread_there_and_counts_the_rest(
    strike: Any, parts: list[int]
) -> None:
    assert strike.do(queue.cancel, [parts[1]]) == 2
    assert states(strike, parts) == ["scheduled", "cancelled", "cancelled"]
    assert [strike.row(part).error for part in parts] == [None, None, BEFORE]
    assert strike.do(queue.requeue, [parts[1]]) == 2
    assert strike.do(queue.cancel, parts) == 3
    assert [strike.row(part).error for part in parts] == [None, None, None]


def test_each_part_that_is_too_late_is_missed_for_itself(strike: Any, parts: list[int]) -> None:
    with strike.database.write() as session:
        late = strike.now + timedelta(hours=2)
        assert queue.lapse(session, now=late, actor="one") == 3
    assert states(strike, parts) == ["missed"] * 3
    assert [strike.row(part).error for part in parts] == [None, BEFORE, BEFORE]
    assert strike.do(queue.requeue, [parts[0]]) == 3


def test_a_part_under_one_that_was_deleted_does_not_go_out(strike: Any, parts: list[int]) -> None:
    [job] = strike.claim()
    publish(strike, job, "id-1")
    with strike.database.read() as session:
        [out] = queue.retractable(session, [parts[0]])
    strike.do(queue.begin_retraction, out)
    assert strike.do(queue.retracted, out, "id-1")
    assert states(strike, parts) == ["retracted", "cancelled", "cancelled"]
    assert "deleted" in str(strike.row(parts[1]).error)


def test_a_part_that_a_person_saw_has_no_id_to_go_under(strike: Any, parts: list[int]) -> None:
    with strike.database.write() as session:
        session.execute(
            update(Delivery).where(Delivery.id == parts[0]).values(state="parked", attempts=1)
        )
    strike.do(queue.resolve, parts[0], "published")
    assert states(strike, parts) == ["published", "missed", "missed"]
    assert "its id on the platform is not known" in str(strike.row(parts[1]).error)


def test_a_thread_goes_out_only_when_all_its_parts_are_approved(strike: Any) -> None:
    strike.account("a")
    parts = queued(strike, "un", "deux", "trois", quorum=1)
    with strike.database.write() as session:
        approvals.add(session, "zoé", None, now=strike.now, actor="test")
        approvals.approve(session, parts[:2], "zoé", None, now=strike.now, actor="léo")
    assert strike.claim() == []
    with strike.database.read() as session:
        assert queue.next_look(session).work_at is None
    with strike.database.write() as session:
        approvals.approve(session, parts[2:], "zoé", None, now=strike.now, actor="léo")
    [job] = strike.claim()
    assert job.delivery == parts[0]
    with strike.database.write() as session:
        wanted = revision.reworded(session, [parts[1]], lambda _: "autre")
        queue.change(session, wanted, now=strike.now, actor="léo")
    with pytest.raises(queue.Stale, match="a part after it"):
        strike.begin(job)
    with strike.database.write() as session:
        late = strike.now + timedelta(hours=2)
        queue.recover(session, now=late, actor="one", mine=(), others=(), settle=1)
        queue.lapse(session, now=late, actor="one")
    said = [str(strike.row(part).error) for part in parts]
    assert "another part of its thread" in said[0]
    assert "approved by 0 of 1" in said[1]


def test_an_approval_is_bound_to_the_place_in_the_thread(strike: Any, parts: list[int]) -> None:
    with strike.database.read() as session:
        asked = approvals.request(session, parts, None, lasts=HOUR, now=strike.now)
    assert [one.get("after") for one in asked["deliveries"]] == [None, *parts[:2]]
    assert [
        signatures._hash(one["salt"], signatures._content(one)) == one["hash"]
        for one in asked["deliveries"]
    ] == [True] * 3
    with strike.database.write() as session:
        session.execute(update(Delivery).where(Delivery.id == parts[2]).values(after_id=parts[0]))
        assert queue.altered(session) == [parts[2]]


def test_rescheduling_a_part_moves_what_waits_of_the_thread(strike: Any, parts: list[int]) -> None:
    with strike.database.write() as session:
        wanted = revision.moved_by(session, [parts[1]], HOUR, strike.now)
        queue.change(session, wanted, now=strike.now, actor="léo")
    assert len({strike.row(part).due_at for part in parts}) == 1
    assert strike.claim() == []
    with strike.database.read() as session, pytest.raises(InvalidInput, match="hold a line ---"):
        revision.reworded(session, [parts[0]], lambda _: "un\n---\ndeux")


def test_a_thread_is_not_handed_off(strike: Any) -> None:
    strike.account("b", "mastodon", {"instance": "https://exemple.org", "access_token": "t"})
    strike.account("a")
    parts = queued(strike, "un", "deux")
    with strike.database.read() as session:
        told = [str(queue.hindrance(job, strike.now)) for job in queue.select_ids(session, parts)]
    assert all("part of a thread" in one for one in told)


def test_the_log_and_the_tables_agree_about_a_thread_that_broke(
    strike: Any, parts: list[int]
) -> None:
    [job] = strike.claim()
    refuse(strike, job)
    with strike.database.read() as session:
        assert list(queue.disagreements(session)) == []
        missed = select(AuditEntry.delivery).where(AuditEntry.event == "delivery.missed")
        assert sorted(session.scalars(missed)) == parts[1:]


def test_parts_in_doubt_are_looked_up_from_the_first_on(strike: Any, parts: list[int]) -> None:
    with strike.database.write() as session:
        doubt = {"state": "uncertain", "attempts": 1, "started_at": strike.now}
        session.execute(update(Delivery).where(Delivery.id.in_(parts[:2])).values(doubt))
        [job] = queue.claim_doubts(session, now=strike.now, every=60, most=9)
        assert job.delivery == parts[0]
        assert queue.claim_doubts(session, now=strike.now, every=60, most=9) == []
        assert queue.next_look(session).work_at == strike.now + timedelta(seconds=60)
        there = Publication("id-1", None)
        assert queue.found(session, job, there, now=strike.now, actor="one")
        [job] = queue.claim_doubts(session, now=strike.now, every=60, most=9)
    assert job.delivery == parts[1]
    assert above(strike, job) == ReplyTo("id-1", "id-1")
