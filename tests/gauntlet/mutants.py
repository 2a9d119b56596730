"""The product, broken on purpose: each mutant lacks one of the rules that the promise rests on.

A gauntlet that lets one of them pass proves nothing about the product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import update

from socialstrike import publisher, queue
from socialstrike.config import Settings
from socialstrike.db import sqlite
from socialstrike.db.models import Delivery
from socialstrike.lifecycle import Event
from socialstrike.platforms.base import OutcomeUnknown, TemporarilyUnavailable
from socialstrike.queue import settle
from socialstrike.queue.job import load, move
from socialstrike.retries import RetryPolicy


def requeue() -> None:
    """Whatever was interrupted is queued again, as many job queues do."""

    def recover(
        session: Any, *, now: Any, actor: str, mine: Any, others: Any, **_: Any
    ) -> tuple[int, int]:
        jobs = load(session, queue.orphans(session, mine=mine, others=others))
        changes = {"next_at": now, "claimed_by": None, "lease_until": None}
        for job in jobs:
            move(session, job, Event.RELEASE, now=now, actor=actor, changes=changes)
        return len(jobs), 0

    queue.recover = recover


def blind_retry() -> None:
    """A lost answer counts as a failure to be tried again."""
    decide = RetryPolicy.decide

    def blind(self: RetryPolicy, error: Any, *rest: Any) -> Any:
        if isinstance(error, OutcomeUnknown):
            error = TemporarilyUnavailable(str(error))
        return decide(self, error, *rest)

    RetryPolicy.decide = blind  # type: ignore[method-assign,assignment]


def no_ticket() -> None:
    """The attempt is written down after the call, when there is something to write."""
    begin, send = publisher.Publisher._begin, publisher.Publisher._send
    begun: dict[int, queue.Job] = {}

    def pretend(self: Any, job: queue.Job) -> queue.Begun:
        now = self._clock.now()
        begun[id(job)] = job
        return queue.Begun(job, job.attempts + 1, now)

    def late(self: Any, platform: Any, payload: Any, media_ids: Any) -> Any:
        [job] = [found for found in begun.values() if found.key == payload.key]
        del begun[id(job)]
        try:
            return send(self, platform, payload, media_ids)
        finally:
            begin(self, job)

    publisher.Publisher._begin = pretend  # type: ignore[method-assign]
    publisher.Publisher._send = late  # type: ignore[method-assign]


def no_owner_check() -> None:
    """Whoever comes to begin or to settle is believed to hold the claim."""
    begin_all = queue.begin_all

    def trusting(session: Any, jobs: Any, *, now: Any, owner: str) -> Any:
        changes = {"state": "publishing", "claimed_by": owner, "lease_until": now}
        begun = []
        for job in jobs:
            newest = load(session, [job.delivery])[0]
            session.execute(
                update(Delivery)
                .where(Delivery.id == job.delivery)
                .values(**changes, fence=newest.fence + 1)
            )
            begun += begin_all(session, load(session, [job.delivery]), now=now, owner=owner)
        return begun

    queue.begin_all = trusting
    settle.end = lambda *_, **__: True


def short_settling() -> None:
    """Doubts are looked up before the call can have landed."""
    Settings.settle_after = property(lambda _: 0.1)  # type: ignore[assignment,method-assign]


def deferred() -> None:
    """Writes take SQLite's lock only when they first need it."""
    sqlite.lock_for_writing = lambda session: None
    make = sqlite.make_engine

    def unmarked(*arguments: Any, **named: Any) -> Any:
        engine = make(*arguments, **named)
        engine.execution_options = lambda **_: engine  # type: ignore[method-assign,assignment]
        return engine

    sqlite.make_engine = unmarked


MUTANTS: dict[str, Callable[[], None]] = {
    "requeue": requeue,
    "blind-retry": blind_retry,
    "no-ticket": no_ticket,
    "no-owner-check": no_owner_check,
    "settle-0.3": short_settling,
    "deferred": deferred,
}
