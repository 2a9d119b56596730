from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest

from socialstrike import accounts, audit
from socialstrike.audit import chain, people
from socialstrike.db.models import Account, AuditEntry, Person
from socialstrike.db.session import Database
from socialstrike.exceptions import NotFound
from socialstrike.queue import stop, stopped


def tell(strike, *actors: str, event: str = "start", **facts: str) -> None:
    with strike.database.write() as session:
        for actor in actors:
            audit.append(session, strike.now, event, actor, **facts)


def lines(strike) -> list[dict]:
    with strike.database.read() as session:
        return [json.loads(line) for line in audit.entries(session)]


def forget(strike, name: str, by: str = "ann") -> int:
    with strike.database.write() as session:
        return audit.forget_person(session, name, now=strike.now, actor=by)


def test_no_name_of_a_person_or_a_machine_is_in_the_chain(strike) -> None:
    who = {field: f"Jeanne-{field}" for field in people.FIELDS}
    tell(strike, who.pop("actor"), "laptop-19756-2da7d955", **who)
    with strike.database.read() as session:
        stored = "\n".join(audit.entries(session))
    assert "Jeanne" not in stored
    assert "laptop" not in stored


def test_what_one_person_did_belongs_together_and_two_people_stay_apart(strike) -> None:
    tell(strike, "ann", "bob")
    tell(strike, "ann", authorised_by="bob")
    first, second, third = lines(strike)
    assert first["actor"] == third["actor"] != second["actor"] == third["authorised_by"]


def test_a_token_is_the_hash_of_the_salt_and_the_name(strike) -> None:
    tell(strike, "ann")
    with strike.database.read() as session:
        known = people.Names(session).find(lines(strike)[0]["actor"])
    assert known is not None
    assert known.name == "ann"
    assert people.token(known.name, known.salt) == lines(strike)[0]["actor"]


def test_two_homes_have_no_token_in_common(strike, template_database, tmp_path) -> None:
    other = tmp_path / "other.db"
    other.write_bytes(template_database.read_bytes())
    database = Database(other)
    with database.write() as session:
        audit.append(session, strike.now, "start", "ann")
    tell(strike, "ann")
    with database.read() as session:
        [line] = audit.entries(session)
    database.dispose()
    assert chain.parse(line)["actor"] != lines(strike)[0]["actor"]


def test_words_of_ours_name_nobody_and_stay(strike) -> None:
    tell(strike, "unknown", "socialstrike", "rehearsal")
    assert [entry["actor"] for entry in lines(strike)] == ["unknown", "socialstrike", "rehearsal"]


def test_a_name_that_looks_like_a_token_is_hidden_like_any_other(strike) -> None:
    tell(strike, "ann")
    stolen = lines(strike)[0]["actor"]
    tell(strike, "bob", authorised_by=stolen)
    assert lines(strike)[1]["authorised_by"] != stolen


def test_the_owner_is_shown_the_names(strike) -> None:
    tell(strike, "ann", authorised_by="=Jeanne; 'M\u00fcller'")
    [entry] = strike.log()
    assert (entry["actor"], entry["authorised_by"]) == ("ann", "=Jeanne; 'Müller'")


def test_an_erased_name_is_nowhere_and_the_chain_stays_whole(strike) -> None:
    strike.account("a")
    with strike.database.write() as session:
        accounts.get(session, "a").authorised_by = "Jeanne"
    strike.do(stop, reason=None)
    with strike.database.write() as session:
        session.execute(Account.__table__.update().values(authorised_by="Jeanne"))
    tell(strike, "Jeanne")
    token = lines(strike)[-1]["actor"]

    assert forget(strike, "Jeanne") == 0

    shown = people.pseudonym(token)
    with strike.database.read() as session:
        assert audit.verify(session).ok
        assert accounts.get(session, "a").authorised_by == shown
        row = session.get(Person, token.removeprefix("p:"))
        # With the salt a guess could be checked, and names are easily guessed.
        assert row is not None
        assert (row.name, row.salt) == (None, "")
    assert [entry["actor"] for entry in strike.log()[-2:]] == [shown, "ann"]
    assert strike.log()[-1]["person"] == shown


def test_the_stop_forgets_who_pulled_it(strike) -> None:
    with strike.database.write() as session:
        stop(session, reason=None, now=strike.now, actor="Jeanne")
    forget(strike, "Jeanne")
    with strike.database.read() as session:
        halt = stopped(session)
    assert halt is not None
    assert halt.by == people.pseudonym(lines(strike)[0]["actor"])


