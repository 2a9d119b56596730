from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from socialstrike import approvals, campaigns, queue, signatures
from socialstrike.drafts import CampaignSpec, Draft, DraftDelivery
from socialstrike.exceptions import InvalidInput, VerificationFailed
from socialstrike.queue import Change

WEEK = timedelta(days=7)


@pytest.fixture
def committee(strike: Any) -> Any:
    """An account, and ann and ben who may approve by name; the queueing is done by 'test'."""
    strike.account("a")
    for name in ("ann", "ben"):
        strike.do(approvals.add, name, None)
    return strike


def queued(strike: Any, text: str = "On bloque", due: int = 0, *, quorum: int = 2) -> int:
    spec = CampaignSpec("grève", date(2020, 1, 24), "Europe/Paris")
    at = strike.now + timedelta(seconds=due)
    one = DraftDelivery(
        account="a",
        platform="x",
        occurrence=0,
        text=text,
        due_at=at,
        local_time=at.replace(tzinfo=None).isoformat(),
        timezone="UTC",
        late_after=at + timedelta(hours=1),
    )
    draft = Draft("announcement", (text,), None, (), "test", None, (one,), (at.isoformat(),))
    with strike.database.write() as session:
        campaign = campaigns.store(session, spec, now=strike.now, actor="test")
        made = queue.enqueue(session, [draft], campaign, now=strike.now, actor="test")
        approvals.set_quorum(session, "grève", quorum, now=strike.now, actor="test")
    [delivery] = made.ids
    return delivery


def change(strike: Any, delivery: int, *, text: str | None = None, later: int = 0) -> None:
    with strike.database.write() as session:
        [job] = queue.select_ids(session, [delivery])
        by = timedelta(seconds=later)
        wanted = Change(
            job, text or job.text, job.due_at + by, job.late_after + by, "2020-01-24T12:00:00"
        )
        queue.change(session, [wanted], now=strike.now, actor="test")


def say_yes(strike: Any, delivery: int, *names: str) -> None:
    for name in names:
        strike.do(approvals.approve, [delivery], name, None)


def asked(strike: Any, *ids: int) -> dict[str, Any]:
    with strike.database.read() as session:
        return approvals.request(session, ids, None, lasts=WEEK, now=strike.now)


def with_key(strike: Any, name: str = "zoé") -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    strike.do(approvals.add, name, signatures.public_of(key))
    return key


def test_nothing_is_claimed_before_as_many_people_as_the_quorum_approved(committee: Any) -> None:
    delivery = queued(committee)
    assert committee.claim() == []
    say_yes(committee, delivery, "ann", "ann")
    assert committee.claim() == []
    say_yes(committee, delivery, "ben")
    assert [job.delivery for job in committee.claim()] == [delivery]


def test_what_waits_for_approval_neither_blocks_its_account_nor_keeps_the_scheduler_awake(
    committee: Any,
) -> None:
    waits = queued(committee)
    with committee.database.read() as session:
        assert queue.next_look(session).work_at is None
    free = committee.post("a", text="sans campagne")
    assert [job.delivery for job in committee.claim()] == free
    assert committee.state(waits) == "scheduled"


@pytest.mark.parametrize("new", [{"text": "Autre chose"}, {"text": "On bloque", "later": 1}])
def test_an_edit_voids_every_approval_and_an_edit_back_revives_none(
    committee: Any, new: dict[str, Any]
) -> None:
    delivery = queued(committee)
    say_yes(committee, delivery, "ann", "ben")
    change(committee, delivery, **new)
    change(committee, delivery, text="On bloque")
    committee.clock.advance(2)
    assert committee.claim() == []
    assert committee.events().count("approval.voided") == 2


def test_another_time_voids_the_approvals(committee: Any) -> None:
    delivery = queued(committee)
    say_yes(committee, delivery, "ann", "ben")
    change(committee, delivery, later=60)
    committee.clock.advance(61)
    assert committee.claim() == []


def test_who_queued_or_changed_it_cannot_approve_it(committee: Any) -> None:
    committee.do(approvals.add, "Test", None)
    delivery = queued(committee)
    with pytest.raises(InvalidInput, match="same person"):
        say_yes(committee, delivery, "Test")
    with (
        pytest.raises(InvalidInput, match="same person"),
        committee.database.write() as session,
    ):
        # Another name, typed by the login that queued it.
        approvals.approve(session, [delivery], "ann", None, now=committee.now, actor="test")


def test_one_that_lapses_unapproved_is_missed_and_says_why(committee: Any) -> None:
    delivery = queued(committee)
    say_yes(committee, delivery, "ann")
    committee.clock.advance(7200)
    committee.do(queue.lapse)
    row = committee.row(delivery)
    assert (row.state, row.error) == (
        "missed",
        "it was not approved in time: approved by 1 of 2 people",
    )


def test_an_approver_removed_after_the_claim_stops_the_call(committee: Any) -> None:
    delivery = queued(committee)
    say_yes(committee, delivery, "ann", "ben")
    [job] = committee.claim()
    assert committee.do(approvals.remove, "ben") == 1
    with pytest.raises(queue.Stale, match="quorum"):
        committee.begin(job)


