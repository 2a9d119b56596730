"""When a checkpoint is made, what it signs, and what is refused a signature."""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text, update

from socialstrike import audit, campaigns, queue
from socialstrike.audit import checkpoints
from socialstrike.audit.keeper import Keeper
from socialstrike.audit.note import Key, read
from socialstrike.audit.proof import noted_head, noted_key
from socialstrike.db.models import Campaign, Checkpoint, Delivery, Home, Post
from socialstrike.drafts import CampaignSpec
from socialstrike.exceptions import DatabaseLocked, InvalidInput, VaultError, VerificationFailed
from socialstrike.vault import Vault


def make(strike, vault: Vault | None = None) -> str:
    with strike.database.write() as session:
        return checkpoints.make(session, vault or strike.vault, strike.now)


def sizes(strike) -> list[int]:
    with strike.database.read() as session:
        return list(session.scalars(select(Checkpoint.size).order_by(Checkpoint.size)))


def verdict(strike, **known):
    with strike.database.read() as session:
        return audit.verify(session, **known)


def tell(strike, number: int = 1) -> None:
    """Put so many entries into the log."""
    with strike.database.write() as session:
        for _ in range(number):
            audit.append(session, strike.now, "stop", "test")


def raw(strike, *statements: str) -> None:
    """Write the file as somebody who is stopped by no trigger."""
    with closing(sqlite3.connect(strike.database.path, isolation_level=None)) as file:
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            file.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            file.execute(statement)


def test_the_first_one_makes_the_key_and_covers_the_entry_that_tells_it(strike) -> None:
    strike.account("a")
    note = read(make(strike))

    told = strike.log()[-1]
    assert told["event"] == "log.key"
    assert note.checkpoint.size == told["seq"] == len(strike.log())
    assert note.signed_by(Key.parse(told["key"]))
    with strike.database.read() as session:
        assert checkpoints.verifier_key(session) == told["key"]
        assert checkpoints.notes(session) == [make(strike)]
    found = verdict(strike)
    assert found.ok
    assert (found.signed, found.key) == (told["seq"], told["key"])
    assert note.checkpoint.root.hex() == found.root
    assert note.checkpoint.head == found.head


def test_the_private_half_is_stored_sealed_and_opens_with_the_homes_key_alone(strike) -> None:
    make(strike)
    with strike.database.read() as session:
        home = session.scalars(select(Home)).one()
    assert home.signing_key is not None
    opened = strike.vault.open_home(home.database_id, "signing key", home.signing_key)
    assert len(opened) == 32
    assert opened not in home.signing_key
    tell(strike)
    with pytest.raises(VaultError):
        make(strike, Vault(b"x" * 32))
    assert sizes(strike) == [1]


def test_nothing_new_makes_no_new_one(strike) -> None:
    first = make(strike)
    assert make(strike) == first
    assert len(sizes(strike)) == 1
    tell(strike)
    assert make(strike) != first
    assert sizes(strike) == [1, 2]


def test_what_the_same_transaction_told_is_covered(strike) -> None:
    make(strike)
    with strike.database.write() as session:
        audit.append(session, strike.now, "stop", "test")
        assert read(checkpoints.make(session, strike.vault, strike.now)).checkpoint.size == 2
        audit.append(session, strike.now, "start", "test")
    assert strike.events()[-2:] == ["stop", "start"]
    assert verdict(strike).signed == 2


def test_a_transaction_that_fails_leaves_neither_key_nor_entry(strike) -> None:
    with pytest.raises(RuntimeError), strike.database.write() as session:
        checkpoints.make(session, strike.vault, strike.now)
        raise RuntimeError
    assert (strike.log(), sizes(strike)) == ([], [])
    with strike.database.read() as session:
        assert checkpoints.verifier_key(session) is None


def test_many_checkpoints_verify_and_each_grows_from_the_one_before(strike) -> None:
    for number in (1, 2, 3, 7, 64, 1, 130):
        tell(strike, number)
        make(strike)
    found = verdict(strike)
    assert found.ok
    assert found.signed == found.entries == sizes(strike)[-1]


