"""Where each account stands at one moment, for a person who watches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from socialstrike.db.models import Account, Delivery
from socialstrike.i18n import stored
from socialstrike.lifecycle import State

#: What went out, whatever became of it there.
_SENT = (State.PUBLISHED, State.RETRACTED)
_AHEAD = (State.SCHEDULED, State.HANDED_OFF)


@dataclass(frozen=True, slots=True)
class Standing:
    """One account: what it sent of what is planned, what is next, and what holds it back.

    ``next_at`` is in the zone that people typed. ``late`` is how long the next one should have
    gone out ago, ``latest`` how late the newest one went out. ``troubled`` counts what failed, was
    missed, is uncertain or is parked, ``gone`` the posts that have disappeared since. ``paused`` is
    the reason why it is, if it is.
    """

    account: str
    platform: str
    sent: int
    planned: int
    troubled: int
    gone: int
    next_at: datetime | None
    next_text: str
    late: timedelta
    latest: timedelta | None
    paused: str | None
    throttled_until: datetime | None
    expires_at: datetime | None


class _Counts(NamedTuple):
    sent: int
    planned: int
    waiting: int
    gone: int


def standings(session: Session, now: datetime) -> list[Standing]:
    """Every account that has something queued, by name; what was cancelled does not count."""
    sent = func.count().filter(Delivery.state.in_(_SENT))
    waits = func.count().filter(Delivery.state.in_((*_AHEAD, State.PUBLISHING)))
    gone = func.count().filter(Delivery.state == State.PUBLISHED, Delivery.gone_at.is_not(None))
    rows = session.execute(
        select(Account, sent, func.count(), waits, gone)
        .join(Delivery, Delivery.account_id == Account.id)
        .where(Delivery.state != State.CANCELLED)
        .group_by(Account.id)
        .order_by(Account.name)
    )
    return [_standing(session, now, account, _Counts(*counted)) for account, *counted in rows.all()]


def _standing(session: Session, now: datetime, account: Account, counts: _Counts) -> Standing:
    ours = select(Delivery).where(Delivery.account_id == account.id)
    upcoming = session.scalar(
        ours.where(Delivery.state.in_(_AHEAD)).order_by(Delivery.due_at, Delivery.id).limit(1)
    )
    newest = session.scalar(
        ours.where(Delivery.state.in_(_SENT), Delivery.published_at.is_not(None))
        .order_by(Delivery.published_at.desc())
        .limit(1)
    )
    throttled = account.throttled_until
    return Standing(
        account=account.name,
        platform=account.platform,
        sent=counts.sent,
        planned=counts.planned,
        troubled=counts.planned - counts.sent - counts.waiting,
        gone=counts.gone,
        next_at=upcoming.due_at.astimezone(ZoneInfo(upcoming.timezone)) if upcoming else None,
        next_text=upcoming.text if upcoming else "",
        late=max(now - upcoming.due_at, timedelta()) if upcoming else timedelta(),
        latest=newest.published_at - newest.due_at if newest and newest.published_at else None,
        paused=(account.pause_reason or stored("by hand")) if account.paused_at else None,
        throttled_until=throttled if throttled and throttled > now else None,
        expires_at=account.expires_at,
    )
