"""Two workers, a platform and a person, in any order: nothing is lost, nothing is sent twice.

A random walk over the queue's own functions on a real database, with a plain model beside it.
"""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.engine import make_url

from socialstrike import audit, queue
from socialstrike.audit import chain
from socialstrike.audit.people import Names
from socialstrike.db.models import AuditEntry
from socialstrike.db.session import Database
from socialstrike.exceptions import IllegalTransition
from socialstrike.lifecycle import TERMINAL, TRANSITIONS, Event, State, origins

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("queue_model")

from queue_model import EVERY, SETTLE, Flight, Look, Model  # noqa: E402  (it stands beside this file)

# Shrinking a failure takes minutes, and so does the long form.
pytestmark = pytest.mark.timeout(1500)

ARROWS = {(at, to) for (at, _), to in TRANSITIONS.items()}
BY_PERSON = {(at, to) for (at, event), to in TRANSITIONS.items() if event is Event.REQUEUE}
WORKER = st.sampled_from(["one", "two"])
SELDOM = st.sampled_from([False, False, True])
OFTEN = st.sampled_from([True, True, False])
ANSWER = st.sampled_from(["accepted", "refused", "throttled", "unavailable", "lost", "lost"])
#: In how many seconds a post whose answer is lost shows; None where it never arrived.
LANDS = st.sampled_from([None, 0, 7, 99])
WAITS = st.sampled_from([1, 6, 6, 31, 31, 61, 61, 81, 81, 1801])
TROUBLES = st.sampled_from(["die", "recover", "mistake", "extend"])
ORDERS = st.sampled_from(["cancel", "requeue", "requeue", "published", "absent"])
ORDERED = {State.FAILED, State.MISSED, State.CANCELLED, State.UNCERTAIN, State.PARKED}