def test_the_database_refuses_to_rewrite_a_checkpoint(strike) -> None:
    make(strike)
    for statement in ("UPDATE checkpoints SET note = ''", "DELETE FROM checkpoints"):
        with (
            pytest.raises(Exception, match=r"append-only|RaiseException"),
            strike.database.write() as session,
        ):
            session.execute(text(statement))


def test_two_at_once_make_one_key_and_one_chain(strike) -> None:
    tell(strike, 3)
    faults: list[BaseException] = []
    gate = threading.Barrier(4)

    def work() -> None:
        gate.wait(60)
        try:
            make(strike)
        except BaseException as fault:  # noqa: BLE001  (judged in the test's own thread)
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert strike.events().count("log.key") == 1
    assert sizes(strike) == [4]
    assert verdict(strike).ok


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM checkpoints", "its checkpoints are gone"),
        ("UPDATE checkpoints SET note = 'x'", "cannot be read"),
        ("UPDATE checkpoints SET peaks = '[1]'", "cannot be read"),
        ("UPDATE checkpoints SET peaks = json_array(root, root)", "is not what this home signed"),
        ("UPDATE checkpoints SET size = 2", "cannot be read"),
        ("UPDATE audit_entries SET hash = 'x' WHERE seq = 5", "is not the one that was signed"),
        ("DELETE FROM audit_entries WHERE seq > 4", "is not the one that was signed"),
    ],
)
def test_an_altered_log_is_not_signed_anew(strike, statement: str, why: str) -> None:
    tell(strike, 4)
    make(strike)
    before = sizes(strike)
    raw(strike, statement)
    tell(strike)
    with pytest.raises(VerificationFailed, match=why):
        make(strike)
    assert len(sizes(strike)) <= len(before)
    assert not verdict(strike).ok


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_lost_key_is_followed_by_a_new_one_and_the_log_tells_both(strike) -> None:
    tell(strike, 2)
    make(strike)
    with strike.database.write() as session:
        session.execute(update(Home).values(signing_key=None))
    tell(strike)
    make(strike, Vault(b"n" * 32))
    keys = [entry["key"] for entry in strike.log() if entry["event"] == "log.key"]
    assert len(set(keys)) == 2
    found = verdict(strike)
    assert found.ok
    assert found.key == keys[1]
    assert not verdict(strike, key=noted_key(keys[0])).ok
    assert not verdict(strike, key=noted_key(keys[1])).ok


def test_a_noted_head_and_a_noted_key_are_met_again_in_a_log_that_went_on(strike, tmp_path) -> None:
    tell(strike, 5)
    note = make(strike)
    said = read(note).checkpoint
    line = f"{said.size} {said.root.hex()}"
    with strike.database.read() as session:
        key = checkpoints.verifier_key(session)
    assert key
    tell(strike, 3)
    written = tmp_path / "head.txt"
    written.write_text(note, encoding="utf-8")
    spaced = f" {said.size}:\n" + " ".join(
        said.root.hex().upper()[n : n + 8] for n in range(0, 64, 8)
    )
    for noted in (line, spaced, note, str(written)):
        assert verdict(strike, head=noted_head(noted), key=noted_key(key)).ok, noted

    wrong = f"{said.size} {'0' * 64}"
    [found] = verdict(strike, head=noted_head(wrong)).breaks
    assert (found.kind, found.place) == ("your head", 6)
    [found] = verdict(strike, head=noted_head(f"1000 {said.root.hex()}")).breaks
    assert str(found) == (
        "your head 1000: the log ends at entry 9: the entries up to 1000 are missing"
    )
    stranger = Key.parse(key)
    other = Key(stranger.name, bytes(31) + b"\x01")
    assert not verdict(strike, key=other).ok


@pytest.mark.parametrize(
    "noted", ["", "66", "66 abc", "x " + "0" * 64, "/nowhere", "\0", "a" * 999]
)
def test_what_is_no_head_and_no_key_is_refused_in_a_sentence(noted: str) -> None:
    with pytest.raises(InvalidInput, match="is neither"):
        noted_head(noted)
    with pytest.raises(InvalidInput, match="is neither"):
        noted_key(noted)


def keeper(strike, vault: Vault | None = None) -> Keeper:
    """A scheduler's, whose run has begun."""
    found = Keeper(strike.database, vault or strike.vault, strike.clock, campaigns.ended)
    found.look()
    return found


