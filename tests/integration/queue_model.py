"""The plain model beside the queue: who holds which claim, what the platform took, what was said.

Each method does one thing through the queue's own functions and notes what must follow from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import accounts, queue
from socialstrike.clock import ManualClock
from socialstrike.db.models import Delivery
from socialstrike.db.session import Database
from socialstrike.drafts import Draft, DraftDelivery
from socialstrike.lifecycle import State
from socialstrike.platforms.base import Publication
from socialstrike.queue import Begun, Job
from socialstrike.vault import Vault

NOON = datetime(2020, 1, 24, 11, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)
SETTLE = timedelta(seconds=80)
EVERY = timedelta(seconds=60)
#: A worker that was held up for longer between its ticket and the call does not call.
PAUSE = timedelta(seconds=5)
MOST_LOOKUPS = 3
SECRETS = dict.fromkeys(
    ("consumer_key", "consumer_secret", "access_token", "access_token_secret"), "1-secret"
)


@dataclass(eq=False)
class Flight:
    """A claim in a worker's hands: its ticket once it has one, then what the platform said."""

    job: Job
    owner: str
    lease_until: datetime
    begun: Begun | None = None
    answer: str | None = None


@dataclass(eq=False)
class Look:
    """A look-up under way, and what it saw."""

    job: Job
    saw: str


@dataclass
class Known:
    """What the model knows of one delivery."""

    account: str
    due_at: datetime
    limit: timedelta
    late_after: datetime
    holder: Flight | None = None
    ticket_at: datetime | None = None
    #: When each send that the platform took shows there.
    landed: list[datetime] = field(default_factory=list)
    #: How many the platform may take: a person who calls it absent orders one more.
    most: int = 1
    said_there: bool = False
    absences: int = 0
    #: Its attempts of which no worker has told what became of them.
    unknown: set[Flight] = field(default_factory=set)


