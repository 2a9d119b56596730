"""What a campaign's report tells, read from the tables and from the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.audit.people import Names
from socialstrike.db.models import Account, Campaign, Delivery, Post
from socialstrike.lifecycle import State

#: The states of what went out, even if it was taken back later.
OUT = (State.PUBLISHED, State.RETRACTED)


@dataclass(slots=True)
class Share:
    """What one account had to publish, and how that went; lateness in seconds."""

    account: str
    platform: str
    authorised_by: str | None
    states: Counter[str] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)

    @property
    def planned(self) -> int:
        """How many deliveries there were in all."""
        return self.states.total()

    @property
    def median_late(self) -> float | None:
        """Half of what went out was no later."""
        return median(self.late) if self.late else None

    @property
    def most_late(self) -> float | None:
        """Nothing that went out was later."""
        return max(self.late, default=None)

    def add(self, other: Share) -> None:
        """Count another account's share in."""
        self.states += other.states
        self.late += other.late


@dataclass(slots=True)
class Told:
    """What the log adds to a delivery: the number of its last entry, and who did what."""

    entry: int = 0
    scheduled_by: str | None = None
    approved_by: list[str] = field(default_factory=list)
    resolved_by: str | None = None


def shares(session: Session, campaign: Campaign, names: Names) -> list[Share]:
    """The accounts of the campaign, by platform and name."""
    found: dict[int, Share] = {}
    statement = (
        select(
            Account.id,
            Account.name,
            Account.platform,
            Account.authorised_by,
            Delivery.state,
            Delivery.due_at,
            Delivery.published_at,
        )
        .join(Post, Post.id == Delivery.post_id)
        .join(Account, Account.id == Delivery.account_id)
        .where(Post.campaign_id == campaign.id)
        .order_by(Account.platform, Account.name)
    )
    for row in session.execute(statement.execution_options(yield_per=1000)):
        share = found.get(row.id)
        if share is None:
            by = names.plain(row.authorised_by)
            share = found[row.id] = Share(row.name, row.platform, by)
        share.states[row.state] += 1
        if row.published_at is not None and row.state in OUT:
            share.late.append((row.published_at - row.due_at).total_seconds())
    return list(found.values())


def deliveries(
    session: Session, campaign: Campaign, *, out: bool
) -> Iterator[Row[Delivery, Post, str, str]]:
    """Those that went out, as they were published; or the others, as they were due."""
    there = Delivery.state.in_(OUT)
    first = func.coalesce(Delivery.published_at, Delivery.due_at) if out else Delivery.due_at
    statement = (
        select(Delivery, Post, Account.name, Account.platform)
        .join(Post, Post.id == Delivery.post_id)
        .join(Account, Account.id == Delivery.account_id)
        .where(Post.campaign_id == campaign.id, there if out else ~there)
        .order_by(first, Delivery.id)
    )
    yield from session.execute(statement.execution_options(yield_per=500))


def told(session: Session, campaign: Campaign, names: Names) -> dict[int, Told]:
    """What the log says of each delivery of the campaign."""
    found: dict[int, Told] = {}
    for line in audit.told(session, campaign=campaign.name):
        delivery, seq = line.get("delivery"), line["seq"]
        if not isinstance(delivery, int) or not isinstance(seq, int):
            continue
        facts = found.setdefault(delivery, Told())
        if str(line["event"]).startswith("delivery."):
            facts.entry = seq
        if line["event"] == "delivery.scheduled" and facts.scheduled_by is None:
            facts.scheduled_by = names.plain(str(line["actor"]))
        if line.get("resolved_by"):
            facts.resolved_by = names.plain(str(line["resolved_by"]))
        if line["event"] == "approval.voided":
            # The people of a voided approval, and a vote, which is nobody's.
            gone = names.plain(str(line["person"])) if line.get("person") else None
            facts.approved_by = [one for one in facts.approved_by if gone and one != gone]
        if line.get("approved_by"):
            facts.approved_by.append(names.plain(str(line["approved_by"])) or "")
        elif line["event"] == "approval.given" and line.get("vote"):
            facts.approved_by.append(str(line["vote"]))
    return found


def stops(
    session: Session, campaign: Campaign, names: Names
) -> list[tuple[datetime, bool, str | None, str | None]]:
    """When the emergency stop was pulled (True) or let go, by whom and why: from the day the
    campaign was added until its last delivery could no longer go out.
    """
    _, end = window(campaign)
    last = session.scalar(
        select(func.max(Delivery.late_after))
        .join(Post, Post.id == Delivery.post_id)
        .where(Post.campaign_id == campaign.id)
    )
    until = max(end, last or end)
    found = [
        entry
        for kind in ("stop", "start")
        for entry in audit.told(session, since=campaign.created_at, until=until, kind=kind)
    ]
    found.sort(key=lambda entry: str(entry["at"]))
    return [
        (
            datetime.fromisoformat(str(entry["at"])),
            entry["event"] == "stop",
            names.plain(str(entry["actor"])),
            str(entry["reason"]) if entry.get("reason") else None,
        )
        for entry in found
    ]


def window(campaign: Campaign) -> tuple[datetime, datetime]:
    """The first moment of the strike and the one after its last, in its zone."""
    zone = ZoneInfo(campaign.timezone)
    start = datetime.combine(campaign.day, datetime.min.time(), zone)
    return start, start + timedelta(hours=campaign.window_hours)
