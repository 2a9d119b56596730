"""What is to be told, out of what the log says and how things stand. Pure: no clock, no database.

An entry of the log that somebody should know of waits in the ``Book`` until an entry of its kind
says that it was told, or until it has settled itself: a delivery that failed and went out after
all is no news. What only time brings (an expiry, a shortfall) is told at marks, each once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from socialstrike import audit
from socialstrike.alerts.addresses import KINDS, Kind
from socialstrike.expiry import WARNED, Expiry
from socialstrike.lifecycle import State

#: The entry that says that alerts were told: of what kind, up to which entry.
SENT = "alert.sent"
#: Which entries of the log somebody should know of.
EVENTS: Mapping[str, Kind] = {
    "delivery.failed": "failed",
    "delivery.parked": "uncertain",
    "delivery.missed": "missed",
    "delivery.disappeared": "gone",
    "account.paused": "paused",
    "stop": "stopped",
}
#: What is older is no news.
STALE = timedelta(days=1)
#: Fewer are out than planned where one in ten is missing.
SHORT = 0.1
#: Between two alerts on that, for one campaign.
_HOUR = timedelta(hours=1)
#: Between two messages there are so many times as long as events are gathered for one.
APART = 4
#: The state that a delivery is in as long as its entry is news.
_NEWS = {"failed": State.FAILED, "uncertain": State.PARKED, "missed": State.MISSED}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log; ``at`` is aware."""

    seq: int
    at: datetime
    event: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stand:
    """How a delivery stands; ``due_at`` is in the zone that people typed."""

    state: str
    gone: bool
    account: str
    due_at: datetime
    text: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """Of what a campaign planned until a moment ago, how much is out; None: in no campaign."""

    campaign: str | None
    planned: int
    out: int

    @property
    def short(self) -> int:
        """How many are not."""
        return self.planned - self.out


