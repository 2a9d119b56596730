"""The log and the tables, as far as alerts go by them; and what the log is told of alerts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from socialstrike import audit, expiry, queue
from socialstrike.alerts.addresses import Kind
from socialstrike.alerts.deriving import (
    EVENTS,
    SENT,
    STALE,
    Alert,
    Book,
    Entry,
    Facts,
    Stand,
    Tally,
)
from socialstrike.audit import chain
from socialstrike.db.models import Account, AuditEntry, Campaign, Delivery, Post
from socialstrike.lifecycle import State

#: What was told is remembered this long: longer than an expiry is told ahead of its time.
_MEMORY = timedelta(days=expiry.WARNED[-1] + STALE.days)
#: A delivery that was due longer ago should be out.
_GRACE = timedelta(minutes=5)
#: So many entries of deliveries are looked up at a time.
_BATCH = 500
_OUT = (State.PUBLISHED, State.RETRACTED)


def catch_up(session: Session, book: Book, now: datetime) -> None:
    """Have the book take in what it lacks of the log, and forget what is no news any more."""
    head = session.scalar(select(func.max(AuditEntry.seq))) or 0
    wanted: ColumnElement[bool] = AuditEntry.event.in_((SENT, *EVENTS))
    if not book.read:  # the first look: no further back than it matters
        wanted = or_(
            and_(AuditEntry.event == SENT, AuditEntry.at >= now - _MEMORY),
            and_(AuditEntry.event.in_(EVENTS), AuditEntry.at >= now - STALE),
        )
    rows = session.execute(
        select(AuditEntry.seq, AuditEntry.at, AuditEntry.event, AuditEntry.line)
        .where(AuditEntry.seq > book.read, AuditEntry.seq <= head, wanted)
        .order_by(AuditEntry.seq)
    )
    book.take(Entry(row.seq, row.at, row.event, chain.parse(row.line)) for row in rows)
    book.read = max(book.read, head)
    book.forget(now - STALE)


def facts(session: Session, book: Book, now: datetime, *, timely: bool) -> Facts:
    """How things stand; ``timely`` with what only time brings."""
    numbers = [subject for _, subject in book.waiting if isinstance(subject, int)]
    halt = queue.stopped(session)
    paused = select(Account.name, Account.pause_reason).where(
        Account.paused_at.is_not(None), Account.forgotten_at.is_(None)
    )
    return Facts(
        now=now,
        deliveries=dict(_stands(session, numbers)),
        paused={name: reason or "" for name, reason in session.execute(paused)},
        stopped=halt is not None,
        stop_reason=halt.reason if halt else None,
        expiries=expiry.expiries(session, now) if timely else (),
        tallies=_tallies(session, now) if timely else (),
    )


def note(session: Session, told: Sequence[Alert], book: Book, *, now: datetime, actor: str) -> None:
    """Tell the log that these are about to be told."""
    counts: dict[Kind, int] = {}
    for alert in told:
        counts[alert.kind] = counts.get(alert.kind, 0) + 1
        if alert.kind == "expiry":
            assert alert.at is not None  # an end of access is a time
            audit.append(
                session,
                now,
                SENT,
                actor,
                about=alert.kind,
                account=alert.account,
                ends_at=alert.at,
                days=alert.days,
            )
        elif alert.kind == "behind":
            audit.append(
                session,
                now,
                SENT,
                actor,
                about=alert.kind,
                campaign=alert.campaign,
                planned=alert.planned,
                out=alert.out,
            )
    for kind, count in counts.items():
        if kind not in {"expiry", "behind"}:
            through = book.through(kind)
            audit.append(session, now, SENT, actor, about=kind, count=count, through=through)


def _stands(session: Session, numbers: Sequence[int]) -> Iterator[tuple[int, Stand]]:
    for start in range(0, len(numbers), _BATCH):
        some: Collection[int] = numbers[start : start + _BATCH]
        rows = session.execute(
            select(Delivery, Account.name)
            .join(Account, Account.id == Delivery.account_id)
            .where(Delivery.id.in_(some))
        )
        for row, account in rows:
            due_at = row.due_at.astimezone(ZoneInfo(row.timezone))
            gone = row.gone_at is not None
            yield row.id, Stand(row.state, gone, account, due_at, row.text, row.error)


def _tallies(session: Session, now: datetime) -> list[Tally]:
    """Of what was due within the last day and had time to go out, by campaign."""
    out = func.count().filter(Delivery.state.in_(_OUT))
    rows = session.execute(
        select(Campaign.name, func.count(), out)
        .select_from(Delivery)
        .join(Post, Post.id == Delivery.post_id)
        .join(Campaign, Campaign.id == Post.campaign_id, isouter=True)
        .where(
            Delivery.due_at >= now - STALE,
            Delivery.due_at < now - _GRACE,
            Delivery.state != State.CANCELLED,
        )
        .group_by(Campaign.name)
        .order_by(Campaign.name)
    )
    return [Tally(name, planned, sent) for name, planned, sent in rows]
