"""What only a person's command does to a delivery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.audit import chain
from socialstrike.exceptions import IllegalTransition, NotFound
from socialstrike.i18n import stored
from socialstrike.lifecycle import Event, State, origins
from socialstrike.queue.close import refuse_closed_of
from socialstrike.queue.copies import gone, honour
from socialstrike.queue.job import UNKNOWN, Job, end_below, load, move
from socialstrike.queue.thread import below, last_first, stopped_with

#: Nothing goes out under what is in these.
_NEVER_OUT = frozenset({State.FAILED, State.MISSED, State.CANCELLED, State.RETRACTED})


def select_ids(session: Session, ids: Sequence[int]) -> list[Job]:
    """The deliveries with these ids. Raises NotFound naming every one that is not there."""
    jobs = load(session, ids)
    missing = sorted(set(ids) - {job.delivery for job in jobs})
    if missing:
        names = ", ".join(map(str, missing))
        raise NotFound(
            stored("there is no delivery {names}; see: socialstrike posts list", names=names)
        )
    return jobs


def cancel(session: Session, ids: Sequence[int], *, now: datetime, actor: str) -> int:
    """Take deliveries out of the queue; all of them, or none with IllegalTransition.

    A thread ends with the part that is cancelled; those after it count too. Those that are handed
    off do not: their copies have to be taken back first.
    """
    jobs = _all_in(session, ids, Event.CANCEL, stored("cancelled"), Event.TAKE_BACK)
    waiting = [job for job in jobs if job.state in origins(Event.CANCEL)]
    after = [job for job in below(session, ids) if job.state in origins(Event.CANCEL)]
    return len(after) + sum(
        move(session, job, Event.CANCEL, now=now, actor=actor) for job in last_first(waiting)
    )


def requeue(session: Session, ids: Sequence[int], *, now: datetime, actor: str) -> int:
    """Let deliveries that failed, were missed or cancelled go out now after all.

    Each gets its lateness limit again, counted from now; its due time stays, so that the log
    tells how late it really was. With a part of a thread come those that ended because of it.
    Raises InvalidInput where their campaign is closed, and IllegalTransition for a part under one
    that does not go out.
    """
    jobs = _all_in(session, ids, Event.REQUEUE, stored("sent again"))
    refuse_closed_of(session, jobs)
    jobs = list({job.delivery: job for job in (*jobs, *stopped_with(session, jobs))}.values())
    _refuse_torn(session, jobs)
    return sum(
        move(
            session,
            job,
            Event.REQUEUE,
            now=now,
            actor=actor,
            changes={
                "next_at": max(now, job.due_at),
                "late_after": max(now, job.due_at) + _limit(session, job),
                "error": None,
            },
        )
        for job in jobs
    )


def resolve(
    session: Session,
    delivery: int,
    verdict: Literal["published", "absent"],
    *,
    url: str | None = None,
    now: datetime,
    actor: str,
) -> None:
    """A person looked and knows: the post is there, or it is not.

    An absent one is scheduled again, and missed at once where its lateness limit has passed.
    Raises IllegalTransition for a delivery that is in no doubt.
    """
    event = Event.FIND if verdict == "published" else Event.PROVE_ABSENT
    [job] = _all_in(session, [delivery], event, stored("resolved"))
    if verdict == "absent":
        changes = {**gone(session, job, now), "error": None, "absences": 0, "lookups": 0}
        move(session, job, event, now=now, actor=actor, changes=changes, resolved_by=actor)
        honour(session, job, now=now, actor=actor)
        return
    at = job.started_at or now
    there: dict[str, Any] = {"remote_url": url, "published_at": at, "error": None}
    move(
        session,
        job,
        event,
        now=now,
        actor=actor,
        changes=there,
        resolved_by=actor,
        remote_url=url,
        published_at=at,
    )
    end_below(session, job, Event.LAPSE, UNKNOWN, now=now, actor=actor)


def _refuse_torn(session: Session, jobs: Sequence[Job]) -> None:
    """Raise IllegalTransition where one would wait for a part that does not go out."""
    taken = {job.delivery for job in jobs}
    above = {job.after for job in jobs if job.after is not None} - taken
    dead = {job.delivery: job for job in load(session, above) if job.state in _NEVER_OUT}
    for job in jobs:
        if (before := dead.get(job.after or 0)) is not None:
            raise IllegalTransition(
                stored(
                    "delivery {delivery} goes out under delivery {before}, which is {state}; send"
                    " that one again, and this one comes with it. Nothing was changed",
                    delivery=job.delivery,
                    before=before.delivery,
                    state=before.state,
                )
            )


def _limit(session: Session, job: Job) -> timedelta:
    """How late it may go out, as it was queued.

    Read from the log: ``late_after`` may already be counted from an earlier command, and a limit
    reckoned from that would grow with every one.
    """
    [first, *_] = audit.entries(session, kind="delivery.scheduled", delivery=job.delivery)
    entry = chain.parse(first)
    due_at, late_after = (
        datetime.fromisoformat(str(entry[name])) for name in ("due_at", "late_after")
    )
    return late_after - due_at


def _all_in(
    session: Session, ids: Sequence[int], event: Event, what: str, *or_: Event
) -> list[Job]:
    jobs = select_ids(session, ids)
    may = frozenset[State]().union(*(origins(one) for one in (event, *or_)))
    wrong = [job for job in jobs if job.state not in may]
    if wrong:
        names = ", ".join(f"{job.delivery} ({job.state})" for job in wrong)
        allowed = ", ".join(sorted(may))
        raise IllegalTransition(
            stored(
                "cannot be {what}: {names}; only what is {allowed} can. Nothing was changed",
                what=what,
                names=names,
                allowed=allowed,
            )
        )
    return jobs