def test_a_running_scheduler_signs_at_its_start_and_at_its_end(strike) -> None:
    tell(strike)
    ours = keeper(strike)
    assert sizes(strike) == [2]
    tell(strike)
    ours.look()
    assert sizes(strike) == [2]
    ours.close()
    assert sizes(strike) == [2, 3]
    tell(strike)
    ours.look()
    assert sizes(strike) == [2, 3]


def test_a_running_scheduler_signs_after_many_entries(strike) -> None:
    ours = keeper(strike)
    tell(strike, checkpoints.EVERY - 1)
    ours.look()
    assert sizes(strike) == [1]
    tell(strike)
    ours.look()
    assert sizes(strike) == [1, checkpoints.EVERY + 1]


def test_a_running_scheduler_signs_every_hour_if_there_is_anything_new(strike) -> None:
    ours = keeper(strike)
    strike.clock.advance(7200)
    ours.look()
    assert sizes(strike) == [1]
    tell(strike)
    ours.look()
    assert sizes(strike) == [1, 2]
    strike.clock.advance(3599)
    tell(strike)
    ours.look()
    assert sizes(strike) == [1, 2]
    strike.clock.advance(1)
    ours.look()
    assert sizes(strike) == [1, 2, 3]


def test_a_running_scheduler_signs_when_a_campaign_is_over_and_settled(strike) -> None:
    spec = CampaignSpec(name="grève", day=date(2020, 1, 23), timezone="Europe/Paris")
    strike.account("a")
    [delivery] = strike.post("a", due=timedelta(minutes=1))
    with strike.database.write() as session:
        campaign = campaigns.store(session, spec, now=strike.now, actor="test")
        session.execute(update(Post).values(campaign_id=campaign.id))
    ours = keeper(strike)
    before = sizes(strike)
    strike.clock.advance(60)
    tell(strike)
    ours.look()
    assert sizes(strike) == before  # over, but not settled

    with strike.database.write() as session:
        queue.cancel(session, [delivery], now=strike.now, actor="test")
    strike.clock.advance(5)
    ours.look()
    after = sizes(strike)
    assert len(after) == len(before) + 1
    tell(strike)
    ours.look()
    assert sizes(strike) == after  # it ended once


def test_a_campaign_ends_when_its_window_does_if_all_is_settled_before(strike) -> None:
    zone = "Europe/Paris"
    strike.account("a")
    [delivery] = strike.post("a")
    with strike.database.write() as session:
        spec = CampaignSpec(name="grève", day=date(2020, 1, 24), timezone=zone, window_hours=24)
        campaign = campaigns.store(session, spec, now=strike.now, actor="test")
        session.execute(update(Post).values(campaign_id=campaign.id))
        queue.cancel(session, [delivery], now=strike.now, actor="test")
    over = strike.now.replace(hour=23)  # midnight in Paris
    with strike.database.read() as session:
        moment = timedelta(microseconds=1)
        assert not campaigns.ended(session, strike.now, over - moment)
        assert campaigns.ended(session, strike.now, over)
        assert not campaigns.ended(session, over, over + timedelta(days=1))
        assert session.scalars(select(Delivery.state)).one() == "cancelled"
        assert session.scalars(select(Campaign.name)).one() == "grève"


def test_what_cannot_be_signed_is_logged_once_and_raises_nothing(
    strike, caplog: pytest.LogCaptureFixture
) -> None:
    make(strike)
    tell(strike)
    with caplog.at_level(logging.ERROR):
        ours = keeper(strike, Vault(b"x" * 32))
        ours.look()
        ours.close()
    assert sizes(strike) == [1]
    assert len([r for r in caplog.records if "no checkpoint" in r.getMessage()]) == 1


def test_a_database_that_is_busy_for_a_while_costs_one_look(strike, caplog) -> None:
    calls = iter([DatabaseLocked(), None])

    def ended(*_: object) -> bool:
        if (fault := next(calls)) is not None:
            raise fault
        return True

    ours = Keeper(strike.database, strike.vault, strike.clock, ended)
    ours.look()
    tell(strike)
    ours.look()
    assert sizes(strike) == [1]
    assert "busy" in caplog.text
    ours.look()
    assert sizes(strike) == [1, 2]