class Walk(RuleBasedStateMachine, Model):
    """The walk. Each rule is one short transaction or a few, as in the scheduler and commands."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Database]]) -> None:
        RuleBasedStateMachine.__init__(self)
        self._stack = ExitStack()
        Model.__init__(self, self._stack.enter_context(opened()))
        self.replayed: dict[int, State] = {}
        self.entries = 0

    # What people do.

    @initialize(names=st.sampled_from(["a", "ab", "abc"]))
    def add_accounts(self, names: str) -> None:
        for name in names:
            self._add(name)
            self._post(name, due=0, limit=3600)

    @precondition(lambda self: len(self.known) < 8)
    @rule(
        names=st.sampled_from(["a", "b", "c", "ab"]),
        due=st.sampled_from([0, 0, 20, 600]),
        limit=st.sampled_from([30, 3600, 3600, 3600]),
    )
    def queue_post(self, names: str, due: int, limit: int) -> None:
        self._post(names, due, limit)

    @precondition(lambda self: self._claimable())
    @rule(stop=st.booleans(), far=st.integers(0, 2))
    def hold(self, stop: bool, far: int) -> None:
        """The stop is pulled or an account paused just when something is under way."""
        held = self._claim("two", 2)
        for flight in held * far:
            self._step(flight, "accepted", None)
        if stop:
            self._stop_or_start(True)
        else:
            self._pause_or_resume(held[0].job.account, True)
        for flight in held:
            self._step(flight, "accepted", None)

    @precondition(lambda self: self.stopped or any(self.paused.values()))
    @rule()
    def let_go(self) -> None:
        self._stop_or_start(False)
        for name in self.paused:
            self._pause_or_resume(name, False)

    @precondition(lambda self: self.flights or self._states() & ORDERED)
    @rule(data=st.data(), what=ORDERS)
    def order(self, data: st.DataObject, what: str) -> None:
        verdicts = {"published": Event.FIND, "absent": Event.PROVE_ABSENT}
        event = verdicts.get(what) or Event(what)
        # One to which it may happen; any other where there is none.
        may = [row.id for row in self.rows if row.state in origins(event)]
        delivery = data.draw(st.sampled_from(may or sorted(self.known)))
        known = self.known[delivery]
        try:
            if what in verdicts:
                self._do(queue.resolve, delivery, what, actor="ann")
            else:
                self._do(getattr(queue, what), [delivery], actor="ann")
        except IllegalTransition:
            assert not may
            return
        assert may
        if what == "requeue":
            known.late_after = max(self.now, known.due_at) + known.limit
        known.said_there = what == "published"
        known.most += what == "absent"

    # What the workers do.

    @precondition(lambda self: self._claimable())
    @rule(worker=WORKER, most=st.integers(1, 3), far=st.integers(0, 3), answer=ANSWER, lands=LANDS)
    def work(self, worker: str, most: int, far: int, answer: str, lands: int | None) -> None:
        for flight in self._claim(worker, most):
            for _ in range(far):
                self._step(flight, answer, lands)

    @precondition(lambda self: self.flights or self._claimable())
    @rule(data=st.data(), answer=ANSWER, lands=LANDS, late=OFTEN)
    def go_on(self, data: st.DataObject, answer: str, lands: int | None, late: bool) -> None:
        """A worker does its next step, though its claim may be another's by now."""
        lost = [one for one in self.flights if self.known[one.job.delivery].holder is not one]
        hands = (lost if late else []) or self.flights or self._claim("one", 1)
        flight = data.draw(st.sampled_from(hands))
        self._step(flight, answer, lands)

    @precondition(lambda self: self._claimable())
    @rule(heir=WORKER, far=st.integers(0, 2), answer=ANSWER, lands=LANDS)
    def wake_late(self, heir: str, far: int, answer: str, lands: int | None) -> None:
        """A worker is held up and taken for dead; when it goes on, others have had its claims."""
        held = self._claim("one", 3)
        for flight in held * far:
            self._step(flight, answer, lands)
        self._recover("two", mistaken=True)
        self._claim(heir, 3)
        for flight in held:
            self._step(flight, answer, lands)

    @precondition(lambda self: State.PUBLISHING in self._states())
    @rule(worker=WORKER, what=TROUBLES)
    def trouble(self, worker: str, what: str) -> None:
        """A worker dies, one takes over, or takes the other for dead, or proves itself alive."""
        if what == "die":
            self._die(worker)
        elif what == "extend":
            self._extend(worker)
        else:
            self._recover(worker, mistaken=what == "mistake")

    @precondition(lambda self: State.UNCERTAIN in self._states())
    @rule(most=st.integers(1, 3), complete=OFTEN, wait=st.booleans(), at_once=OFTEN)
    def look_up(self, most: int, complete: bool, wait: bool, at_once: bool) -> None:
        self.clock.advance(SETTLE.total_seconds() if wait else 0)
        for job in self._do(queue.claim_doubts, every=EVERY.total_seconds(), most=most):
            known = self.known[job.delivery]
            assert not self.stopped
            assert not self.paused[known.account]
            assert known.ticket_at is not None
            assert self.now >= known.ticket_at + SETTLE, "looked before the settling time"
            self.looks.append(Look(job, self._seen(known) if complete else "failed"))
        while at_once and self.looks:
            self._end_of_look(self.looks.pop())

    @precondition(lambda self: self.looks)
    @rule(data=st.data())
    def end_of_look(self, data: st.DataObject) -> None:
        look = data.draw(st.sampled_from(self.looks))
        self.looks.remove(look)
        self._end_of_look(look)

    @rule(seconds=WAITS, lapse=SELDOM)
    def wait(self, seconds: int, lapse: bool) -> None:
        self.clock.advance(seconds)
        if lapse:
            self._lapse()

    # What always holds.

    @invariant()
    def the_log_tells_every_step_and_each_is_an_arrow(self) -> None:
        with self.database.read() as session:
            new = select(AuditEntry.line).where(AuditEntry.seq > self.entries)
            lines = session.scalars(new.order_by(AuditEntry.seq)).all()
            verdict = audit.verify(session)
            names = Names(session)
            told = [names.shown(chain.parse(line)) for line in lines]
        assert verdict.ok, verdict.breaks
        self.entries += len(lines)
        for entry in told:
            event = str(entry["event"])
            if event.startswith("delivery."):
                delivery = int(entry["delivery"] or 0)
                self._replay(delivery, State(event.removeprefix("delivery.")), entry)
        assert self.replayed == {row.id: row.state for row in self.rows}

    @invariant()
    def nothing_is_lost_or_twice_on_the_platform(self) -> None:
        assert [row.id for row in self.rows] == sorted(self.known)
        publishing = [row.account_id for row in self.rows if row.state == State.PUBLISHING]
        assert len(publishing) == len(set(publishing))
        for row in self.rows:
            known = self.known[row.id]
            assert len(known.landed) <= known.most, f"delivery {row.id} was sent twice"
            assert (row.state == State.PUBLISHING) == (known.holder is not None)
            assert row.late_after == known.late_after
            assert row.claimed_by == (known.holder.owner if known.holder else None)
            if row.state == State.PUBLISHED:
                assert known.said_there or self._seen(known) == "there"
            elif row.state in TERMINAL | {State.SCHEDULED} and known.most == 1:
                assert not known.landed, f"delivery {row.id} is out and counts as {row.state}"
        self.sound = True

    @invariant()
    def what_can_be_claimed_is_what_the_scheduler_wakes_for(self) -> None:
        if self._claimable():
            with self.database.read() as session:
                at = queue.next_look(session).work_at
            assert at is not None
            assert at <= self.now

    def teardown(self) -> None:
        """Whatever happened: with a person's help or without, the day comes to its end."""
        try:
            if self.sound and self.paused:
                self._end_the_day()
        finally:
            self._stack.close()

    def _end_the_day(self) -> None:
        for worker in self.owners:
            self._die(worker)
        self._recover("one", mistaken=True)
        self.let_go()
        for _ in range(60):
            self._work_once()
            self._lapse()
            self.nothing_is_lost_or_twice_on_the_platform()
            if not {State.SCHEDULED, State.PUBLISHING, State.UNCERTAIN} & self._states():
                return
            with self.database.read() as session:
                at = queue.next_look(session).work_at
            assert at is not None, f"nobody will look at what is {self._states()}"
            self.clock.advance(max(1.0, (at - self.now).total_seconds()))
        raise AssertionError(f"the day does not end: {self._states()}")

    def _work_once(self) -> None:
        for job in self._do(queue.claim, owner="end", lease=30, most=9):
            begun = self._do(queue.begin, job, owner="end")
            self.known[job.delivery].landed.append(self.now)
            assert self._settled(Flight(job, "end", self.now, begun, "accepted"))
        for job in self._do(queue.claim_doubts, every=0, most=9):
            assert self._settled_look(Look(job, self._seen(self.known[job.delivery])))

    def _replay(self, delivery: int, to: State, entry: dict[str, chain.Fact]) -> None:
        at, known = self.replayed.get(delivery), self.known[delivery]
        self.replayed[delivery] = to
        if at is None:
            assert to is State.SCHEDULED
            return
        assert (at, to) in ARROWS, f"{at} → {to} is no arrow"
        if to is State.UNCERTAIN:
            known.absences = 0
        if (at, to) in BY_PERSON or "resolved_by" in entry:
            assert entry["actor"] == "ann"
        elif (at, to) == (State.UNCERTAIN, State.SCHEDULED):
            assert known.absences >= 2, "sent again on less than two complete look-ups"
            assert len(known.unknown) < 2, "sent again though in doubt twice"


