"""Published posts on their platforms: seen there, disappeared, there again.

The delivery stays published, for it went out: what became of its post since is told beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Update, and_, func, or_, select, update
from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.audit.chain import Fact
from socialstrike.content import printable
from socialstrike.db.models import Account, Delivery, Post
from socialstrike.db.session import affected
from socialstrike.exceptions import IllegalTransition
from socialstrike.i18n import tr
from socialstrike.lifecycle import State
from socialstrike.queue.job import Job, load
from socialstrike.queue.person import select_ids

#: What the log says of a post's presence; no state of its delivery.
DISAPPEARED, REAPPEARED = "delivery.disappeared", "delivery.reappeared"
PRESENCE = (DISAPPEARED, REAPPEARED)


@dataclass(frozen=True, slots=True)
class Out:
    """A published delivery: its post's id on the platform, None where nobody knows it."""

    job: Job
    remote_id: str | None


def out(session: Session, ids: Sequence[int]) -> list[Out]:
    """These deliveries, which are published, by due time.

    Raises NotFound, and IllegalTransition where one is not.
    """
    jobs = select_ids(session, ids)
    wrong = [job for job in jobs if job.state is not State.PUBLISHED]
    if wrong:
        raise IllegalTransition(
            tr(
                "not published: {names}; only what is published can be looked for. Nothing was"
                " changed",
                names=", ".join(f"{job.delivery} ({job.state})" for job in wrong),
            )
        )
    return _with_ids(session, jobs)


def to_verify(
    session: Session,
    platforms: Collection[str],
    *,
    published: tuple[datetime, datetime],
    over: Mapping[int, datetime],
    most: int,
) -> list[Out]:
    """What it is time to look for, on these ``platforms``, the oldest first.

    What was ``published`` between two moments and was never seen; and once more all of the
    campaigns (by id) whose window is ``over`` since, but for what is known to have disappeared.
    Not of an account that is paused or forgotten.
    """
    since, until = published
    first = and_(
        Delivery.seen_at.is_(None),
        Delivery.gone_at.is_(None),
        Delivery.published_at >= since,
        Delivery.published_at <= until,
    )
    last = [
        and_(Post.campaign_id == campaign, Delivery.gone_at.is_(None), Delivery.seen_at < end)
        for campaign, end in over.items()
    ]
    ids = session.scalars(
        select(Delivery.id)
        .join(Post, Post.id == Delivery.post_id)
        .join(Account, Account.id == Delivery.account_id)
        .where(
            Delivery.state == State.PUBLISHED,
            Delivery.remote_id.is_not(None),
            Account.platform.in_(platforms),
            Account.paused_at.is_(None),
            Account.forgotten_at.is_(None),
            or_(first, *last),
        )
        .order_by(Delivery.published_at, Delivery.id)
        .limit(most)
    ).all()
    return _with_ids(session, load(session, ids))


def has_work(session: Session, job: Job, until: datetime) -> bool:
    """Whether anything of the delivery's account is on its way, or due before ``until``."""
    soon = and_(Delivery.state == State.SCHEDULED, Delivery.next_at <= until)
    found = session.scalar(
        select(Delivery.id)
        .where(
            Delivery.account_id == job.account_id,
            or_(Delivery.state == State.PUBLISHING, soon),
        )
        .limit(1)
    )
    return found is not None


def seen(session: Session, one: Out, *, now: datetime, actor: str) -> bool:
    """The post is there; whether it had disappeared before."""
    back = affected(session, _still(one, gone=True).values(seen_at=now, gone_at=None)) == 1
    if back:
        audit.append(session, now, REAPPEARED, actor, **_facts(one))
    else:
        affected(session, _still(one, gone=False).values(seen_at=now))
    return back


def disappeared(session: Session, one: Out, *, now: datetime, actor: str) -> bool:
    """The platform has no such post any more; False where that was known, or is no longer so."""
    if affected(session, _still(one, gone=False).values(gone_at=now)) != 1:
        return False
    audit.append(session, now, DISAPPEARED, actor, **_facts(one))
    return True


def gone(session: Session) -> int:
    """How many published posts are known to have disappeared."""
    return session.scalars(
        select(func.count())
        .select_from(Delivery)
        .where(Delivery.state == State.PUBLISHED, Delivery.gone_at.is_not(None))
    ).one()


def _with_ids(session: Session, jobs: Sequence[Job]) -> list[Out]:
    ids = [job.delivery for job in jobs]
    rows = session.execute(select(Delivery.id, Delivery.remote_id).where(Delivery.id.in_(ids)))
    known = dict(rows.all())
    return [Out(job, known.get(job.delivery)) for job in jobs]


def _still(one: Out, *, gone: bool) -> Update:
    """An update of the delivery, where its post is still the one that was asked for."""
    known = Delivery.gone_at.is_not(None) if gone else Delivery.gone_at.is_(None)
    return update(Delivery).where(
        Delivery.id == one.job.delivery,
        Delivery.state == State.PUBLISHED,
        Delivery.remote_id == one.remote_id,
        known,
    )


def _facts(one: Out) -> dict[str, Fact | datetime]:
    return {**one.job.facts(), "remote_id": printable(one.remote_id or "")}
