"""Exporting and verifying the audit log.

The limits are SQLite's own shell, and a bare loop of hashes over bytes that lie ready. The peers
are what one writes first: the ORM, and json.dumps for the canonical form.

    python -m benchmarks.audit_log [--entries 1000000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import csv
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from benchmarks.harness import Cost, compare, contender, part, product, run, sqlite_shell, told


def fill(home: Path, entries: int) -> None:
    """A log of scheduled deliveries, as an import leaves it, with a checkpoint at its end."""
    import secrets
    from datetime import timedelta

    from socialstrike import audit
    from socialstrike.app import App, settings
    from socialstrike.audit import checkpoints

    with App(settings(home=home)) as house:
        now = house.clock.now()
        for start in range(1, entries + 1, 20_000):
            with house.database.write() as session:
                for number in range(start, min(start + 20_000, entries + 1)):
                    audit.append(
                        session,
                        now,
                        "delivery.scheduled",
                        "bench",
                        delivery=number,
                        post=number,
                        kind="occupation",
                        campaign="occupation",
                        account=f"x-{number % 2000}",
                        platform="x",
                        content=secrets.token_hex(32),
                        due_at=now + timedelta(seconds=number),
                        late_after=now + timedelta(seconds=number + 3600),
                    )
        checkpoints.sign_now(house.database, house.vault, now)


def hashes(database: Path) -> Callable[[], None]:
    """The limit of a verification: each line's hash, chained, and nothing else."""
    with closing(sqlite3.connect(database)) as file:
        lines = [line.encode() for (line,) in file.execute("SELECT line FROM audit_entries")]

    def work() -> None:
        chained = b""
        for line in lines:
            chained = sha256(chained + line).digest()

    return work


def three_hashes(database: Path) -> Callable[[], None]:
    """The same with the Merkle tree that the checkpoints sign: a leaf and a node for each line."""
    with closing(sqlite3.connect(database)) as file:
        lines = [line.encode() for (line,) in file.execute("SELECT line FROM audit_entries")]
    return lambda: _hash_thrice(lines)


def read_and_hash(database: Path) -> Callable[[], None]:
    """The same with reading the rows, whose columns a verification compares with their lines."""

    def work() -> None:
        with closing(sqlite3.connect(database)) as file:
            rows = file.execute(
                "SELECT seq, prev, at, event, account, kind, delivery, hash, line"
                " FROM audit_entries ORDER BY seq"
            )
            _hash_thrice(row[-1].encode() for row in rows)

    return work


def _hash_thrice(lines: Iterable[bytes]) -> None:
    chained = node = b""
    for line in lines:
        chained = sha256(chained + line).digest()
        leaf = sha256(b"\0" + line).digest()
        node = sha256(b"\1" + node + leaf).digest()


def verify_by_orm(database: Path) -> Callable[[], None]:
    """The peer: rows as objects, json.loads and json.dumps."""
    from sqlalchemy import create_engine, select
    from sqlalchemy.orm import Session

    from socialstrike.db.models import AuditEntry

    def work() -> None:
        prev = "0" * 64
        with Session(create_engine(f"sqlite:///{database}")) as session:
            for row in session.scalars(select(AuditEntry).execution_options(yield_per=1000)):
                entry = json.loads(row.line)
                form = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
                assert form == row.line
                assert entry["prev"] == prev
                prev = sha256(row.line.encode()).hexdigest()
                assert prev == row.hash

    return work


def export_by_orm(database: Path) -> Callable[[], None]:
    """The peer: rows as objects, csv.writer."""
    from sqlalchemy import create_engine, select
    from sqlalchemy.orm import Session

    from socialstrike.db.models import AuditEntry

    def work() -> None:
        names = [column.name for column in AuditEntry.__table__.columns]
        with (
            Session(create_engine(f"sqlite:///{database}")) as session,
            tempfile.TemporaryFile("w", encoding="utf-8", newline="") as out,
        ):
            writer = csv.writer(out)
            for row in session.scalars(select(AuditEntry).execution_options(yield_per=1000)):
                writer.writerow([getattr(row, name) for name in names])

    return work


