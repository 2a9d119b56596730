"""Accounts that stop working soon, told in time for a person to connect them again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from socialstrike.db.models import Account, Delivery
from socialstrike.i18n import tr
from socialstrike.lifecycle import State

#: So many days before an account stops working it is said.
WARNED = (1, 7, 14)


@dataclass(frozen=True, slots=True)
class Expiry:
    """An account that stops working soon, or did (``at``: aware, UTC), and what is queued after.

    It is urgent where that is within a day and posts are queued for later.
    """

    account: str
    platform: str
    at: datetime
    queued_after: int
    left: timedelta

    @property
    def urgent(self) -> bool:
        """Whether posts will not go out unless a person acts within a day."""
        return self.queued_after > 0 and self.left <= timedelta(days=1)

    def __str__(self) -> str:
        days = next((n for n in WARNED if self.left <= timedelta(days=n)), WARNED[-1])
        when = tr("within {days} days", days=days) if days > 1 else tr("within a day")
        begun = tr("has ended") if self.left <= timedelta(0) else tr("ends {when}", when=when)
        queued = tr(
            "; {queued_after} deliveries are queued after that", queued_after=self.queued_after
        ) * bool(self.queued_after)
        return tr(
            "the access of {account} {begun} ({at:%Y-%m-%d %H:%M} UTC){queued}:"
            " socialstrike accounts connect {platform} {account} --replace",
            account=self.account,
            begun=begun,
            at=self.at,
            queued=queued,
            platform=self.platform,
        )


def expiries(session: Session, now: datetime) -> list[Expiry]:
    """The accounts that stop working within two weeks, the first one first."""
    waiting = (
        select(func.count())
        .where(
            Delivery.account_id == Account.id,
            Delivery.state == State.SCHEDULED,
            Delivery.due_at >= Account.expires_at,
        )
        .correlate(Account)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Account.name, Account.platform, Account.expires_at, waiting)
        .where(
            Account.forgotten_at.is_(None),
            Account.expires_at <= now + timedelta(days=WARNED[-1]),
        )
        .order_by(Account.expires_at)
    )
    return [
        Expiry(name, platform, at, queued, at - now)
        for name, platform, at, queued in rows
        if at is not None
    ]
