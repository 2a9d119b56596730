"""Durable outcomes per second: 64 threads that each write one and wait for it to be on the disk.

The limit is the same with raw sqlite3: one thread that carries everybody's rows into one commit.
A row of the product is an attempt closed, a delivery moved and an entry chained; the naive way is a
connection and a transaction per thread.

    python -m benchmarks.outcomes [--outcomes 4000] [--workers 64] [--rounds 3]
"""

from __future__ import annotations

import argparse
import queue as queues
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from benchmarks import harness
from benchmarks.filled import fill
from socialstrike import audit, queue
from socialstrike.app import App, settings
from socialstrike.db.writer import Writer
from socialstrike.platforms.base import Publication
from socialstrike.queue import Accepted

T = TypeVar("T")

_SYNC = "PRAGMA synchronous=FULL"


def raw(count: int, workers: int) -> float:
    """The limit: seconds for ``count`` rows by one writer with group commit."""
    with tempfile.TemporaryDirectory() as folder:
        jobs: queues.SimpleQueue[tuple[int, Future[None]] | None] = queues.SimpleQueue()

        def carry() -> None:
            connection = sqlite3.connect(f"{folder}/raw.db", isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(_SYNC)
            connection.execute("CREATE TABLE outcomes (id INTEGER PRIMARY KEY, told TEXT)")
            while (job := jobs.get()) is not None:
                batch = [job]
                while not jobs.empty() and (another := jobs.get()) is not None:
                    batch.append(another)
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(
                    "INSERT INTO outcomes VALUES (?, 'accepted')", [(key,) for key, _ in batch]
                )
                connection.execute("COMMIT")
                for _, future in batch:
                    future.set_result(None)

        def one(key: int) -> None:
            future: Future[None] = Future()
            jobs.put((key, future))
            future.result()

        writer = threading.Thread(target=carry)
        writer.start()
        seconds = _through(one, range(count), workers)
        jobs.put(None)
        writer.join()
        return seconds


def rows(count: int, workers: int) -> float:
    """The product's writer with as little as the limit writes: an audit entry each."""
    with tempfile.TemporaryDirectory() as folder, App(settings(home=Path(folder))) as house:
        writer, now = Writer(house.database), house.clock.now()

        def write(session: Session, keys: Sequence[int]) -> list[None]:
            return [audit.append(session, now, "bench.row", "one", number=key) for key in keys]

        try:
            return _through(lambda key: writer.run_together(write, key), range(count), workers)
        finally:
            writer.close()


def outcomes(count: int, workers: int, *, awaited: bool = True) -> float:
    """The product: what a publisher writes when a platform has taken a post.

    ``awaited``: each thread waits for its own, as the limit's do. The publisher does not.
    """
    with tempfile.TemporaryDirectory() as folder, App(settings(home=Path(folder))) as house:
        now = house.clock.now()
        fill(house, queued=count, pages=count, due=count, now=now)
        with house.database.write() as session:
            jobs = queue.claim(session, now=now, owner="one", lease=600, most=count)
            begun = queue.begin_all(session, jobs, now=now, owner="one")
        writer = Writer(house.database)

        def accept(session: Session, done: Sequence[Accepted]) -> list[bool]:
            return queue.accepted_all(session, done, now=now, actor="one")

        def one(ticket: queue.Begun | queue.Stale) -> Future[bool]:
            assert isinstance(ticket, queue.Begun)
            there = Publication(str(ticket.job.delivery), None)
            told = writer.hand_in(accept, Accepted(ticket.job, ticket.number, there))
            assert not awaited or told.result()
            return told

        def settled(futures: Sequence[Future[bool]]) -> None:
            assert all(future.result() for future in futures)

        try:
            return _through(one, begun, workers, settled)
        finally:
            writer.close()


def naive(count: int, workers: int) -> float:
    """A connection and a transaction per thread."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/naive.db"
        with sqlite3.connect(path) as first:
            first.execute("PRAGMA journal_mode=WAL")
            first.execute("CREATE TABLE outcomes (id INTEGER PRIMARY KEY, told TEXT)")
        mine = threading.local()

        def one(key: int) -> None:
            if not hasattr(mine, "connection"):
                mine.connection = sqlite3.connect(path, isolation_level=None, timeout=60)
                mine.connection.execute(_SYNC)
            mine.connection.execute("BEGIN IMMEDIATE")
            mine.connection.execute("INSERT INTO outcomes VALUES (?, 'accepted')", (key,))
            mine.connection.execute("COMMIT")

        return _through(one, range(count), workers)


def _through(
    one: Callable[[Any], T],
    items: Sequence[Any],
    workers: int,
    settled: Callable[[Sequence[T]], None] = lambda _: None,
) -> float:
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda _: time.sleep(0.01), range(workers)))  # every thread is there
        began = time.perf_counter()
        settled(list(pool.map(one, items)))
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outcomes", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    count, workers = options.outcomes, options.workers
    found: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        found.setdefault("raw group commit (limit)", []).append(count / raw(count, workers))
        found.setdefault("our writer, entries alone", []).append(count / rows(count, workers))
        found.setdefault("our writer, outcomes", []).append(count / outcomes(count, workers))
        speed = count / outcomes(count, workers, awaited=False)
        found.setdefault("our writer, not waited for", []).append(speed)
        found.setdefault("a connection per thread", []).append(300 / naive(300, workers))
    limit = median(found["raw group commit (limit)"])
    for name, speeds in found.items():
        print(f"{name:<28}{median(speeds):>10,.0f} a second{median(speeds) / limit:>8.2f} x limit")


if __name__ == "__main__":
    print(harness.machine())
    main()