def csv_module(database: Path) -> Callable[[], None]:
    """The limit where there is no sqlite3 shell: Python's own csv.writer."""

    def work() -> None:
        with (
            closing(sqlite3.connect(database)) as file,
            tempfile.TemporaryFile("w", encoding="utf-8", newline="") as out,
        ):
            csv.writer(out).writerows(file.execute("SELECT * FROM audit_entries"))

    return work


def json_object(database: Path) -> Callable[[], None]:
    """The limit where there is no sqlite3 shell: SQLite's json_object."""

    def work() -> None:
        with (
            closing(sqlite3.connect(database)) as file,
            tempfile.TemporaryFile("w", encoding="utf-8") as out,
        ):
            names = [name for _, name, *_ in file.execute("PRAGMA table_info(audit_entries)")]
            pairs = ", ".join(f"'{name}', {name}" for name in names)
            rows = file.execute(f"SELECT json_object({pairs}) FROM audit_entries")
            out.writelines(f"{line}\n" for (line,) in rows)

    return work


CONTENDERS = {
    work.__name__: work
    for work in (
        hashes,
        three_hashes,
        read_and_hash,
        verify_by_orm,
        export_by_orm,
        csv_module,
        json_object,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contender", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    match options.contender:
        case ["fill", home, entries]:
            fill(Path(home), int(entries))
            return
        case [name, database]:
            told(CONTENDERS[name](Path(database)))
            return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        run(contender("audit_log", "fill", home, options.entries))
        _compare(home, Path(folder, "out"), options.entries, options.rounds)


def _compare(home: Path, out: Path, entries: int, rounds: int) -> None:
    database = home / "socialstrike.db"
    shell = sqlite_shell()
    rows = "SELECT * FROM audit_entries"

    def ours(*words: str) -> Callable[[], Cost]:
        return lambda: run(product("--home", home, "audit", *words))

    def theirs(form: str, statement: str) -> Callable[[], Cost]:
        assert shell
        return lambda: run([shell, form, database, statement], into=out)

    def facts() -> Cost:
        # The columns of our CSV, which stands in ``out`` since our turn, but for its last two.
        with out.open(encoding="utf-8") as file:
            columns = file.readline().strip().split(",")[:-2]
        found = ", ".join(f"json_extract(line, '$.{column}')" for column in columns)
        return theirs("-csv", f"SELECT {found}, line FROM audit_entries")()

    compare(
        f"audit export of {entries:,} entries as JSON Lines",
        {
            "socialstrike": ours("export", "-o", str(out)),
            "SQLite's json": theirs("-json", rows)
            if shell
            else lambda: part("audit_log", "json_object", database),
        },
        limit="SQLite's json",
        rounds=rounds,
    )
    compare(
        f"audit export of {entries:,} entries as CSV",
        {
            "socialstrike, 24 columns": ours("export", "--format", "csv", "-o", str(out)),
            **({"SQLite's csv, 23 columns": facts} if shell else {}),
            "the ORM, 9 columns": lambda: part("audit_log", "export_by_orm", database),
            "SQLite's csv, 9 columns": theirs("-csv", rows)
            if shell
            else lambda: part("audit_log", "csv_module", database),
        },
        limit="SQLite's csv, 9 columns",
        rounds=rounds,
    )
    compare(
        f"audit verify of {entries:,} entries",
        {
            "socialstrike": ours("verify"),
            "the ORM and json.dumps": lambda: part("audit_log", "verify_by_orm", database),
            "hashes of both, of rows read": lambda: part("audit_log", "read_and_hash", database),
            "hashes of chain and tree": lambda: part("audit_log", "three_hashes", database),
            "hashes of the chain": lambda: part("audit_log", "hashes", database),
        },
        limit="hashes of the chain",
        rounds=rounds,
    )


if __name__ == "__main__":
    main()