@dataclass(frozen=True, slots=True)
class Facts:
    """How things stand ``now`` (aware): what is still news, and what time has brought."""

    now: datetime
    deliveries: Mapping[int, Stand] = field(default_factory=dict)
    paused: Mapping[str, str] = field(default_factory=dict)
    stopped: bool = False
    stop_reason: str | None = None
    expiries: Sequence[Expiry] = ()
    tallies: Sequence[Tally] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to be told. ``since`` is when it happened, None for what time brought.

    ``why`` is a kept text, in English; ``at`` is aware: when it was due, or when access ends.
    """

    kind: Kind
    since: datetime | None = None
    delivery: int | None = None
    account: str = ""
    platform: str = ""
    campaign: str | None = None
    at: datetime | None = None
    text: str = ""
    why: str | None = None
    days: int = 0
    planned: int = 0
    out: int = 0


class Book:
    """What the log says is still to be told, and what was told already."""

    def __init__(self) -> None:
        #: The last entry that was taken in.
        self.read = 0
        #: When something was last told.
        self.last: datetime | None = None
        self.waiting: dict[tuple[Kind, object], Entry] = {}
        self._expiries: dict[tuple[object, object], int] = {}
        self._shortfalls: dict[object, tuple[datetime, int]] = {}

    def take(self, entries: Iterable[Entry]) -> None:
        """Take in further entries of the log, in their order."""
        for entry in entries:
            self.read = max(self.read, entry.seq)
            if entry.event == SENT:
                self._told(entry)
            elif kind := EVENTS.get(entry.event):
                subject = entry.facts.get("delivery") or entry.facts.get("account")
                self.waiting[kind, subject] = entry

    def _told(self, entry: Entry) -> None:
        facts, about = entry.facts, entry.facts.get("about")
        self.last = entry.at
        if about == "expiry":
            key = facts.get("account"), facts.get("ends_at")
            self._expiries[key] = int(facts["days"])
        elif about == "behind":
            short = int(facts["planned"]) - int(facts["out"])
            self._shortfalls[facts.get("campaign")] = entry.at, short
        else:
            through = int(facts["through"])
            self.waiting = {
                key: one
                for key, one in self.waiting.items()
                if key[0] != about or one.seq > through
            }

    def forget(self, before: datetime) -> None:
        """Let go of what happened earlier."""
        self.waiting = {key: one for key, one in self.waiting.items() if one.at >= before}

    def through(self, kind: Kind) -> int:
        """The last entry of this kind that waits."""
        return max((one.seq for (of, _), one in self.waiting.items() if of == kind), default=0)

    def expiry_told(self, expiry: Expiry, days: int) -> bool:
        """Whether this end of access was told at this mark, or a later one."""
        key = expiry.account, audit.stamp(expiry.at)
        return self._expiries.get(key, WARNED[-1] + 1) <= days

    def shortfall_told(self, tally: Tally, now: datetime) -> bool:
        """Whether it was told within the hour, or has not grown since it was within a day."""
        at, short = self._shortfalls.get(tally.campaign, (None, 0))
        if at is None or now - at > STALE:
            return False
        return now - at < _HOUR or tally.short <= short


def alerts(book: Book, facts: Facts, wanted: Collection[Kind]) -> list[Alert]:
    """What of the ``wanted`` kinds is news, by kind; within a kind as it happened."""
    found = [
        alert
        for (kind, _), entry in sorted(book.waiting.items(), key=lambda item: item[1].seq)
        if kind in wanted
        and facts.now - entry.at <= STALE
        and (alert := _news(kind, entry, facts)) is not None
    ]
    if "expiry" in wanted:
        found += _ending(book, facts)
    if "behind" in wanted:
        found += _behind(book, facts)
    return sorted(found, key=lambda alert: KINDS.index(alert.kind))


def ripe(book: Book, found: Sequence[Alert], now: datetime, gather: timedelta) -> bool:
    """Whether it is time to tell: nothing is torn apart that happens together, and messages keep
    a distance from one another.
    """
    if not found or _within(book.last, now, APART * gather):
        return False
    happened = [alert.since for alert in found if alert.since is not None]
    return not happened or not all(_within(since, now, gather) for since in happened)


def _within(moment: datetime | None, now: datetime, span: timedelta) -> bool:
    """Whether it is no longer ago; what is still to come was told by a clock that was set since."""
    return moment is not None and timedelta(0) <= now - moment < span


def _news(kind: Kind, entry: Entry, facts: Facts) -> Alert | None:
    if kind == "stopped":
        return Alert(kind, entry.at, why=facts.stop_reason) if facts.stopped else None
    if kind == "paused":
        account = str(entry.facts.get("account"))
        if account not in facts.paused:
            return None
        platform = str(entry.facts.get("platform") or "")
        return Alert(kind, entry.at, account=account, platform=platform, why=facts.paused[account])
    number = entry.facts.get("delivery")
    stand = facts.deliveries.get(number) if isinstance(number, int) else None
    if stand is None or not _still(kind, stand):
        return None
    return Alert(
        kind,
        entry.at,
        delivery=number,
        account=stand.account,
        at=stand.due_at,
        text=stand.text,
        why=None if kind in {"missed", "gone"} else stand.error,
    )


def _still(kind: Kind, stand: Stand) -> bool:
    if kind == "gone":
        return stand.gone and stand.state == State.PUBLISHED
    return stand.state == _NEWS[kind]


def _ending(book: Book, facts: Facts) -> Iterable[Alert]:
    for expiry in facts.expiries:
        left = expiry.at - facts.now
        days = next((mark for mark in WARNED if left <= timedelta(days=mark)), None)
        if days is not None and not book.expiry_told(expiry, days):
            yield Alert(
                "expiry",
                account=expiry.account,
                platform=expiry.platform,
                at=expiry.at,
                days=days,
            )


def _behind(book: Book, facts: Facts) -> Iterable[Alert]:
    for tally in facts.tallies:
        short = tally.planned > 0 and tally.short >= max(1, SHORT * tally.planned)
        if short and not book.shortfall_told(tally, facts.now):
            yield Alert("behind", campaign=tally.campaign, planned=tally.planned, out=tally.out)
