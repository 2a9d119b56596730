"""Other words, or another time, for what has not begun."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from socialstrike.audit.chain import commitment
from socialstrike.exceptions import IllegalTransition
from socialstrike.i18n import stored
from socialstrike.lifecycle import Event, State
from socialstrike.queue import gate
from socialstrike.queue.job import Job, content_of, move


@dataclass(frozen=True, slots=True)
class Change:
    """What a delivery becomes; ``due_at`` and ``late_after`` are aware, UTC, ``local_time`` as
    a wall clock in the delivery's zone shows it.
    """

    job: Job
    text: str
    due_at: datetime
    late_after: datetime
    local_time: str


def change(session: Session, wanted: Sequence[Change], *, now: datetime, actor: str) -> int:
    """Change the deliveries; all of them, or none with IllegalTransition.

    One that was tried before keeps its words: they may be on the platform, and the look-up and
    the idempotency key go by them.
    """
    begun = [c.job for c in wanted if c.job.state != State.SCHEDULED or c.job.started_at]
    if begun:
        names = ", ".join(
            f"{job.delivery} ({'tried before' if job.state == State.SCHEDULED else job.state})"
            for job in begun
        )
        copies = [str(job.delivery) for job in begun if job.state == State.HANDED_OFF]
        remedy = stored("Cancel it and queue it anew")
        if copies:
            remedy = stored(
                "Take it back first: socialstrike posts take-back {copies}", copies=" ".join(copies)
            )
        raise IllegalTransition(
            stored(
                "cannot be changed: {names}; only what is scheduled and was never tried can."
                " {remedy}. Nothing was changed",
                names=names,
                remedy=remedy,
            )
        )
    done = sum(_change(session, each, now, actor) for each in wanted)
    if done != len(wanted):
        raise IllegalTransition(
            stored(
                "some of these were claimed or changed at this moment. Nothing was changed;"
                " look at them with: socialstrike posts list"
            )
        )
    return done


def _change(session: Session, wanted: Change, now: datetime, actor: str) -> bool:
    job = wanted.job
    salt = secrets.token_hex(16)
    digest = commitment(salt, content_of(job, wanted.text))
    done = move(
        session,
        job,
        Event.CHANGE,
        now=now,
        actor=actor,
        changes={
            "text": wanted.text,
            "salt": salt,
            "content_hash": digest,
            "due_at": wanted.due_at,
            "next_at": wanted.due_at,
            "late_after": wanted.late_after,
            "local_time": wanted.local_time,
            # At another time the platform may take it sooner.
            "hand_off_at": job.hand_off_at and now,
            # Of two changes at once the second finds another fence, and changes nothing.
            "fence": job.fence + 1,
        },
        content=digest,
        due_at=wanted.due_at,
        late_after=wanted.late_after,
        content_before=job.content_hash,
        due_before=job.due_at,
    )
    if done:
        gate.void(session, job, now=now, actor=actor, reason=stored("it was changed"))
    return done
