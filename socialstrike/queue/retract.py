"""Deleting on the platform what was published: the log says when it was begun, and how it ended.

A retraction that was begun and has no end may have happened. Asking again does no harm: what is
gone already counts as deleted.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.content import printable
from socialstrike.db.models import Delivery
from socialstrike.db.session import affected
from socialstrike.exceptions import IllegalTransition
from socialstrike.i18n import stored
from socialstrike.lifecycle import Event, State
from socialstrike.queue.job import Job, move
from socialstrike.queue.person import select_ids


def retractable(session: Session, ids: list[int]) -> list[Job]:
    """Those of the deliveries that are published; what is retracted already is left out.

    Raises NotFound, and IllegalTransition where one is neither.
    """
    jobs = select_ids(session, ids)
    wrong = [job for job in jobs if job.state not in {State.PUBLISHED, State.RETRACTED}]
    if wrong:
        names = ", ".join(f"{job.delivery} ({job.state})" for job in wrong)
        raise IllegalTransition(
            stored(
                "cannot be retracted: {names}; only what is published can. For what waits"
                " there is: socialstrike posts cancel. Nothing was changed",
                names=names,
            )
        )
    return [job for job in jobs if job.state is State.PUBLISHED]


def begin_retraction(session: Session, job: Job, *, now: datetime, actor: str) -> str:
    """Tell that the platform is about to be asked; to be committed before the call leaves.

    The post's id there. Raises IllegalTransition where the delivery is no longer published, or
    where nobody knows what the post is called there.
    """
    row = session.execute(
        select(Delivery.remote_id, Delivery.remote_url).where(
            Delivery.id == job.delivery, Delivery.state == job.state, Delivery.fence == job.fence
        )
    ).first()
    if row is None:
        raise IllegalTransition(
            stored("another command changed it meanwhile; see: socialstrike posts show")
        )
    if row.remote_id is None:
        where = stored(" at {url}", url=row.remote_url) if row.remote_url else ""
        raise IllegalTransition(
            stored(
                "its id on the platform is not known, so delete it there by hand{where}",
                where=where,
            )
        )
    audit.append(
        session,
        now,
        "retraction.started",
        actor,
        **job.facts(),
        remote_id=printable(row.remote_id),
    )
    return str(row.remote_id)


def retracted(session: Session, job: Job, remote_id: str, *, now: datetime, actor: str) -> bool:
    """The platform says that the post is gone."""
    return move(
        session,
        job,
        Event.RETRACT,
        now=now,
        actor=actor,
        changes={"error": None},
        remote_id=printable(remote_id),
    )


def not_retracted(
    session: Session,
    job: Job,
    outcome: Literal["unknown", "not deleted"],
    error: str,
    *,
    now: datetime,
    actor: str,
) -> None:
    """The platform refused, or its answer was lost: it counts as published, with a note."""
    affected(
        session,
        update(Delivery)
        .where(
            Delivery.id == job.delivery, Delivery.state == job.state, Delivery.fence == job.fence
        )
        .values(error=stored("not retracted: {error}", error=error), updated_at=now),
    )
    audit.append(
        session, now, "retraction.ended", actor, **job.facts(), outcome=outcome, error=error
    )