def test_who_forgets_themselves_does_not_come_back_with_that_entry(strike) -> None:
    tell(strike, "ann")
    forget(strike, "ann", by="ann")
    with strike.database.read() as session:
        assert people.every(session) == []
    assert lines(strike)[0]["actor"] == lines(strike)[1]["actor"]


def test_the_erased_get_another_token_for_what_they_do_later(strike) -> None:
    tell(strike, "ann")
    forget(strike, "ann", by="bob")
    tell(strike, "ann")
    first, _, last = lines(strike)
    assert first["actor"] != last["actor"]
    assert strike.log()[-1]["actor"] == "ann"


def test_an_erasure_in_another_process_is_respected(strike, location) -> None:
    tell(strike, "ann")
    other = Database(location)
    with other.write() as session:
        people.erase(session, "ann")
    other.dispose()
    tell(strike, "ann")
    assert lines(strike)[0]["actor"] != lines(strike)[1]["actor"]


def test_a_token_whose_transaction_failed_is_not_used_again(strike) -> None:
    with pytest.raises(ZeroDivisionError), strike.database.write() as session:
        audit.append(session, strike.now, "start", "ann")
        people.hide(session, [{"actor": "ann"}])
        raise ZeroDivisionError
    tell(strike, "ann")
    assert strike.log()[-1]["actor"] == "ann"


def test_a_machine_takes_the_ids_of_its_schedulers_with_it(strike) -> None:
    tell(strike, "laptop-1-0123abcd", "laptop-two-1-0123abcd", "laptops", host="laptop")
    forget(strike, "laptop")
    with strike.database.read() as session:
        assert [name for name, _ in people.every(session)] == [
            "ann",
            "laptop-two-1-0123abcd",
            "laptops",
        ]


def test_nobody_unknown_is_forgotten(strike) -> None:
    tell(strike, "ann")
    with pytest.raises(NotFound, match="'bob'"):
        forget(strike, "bob")
    assert len(lines(strike)) == 1


def test_old_entries_stay_readable_and_their_names_are_counted(strike) -> None:
    line = chain.canonical(
        {
            "v": 1,
            "seq": 1,
            "prev": chain.GENESIS,
            "at": audit.stamp(strike.now),
            "event": "start",
            "actor": "ann",
        }
    )
    with strike.database.write() as session:
        row = AuditEntry(seq=1, line=line, hash=chain.digest(line), prev=chain.GENESIS)
        row.at, row.event = strike.now, "start"
        session.add(row)
    tell(strike, "ann")
    assert [entry["actor"] for entry in strike.log()] == ["ann", "ann"]
    assert forget(strike, "ann", by="bob") == 1
    assert strike.log()[0]["actor"] == "ann"
    with strike.database.read() as session:
        assert audit.verify(session).ok


def test_pseudonyms_withhold_every_name_and_still_tell_people_apart(strike) -> None:
    tell(strike, "ann", "bob", "ann")
    with strike.database.read() as session:
        shown = [entry["actor"] for entry in audit.told(session, pseudonyms=True)]
        names = people.Names(session, pseudonyms=True)
        assert names.plain("ann") == shown[0]
        assert names.plain("only in a table") == names.plain("only in a table")
        assert str(names.plain("person Jeanne")) != "person Jeanne"
    assert shown[0] == shown[2] != shown[1]
    assert all(name.startswith("person ") for name in shown)


def test_two_who_write_at_once_give_one_name_one_token(strike) -> None:
    start = threading.Barrier(4)

    def write() -> None:
        start.wait(60)
        for _ in range(5):
            tell(strike, "ann")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(lines(strike)) == 20
    assert len({entry["actor"] for entry in lines(strike)}) == 1


def test_the_campaign_filter_takes_its_own_entries_alone(strike) -> None:
    tell(strike, "ann", campaign="grève")
    tell(strike, "ann", campaign="Grève")
    tell(strike, "ann", reason='"campaign":"grève"')
    tell(strike, "ann", campaign="gr%ve")
    with strike.database.read() as session:
        found = [chain.parse(line)["seq"] for line in audit.entries(session, campaign="grève")]
        late = audit.entries(session, campaign="grève", since=strike.now + timedelta(days=1))
        assert list(late) == []
    assert found == [1]
