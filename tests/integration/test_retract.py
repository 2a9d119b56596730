"""Retraction through the real client libraries: deleted there, told in the log, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import update

from socialstrike import accounts, queue
from socialstrike.clock import SystemClock
from socialstrike.config import Settings
from socialstrike.db.models import Delivery
from socialstrike.db.writer import Writer
from socialstrike.exceptions import IllegalTransition, NotFound
from socialstrike.retraction import Retraction, Retractions

Retract = Callable[..., list[Retraction]]


@pytest.fixture
def out(strike, sandbox, quick: Settings) -> Iterator[Retractions]:
    """Two accounts with two posts each, all published."""
    strike.clock = SystemClock()
    for name, platform in (("a", "x"), ("b", "facebook")):
        made = sandbox.add_account(platform, name)
        strike.account(name, platform, made["credentials"], sandbox.base_url)
    for text in ("On bloque", "On occupe"):
        strike.post("a", "b", text=text)
    writer = Writer(strike.database)
    desk = Retractions(strike.database, writer, strike.vault, quick, strike.clock, owner="zoe")
    for _ in range(2):  # one delivery at a time per account
        for job in strike.claim(owner="zoe"):
            desk.publish(job)
    assert strike.states() == {"published": 4}
    yield desk
    writer.close()


def _of(strike, account: str) -> list[int]:
    with strike.database.read() as session:
        return [row["id"] for row in queue.deliveries(session, queue.Filter(account=account))]


def _told(strike, event: str) -> list[dict]:
    return [entry for entry in strike.log() if entry["event"] == event]


def test_a_retracted_post_is_gone_there_and_its_history_stays(out: Retractions, strike, sandbox):
    ids = _of(strike, "a") + _of(strike, "b")
    results = out.retract(ids)
    assert [(r.delivery, r.done, r.why) for r in results] == [(i, True, None) for i in sorted(
        ids, key=[r.delivery for r in results].index)]  # fmt: skip
    assert sandbox.posts() == []
    assert strike.states() == {"retracted": 4}
    assert all(strike.row(i).remote_id and strike.row(i).published_at for i in ids)
    begun, done = _told(strike, "retraction.started"), _told(strike, "delivery.retracted")
    assert {e["delivery"] for e in begun} == {e["delivery"] for e in done} == set(ids)
    for entry in done:
        [start] = [e for e in begun if e["delivery"] == entry["delivery"]]
        assert (start["seq"] < entry["seq"], start["remote_id"]) == (True, entry["remote_id"])
        assert entry["actor"] == "zoe"


def test_the_log_says_that_it_was_begun_before_the_platform_is_asked(
    out: Retractions, strike, sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    real = Retractions._platform

    def watched(self, job):
        adapter = real(self, job)
        delete = adapter.retract

        def look(remote_id: str) -> None:
            seen.append(len(_told(strike, "retraction.started")))
            delete(remote_id)

        adapter.retract = look
        return adapter

    monkeypatch.setattr(Retractions, "_platform", watched)
    out.retract(_of(strike, "a"))
    assert seen == [1, 2]


@pytest.mark.parametrize("account", ["a", "b"])
@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_a_lost_answer_leaves_it_published_with_a_note_and_asking_again_ends_well(
    out: Retractions, strike, sandbox, account: str, fault: str
) -> None:
    first, second = _of(strike, account)
    sandbox.add_fault(fault, account=account, operation="retract", times=None)
    one, two = out.retract([first, second])
    assert (one.done, two.done) == (False, False)
    assert "ask again with the same command" in (one.why or "")
    row = strike.row(first)
    assert (row.state, (row.error or "").startswith("not retracted: ")) == ("published", True)
    assert [e["outcome"] for e in _told(strike, "retraction.ended")] == ["unknown", "unknown"]

    sandbox.clear_faults()
    assert all(result.done for result in out.retract([first, second]))
    row = strike.row(first)
    assert (row.state, row.error) == ("retracted", None)
    assert len(sandbox.posts()) == 2


def test_credentials_that_are_refused_end_the_account_and_not_the_others(
    out: Retractions, strike, sandbox
) -> None:
    sandbox.add_fault("unauthorized", account="a", operation="retract", times=None)
    results = {r.delivery: r for r in out.retract(_of(strike, "a") + _of(strike, "b"))}
    first, second = (results[i] for i in _of(strike, "a"))
    assert "refused the credentials" in (first.why or "")
    assert "accounts add x a --replace" in (first.why or "")
    assert (second.why or "").startswith("not tried")
    assert all(results[i].done for i in _of(strike, "b"))
    assert len(_told(strike, "retraction.started")) == 3
    with strike.database.read() as session:
        # A right to delete that is missing is no reason to publish nothing more.
        assert accounts.get(session, "a").paused_at is None


@pytest.mark.parametrize(("wait", "done"), [(1, True), (3600, False)])
def test_a_platform_that_asks_to_wait_is_waited_for_or_told(
    out: Retractions, strike, sandbox, wait: int, done: bool
) -> None:
    sandbox.add_fault("rate_limited", account="a", operation="retract", reset_in=wait)
    first, second = out.retract(_of(strike, "a"))
    assert (first.done, second.done) == (done, done)
    if not done:
        assert "give the same command again after" in (first.why or "")
        assert (second.why or "").startswith("not tried")
        assert [e["outcome"] for e in _told(strike, "retraction.ended")] == ["not deleted"]


def test_a_post_that_somebody_deleted_already_counts_as_retracted(
    out: Retractions, strike, sandbox
) -> None:
    for account in ("a", "b"):
        delivery = _of(strike, account)[0]
        job_there = out._platform(next(j for j in _jobs(strike, [delivery])))
        job_there.retract(strike.row(delivery).remote_id)
        [result] = out.retract([delivery])
        assert result.done
    assert strike.states() == {"published": 2, "retracted": 2}


def _jobs(strike, ids):
    with strike.database.read() as session:
        return queue.select_ids(session, ids)


def test_what_waits_cannot_be_retracted_and_the_same_twice_does_nothing(
    out: Retractions, strike, sandbox
) -> None:
    [waiting] = strike.post("a", text="plus tard")
    [published, _] = _of(strike, "b")
    with pytest.raises(IllegalTransition, match=r"posts cancel\. Nothing was changed"):
        out.retract([published, waiting])
    with pytest.raises(NotFound):
        out.retract([999])
    assert _told(strike, "retraction.started") == []
    assert out.retract([published])[0].done
    assert out.retract([published]) == []


def test_a_post_whose_id_there_is_unknown_is_left_to_a_person(
    out: Retractions, strike, sandbox
) -> None:
    [delivery, _] = _of(strike, "a")
    with strike.database.write() as session:
        where = Delivery.id == delivery
        session.execute(
            update(Delivery).where(where).values(remote_id=None, remote_url="https://x/1")
        )
    [result] = out.retract([delivery])
    assert (result.done, "delete it there by hand at https://x/1" in (result.why or "")) == (
        False,
        True,
    )
    assert strike.state(delivery) == "published"
