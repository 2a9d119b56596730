"""The quorum's gate: what its campaign's people have not approved does not go out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, ScalarSelect, func, or_, select
from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.db.models import Approval, Approver, Campaign, Delivery, Post
from socialstrike.i18n import stored
from socialstrike.queue.job import Job


@cache  # the same words of SQL every time, and making them takes longer than asking
def approved(of: type[Delivery] = Delivery) -> ColumnElement[bool]:
    """Of a delivery: as many different people as its quorum, or a vote, approved this content."""
    vote = (
        select(Approval.id)
        .where(*_stands(of), Approval.approver_id.is_(None))
        .correlate(of)
        .exists()
    )
    # Mostly none is asked for, and then the approvals are not counted: half of the time of a claim.
    return or_(_quorum(of) <= 0, _quorum(of) <= _given(of), vote)


def unapproved(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """Those of the deliveries that wait for approval, and what they lack, in words."""
    rows = session.execute(
        select(Delivery.id, _given(Delivery).label("given"), _quorum(Delivery).label("quorum"))
        .where(Delivery.id.in_(ids), ~approved())
        .order_by(Delivery.due_at, Delivery.id)
    )
    return {
        row.id: stored("approved by {given} of {quorum} people", given=row.given, quorum=row.quorum)
        for row in rows
    }


def void(session: Session, job: Job, *, now: datetime, actor: str, reason: str) -> None:
    """Take back every approval of the delivery that still stands, and tell each."""
    rows = session.execute(
        select(Approval, Approver.name)
        .join(Approver, Approver.id == Approval.approver_id, isouter=True)
        .where(Approval.delivery_id == job.delivery, Approval.voided_at.is_(None))
        .order_by(Approval.id)
    ).all()
    for approval, name in rows:
        approval.voided_at = now
        # Not "approved_by": whoever reads that field takes the approval for one that stands.
        facts = {**job.facts(), "content": approval.content_hash}
        audit.append(session, now, "approval.voided", actor, **facts, person=name, reason=reason)


def _stands(of: type[Delivery]) -> tuple[ColumnElement[bool], ...]:
    return (
        Approval.delivery_id == of.id,
        Approval.content_hash == of.content_hash,
        Approval.voided_at.is_(None),
    )


def _given(of: type[Delivery]) -> ScalarSelect[int]:
    return (
        select(func.count(Approval.approver_id.distinct()))
        .where(*_stands(of))
        .correlate(of)
        .scalar_subquery()
    )


def _quorum(of: type[Delivery]) -> ColumnElement[int]:
    wanted = (
        select(Campaign.quorum)
        .join(Post, Post.campaign_id == Campaign.id)
        .where(Post.id == of.post_id)
        .correlate(of)
        .scalar_subquery()
    )
    return func.coalesce(wanted, 0)
