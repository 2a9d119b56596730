"""Whatever is altered, wherever it is altered, by whoever has not the signing key."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from socialstrike import audit, campaigns, queue, report
from socialstrike.audit import chain, checkpoints, export, people
from socialstrike.audit.note import read
from socialstrike.audit.proof import noted_head
from socialstrike.drafts import CampaignSpec
from socialstrike.platforms.base import Publication

Lines = list[str]


def make(strike) -> str:
    with strike.database.write() as session:
        return checkpoints.make(session, strike.vault, strike.now)


@pytest.fixture
def signed(strike) -> Any:
    """A home whose log has a bit of everything, and a checkpoint in its middle and at its end."""
    spec = CampaignSpec(
        name="grève", day=strike.now.date(), timezone="Europe/Paris", hashtag="#grève"
    )
    strike.do(lambda session, now, actor: campaigns.store(session, spec, now=now, actor=actor))
    strike.account("a")
    make(strike)
    strike.account("b", "facebook")
    strike.post("a", "b", text="« Demain »", link="https://onestla.tech/")
    for job in strike.claim():
        begun = strike.begin(job)
        if job.account == "a":
            strike.clock.advance(0.25)
            there = Publication("1", "https://x.com/i/web/status/1")
            strike.do(queue.accepted, begun.job, 1, there)
        else:
            strike.do(queue.refused, begun.job, 1, "(#100) no")
    strike.do(queue.stop, reason="a rumour")
    strike.do(queue.start)
    make(strike)
    return strike


def _log(strike) -> Lines:
    with strike.database.read() as session:
        return list(audit.entries(session))


def _jsonl(strike, path: Path, *, texts: bool = True) -> bytes:
    with (
        strike.database.read() as session,
        path.open("w", encoding="utf-8", newline="") as out,
    ):
        report.write_jsonl(session, out, texts=texts)
    return path.read_bytes()


def altered(value: chain.Fact) -> chain.Fact:
    """Another value of the same kind."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return f"{'b' if value.startswith('a') else 'a'}{value[1:]}"
        case None:
            return 0


def every_field(lines: Lines) -> Iterator[tuple[int, str, str]]:
    """Each field of each entry, altered: its place, its name, the new line."""
    for place, line in enumerate(lines, start=1):
        entry = chain.parse(line)
        for name, value in entry.items():
            yield place, name, chain.canonical({**entry, name: altered(value)})
            less = {key: fact for key, fact in entry.items() if key != name}
            yield place, f"without {name}", chain.canonical(less)
        yield place, "one more", chain.canonical({**entry, "zone": "x"})


def rechained(lines: Lines, since: int) -> Lines:
    """The lines, with numbers and hashes put right from the entry ``since`` on."""
    new = lines[: since - 1]
    for line in lines[since - 1 :]:
        prev = chain.digest(new[-1]) if new else chain.GENESIS
        new.append(chain.canonical({**chain.parse(line), "seq": len(new) + 1, "prev": prev}))
    return new


