"""One delivery: claimed → ticket → platform.publish → settle; and the look-up of the uncertain.

The order is the promise. The ticket is on the disk before the call leaves the house, so that after
any crash the database shows which calls may have left; an answer that is lost is a doubt to look
up, never a reason to send again.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

from socialstrike import accounts, media, queue
from socialstrike.adapters import Adapters
from socialstrike.clock import Clock, SystemClock
from socialstrike.config import Settings
from socialstrike.db.session import Database
from socialstrike.db.writer import Together
from socialstrike.exceptions import DatabaseDamaged, DatabaseError, VaultError
from socialstrike.i18n import stored
from socialstrike.platforms.base import (
    CredentialsRefused,
    Media,
    OutcomeUnknown,
    Payload,
    Platform,
    PlatformError,
    Publication,
    TemporarilyUnavailable,
)
from socialstrike.platforms.credentials import Swap
from socialstrike.queue import Accepted, Begun, Job, Stale
from socialstrike.retries import Again, GiveUp, LookUp, Pause, RetryPolicy
from socialstrike.vault import Vault

A = TypeVar("A")
T = TypeVar("T")
log = logging.getLogger(__name__)

#: Between the ticket's commit and the call the machine may have slept; past this many seconds
#: the claim may be another's, so the attempt is given up unsent.
_LONGEST_PAUSE = 5.0
#: A post this late went out after a stop, a sleep or a pause, not after a mere retry.
_CATCHING_UP = timedelta(minutes=1)
#: A look-up reaches so far back before the attempt: no post may seem older than its own sending.
_CLOCKS_DIFFER = timedelta(seconds=5)
#: For how long an outcome that cannot be written is kept trying, in seconds. After that it is a
#: doubt, which a look-up settles.
_PATIENCE = 120.0


class Writes(Protocol):
    """Runs a change in a transaction of its own and returns once it is durable."""

    def run(self, change: Callable[[Session], T], /) -> T:
        """Run ``change``; raise what it raises, or DatabaseError, with nothing written."""

    def run_together(self, change: Together[A, T], item: A, /) -> T:
        """The same for many threads at once; see Writer."""

    def hand_in(self, change: Together[A, T], item: A, /) -> Future[T]:
        """The same without waiting for it."""


class Publisher:
    """Carries deliveries to the platforms. Safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        writer: Writes,
        vault: Vault,
        settings: Settings,
        clock: Clock,
        *,
        owner: str,
    ) -> None:
        """``owner`` is the scheduler's id: the name in the claims and in the audit log."""
        self._database = database
        self._writer = writer
        self._vault = vault
        self._settings = settings
        self._clock = clock
        self._owner = owner
        self.adapters = Adapters(database, vault, settings, clock, renewed=self._renewed)
        self._rng = random.Random()  # noqa: S311  (jitter, not a secret)
        self._policy = RetryPolicy(
            base=settings.retry_base, most=settings.retry_most, settle=settings.settle_after
        )

    def publish(self, job: Job) -> None:
        """Take a claimed delivery through one attempt; whatever happens is settled, not raised."""
        if (settling := self.send(job)) is not None:
            settling.result()

    def send(self, job: Job) -> Future[None] | None:
        """As ``publish``, but where the platform took the post, its outcome may still be on its way
        to the disk. The future ends once it is there, or was given up.
        """
        number: int | None = None
        try:
            if not job.intact():
                self._refuse(
                    job, stored("what is stored is not what was queued; import the post again")
                )
                return None
            platform = self._platform(job)
            payload = self._payload(job)
            media_ids = [platform.upload(picture) for picture in payload.media]
            begun = self._begin(job)
            if begun is None:
                return None
            job, number = begun.job, begun.number
            publication = self._send(platform, payload, media_ids)
        except Stale as stale:
            self._release(job, str(stale))
        except media.MediaDamaged as error:
            self._refuse(job, str(error))
        except VaultError as error:
            self._failed(job, number, CredentialsRefused(str(error)))
        except PlatformError as error:
            self._failed(job, number, error)
        except DatabaseError as error:
            # Nothing was sent: the ticket could not be written. The claim is recovered later.
            log.error("delivery %s: %s", job.delivery, error)
        except OSError as error:
            # Before the ticket alone: a picture has no room in the home's cache.
            why = stored(
                "the home cannot be written ({strerror}); free some space on its disk",
                strerror=error.strerror,
            )
            self._failed(job, number, TemporarilyUnavailable(why))
        else:
            log.info("delivery %s is out on %s: %s", job.delivery, job.account, publication.url)
            return self._write_down(Accepted(job, number, publication))
        return None

    def reconcile(self, job: Job) -> None:
        """Ask the platform whether an uncertain delivery is there, and settle what it says."""
        again = self._clock.now() + timedelta(seconds=self._settings.lookup_every)
        try:
            platform = self._platform(job)
            payload, known = self._payload(job), self._known(job)
            found = platform.find(payload, self._since(job), known)
        except (PlatformError, VaultError, media.MediaDamaged) as error:
            self._looked_in_vain(job, error, again)
        except DatabaseError as error:
            log.error("delivery %s: %s", job.delivery, error)
        else:
            self._settle(
                lambda session, now: (
                    queue.found(session, job, found, now=now, actor=self._owner)
                    if found
                    else queue.absent(session, job, next_at=again, now=now, actor=self._owner)
                )
            )

    def _write_down(self, done: Accepted) -> Future[None]:
        """Have an outcome written, and go on: a thread that is not woken up for it can send the
        next post, which makes a burst an eighth shorter.
        """
        told: Future[None] = Future()

        def again() -> None:
            try:
                self._patiently(lambda: self._writer.run_together(self._accept, done))
            except Exception as error:  # noqa: BLE001  (raised where the future is asked)
                told.set_exception(error)
            else:
                told.set_result(None)

        def ended(first: Future[bool]) -> None:
            if first.exception() is None:
                told.set_result(None)
            else:  # not here, in the writer's own thread
                threading.Thread(target=again, name="patience").start()

        self._writer.hand_in(self._accept, done).add_done_callback(ended)
        return told

    def _accept(self, session: Session, done: Sequence[Accepted]) -> list[bool]:
        now = self._clock.now()
        paced = [each._replace(pace_until=self._pace_until(each.job, now)) for each in done]
        return queue.accepted_all(session, paced, now=now, actor=self._owner)

    def _pace_until(self, job: Job, now: datetime) -> datetime | None:
        """What is late was held up, and more of it may wait: let it out one by one."""
        if now - job.due_at < _CATCHING_UP or not self._settings.catch_up:
            return None
        return now + timedelta(seconds=self._settings.catch_up)

    def _platform(self, job: Job) -> Platform:
        return self.adapters.of(job)

    def _renewed(self, name: str, fields: Mapping[str, str]) -> None:
        """Keep what renewed itself; where that fails, the next job logs in again."""

        def change(session: Session) -> None:
            account = accounts.get(session, name)
            accounts.update_credentials(session, self._vault, account, fields)

        try:
            self._writer.run(change)
        except (DatabaseError, VaultError) as error:
            log.warning("the new session of %s could not be kept: %s", name, error)
            if isinstance(fields, Swap):
                # It counts once: to go on with what is not kept would lose the account.
                why = stored(
                    "the renewed access of {name} could not be stored; it is tried again", name=name
                )
                raise TemporarilyUnavailable(why) from None

    def _payload(self, job: Job) -> Payload:
        pictures: tuple[Media, ...] = ()
        reply_to = None
        if job.media or job.after is not None:
            with self._database.read() as session:
                pictures = media.load(session, self._settings.media, job.media)
                reply_to = queue.above(session, job)
        asked = job.options or {}
        return Payload(
            key=job.key,
            text=job.text,
            link=job.link,
            media=pictures,
            visibility=asked.get("visibility"),
            content_warning=asked.get("content_warning"),
            language=asked.get("language"),
            reply_to=reply_to,
        )

    def _since(self, job: Job) -> datetime:
        """From when on a look-up searches, by this machine's clock, as the adapters reckon.

        Ours may be the database server's, and neither agrees with the platform's to the second.
        """
        assert job.started_at is not None  # no doubt without a ticket
        return job.started_at + (SystemClock().now() - self._clock.now()) - _CLOCKS_DIFFER

    def _known(self, job: Job) -> list[str]:
        with self._database.read() as session:
            return queue.remote_ids(session, job)

    def _begin(self, job: Job) -> Begun | None:
        before = self._clock.boottime()
        begun = self._writer.run_together(self._write_tickets, job)
        if self._paused_since(before):
            self._failed(
                begun.job,
                begun.number,
                TemporarilyUnavailable(
                    stored("the machine paused before the call; nothing was sent")
                ),
            )
            return None
        return begun

    def _write_tickets(self, session: Session, jobs: Sequence[Job]) -> list[Begun | Stale]:
        return queue.begin_all(session, jobs, now=self._clock.now(), owner=self._owner)

    def _paused_since(self, before: float) -> bool:
        """Whether the machine stood still for so long that the claim may be another's."""
        return self._clock.boottime() - before > _LONGEST_PAUSE

    def _send(self, platform: Platform, payload: Payload, media_ids: list[str]) -> Publication:
        try:
            return platform.publish(payload, media_ids)
        except PlatformError:
            raise
        except Exception as error:
            # A fault of ours after the call began proves nothing about the platform.
            log.exception("the adapter of %s failed", platform.name)
            raise OutcomeUnknown(
                stored("unexpected {kind} while publishing", kind=type(error).__name__)
            ) from None

    def _failed(self, job: Job, number: int | None, error: PlatformError) -> None:
        text = str(error)
        owner = self._owner

        def change(session: Session, now: datetime) -> bool:
            decision = self._policy.decide(error, job.fence, now, self._rng)
            match decision:
                case GiveUp():
                    return queue.refused(session, job, number, text, now=now, actor=owner)
                case LookUp(at=at):
                    return queue.doubted(
                        session, job, number, text, look_at=at, now=now, actor=owner
                    )
                case Pause():
                    account = accounts.get(session, job.account)
                    accounts.pause(session, account, text, now=now, actor=owner)
                    decision = Again(now)
            return queue.retried(
                session,
                job,
                number,
                text,
                next_at=decision.at,
                throttled_until=decision.throttled_until,
                now=now,
                actor=owner,
            )

        self._settle(change)

    def _refuse(self, job: Job, why: str) -> None:
        self._settle(
            lambda session, now: queue.refused(session, job, None, why, now=now, actor=self._owner)
        )

    def _release(self, job: Job, why: str) -> None:
        self._settle(
            lambda session, now: queue.retried(
                session, job, None, why, next_at=now, now=now, actor=self._owner
            )
        )

    def _looked_in_vain(self, job: Job, error: Exception, again: datetime) -> None:
        def change(session: Session, now: datetime) -> bool:
            if isinstance(error, CredentialsRefused | VaultError):
                account = accounts.get(session, job.account)
                accounts.pause(session, account, str(error), now=now, actor=self._owner)
                return True  # it is looked up once a person has mended the account
            return queue.looked_in_vain(
                session,
                job,
                str(error),
                most=self._settings.lookups,
                next_at=again,
                now=now,
                actor=self._owner,
            )

        self._settle(change)

    def _settle(self, change: Callable[[Session, datetime], bool]) -> None:
        self._patiently(
            lambda: self._writer.run(lambda session: change(session, self._clock.now()))
        )

    def _patiently(self, write: Callable[[], object]) -> None:
        """Write an outcome down: a busy or full disk must not turn it into a doubt."""
        deadline = self._clock.boottime() + _PATIENCE
        pause = 0.1
        while True:
            try:
                write()
            except DatabaseError as error:
                damaged = isinstance(error, DatabaseDamaged)  # no waiting mends that
                if damaged or self._clock.boottime() > deadline:
                    log.error("an outcome could not be written: %s", error)
                    return
                time.sleep(pause)
                pause = min(2 * pause, 5.0)
            else:
                return
