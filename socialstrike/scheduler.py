"""The scheduler service: wakes when something is due and lends deliveries to a pool of workers.

The database is the truth; APScheduler only says when to look. Its jobs live in memory: a wake-up
at the next due time and a heartbeat. Between two wake-ups a cheap look at the database's change
counter notices what other processes did, and at the clocks whether one was stepped.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from filelock import FileLock
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from socialstrike import campaigns, garbage, heartbeat, queue, sole
from socialstrike.adapters import SOON
from socialstrike.alerts import Herald
from socialstrike.audit.keeper import Keeper
from socialstrike.clock import Clock
from socialstrike.config import Settings
from socialstrike.db.session import Database, Watch
from socialstrike.db.writer import Writer
from socialstrike.exceptions import DatabaseDamaged, DatabaseError
from socialstrike.flights import Flights
from socialstrike.handoff import HandOffs
from socialstrike.i18n import tr
from socialstrike.preflight import Lookout
from socialstrike.presence import Patrol
from socialstrike.queue import Job
from socialstrike.timer import Timer
from socialstrike.vault import Vault

log = logging.getLogger(__name__)

#: How often other processes' changes and clock steps are looked for, in seconds,
TICK = 0.1
#: and where the system tells of changes. A look costs 0.2 ms, ten a second 0.2 % of a processor.
_CALM = 1.0
#: The wall clock moved by itself when it and the boot clock disagree by this much, in seconds.
_STEP = 1.0
#: Where nothing has changed, everything is looked at all the same so often, in seconds.
_SELDOM = 60.0
#: So long before anything is due there is time to tidy up.
_LULL = timedelta(seconds=5)


class Scheduler:
    """One run of the service on one home."""

    def __init__(self, database: Database, vault: Vault, settings: Settings, clock: Clock) -> None:
        self.id = f"{socket.gethostname()[:40]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._database = database
        self._settings = settings
        self._clock = clock
        self._writer = Writer(database)
        self._keeper = Keeper(database, vault, clock, campaigns.ended)
        self._lookout = Lookout(database, vault, settings, clock, actor=self.id)
        self._publisher = HandOffs(database, self._writer, vault, settings, clock, owner=self.id)
        self._herald = Herald(database, settings, clock, actor=self.id)
        # What a worker's fault leaves behind is recovered.
        self._flights = Flights(settings.workers, landed=self._rouse, failed=self._tend)
        self._wake = threading.Event()  # ends a wait,
        self._roused = False  # and this says that there is something to look at
        self._told = False  # the system tells of changes, as it did of our last heartbeat
        self._tick = TICK
        self._patrol = Patrol(
            database, self._writer, vault, settings, clock, owner=self.id, done=self._rouse
        )
        # Plain, because a signal handler may not touch a lock that the main thread holds.
        self._ending = False
        self._tending = True
        self._quiet = False
        self._errand = False
        self._more = False  # the last claim left something that is due
        self._news = True  # since everything was looked at, something changed or was due
        self._tended_at = self._looked_at = clock.boottime()
        self._work_at: datetime | None = None  # when the last look saw that something is due
        self._next: datetime | None = None
        self._warm_for: datetime | None = None  # the due time that adapters are made ready for
        self._drift = self._drift_now()
        self._moved = timedelta(0)  # by steps of the clock that are not in the database yet

    def run(
        self,
        *,
        until_idle: bool = False,
        standby: bool = False,
        errand: bool = False,
        ready: Callable[[], None] | None = None,
    ) -> None:
        """Work until ``stop`` is called or, with ``until_idle``, until nothing is left to do; on an
        ``errand``, hand off what can be handed off now, and publish nothing.

        Raises AnotherScheduler where one works on this home already, unless ``standby`` waits
        for it to end. ``ready`` is called once this one has taken over.
        """
        lock = FileLock(self._settings.home / "scheduler.lock", mode=0o600, thread_local=False)
        try:
            # On a server's database any number may work; a file has one at a time.
            if self._database.sole and not sole.hold(
                lock, self._database, self._clock, standby=standby, given_up=lambda: self._ending
            ):
                return
            self._errand = errand
            self._take_over()
            if not errand:
                self._herald.start()
            if ready is not None:
                ready()
            with garbage.collected_seldom():
                self._work(until_idle or errand)
        finally:
            self._writer.close()
            lock.release()
            self._herald.close()  # whoever takes over does not wait for it

    def stop(self) -> None:
        """Begin nothing new, finish what has begun, then return from ``run``."""
        self._ending = True
        self._wake.set()

    def _end(self) -> None:
        """As ``stop``, for a signal handler: to wake a thread takes a lock that it may hold."""
        self._ending = True

    @contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT drain this scheduler. From the main thread only."""
        before = {
            number: signal.signal(number, lambda *_: self._end())
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take_over(self) -> None:
        now = self._clock.now()
        self._writer.run(
            lambda session: heartbeat.register(
                session, self.id, socket.gethostname(), os.getpid(), now
            )
        )
        self._recover(tr("an earlier scheduler died"))

    def _work(self, until_idle: bool) -> None:
        timer = Timer()
        watch = self._database.watch()
        self._told = watch.ring(self._hear)
        if not self._errand:
            self._patrol.start()
        if not (self._errand or until_idle):
            timer.set("load", self._publisher.adapters.load, 0)
        try:
            while not self._ending:
                if self._round(timer, watch) and until_idle:
                    break
                self._wait(watch)
        finally:
            timer.close()
            # What has begun is finished; what has not goes back to the queue.
            self._flights.close()
            self._patrol.close()
            watch.close()
        self._recover(tr("the scheduler ended"))
        self._writer.run(lambda session: heartbeat.end(session, self.id, self._clock.now()))
        self._lookout.close()
        self._keeper.close()

    def _tend(self) -> None:
        self._tending = True
        self._wake.set()

    def _hear(self) -> None:
        self._told = True
        if not self._flights:  # whose outcomes are written all the time
            self._wake.set()  # whether it was anybody else is asked of the database

    def _rouse(self) -> None:
        self._roused = True
        self._wake.set()

    def _round(self, timer: Timer, watch: Watch) -> bool:
        """Look once at everything; whether nothing is left that this machine could do."""
        try:
            if moved := self._moved:
                self._writer.run(lambda session: queue.move_starts(session, moved))
                self._moved = timedelta(0)
            if self._tending:
                self._tending = False
                self._tended_at = self._clock.boottime()
                timer.set("tend", self._tend, heartbeat.EVERY)
                # Not even of our last heartbeat: on this disk nothing is told.
                self._tick = _CALM if self._told else TICK
                self._told = False
                self._beat(watch)
                if self._is_quiet():
                    return False  # a heartbeat is all there is to do: 1 ms instead of 15
                self._news, self._looked_at = False, self._tended_at
                if not self._keeper.busy:
                    # In the timer's thread: nothing here waits for a signature.
                    timer.set("checkpoint", self._keeper.look, 0)
                if not self._lookout.busy:
                    timer.set("preflight", self._lookout.look, 0)
                self._recover(tr("claims were left behind"))
            self._changed(watch)  # what has changed until now is seen in this round
            while not (self._more and len(self._flights) > self._settings.workers):
                if (seen := self._lend()) is not None:
                    return self._plan(timer, *seen)
        except IntegrityError:
            return False  # another scheduler claimed for the same account; look again
        except DatabaseDamaged:
            raise  # it mends by no waiting, and nothing in it may be believed
        except DatabaseError as error:
            log.error("%s Trying again.", error)
            self._next = self._clock.now() + timedelta(seconds=1)
        return False  # or the workers have enough for now

    def _is_quiet(self) -> bool:
        """Whether all is as it was. On a server, whose schedulers may die unheard, nothing is."""
        lately = self._tended_at - self._looked_at < _SELDOM
        return self._database.sole and lately and not (self._news or self._flights)

    def _beat(self, watch: Watch) -> None:
        now = self._clock.now()
        mine = self._flights.deliveries()
        if not mine:
            # Nobody needs to hear of it: not this one, who would look at everything anew.
            watch.write(lambda session: heartbeat.beat(session, self.id, now))
            return
        until = now + timedelta(seconds=self._settings.lease)

        def beat(session: Session) -> None:
            heartbeat.beat(session, self.id, now)
            queue.extend(session, mine, until=until, owner=self.id)

        self._writer.run(beat)

    def _lend(self) -> tuple[queue.Next, list[int]] | None:
        """Claim what is due and hand it to the pool; None where that was worth another look, else
        what comes next, and the accounts that were busy then.
        """
        now = self._clock.now()
        # Twice what the workers can do: none of them waits for the next claim, and there are few.
        free = 2 * self._settings.workers - len(self._flights)
        lapsing = working = True  # where more was due than could be claimed
        # Or where the last look saw this time coming: looking again would make a post 3 ms late.
        ripe = self._work_at is not None and self._work_at <= now and free > 0
        if self._ending or not (self._more or ripe):
            due, busy = self._due()
            lapsing = due.lapse_at is not None and due.lapse_at < now and not self._errand
            working = due.work_at is not None and due.work_at <= now and free > 0
            if self._ending or not (lapsing or working):
                return due, busy
        if working:
            self._tell_quiet(False)  # before the first claim after a stop

        owner, lease = self.id, self._settings.lease

        def take(session: Session) -> tuple[int, list[Job], list[Job], list[Job]]:
            lapsed = queue.lapse(session, now=now, actor=owner) if lapsing else 0
            most = 0 if self._errand else free
            jobs = queue.claim(session, now=now, owner=owner, lease=lease, most=most)
            overs = queue.claim_hand_overs(
                session, now=now, owner=owner, lease=lease, most=free - len(jobs)
            )
            doubts = queue.claim_doubts(
                session,
                now=now,
                every=self._settings.lookup_every,
                most=free - len(jobs) - len(overs),
                busy=[*self._flights.accounts(), *(job.account_id for job in (*jobs, *overs))],
            )
            return lapsed, jobs, overs, doubts

        self._work_at = None
        lapsed, jobs, overs, doubts = self._writer.run(take)
        self._publisher.adapters.prepare([*jobs, *overs, *doubts])
        for job in jobs:
            self._flights.lend(job, self._publisher.send)
        for job in overs:
            self._flights.lend(job, self._publisher.hand_over)
        for job in doubts:
            self._flights.lend(job, self._publisher.reconcile)
        self._more = len(jobs) == free > 0
        return None if lapsed or jobs or overs or doubts else self._due()

    def _plan(self, timer: Timer, due: queue.Next, busy: list[int]) -> bool:
        """Set the wake-up for what comes next; whether nothing comes and nothing is in flight."""
        idle = not busy and (due.work_at is None or self._errand) and self._is_idle()
        now = self._clock.now()
        self._work_at = due.work_at
        if due.stopped and not (busy or self._patrol.busy or self._lookout.busy):
            self._tell_quiet(True)
        moments = [moment for moment in (due.work_at, due.lapse_at) if moment is not None]
        if due.work_at is not None and due.work_at > now and due.work_at != self._warm_for:
            self._warm_for = due.work_at
            early = (due.work_at - SOON - now).total_seconds()
            timer.set("warm", self._warm, max(early, 0))
        if due.work_at is not None and due.work_at <= now:
            # Every worker has its hands full; the first to land wakes us.
            moments = [now + timedelta(seconds=1)]
        self._next = min(moments, default=None)
        if self._next is not None:
            # A lapse counts from the moment after its limit.
            wait = max(self._next - now, timedelta(0)).total_seconds()
            timer.set("due", self._rouse, wait + (due.work_at is None) * 0.001)
        return idle

    def _warm(self) -> None:
        """Before something is due: what can be done now need not be done then."""
        self._publisher.adapters.warm()
        if self._next is None or self._next - self._clock.now() > _LULL:
            garbage.settle()

    def _tell_quiet(self, quiet: bool) -> None:
        """Let whoever pulled the emergency stop know that no call is under way here."""
        if quiet != self._quiet:
            now = self._clock.now() if quiet else None
            self._writer.run(lambda session: heartbeat.set_quiet(session, self.id, now))
            self._quiet = quiet

    def _wait(self, watch: Watch) -> None:
        while not self._ending:
            self._wake.wait(TICK if self._flights else self._tick)
            self._wake.clear()
            # The wake-ups count seconds of a running machine; after a suspend we are late.
            late = self._next is not None and self._clock.now() > self._next
            if self._roused or self._stepped() or self._changed(watch) or late:
                self._roused, self._news = False, True
                return
            if self._clock.boottime() - self._tended_at > heartbeat.EVERY + 1:
                self._tending = True
            if self._tending:
                return  # it is time for a heartbeat, and for nothing else

    def _changed(self, watch: Watch) -> bool:
        try:
            return watch.changed()
        except DatabaseError:
            return True  # the round says what is wrong

    def _stepped(self) -> bool:
        drift = self._drift_now()
        step, self._drift = drift - self._drift, drift
        if abs(step) < _STEP:
            return False
        log.warning("the clock was moved by %+.1f s; looking at everything again", step)
        if self._database.sole:  # of several schedulers each would move the same times
            self._moved += timedelta(seconds=step)
        self._tending = True
        return True

    def _drift_now(self) -> float:
        return self._clock.now().timestamp() - self._clock.boottime()

    def _due(self) -> tuple[queue.Next, list[int]]:
        busy = self._flights.accounts()  # once: what lands in between is seen in the next round
        with self._database.read() as session:
            return queue.next_look(session, busy=busy), busy

    def _is_idle(self) -> bool:
        with self._database.read() as session:
            # Another scheduler's too: if that one dies, they are ours to take over.
            due = queue.next_look(session)
            over = due.work_at is None
            if self._errand:
                over = due.stopped or not queue.hand_overs_left(session, self._clock.now())
            return over and not queue.in_flight(session)

    def _recover(self, why: str) -> None:
        """Take over what nobody works on; read first, as there is nearly always nothing."""
        mine = self._flights.deliveries()
        with self._database.read() as session:
            others = self._others(session)
            if not queue.orphans(session, mine=mine, others=others):
                return
        back, doubts = self._writer.run(
            lambda session: queue.recover(
                session,
                now=self._clock.now(),
                actor=self.id,
                mine=mine,
                others=self._others(session),
                settle=self._settings.settle_after,
            )
        )
        if back or doubts:
            log.warning("%s: %d back in the queue, %d to look up", why, back, doubts)

    def _others(self, session: Session) -> list[str]:
        """The other schedulers whose claims stand; on a file, whose lock we hold, there is none."""
        if self._database.sole:
            return []
        return heartbeat.others(session, self.id, self._clock.now(), lease=self._settings.lease)