def structural(lines: Lines) -> Iterator[tuple[str, int, Lines]]:
    """Entries taken out, doubled, swapped, put in, cut off: how, where, the new lines."""
    for n in range(len(lines)):
        yield "taken out", n + 1, lines[:n] + lines[n + 1 :]
        yield "doubled", n + 1, [*lines[: n + 1], lines[n], *lines[n + 1 :]]
        forged = chain.canonical({**chain.parse(lines[n]), "event": "forged"})
        yield "put in", n + 1, [*lines[:n], forged, *lines[n:]]
        yield "cut off", n + 1, lines[:n]
        if n:
            yield "swapped", n, [*lines[: n - 1], lines[n], lines[n - 1], *lines[n + 1 :]]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_each_field_of_each_entry_of_a_file_is_guarded_and_the_change_located(
    signed, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    whole = _jsonl(signed, file).decode().splitlines()
    lines = _log(signed)
    assert audit.verify_file(file).ok
    assert whole[: len(lines)] == lines
    tried = 0
    for place, name, line in every_field(lines):
        file.write_text("\n".join([*whole[: place - 1], line, *whole[place:]]) + "\n", "utf-8")
        found = audit.verify_file(file)
        assert not found.ok, (place, name)
        # The entry itself, the one that follows it, or the checkpoint whose last one it is.
        assert _located(found, place, len(lines)), (place, name, found.breaks)
        tried += 1
    assert tried > 300


def _located(found: chain.Verdict, place: int, entries: int) -> bool:
    return any(
        one.place in {place, place + 1}
        if one.kind == "entry"
        else place == entries or f"to {place} was changed" in one.message
        for one in found.breaks
    )


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_file_chained_anew_by_who_has_not_the_key_is_told_by_its_checkpoints(
    signed, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    whole = _jsonl(signed, file).decode().splitlines()
    lines, first = _log(signed), 3
    attached = whole[len(lines) :]
    for place, name, line in every_field(lines):
        if name in {"seq", "prev", "without seq", "without prev"}:
            continue  # what chaining anew puts right again
        new = rechained([*lines[: place - 1], line, *lines[place:]], place)
        if new == lines:
            continue
        file.write_text("\n".join([*new, *attached]) + "\n", "utf-8")
        found = audit.verify_file(file)
        assert not found.ok, (place, name)
        if name not in {"v", "without v", "key", "without key", "event", "without event"}:
            between = "entries 1 to 3 " if place <= first else f"entries 4 to {len(lines)} "
            assert any(between in one.message for one in found.breaks), (place, name, found)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("anew", [False, True], ids=["as they are", "chained anew"])
def test_entries_taken_out_doubled_swapped_put_in_or_cut_off_are_found_in_a_file(
    signed, tmp_path: Path, anew: bool
) -> None:
    file = tmp_path / "log.jsonl"
    whole = _jsonl(signed, file).decode().splitlines()
    lines = _log(signed)
    attached = whole[len(lines) :]
    for how, place, changed in structural(lines):
        new = rechained(changed, min(place, len(changed) + 1)) if anew else changed
        if new[: len(lines)] == lines:
            continue  # only something at the end, where nothing is signed yet
        file.write_text("\n".join([*new, *attached]) + "\n", "utf-8")
        found = audit.verify_file(file)
        assert not found.ok, (how, place)
        if not anew and how != "cut off":
            assert _located(found, place, len(lines)), (how, place, found)


def _unnoticed(file: Path, whole: bytes, bits: range) -> list[bytes]:
    """Where a flipped bit went unnoticed, with what stands there."""
    found = []
    for bit in bits:
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        if audit.verify_file(file).ok:
            found.append(whole[bit // 8 - 20 : bit // 8 + 20])
    return found


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_every_bit_flipped_in_a_small_file_is_found(strike, tmp_path: Path) -> None:
    strike.account("a")
    make(strike)
    file = tmp_path / "log.jsonl"
    whole = _jsonl(strike, file)
    assert audit.verify_file(file).ok
    assert _unnoticed(file, whole, range(len(whole) * 8)) == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_bits_flipped_in_attachments_are_found(signed, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    whole = _jsonl(signed, file)
    begin = whole.index(b'{"attached"') * 8
    assert _unnoticed(file, whole, range(begin, len(whole) * 8, 7)) == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_each_attachment_is_judged_and_located(signed, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    whole = _jsonl(signed, file).decode().splitlines()
    entries = len(_log(signed))
    kinds = [json.loads(line).get("attached") for line in whole]
    assert {"checkpoint", "key", "person", "content"} <= set(kinds)

    def broken(lines: Lines) -> list[tuple[str, int]]:
        file.write_text("\n".join(lines) + "\n", "utf-8")
        return [(one.kind, one.place) for one in audit.verify_file(file).breaks]

    def attach(**facts: object) -> Lines:
        return [*whole, chain.canonical(facts)]

    after = len(whole) + 1
    for place, kind in enumerate(kinds, start=1):
        if kind is None:
            continue
        said = json.loads(whole[place - 1])
        doubled = [*whole[:place], whole[place - 1], *whole[place:]]
        assert broken(doubled) == [("line", place + 1)], kind
        for name in said.keys() - {"attached"}:
            value = said[name]
            other = {**value, "text": "another"} if isinstance(value, dict) else str(altered(value))
            line = chain.canonical({**said, name: other})
            assert ("line", place) in broken([*whole[: place - 1], line, *whole[place:]]), name
        spaced = json.dumps(said)
        if spaced.startswith('{"attached"'):
            assert broken([*whole[: place - 1], spaced, *whole[place:]]) == [("line", place)]
    assert broken(attach(attached="weather", sky="blue")) == [("line", after)]
    assert broken(attach(attached="person", name="x")) == [("line", after)]
    assert broken(attach(attached=["person"])) == [("line", after)]
    assert broken([*whole, whole[0]]) == [("line", after)]
    stranger = people.token("Nobody", "salt")
    assert broken(attach(attached="person", name="Nobody", salt="salt", token=stranger)) == [
        ("line", after)
    ]
    said = {"text": "never said"}
    content = chain.commitment("salt", said)
    assert broken(attach(attached="content", content=content, salt="salt", said=said)) == [
        ("line", after)
    ]
    first = kinds.index("checkpoint")
    swapped = [*whole[:first], whole[first + 1], whole[first], *whole[first + 2 :]]
    assert broken(swapped) == [("line", first + 2)]
    bare = [line for line in whole if not line.startswith('{"attached"')]
    assert broken(bare) == [("entry", 3)]  # the entry that names the key of the checkpoints
    assert len(bare) == entries


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_each_entry_and_each_cell_of_a_csv_is_guarded(signed, tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    with signed.database.read() as session, export.written_whole(file) as out:
        report.write_csv(session, out)
    whole = file.read_bytes()
    said = audit.verify_file(file)
    lines = _log(signed)
    assert (said.ok, said.entries) == (True, len(lines))
    head = noted_head(f"{len(lines)} {said.root}")
    unnoticed = []
    for place in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[place] ^= 1
        file.write_bytes(changed)
        if audit.verify_file(file, head=head).ok:
            unnoticed.append(whole[place - 20 : place + 20])
    assert unnoticed == []


def _drop_triggers(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        triggers = file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            file.execute(f"DROP TRIGGER {name}")


def _columns(line: str) -> dict[str, Any]:
    """What the table's columns say of a line, as an attacker would put them right too."""
    entry = chain.parse(line)
    at = str(entry.get("at", "")).replace("T", " ").removesuffix("Z")
    told = {name: entry.get(name) for name in ("account", "kind", "delivery")}
    columns = {"seq": entry.get("seq"), "prev": entry.get("prev"), "event": entry.get("event")}
    return {**columns, "line": line, "hash": chain.digest(line), "at": at, **told}


@pytest.fixture
def rewrite(signed) -> Callable[[Lines, bool], chain.Verdict]:
    """Puts other lines into the database, columns included, and verifies it."""
    path = signed.database.path
    _drop_triggers(path)

    def do(lines: Lines, anew: bool) -> chain.Verdict:
        rows = [_columns(line) for line in (rechained(lines, 1) if anew else lines)]
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("DELETE FROM audit_entries")
            file.executemany(
                "INSERT INTO audit_entries (seq, line, hash, prev, at, event, account, kind,"
                " delivery) VALUES (:seq, :line, :hash, :prev, :at, :event, :account, :kind,"
                " :delivery)",
                rows,
            )
        with signed.database.read() as session:
            return audit.verify(session)

    return do


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("anew", [False, True], ids=["as they are", "chained anew"])
def test_each_field_of_each_entry_of_the_database_is_guarded(signed, rewrite, anew: bool) -> None:
    lines = _log(signed)
    assert rewrite(lines, anew).ok
    needed = {"seq", "prev", "event", "at"}  # the table refuses a row without these
    for place, name, line in every_field(lines):
        if name.removeprefix("without ") in needed and (anew or name != "event"):
            continue
        found = rewrite([*lines[: place - 1], line, *lines[place:]], anew)
        assert not found.ok, (place, name)
        if not anew:
            assert _located(found, place, len(lines)), (place, name, found.breaks)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_entries_taken_out_or_put_in_and_chained_anew_are_found_in_the_database(
    signed, rewrite
) -> None:
    lines = _log(signed)
    for how, place, changed in structural(lines):
        if rechained(changed, 1)[: len(lines)] == lines:
            continue  # only something at the end, where nothing is signed yet
        assert not rewrite(changed, anew=True).ok, (how, place)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "UPDATE audit_entries SET line = replace(line, '\"a\"', '\"c\"') WHERE seq = 2",
            "entry 2",
        ),
        ("UPDATE audit_entries SET account = 'c' WHERE seq = 2", "entry 2"),
        ("UPDATE audit_entries SET event = 'stop' WHERE seq = 2", "entry 2"),
        ("UPDATE audit_entries SET delivery = 9 WHERE seq = 2", "entry 2"),
        ("UPDATE audit_entries SET kind = 'x' WHERE seq = 2", "entry 2"),
        ("UPDATE audit_entries SET hash = 'x' WHERE seq = 2", "entry 2"),
        ("UPDATE audit_entries SET prev = 'x' WHERE seq = 2", "entry 2"),
        ("UPDATE audit_entries SET at = '2020-01-24 11:00:00.000001' WHERE seq = 2", "entry 2"),
        ("UPDATE audit_entries SET seq = 1000 WHERE seq = 2", "entry 2"),
        ("DELETE FROM audit_entries WHERE seq = 2", "entry 2"),
        ("DELETE FROM audit_entries WHERE seq = 1", "entry 1"),
        ("DELETE FROM audit_entries WHERE seq > 3", "checkpoint"),
        ("DELETE FROM audit_entries", "checkpoint 3"),
        ("DELETE FROM checkpoints", "entry 3"),
        ("UPDATE checkpoints SET root = peaks WHERE size = 3", "checkpoint 3"),
        ("UPDATE checkpoints SET peaks = '[]' WHERE size = 3", "checkpoint 3"),
        ("UPDATE checkpoints SET peaks = '3' WHERE size = 3", "checkpoint 3"),
        ("UPDATE checkpoints SET size = 2 WHERE size = 3", "checkpoint 2"),
        ("UPDATE checkpoints SET note = note || 'x' WHERE size = 3", "checkpoint 3"),
        ("UPDATE checkpoints SET note = replace(note, 'socialstrike', 'x')", "checkpoint 3"),
        ("UPDATE home SET signing_public = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='", ""),
        ("UPDATE home SET signing_public = 'x'", ""),
        ("UPDATE home SET database_id = 'x'", ""),
    ],
)
def test_tampering_with_a_column_or_a_checkpoint_is_located(
    signed, statement: str, found: str
) -> None:
    _drop_triggers(signed.database.path)
    with closing(sqlite3.connect(signed.database.path, isolation_level=None)) as file:
        assert file.execute(statement).rowcount
    with signed.database.read() as session:
        breaks = audit.verify(session).breaks
    assert breaks
    assert str(breaks[0]).startswith(found)


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "UPDATE audit_entries SET line = replace(line, '\"a\"', '\"c\"') WHERE seq = 2",
            "entry 2",
        ),
        ("UPDATE audit_entries SET account = 'c' WHERE seq = 2", "entry 2"),
        ("DELETE FROM audit_entries WHERE seq = 2", "entry 2"),
        ("DELETE FROM audit_entries WHERE seq > 3", "checkpoint"),
        ("DELETE FROM checkpoints", "entry 3"),
        ("UPDATE checkpoints SET peaks = '[]' WHERE size = 3", "checkpoint 3"),
        ("UPDATE checkpoints SET note = note || 'x' WHERE size = 3", "checkpoint 3"),
    ],
)
def test_tampering_on_a_server_is_located(signed, statement: str, found: str) -> None:
    with signed.database.write() as session:
        for table in ("audit_entries", "checkpoints"):
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        session.execute(text(statement))
    with signed.database.read() as session:
        breaks = audit.verify(session).breaks
    assert breaks
    assert str(breaks[0]).startswith(found)


def test_what_stands_after_the_newest_checkpoint_is_said_to_be_unsigned(signed) -> None:
    entries = len(_log(signed))
    signed.do(queue.stop, reason="later")
    with signed.database.read() as session:
        found = audit.verify(session)
    assert (found.ok, found.signed, found.entries) == (True, entries, entries + 1)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_was_cut_off_with_its_checkpoints_is_told_by_a_head_that_was_noted(signed) -> None:
    said = read(make(signed)).checkpoint
    _drop_triggers(signed.database.path)
    with closing(sqlite3.connect(signed.database.path, isolation_level=None)) as file:
        file.execute("DELETE FROM audit_entries WHERE seq > 3")
        file.execute("DELETE FROM checkpoints WHERE size > 3")
    with signed.database.read() as session:
        # The honest limit: what is left is a whole log.
        assert audit.verify(session).ok
        head = noted_head(f"{said.size} {said.root.hex()}")
        [found] = audit.verify(session, head=head).breaks
    assert (found.kind, found.place) == ("your head", said.size)