class Model:
    """A strike day with two workers, in a database of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock(NOON)
        self.vault = Vault(b"k" * 32)
        self.owners = {"one": "one.1", "two": "two.1"}
        self.known: dict[int, Known] = {}
        self.flights: list[Flight] = []
        self.looks: list[Look] = []
        self.paused: dict[str, bool] = {}
        self.throttled: dict[str, datetime] = {}
        self.stopped = False
        self.posts = 0
        self.rows: list[Delivery] = []
        #: Whether the invariants have looked since the last change.
        self.sound = False

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def _add(self, name: str) -> None:
        self._do(
            accounts.add, self.vault, name=name, platform="x", credentials=SECRETS, actor="ann"
        )
        self.paused[name] = False

    def _post(self, names: str, due: int, limit: int) -> None:
        wanted = [name for name in names if name in self.paused] or ["a"]
        at, patience = self.now + timedelta(seconds=due), timedelta(seconds=limit)
        self.posts += 1
        text = f"On bloque, on occupe ({self.posts})"
        planned = tuple(
            DraftDelivery(
                account=name,
                platform="x",
                occurrence=0,
                text=text,
                due_at=at,
                local_time=at.replace(tzinfo=None).isoformat(),
                timezone="UTC",
                late_after=at + patience,
            )
            for name in wanted
        )
        draft = Draft("announcement", (text,), None, (), "test", None, planned)
        ids = self._do(queue.enqueue, [draft], None, actor="ann").ids
        self.known |= {
            delivery: Known(name, at, patience, at + patience)
            for delivery, name in zip(ids, wanted, strict=True)
        }
        assert self._do(queue.enqueue, [draft], None, actor="ann").ids == ()

    def _pause_or_resume(self, name: str, pause: bool) -> None:
        def change(session: Session, now: datetime) -> bool:
            account = accounts.get(session, name)
            if pause:
                return accounts.pause(session, account, "no more", now=now, actor="ann")
            return accounts.resume(session, account, now=now, actor="ann")

        assert self._do(change) == (self.paused[name] != pause)
        if self.paused[name] and not pause:
            self.throttled.pop(name, None)
        self.paused[name] = pause

    def _stop_or_start(self, stop: bool) -> None:
        change, why = (queue.stop, {"reason": None}) if stop else (queue.start, {})
        assert self._do(change, **why, actor="ann") == (self.stopped != stop)
        self.stopped = stop

    def _claim(self, worker: str, most: int) -> list[Flight]:
        could = self._claimable()
        owner = self.owners[worker]
        jobs = self._do(queue.claim, owner=owner, lease=LEASE.total_seconds(), most=most)
        assert {job.delivery for job in jobs} <= could
        assert len(jobs) == min(most, len(could))
        flights = [Flight(job, owner, self.now + LEASE) for job in jobs]
        for flight in flights:
            self.known[flight.job.delivery].holder = flight
        self.flights += flights
        return flights

    def _step(self, flight: Flight, answer: str, lands: int | None) -> None:
        known = self.known[flight.job.delivery]
        if flight.answer:
            ours = known.holder is flight
            assert self._settled(flight) == ours
            self.flights.remove(flight)
            known.unknown.discard(flight)
            if flight.answer == "lost":
                known.unknown.add(flight)
            if ours:
                known.holder = None
        elif flight.begun:
            self._send(flight, flight.begun, answer, lands)
        else:
            self._begin(flight, known)

    def _begin(self, flight: Flight, known: Known) -> None:
        may = (
            known.holder is flight
            and not self.stopped
            and not self.paused[known.account]
            and self.now <= flight.lease_until
            and known.due_at <= self.now <= known.late_after
        )
        try:
            flight.begun = self._do(queue.begin, flight.job, owner=flight.owner)
        except queue.Stale:
            assert not may
            flight.answer = "stale"
        else:
            assert may, "a ticket was written for what may not be sent"
            known.ticket_at = self.now

    def _send(self, flight: Flight, begun: Begun, answer: str, lands: int | None) -> None:
        if self.now - begun.at > PAUSE:
            flight.answer = "unavailable"
            return
        flight.answer = answer
        if answer == "accepted" or (answer == "lost" and lands is not None):
            at = min(self.now + timedelta(seconds=lands or 0), begun.at + SETTLE)
            landed = self.known[flight.job.delivery].landed
            landed.append(self.now if answer == "accepted" else at)

    def _die(self, worker: str) -> None:
        """Its claims are orphaned; its sends that are under way may land still."""
        gone = self.owners[worker]
        self.owners[worker] = f"{worker}.{int(gone.partition('.')[2]) + 1}"
        self.flights = [flight for flight in self.flights if flight.owner != gone]

    def _recover(self, worker: str, mistaken: bool) -> None:
        """``mistaken`` takes the other worker for dead; it wakes with its old claims later."""
        owner = self.owners[worker]
        others = [] if mistaken else [name for name in self.owners.values() if name != owner]
        mine = {flight.job.delivery for flight in self.flights if flight.owner == owner}
        orphans = [
            known
            for delivery, known in self.known.items()
            if known.holder and delivery not in mine and known.holder.owner not in others
        ]
        doubts = len([known for known in orphans if known.holder and known.holder.begun])
        recovered = self._do(
            queue.recover, actor=owner, mine=mine, others=others, settle=SETTLE.total_seconds()
        )
        assert recovered == (len(orphans) - doubts, doubts)
        for known in orphans:
            if known.holder and known.holder.begun:
                known.unknown.add(known.holder)
            known.holder = None

    def _extend(self, worker: str) -> None:
        owner, until = self.owners[worker], self.now + LEASE
        mine = [flight for flight in self.flights if flight.owner == owner]
        ids = [flight.job.delivery for flight in mine]
        self._do(lambda session, now: queue.extend(session, ids, until=until, owner=owner))
        for flight in mine:
            flight.lease_until = until

    def _lapse(self) -> None:
        late = [
            row
            for row in self.rows
            if row.state == State.SCHEDULED and self.known[row.id].late_after < self.now
        ]
        assert self._do(queue.lapse, actor="one") == len(late)

    def _end_of_look(self, look: Look) -> None:
        row = self._row(look.job.delivery)
        current = (row.state, row.fence) == (State.UNCERTAIN, look.job.fence)
        assert self._settled_look(look) == current

    def _settled(self, flight: Flight) -> bool:
        job = flight.begun.job if flight.begun else flight.job
        number = flight.begun.number if flight.begun else None
        wait = self.now + timedelta(seconds=5)
        by = {"actor": flight.owner}
        match flight.answer:
            case "accepted":
                there = Publication(f"{job.delivery}.{number}", None)
                return bool(self._do(queue.accepted, job, number, there, **by))
            case "refused":
                return bool(self._do(queue.refused, job, number, "no", **by))
            case "lost":
                at = self.now + SETTLE
                return bool(self._do(queue.doubted, job, number, "?", look_at=at, **by))
            case "throttled":
                until = self.now + timedelta(seconds=40)
                waits = {"next_at": until, "throttled_until": until}
                ours = bool(self._do(queue.retried, job, number, "slower", **waits, **by))
                if ours:
                    self.throttled[job.account] = until
                return ours
            case _:
                return bool(self._do(queue.retried, job, number, "later", next_at=wait, **by))

    def _settled_look(self, look: Look) -> bool:
        job, again, by = look.job, self.now + EVERY, {"actor": "one"}
        if look.saw == "there":
            return bool(self._do(queue.found, job, Publication(f"{job.delivery}", None), **by))
        if look.saw == "absent":
            done = bool(self._do(queue.absent, job, next_at=again, **by))
            self.known[job.delivery].absences += done
            return done
        most = {"most": MOST_LOOKUPS, "next_at": again}
        return bool(self._do(queue.looked_in_vain, job, "timeout", **most, **by))

    def _do(self, change: Callable[..., Any], *arguments: object, **named: object) -> Any:
        self.sound = False
        with self.database.write() as session:
            done = change(session, *arguments, now=self.now, **named)
        with self.database.read() as session:
            self.rows = list(session.scalars(select(Delivery).order_by(Delivery.id)))
        return done

    def _claimable(self) -> set[int]:
        """The earliest delivery of each account that may post, by the model's own reckoning."""
        flying = {self.known[row.id].account for row in self.rows if row.state == State.PUBLISHING}
        first: dict[str, Delivery] = {}
        for row in self.rows:
            name = self.known[row.id].account
            due = max(row.next_at, self.known[row.id].due_at) <= self.now
            if row.state == State.SCHEDULED and due and self.now <= self.known[row.id].late_after:
                first[name] = min(first.get(name, row), row, key=lambda d: (d.next_at, d.id))
        return {
            row.id
            for name, row in first.items()
            if not self.stopped
            and not self.paused[name]
            and self.throttled.get(name, self.now) <= self.now
            and name not in flying
        }

    def _seen(self, known: Known) -> str:
        return "there" if any(at <= self.now for at in known.landed) else "absent"

    def _row(self, delivery: int) -> Delivery:
        return next(row for row in self.rows if row.id == delivery)

    def _states(self) -> set[str]:
        return {row.state for row in self.rows}