def test_a_signed_approval_counts_once_and_who_has_a_key_has_to_sign(committee: Any) -> None:
    key, delivery = with_key(committee), queued(committee, quorum=1)
    with pytest.raises(InvalidInput, match="--key"):
        say_yes(committee, delivery, "zoé")
    signed = signatures.sign(asked(committee, delivery), key, committee.now)
    assert committee.do(approvals.record, signed).given == (delivery,)
    assert committee.do(approvals.record, signed).known == (delivery,)
    [entry] = [e for e in committee.log() if e["event"] == "approval.given"]
    assert (entry["approved_by"], entry["content"]) == (
        "zoé",
        committee.row(delivery).content_hash,
    )
    assert [job.delivery for job in committee.claim()] == [delivery]


def test_forged_and_unknown_signatures_fail_the_verification(committee: Any) -> None:
    key, delivery = with_key(committee), queued(committee)
    request = asked(committee, delivery)
    altered = signatures.sign(request, key, committee.now)
    altered["statement"]["deliveries"][0][1] = "0" * 64
    stranger = signatures.sign(request, Ed25519PrivateKey.generate(), committee.now)
    for document in (altered, stranger):
        with pytest.raises(VerificationFailed):
            committee.do(approvals.record, document)
    assert "approval.given" not in committee.events()


def test_stale_expired_foreign_and_voided_ones_are_refused_by_name(committee: Any) -> None:
    key, delivery = with_key(committee), queued(committee, due=30)
    request = asked(committee, delivery)
    signed = signatures.sign(request, key, committee.now)
    foreign = signatures.sign(request | {"database": "another"}, key, committee.now)
    with pytest.raises(InvalidInput, match="another home"):
        committee.do(approvals.record, foreign)
    campaign = signatures.sign(request | {"campaign": "autre"}, key, committee.now)
    with pytest.raises(InvalidInput, match="campaign autre"):
        committee.do(approvals.record, campaign)
    committee.do(approvals.record, signed)
    committee.do(approvals.remove, "zoé")
    committee.do(approvals.add, "zoé", signatures.public_of(key))
    with pytest.raises(InvalidInput, match="voided"):
        committee.do(approvals.record, signed)
    change(committee, delivery, text="Autre chose")
    with pytest.raises(InvalidInput, match="was changed since"):
        committee.do(approvals.record, signed)
    committee.clock.advance(WEEK.total_seconds())
    with pytest.raises(InvalidInput, match="expired"):
        committee.do(approvals.record, signed)


def test_a_vote_approves_what_waits_now_and_nothing_that_comes_later(committee: Any) -> None:
    facts = {"day": date(2020, 1, 12), "body": "AG du 12 janvier", "covers": True}
    first = queued(committee)
    with pytest.raises(InvalidInput, match="approves nothing"):
        committee.do(approvals.vote, "grève", tally=(2, 48, 0), **facts)
    assert committee.do(approvals.vote, "grève", tally=(48, 2, 5), **facts) == 1
    queued(committee, "plus tard")
    assert [job.delivery for job in committee.claim()] == [first]
    [entry] = [e for e in committee.log() if e["event"] == "campaign.voted"]
    assert (entry["for"], entry["against"], entry["abstain"]) == (48, 2, 5)


def test_a_request_that_shows_other_words_than_it_signs_is_refused(
    committee: Any, tmp_path: Path
) -> None:
    import json

    file = tmp_path / "request.json"
    request = asked(committee, queued(committee))
    file.write_text(json.dumps(request))
    assert signatures.read_request(file) == request
    request["deliveries"][0]["text"] = "Rien du tout"
    file.write_text(json.dumps(request))
    with pytest.raises(InvalidInput, match="sign nothing"):
        signatures.read_request(file)


@pytest.mark.parametrize("seed", range(6))
def test_no_sequence_of_changes_claims_what_was_not_approved(committee: Any, seed: int) -> None:
    chance = random.Random(seed)
    yes: dict[int, set[str]] = {}
    for step in range(60):
        open_ = [d for d in yes if committee.state(d) == "scheduled"]
        one = chance.choice(open_) if open_ else None
        match chance.choice(["queue", "edit", "move", "approve", "approve", "void", "claim"]):
            case "queue":
                yes[queued(committee, f"texte {step}")] = set()
            case "edit" if one:
                change(committee, one, text=f"autre {step}")
                yes[one] = set()
            case "move" if one:
                change(committee, one, later=1)
                yes[one] = set()
                committee.clock.advance(1)
            case "approve" if one:
                name = chance.choice(["ann", "ben"])
                say_yes(committee, one, name)
                yes[one].add(name)
            case "void":
                name = chance.choice(["ann", "ben"])
                committee.do(approvals.remove, name)
                committee.do(approvals.add, name, None)
                for people in yes.values():
                    people.discard(name)
            case "claim":
                for job in committee.claim():
                    assert yes.pop(job.delivery) == {"ann", "ben"}
                    committee.do(queue.refused, job, None, "no")
