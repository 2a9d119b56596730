"""Importing a CSV of posts: checked, counted, committed to, queued, told to the audit log.

The limit is SQLite's own ``.import``, which checks nothing and writes one row for each. The peer is
the ORM's add_all, which checks nothing either. A third line stores the product's own rows, ready
made, into its own tables: what SQLite needs for three rows and nine entries in indexes.

    python -m benchmarks.import_csv [--posts 100000] [--rounds 3]
"""

import argparse
import csv
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.harness import Cost, compare, contender, part, product, run, sqlite_shell, told

ACCOUNTS = 500
COLUMNS = ("at", "kind", "to", "text")


def write_file(path: Path, posts: int) -> None:
    """One announcement a minute, in 500 accounts' turns."""
    first = datetime.now(UTC) + timedelta(days=30)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for number in range(posts):
            at = (first + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%MZ")
            text = f"Post {number} : on bloque tout, la grève commence. https://onestla.tech/"
            writer.writerow((at, "announcement", f"x-{number % ACCOUNTS}", text))


def fill(home: Path) -> None:
    """A home with the accounts."""
    from socialstrike import accounts
    from socialstrike.app import App, settings

    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    with App(settings(home=home)) as house:
        vault, now = house.vault, house.clock.now()
        with house.database.write() as session:
            for number in range(ACCOUNTS):
                accounts.add(
                    session,
                    vault,
                    name=f"x-{number}",
                    platform="x",
                    credentials={name: f"{name}-{number}" for name in names},
                    base_url=None,
                    now=now,
                    actor="bench",
                )


def add_all(file: Path) -> Callable[[], None]:
    """The peer: each row an object."""
    from sqlalchemy import create_engine
    from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

    class Base(DeclarativeBase):
        pass

    class Plain(Base):
        __tablename__ = "plain"

        id: Mapped[int] = mapped_column(primary_key=True)
        at: Mapped[str]
        kind: Mapped[str]
        to: Mapped[str]
        text: Mapped[str]

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            engine = create_engine(f"sqlite:///{folder}/plain.db")
            Base.metadata.create_all(engine)
            with file.open(encoding="utf-8", newline="") as rows, Session(engine) as session:
                session.add_all(Plain(**row) for row in csv.DictReader(rows))
                session.commit()

    return work


def executemany(file: Path) -> Callable[[], None]:
    """The limit where there is no sqlite3 shell."""

    def work() -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            closing(sqlite3.connect(f"{folder}/plain.db")) as database,
            database,
            file.open(encoding="utf-8", newline="") as rows,
        ):
            database.execute("CREATE TABLE plain (at, kind, addressee, text)")
            database.executemany("INSERT INTO plain VALUES (?, ?, ?, ?)", csv.reader(rows))

    return work


def ready_rows(home: Path) -> Callable[[], None]:
    """The rows of a home that the product has filled, into tables like them."""
    tables = {"posts": "id", "deliveries": "id", "audit_entries": "seq"}
    with closing(sqlite3.connect(home / "socialstrike.db")) as filled:
        scheme = [sql for (sql,) in filled.execute("SELECT sql FROM sqlite_master WHERE sql != ''")]
        rows = {
            table: filled.execute(f"SELECT * FROM {table} ORDER BY {key}").fetchall()
            for table, key in tables.items()
        }

    def work() -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            closing(sqlite3.connect(f"{folder}/plain.db", isolation_level=None)) as database,
        ):
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                database.execute(f"PRAGMA {pragma}")
            for statement in scheme:
                database.execute(statement)
            database.execute("BEGIN IMMEDIATE")
            for start in range(0, len(rows["posts"]), 500):
                for table, found in rows.items():
                    places = ", ".join("?" * len(found[0]))
                    statement = f"INSERT INTO {table} VALUES ({places})"
                    database.executemany(statement, found[start : start + 500])
            database.execute("COMMIT")

    return work


CONTENDERS = {"add_all": add_all, "executemany": executemany, "ready_rows": ready_rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contender", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    match options.contender:
        case ["fill", home]:
            fill(Path(home))
            return
        case [name, file]:
            told(CONTENDERS[name](Path(file)))
            return
    with tempfile.TemporaryDirectory() as folder:
        template, home, file = (Path(folder, name) for name in ("template", "home", "posts.csv"))
        write_file(file, options.posts)
        run(contender("import_csv", "fill", template))
        shell = sqlite_shell()

        def ours() -> Cost:
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(template, home)
            return run(product("--home", home, "posts", "import", file))

        def imported() -> Cost:
            assert shell
            database = Path(folder, "plain.db")
            database.unlink(missing_ok=True)
            return run([shell, database], typed=f".import --csv {file} plain\n")

        compare(
            f"import of {options.posts:,} posts from CSV",
            {
                "socialstrike": ours,
                "its rows, ready, into its tables": lambda: part("import_csv", "ready_rows", home),
                "the ORM's add_all, unchecked": lambda: part("import_csv", "add_all", file),
                "SQLite's import, unchecked": imported
                if shell
                else lambda: part("import_csv", "executemany", file),
            },
            limit="SQLite's import, unchecked",
            rounds=options.rounds,
        )


if __name__ == "__main__":
    main()
