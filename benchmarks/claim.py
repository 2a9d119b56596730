"""The claim of what is due among many queued deliveries, as the queue grows.

The limit is raw sqlite3: one UPDATE … RETURNING on the same rows, without a gate, a log or an
object. The peer loads objects, changes them and flushes. Every turn is rolled back.

    python -m benchmarks.claim [--due 500] [--queued 10000 100000 1000000] [--rounds 9]
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks import harness
from benchmarks.filled import fill
from socialstrike import queue
from socialstrike.app import App, settings
from socialstrike.db.models import Delivery
from socialstrike.db.session import Deferred

_RAW = """
UPDATE deliveries SET state = 'publishing', fence = fence + 1, claimed_by = 'raw', lease_until = ?
WHERE id IN (SELECT id FROM deliveries WHERE state = 'scheduled' AND next_at <= ? LIMIT ?)
RETURNING id, text
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--due", type=int, default=500)
    parser.add_argument("--queued", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(
        f"{'ms of CPU, the median':<24}{'raw':>8}{'objects':>9}{'claim':>8}{'+ log':>8}{'x raw':>7}"
    )
    for queued in options.queued:
        with tempfile.TemporaryDirectory() as folder, App(settings(home=Path(folder))) as house:
            now = house.clock.now()
            fill(house, queued=queued, pages=2 * options.due, due=options.due, now=now)
            raw, objects, claim, logged = _turns(house, now, options.due, options.rounds)
            print(
                f"{queued:>12,} queued     {raw:>8.2f}{objects:>9.2f}{claim:>8.2f}{logged:>8.2f}"
                f"{claim / raw:>7.1f}",
                flush=True,
            )


def _turns(house: App, now: datetime, due: int, rounds: int) -> list[float]:
    turns: list[Callable[[], float]] = [
        lambda: _raw(house, now, due),
        lambda: _objects(house, now, due),
        lambda: _product(house, now, due, log=False),
        lambda: _product(house, now, due, log=True),
    ]
    costs: list[list[float]] = [[] for _ in turns]
    for _ in range(rounds):
        for turn, found in zip(turns, costs, strict=True):
            found.append(turn())
    return [median(found) for found in costs]


def _raw(house: App, now: datetime, due: int) -> float:
    assert house.database.path is not None
    connection = sqlite3.connect(house.database.path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    moment = now.replace(tzinfo=None).isoformat(" ")
    began = time.process_time()
    rows = connection.execute(_RAW, (moment, moment, due)).fetchall()
    spent = time.process_time() - began
    assert len(rows) == due
    connection.execute("ROLLBACK")
    connection.close()
    return spent * 1000


def _objects(house: App, now: datetime, due: int) -> float:
    with Session(house.database.engine) as session:
        began = time.process_time()
        wanted = select(Delivery).where(Delivery.state == "scheduled", Delivery.next_at <= now)
        for delivery in session.scalars(wanted.limit(due)).all():
            delivery.state, delivery.claimed_by = "publishing", "objects"
            delivery.fence += 1
            delivery.lease_until = now + timedelta(minutes=1)
        session.flush()
        spent = time.process_time() - began
        session.rollback()
    return spent * 1000


class _Undo(Exception):  # noqa: N818  (not an error: every turn begins at the same place)
    pass


def _product(house: App, now: datetime, due: int, *, log: bool) -> float:
    spent = 0.0
    try:
        with house.database.write() as session:
            began = time.process_time()
            jobs = queue.claim(session, now=now, owner="one", lease=60, most=due)
            if log:
                Deferred.write_now(session)
            spent = time.process_time() - began
            assert len(jobs) == due
            raise _Undo
    except _Undo:
        return spent * 1000


if __name__ == "__main__":
    print(harness.machine())
    main()