def _walk(
    opened: Callable[[], AbstractContextManager[Database]], *, examples: int, steps: int
) -> None:
    class Here(Walk):
        def __init__(self) -> None:
            super().__init__(opened)

    run_state_machine_as_test(
        Here, settings=settings(max_examples=examples, stateful_step_count=steps)
    )


def test_no_order_of_events_loses_or_doubles_a_post(
    template_database: Path, tmp_path: Path, long: bool
) -> None:
    @contextmanager
    def opened() -> Iterator[Database]:
        path = tmp_path / "walk.db"
        shutil.copyfile(template_database, path)
        database = Database(path)
        yield database
        database.dispose()  # folds the write-ahead log into the file, which the next walk replaces

    _walk(opened, examples=200 if long else 25, steps=50)


def test_no_order_of_events_loses_or_doubles_a_post_on_postgresql(
    request: pytest.FixtureRequest, long: bool
) -> None:
    # Asked for here, when this test's own environment stands: the server reads it at its start.
    template = make_url(request.getfixturevalue("postgres"))
    plain = template.set(drivername="postgresql", database="postgres")

    @contextmanager
    def opened() -> Iterator[Database]:
        name = f"walk_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(
            plain.render_as_string(hide_password=False), autocommit=True
        ) as server:
            server.execute(f"CREATE DATABASE {name} TEMPLATE {template.database}")
            url = template.set(database=name).render_as_string(hide_password=False)
            database = Database(url)
            yield database
            database.dispose()
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    _walk(opened, examples=40 if long else 5, steps=40)
