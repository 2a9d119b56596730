from __future__ import annotations

import csv
import io
import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from socialstrike import audit, queue
from socialstrike.audit import chain, export
from socialstrike.platforms.base import Publication


@pytest.fixture
def log(strike) -> list[str]:
    """A log with a bit of everything, a formula and a line break among it."""
    strike.account("a")
    strike.account("b", "facebook")
    strike.post("a", "b", text="=1+1")
    for job in strike.claim():
        begun = strike.begin(job)
        if job.account == "a":
            strike.clock.advance(0.25)
            there = Publication("1", "https://x.com/i/web/status/1")
            strike.do(queue.accepted, begun.job, 1, there)
        else:
            strike.do(queue.refused, begun.job, 1, '=HYPERLINK("http://evil", "it, said")\nno')
    with strike.database.read() as session:
        return list(audit.entries(session))


def test_the_log_of_the_database_verifies(strike, log) -> None:
    with strike.database.read() as session:
        verdict = audit.verify(session)
    assert verdict.ok
    assert verdict.entries == len(log)
    assert verdict.head == chain.digest(log[-1])


def test_replaying_the_log_gives_the_states_of_the_queue(strike, log) -> None:
    last = {
        entry["delivery"]: entry["event"].removeprefix("delivery.")
        for entry in map(json.loads, log)
        if entry["event"].startswith("delivery.")
    }
    assert last == {delivery: strike.state(delivery) for delivery in last}


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_verifies_and_each_change_to_it_is_located(
    log, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"log.{form}"
    write = export.write_csv if form == "csv" else export.write_jsonl
    with export.written_whole(file) as out:
        assert write(log, out) == len(log)
    assert audit.verify_file(file).ok

    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"delivery.published"', '"delivery.missed"'), encoding="utf-8")
    if form == "csv":
        file.write_text(text.replace("delivery.published", "delivery.missed"), encoding="utf-8")
    verdict = audit.verify_file(file)
    assert not verdict.ok


def test_a_cell_changed_in_the_csv_is_noticed_even_if_the_entry_column_is_not(
    log, tmp_path: Path
) -> None:
    file = tmp_path / "log.csv"
    with export.written_whole(file) as out:
        export.write_csv(log, out)
    rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))
    place = next(n for n, row in enumerate(rows) if "delivery.published" in row)
    rows[place][rows[0].index("account")] = "b"
    with export.written_whole(file) as out:
        csv.writer(out).writerows(rows)
    verdict = audit.verify_file(file)
    assert not verdict.ok
    assert verdict.breaks[0].place == place


def test_no_cell_of_the_csv_is_a_formula(log, tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    with export.written_whole(file) as out:
        export.write_csv(log, out)
    text = io.StringIO(file.read_text(encoding="utf-8"), newline="")
    cells = [cell for row in csv.reader(text) for cell in row]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE audit_entries SET line = replace(line, '\"a\"', '\"c\"') WHERE seq = 3", "3"),
        ("UPDATE audit_entries SET account = 'c' WHERE seq = 3", "3"),
        ("UPDATE audit_entries SET hash = 'x' WHERE seq = 3", "3"),
        ("DELETE FROM audit_entries WHERE seq = 3", "3"),
        ("DELETE FROM audit_entries WHERE seq = 1", "1"),
    ],
)
def test_tampering_with_the_database_is_located(strike, log, statement: str, found: str) -> None:
    raw = sqlite3.connect(strike.database.path, isolation_level=None)
    for trigger in ("audit_entries_no_update", "audit_entries_no_delete"):
        raw.execute(f"DROP TRIGGER {trigger}")
    raw.execute(statement)
    raw.close()
    with strike.database.read() as session:
        verdict = audit.verify(session)
    assert not verdict.ok
    assert str(verdict.breaks[0].place) == found


def test_the_filters_narrow(strike, log) -> None:
    def events(**wanted: object) -> set[str]:
        with strike.database.read() as session:
            return {json.loads(line)["event"] for line in audit.entries(session, **wanted)}

    assert events(kind="attempt") == {"attempt.started"}
    assert events(kind="delivery.published") == {"delivery.published"}
    assert "account.added" not in events(kind="announcement")
    assert events(account="b", kind="delivery.failed") == {"delivery.failed"}
    assert events(since=strike.now + timedelta(seconds=1)) == set()
    assert events(until=strike.now - timedelta(hours=1)) == set()
