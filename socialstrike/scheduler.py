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
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor as JobThreads
from apscheduler.schedulers.background import BackgroundScheduler
from filelock import FileLock
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from socialstrike import campaigns, heartbeat, queue, sole
from socialstrike.adapters import SOON
from socialstrike.alerts import Herald
from socialstrike.audit.keeper import Keeper
from socialstrike.clock import Clock, SystemClock
from socialstrike.config import Settings
from socialstrike.db.session import Database, Watch
from socialstrike.db.writer import Writer
from socialstrike.exceptions import DatabaseDamaged, DatabaseError
from socialstrike.handoff import HandOffs
from socialstrike.i18n import tr
from socialstrike.preflight import Lookout
from socialstrike.presence import Patrol
from socialstrike.queue import Job
from socialstrike.vault import Vault

log = logging.getLogger(__name__)

#: How often other processes' changes and clock steps are looked for, in seconds.
TICK = 0.1
#: The wall clock moved by itself when it and the boot clock disagree by this much, in seconds.
_STEP = 1.0


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
        self._flights: dict[int, int] = {}  # delivery in a worker's hands → its account
        self._flights_lock = threading.Lock()
        self._wake = wake = threading.Event()
        self._patrol = Patrol(
            database, self._writer, vault, settings, clock, owner=self.id, done=wake.set
        )
        # Plain, because a signal handler may not touch a lock that the main thread holds.
        self._ending = False
        self._tending = True
        self._quiet = False
        self._errand = False
        self._more = False  # the last claim left something that is due
        self._tended_at = clock.boottime()
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
            self._work(until_idle or errand)
        finally:
            self._writer.close()
            lock.release()
            self._herald.close()  # whoever takes over does not wait for it

    def stop(self) -> None:
        """Begin nothing new, finish what has begun, then return from ``run``."""
        self._ending = True

    @contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT drain this scheduler. From the main thread only."""
        before = {
            number: signal.signal(number, lambda *_: self.stop())
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
        timer = self._timer()
        watch = self._database.watch()
        pool = ThreadPoolExecutor(self._settings.workers, thread_name_prefix="worker")
        if not self._errand:
            self._patrol.start()
        if not (self._errand or until_idle):
            self._alarm(timer, "load", self._publisher.adapters.load, 0)
        try:
            while not self._ending:
                if self._round(pool, timer, watch) and until_idle:
                    break
                self._wait(watch)
        finally:
            timer.remove_all_jobs()  # one that runs out while it shuts down is a traceback
            timer.shutdown(wait=False)
            # What has begun is finished; what has not goes back to the queue.
            pool.shutdown(wait=True, cancel_futures=True)
            self._patrol.close()
            watch.close()
        self._flights.clear()
        self._recover(tr("the scheduler ended"))
        self._writer.run(lambda session: heartbeat.end(session, self.id, self._clock.now()))
        self._lookout.close()
        self._keeper.close()

    def _timer(self) -> BackgroundScheduler:
        timer = BackgroundScheduler(
            timezone=UTC,
            executors={"default": JobThreads(3)},
            # The default drops a job that is a second late; ours only say when to look.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        timer.start()
        return timer

    def _tend(self) -> None:
        self._tending = True
        self._wake.set()

    def _round(self, pool: ThreadPoolExecutor, timer: BackgroundScheduler, watch: Watch) -> bool:
        """Look once at everything; whether nothing is left that this machine could do."""
        try:
            if moved := self._moved:
                self._writer.run(lambda session: queue.move_starts(session, moved))
                self._moved = timedelta(0)
            if self._tending:
                self._tending = False
                self._tended_at = self._clock.boottime()
                self._alarm(timer, "tend", self._tend, heartbeat.EVERY)
                if not self._keeper.busy:
                    # In the timer's thread: nothing here waits for a signature.
                    self._alarm(timer, "checkpoint", self._keeper.look, 0)
                if not self._lookout.busy:
                    self._alarm(timer, "preflight", self._lookout.look, 0)
                self._writer.run(self._beat)
                self._recover(tr("claims were left behind"))
            self._changed(watch)  # what has changed until now is seen in this round
            while not (self._more and len(self._flights) > self._settings.workers):
                if (seen := self._lend(pool)) is not None:
                    return self._plan(timer, *seen)
        except IntegrityError:
            return False  # another scheduler claimed for the same account; look again
        except DatabaseDamaged:
            raise  # it mends by no waiting, and nothing in it may be believed
        except DatabaseError as error:
            log.error("%s Trying again.", error)
            self._next = self._clock.now() + timedelta(seconds=1)
        return False  # or the workers have enough for now

    def _beat(self, session: Session) -> None:
        now = self._clock.now()
        heartbeat.beat(session, self.id, now)
        with self._flights_lock:
            mine = list(self._flights)
        until = now + timedelta(seconds=self._settings.lease)
        queue.extend(session, mine, until=until, owner=self.id)

    def _lend(self, pool: ThreadPoolExecutor) -> tuple[queue.Next, list[int]] | None:
        """Claim what is due and hand it to the pool; None where that was worth another look, else
        what comes next, and the accounts that were busy then.
        """
        now = self._clock.now()
        # Twice what the workers can do: none of them waits for the next claim, and there are few.
        free = 2 * self._settings.workers - len(self._flights)
        lapsing = working = True  # where more was due than could be claimed
        if self._ending or not self._more:
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
                busy=[*self._busy(), *(job.account_id for job in (*jobs, *overs))],
            )
            return lapsed, jobs, overs, doubts

        lapsed, jobs, overs, doubts = self._writer.run(take)
        self._publisher.adapters.prepare([*jobs, *overs, *doubts])
        for job in jobs:
            self._submit(pool, job, self._publisher.publish)
        for job in overs:
            self._submit(pool, job, self._publisher.hand_over)
        for job in doubts:
            self._submit(pool, job, self._publisher.reconcile)
        self._more = len(jobs) == free > 0
        return None if lapsed or jobs or overs or doubts else self._due()

    def _submit(self, pool: ThreadPoolExecutor, job: Job, work: Callable[[Job], None]) -> None:
        with self._flights_lock:
            self._flights[job.delivery] = job.account_id
        pool.submit(work, job).add_done_callback(lambda future: self._landed(job, future))

    def _landed(self, job: Job, future: Future[None]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("delivery %s: a worker failed", job.delivery, exc_info=error)
            self._tending = True  # the claim it left behind is recovered
        with self._flights_lock:
            self._flights.pop(job.delivery, None)
        self._wake.set()

    def _plan(self, timer: BackgroundScheduler, due: queue.Next, busy: list[int]) -> bool:
        """Set the wake-up for what comes next; whether nothing comes and nothing is in flight."""
        idle = not busy and (due.work_at is None or self._errand) and self._is_idle()
        now = self._clock.now()
        if due.stopped and not (busy or self._patrol.busy or self._lookout.busy):
            self._tell_quiet(True)
        moments = [moment for moment in (due.work_at, due.lapse_at) if moment is not None]
        if due.work_at is not None and due.work_at > now and due.work_at != self._warm_for:
            self._warm_for = due.work_at
            early = (due.work_at - SOON - now).total_seconds()
            self._alarm(timer, "warm", self._publisher.adapters.warm, max(early, 0))
        if due.work_at is not None and due.work_at <= now:
            # Every worker has its hands full; the first to land wakes us.
            moments = [now + timedelta(seconds=1)]
        self._next = min(moments, default=None)
        if self._next is not None:
            # A lapse counts from the moment after its limit.
            wait = max(self._next - now, timedelta(0)).total_seconds()
            self._alarm(timer, "due", self._wake.set, wait + (due.work_at is None) * 0.001)
        return idle

    @staticmethod
    def _alarm(
        timer: BackgroundScheduler, name: str, act: Callable[[], None], seconds: float
    ) -> None:
        """Have ``act`` called once in so many seconds, instead of what ``name`` was set to before.

        Once only: a repeating job whose clock jumps from 1970 to now, as on a machine without a
        battery, would count every turn that it missed. And by the machine's clock, as the timer
        goes by that, whichever clock we go by.
        """
        at = SystemClock().now() + timedelta(seconds=seconds)
        timer.add_job(act, "date", run_date=at, id=name, replace_existing=True)

    def _tell_quiet(self, quiet: bool) -> None:
        """Let whoever pulled the emergency stop know that no call is under way here."""
        if quiet != self._quiet:
            now = self._clock.now() if quiet else None
            self._writer.run(lambda session: heartbeat.set_quiet(session, self.id, now))
            self._quiet = quiet

    def _wait(self, watch: Watch) -> None:
        while not self._ending:
            if self._wake.wait(TICK):
                self._wake.clear()
                return
            if self._stepped() or self._changed(watch):
                return
            # The wake-ups count seconds of a running machine; after a suspend we are late.
            if self._next is not None and self._clock.now() > self._next:
                return
            if self._clock.boottime() - self._tended_at > heartbeat.EVERY + 1:
                self._tending = True
                return

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
        busy = self._busy()  # once: what lands in between is seen in the next round
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

    def _busy(self) -> list[int]:
        with self._flights_lock:
            return list(self._flights.values())

    def _recover(self, why: str) -> None:
        """Take over what nobody works on; read first, as there is nearly always nothing."""
        with self._flights_lock:
            mine = list(self._flights)
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
