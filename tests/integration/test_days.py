"""Whole days in the queue: both clock changes, other zones, a wrong TZ, a clock that jumps."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from socialstrike import accounts, campaigns, post_file, queue
from socialstrike.platforms.base import Publication
from socialstrike.queue import Job

if TYPE_CHECKING:
    from conftest import Strike

PACK = """
campaign: {{name: greve, day: {day}, timezone: {zone}, hashtag: "#greve"}}
posts:
  - kind: occupation
    every: 2h
    from: D 00:00
    until: D 24:00
    to: all
    texts: ["On occupe le hall", "On occupe le toit", "On occupe la cour"]
  - {{kind: announcement, at: D 09:00, to: a, text: "Le matin"}}
  - {{kind: announcement, at: D 20:30, to: [a, b], text: "Le soir"}}
"""
HOUR = timedelta(hours=1)
SETTLE = 80.0

# Day, zone, its first moment, how many hours it has, and 09:00 and 20:30 there: by hand, in UTC.
DAYS = [
    ("2026-03-29", "Europe/Paris", "03-28 23:00", 23, ["03-29 07:00", "03-29 18:30"]),
    ("2026-10-25", "Europe/Paris", "10-24 22:00", 25, ["10-25 08:00", "10-25 19:30"]),
    ("2026-03-29", "America/Martinique", "03-29 04:00", 24, ["03-29 13:00", "03-30 00:30"]),
    ("2026-10-25", "Indian/Reunion", "10-24 20:00", 24, ["10-25 05:00", "10-25 16:30"]),
    ("2026-03-29", "Pacific/Noumea", "03-28 13:00", 24, ["03-28 22:00", "03-29 09:30"]),
]
# A server's database is no different here, and a day of claims takes long enough once.
pytestmark = pytest.mark.parametrize("kind", ["sqlite"])


class Day:
    """A strike day in the queue, and whoever works through it."""

    def __init__(self, strike: Strike, day: str, zone: str, begins: datetime) -> None:
        self.strike = strike
        self.begins = begins
        self.out: list[tuple[datetime, Job]] = []
        strike.clock.step((begins - timedelta(minutes=30) - strike.now).total_seconds())
        for name in "ab":
            strike.account(name)
        path = strike.home / "greve.yaml"
        path.write_text(PACK.format(day=day, zone=zone), encoding="utf-8")
        with strike.database.write() as session:
            known = accounts.usable(session)
            [read] = post_file.read(
                [path], campaigns=lambda _: None, accounts=known, now=strike.now
            )
            assert read.campaign is not None
            campaign = campaigns.store(session, read.campaign, now=strike.now, actor="test")
            queue.enqueue(session, read.drafts, campaign, now=strike.now, actor="test")

    def minute(self, minutes: int = 1) -> None:
        """What the scheduler does when it wakes, every post accepted at once; then time passes."""
        while jobs := self._take():
            for job in jobs:
                begun = self.strike.begin(job)
                assert job.due_at <= self.strike.now <= job.late_after
                there = Publication(str(job.delivery), None)
                assert self.strike.do(queue.accepted, begun.job, begun.number, there)
                self.out.append((self.strike.now, job))
        self.strike.clock.advance(60 * minutes)

    def _take(self) -> list[Job]:
        now = self.strike.now
        with self.strike.database.write() as session:
            queue.lapse(session, now=now, actor="one")
            return queue.claim(session, now=now, owner="one", lease=60, most=9)

    def until(self, end: datetime, minutes: int = 1) -> None:
        while self.strike.now < end:
            self.minute(minutes)

    def sent(self, account: str, kind: str) -> list[datetime]:
        """When the posts of this kind went out, in the order they did."""
        return [at for at, job in self.out if (job.account, job.kind) == (account, kind)]


Written = tuple[str, str, str, int, list[str]]


@pytest.mark.parametrize("written", DAYS, ids=lambda day: f"{day[1]} {day[0]}")
def test_a_day_goes_out_to_the_minute_in_its_own_zone(strike: Strike, written: Written) -> None:
    # Whatever is due falls on one of these looks, and one that goes out at another is no equal.
    _assert_goes_out(strike, written, minutes=10)


def test_no_minute_of_the_longest_day_sends_anything_else(strike: Strike) -> None:
    _assert_goes_out(strike, DAYS[1], minutes=1)


def _assert_goes_out(strike: Strike, written: Written, *, minutes: int) -> None:
    day, zone, begins, hours, plain = written
    first = _utc(begins)
    work = Day(strike, day, zone, first)
    work.until(first + (hours + 1) * HOUR, minutes)

    every_two_hours = [first + i * HOUR for i in range(0, hours, 2)]
    assert len(every_two_hours) == (13 if hours == 25 else 12)
    assert work.sent("a", "occupation") == every_two_hours
    assert work.sent("b", "occupation") == every_two_hours
    assert work.sent("a", "announcement") == [_utc(time) for time in plain]
    assert work.sent("b", "announcement") == [_utc(plain[1])]
    assert [at for at, _ in work.out] == [job.due_at for _, job in work.out]
    assert strike.states() == {"published": len(work.out)}


@pytest.mark.timeout(300)
def test_a_wrong_tz_in_the_environment_changes_nothing(kind: str, tmp_path: Path) -> None:
    """The days of the test above, again, in a process that takes itself to be in Tokyo."""
    where = f"{Path(__file__)}::{test_a_day_goes_out_to_the_minute_in_its_own_zone.__name__}"
    pytest_again = [sys.executable, "-m", "pytest", "-q", f"--basetemp={tmp_path / 'tokyo'}"]
    ran = subprocess.run(
        [*pytest_again, "-k", "Paris", where],
        env={**os.environ, "TZ": "Asia/Tokyo", "PYTEST_ADDOPTS": ""},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert "2 passed" in ran.stdout


@pytest.mark.parametrize(
    "jump",
    [
        *(pytest.param(-HOUR, id="an hour back"), pytest.param(HOUR, id="an hour on")),
        *(pytest.param(-24 * HOUR, id="a day back"), pytest.param(24 * HOUR, id="a day on")),
        pytest.param(datetime(1970, 1, 1, tzinfo=UTC), id="to 1970"),
        pytest.param(datetime(2031, 1, 1, tzinfo=UTC), id="to 2031"),
    ],
)
def test_a_clock_that_jumps_and_comes_back_sends_nothing_twice_and_loses_nothing(
    strike: Strike, jump: timedelta | datetime
) -> None:
    begins = _utc("10-24 22:00")
    work = Day(strike, "2026-10-25", "Europe/Paris", begins)
    work.until(begins + 11.5 * HOUR, minutes=10)
    before = len(work.out)
    step = jump if isinstance(jump, timedelta) else jump - strike.now

    strike.clock.step(step.total_seconds())
    for _ in range(15):
        work.minute()
    during = work.out[before:]
    strike.clock.step(-step.total_seconds())

    # A clock that is behind sends nothing; one that is far ahead finds everything too late.
    assert not during or step == HOUR
    missed = [row["id"] for row in _waiting(strike, "missed")]
    assert bool(missed) == (step > HOUR)
    work.minute()
    strike.do(queue.requeue, missed)  # a person gives back what the clock took
    work.until(begins + 26 * HOUR, minutes=10)

    assert strike.states() == {"published": len(work.out)}
    assert set(Counter(job.delivery for _, job in work.out).values()) == {1}
    assert len(work.out) == 13 + 13 + 3
    steady = [*work.out[:before], *work.out[before + len(during) :]]
    assert all(timedelta(0) <= at - job.due_at <= timedelta(minutes=10) for at, job in steady)


def test_what_the_clock_took_gets_its_own_limit_again_however_often(strike: Strike) -> None:
    strike.account("a")
    [delivery] = strike.post("a", limit=HOUR)
    for _ in range(3):
        strike.clock.step(24 * 3600)
        assert strike.do(queue.lapse) == 1
        strike.do(queue.requeue, [delivery])
        assert strike.row(delivery).late_after == strike.now + HOUR
    strike.clock.step(-3 * 24 * 3600)
    assert strike.do(queue.lapse) == 0


def test_a_doubt_is_looked_up_after_its_settling_time_though_the_clock_went_back(
    strike: Strike,
) -> None:
    strike.account("a")
    [delivery] = strike.post("a")
    [job] = strike.claim()
    strike.begin(job)
    strike.clock.step(-24 * 3600)
    strike.do(queue.recover, mine=(), others=(), settle=SETTLE)
    strike.clock.advance(SETTLE - 1)
    assert _doubts(strike) == []
    strike.clock.advance(1)
    assert _doubts(strike) == [delivery]


def test_a_claim_from_before_a_jump_forward_writes_no_ticket(strike: Strike) -> None:
    strike.account("a")
    strike.post("a", limit=48 * HOUR)
    [job] = strike.claim()
    strike.clock.step(3600)
    with pytest.raises(queue.Stale, match="lease has ended"):
        strike.begin(job)
    strike.clock.step(-3600)
    assert strike.begin(job).number == 1


def _utc(written: str) -> datetime:
    return datetime.strptime(f"2026-{written}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def _waiting(strike: Strike, state: str) -> list[dict[str, object]]:
    with strike.database.read() as session:
        return list(queue.deliveries(session, queue.Filter(state=state)))


def _doubts(strike: Strike) -> list[int]:
    with strike.database.write() as session:
        return [
            job.delivery for job in queue.claim_doubts(session, now=strike.now, every=5, most=9)
        ]
