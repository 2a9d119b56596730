"""The day on paper: what goes out when, and what would go wrong, before anything is sent.

``snapshot`` reads the queue once; everything after it is pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import platforms, queue
from socialstrike.db.models import Account, Campaign, Delivery, Post
from socialstrike.lifecycle import State
from socialstrike.platforms.base import Budget

#: How long a platform takes for one post in a simulation: one delivery at a time per account.
_CALL = timedelta(seconds=2)
#: A post this late went out after a jam, and the publisher paces what follows it.
_CATCHING_UP = timedelta(minutes=1)
#: Still to go out, or on the way.
_AHEAD = frozenset({State.SCHEDULED, State.PUBLISHING, State.UNCERTAIN, State.PARKED})


@dataclass(frozen=True, slots=True)
class Step:
    """One delivery in the plan. Times are aware, UTC; ``timezone`` is the zone people typed."""

    delivery: int
    account: str
    platform: str
    kind: str
    text: str
    link: str | None
    pictures: int
    due_at: datetime
    late_after: datetime
    timezone: str
    state: str


@dataclass(frozen=True, slots=True)
class Voice:
    """What the plan must know of an account. ``told`` are its own limits (Platform.limits_for)."""

    name: str
    platform: str
    paused: str | None = None
    expires_at: datetime | None = None
    throttled_until: datetime | None = None
    told: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The queue at one moment: the steps by due time, the accounts they need, the stop."""

    now: datetime
    steps: tuple[Step, ...]
    voices: Mapping[str, Voice]
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """What would go wrong, or is odd: ``rule`` is a stable word, ``delivery`` the first one hit."""

    rule: str
    message: str
    account: str | None = None
    delivery: int | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """How the day would go: when each step would be sent, what fails, what is odd, what it costs.

    ``sent_at`` maps a delivery to its moment (aware, UTC); who would be missed is not in it.
    ``costs`` are US dollars by account, for the platforms that charge; ``latest`` is the greatest
    lateness of what would be sent.
    """

    sent_at: Mapping[int, datetime]
    problems: tuple[Trouble, ...]
    warnings: tuple[Trouble, ...]
    costs: Mapping[str, Decimal]
    latest: timedelta


@dataclass(frozen=True, slots=True)
class Expected:
    """The actions to expect, as the call's form asks: so many posts, accounts and platforms."""

    posts: int
    accounts: Mapping[str, int]
    platforms: Mapping[str, int]


def snapshot(session: Session, now: datetime, campaign: str | None = None) -> Snapshot:
    """Read what is queued, of one campaign or of all."""
    statement = (
        select(Delivery, Post, Account)
        .join(Post, Post.id == Delivery.post_id)
        .join(Account, Account.id == Delivery.account_id)
        .order_by(Delivery.due_at, Delivery.id)
    )
    if campaign is not None:
        statement = statement.join(Campaign, Campaign.id == Post.campaign_id).where(
            Campaign.name == campaign
        )
    steps = []
    voices: dict[str, Voice] = {}
    for delivery, post, account in session.execute(statement.execution_options(yield_per=1000)):
        voices.setdefault(account.name, _voice(account))
        steps.append(_step(delivery, post, account))
    return Snapshot(now, tuple(steps), voices, queue.stopped(session) is not None)


def expected(snapshot: Snapshot) -> Expected:
    """Count the actions: everything queued that was not cancelled."""
    counted = [s for s in snapshot.steps if s.state not in {State.CANCELLED, State.RETRACTED}]
    return Expected(
        len(counted),
        dict(sorted(Counter(step.account for step in counted).items())),
        dict(sorted(Counter(step.platform for step in counted).items())),
    )


def simulate(snapshot: Snapshot, *, catch_up: float = 0.0) -> Simulation:
    """Play what is still ahead against limits, budgets, credentials and lateness limits.

    ``catch_up`` is the pause in seconds between posts that go out late (Settings.catch_up).
    """
    problems: list[Trouble] = []
    if snapshot.stopped and any(step.state in _AHEAD for step in snapshot.steps):
        problems.append(
            Trouble("stopped", "the emergency stop is pulled, nothing goes out: socialstrike start")
        )
    ahead: dict[str, list[Step]] = defaultdict(list)
    for step in snapshot.steps:
        if step.state in _AHEAD:
            ahead[step.account].append(step)
    sent_at: dict[int, datetime] = {}
    latest = timedelta()
    costs: dict[str, Decimal] = {}
    for name, steps in ahead.items():
        voice = snapshot.voices[name]
        adapter = platforms.get(voice.platform)
        price = sum((adapter.price(s.text, s.link, s.pictures) for s in steps), Decimal(0))
        if price:
            costs[name] = price
        problems += _of_content(voice, steps)
        problems += _of_account(voice, steps)
        for step, at in _times(snapshot.now, voice, steps, catch_up):
            if at > step.late_after:
                problems.append(_too_late(step, at))
            else:
                sent_at[step.delivery] = at
                latest = max(latest, at - step.due_at)
    problems += _of_apps(snapshot, sent_at)
    return Simulation(sent_at, tuple(problems), tuple(_same_words(ahead)), costs, latest)


def _step(delivery: Delivery, post: Post, account: Account) -> Step:
    return Step(
        delivery=delivery.id,
        account=account.name,
        platform=account.platform,
        kind=post.kind,
        text=delivery.text,
        link=post.link,
        pictures=len(post.media),
        due_at=delivery.due_at,
        late_after=delivery.late_after,
        timezone=delivery.timezone,
        state=delivery.state,
    )


def _voice(account: Account) -> Voice:
    paused = account.pause_reason or "paused" if account.paused_at else None
    return Voice(
        name=account.name,
        platform=account.platform,
        paused=paused,
        expires_at=account.expires_at,
        throttled_until=account.throttled_until,
        told=account.told,
    )


def _times(
    now: datetime, voice: Voice, steps: list[Step], catch_up: float
) -> Iterator[tuple[Step, datetime]]:
    """When each step of one account would be sent, one after the other and within its budgets."""
    budgets = [b for b in platforms.get(voice.platform).budgets if b.per == "account"]
    free = max(now, voice.throttled_until or now)
    sent: list[datetime] = []
    for step in steps:
        at = max(step.due_at, free)
        for budget in budgets:
            at = max(at, _room(sent, budget, at))
        yield step, at
        if at > step.late_after:
            continue  # it is missed, and takes nobody's place
        sent.append(at)
        free = at + _CALL
        if catch_up and at - step.due_at >= _CATCHING_UP:
            free = at + timedelta(seconds=catch_up)


def _room(sent: list[datetime], budget: Budget, at: datetime) -> datetime:
    """The first moment from ``at`` on at which the budget has room for one more."""
    if len(sent) < budget.posts:
        return at
    return max(at, sent[-budget.posts] + budget.window)


def _of_content(voice: Voice, steps: Iterable[Step]) -> Iterator[Trouble]:
    """What does not fit the account's own limits, which may have changed since the import."""
    adapter = platforms.get(voice.platform)
    limits = adapter.limits_for(voice.told)
    for step in steps:
        length = limits.length(adapter.compose(step.text, step.link))
        if length > limits.text:
            yield Trouble(
                "length",
                f"delivery {step.delivery} has {length} characters as {adapter.label} counts, and"
                f" {voice.name} takes {limits.text}; shorten it",
                voice.name,
                step.delivery,
            )
        if step.pictures > limits.media:
            yield Trouble(
                "pictures",
                f"delivery {step.delivery} has {step.pictures} pictures, and {voice.name} takes"
                f" {limits.media}; drop some",
                voice.name,
                step.delivery,
            )


def _of_account(voice: Voice, steps: list[Step]) -> Iterator[Trouble]:
    if voice.paused:
        yield Trouble(
            "paused",
            f"{voice.name} is paused ({voice.paused}), so {len(steps)} of its posts would be"
            f" missed: socialstrike accounts resume {voice.name}",
            voice.name,
            steps[0].delivery,
        )
    if voice.expires_at is None:
        return
    dead = [step for step in steps if step.due_at >= voice.expires_at]
    if dead:
        yield Trouble(
            "expiry",
            f"the credentials of {voice.name} end on {voice.expires_at:%Y-%m-%d %H:%M} UTC, before"
            f" {len(dead)} of its posts; give it new ones with: socialstrike accounts connect"
            f" {voice.platform} {voice.name} --replace",
            voice.name,
            dead[0].delivery,
        )


def _too_late(step: Step, at: datetime) -> Trouble:
    late = int((at - step.due_at).total_seconds() // 60)
    return Trouble(
        "lateness",
        f"delivery {step.delivery} on {step.account} would be {late} min late, past its lateness"
        " limit, and be missed; spread the posts out",
        step.account,
        step.delivery,
    )


def _of_apps(snapshot: Snapshot, sent_at: Mapping[int, datetime]) -> Iterator[Trouble]:
    """Budgets that all accounts of an application share; here, those of the whole home."""
    moments: dict[str, list[datetime]] = defaultdict(list)
    for step in snapshot.steps:
        if step.delivery in sent_at:
            moments[step.platform].append(sent_at[step.delivery])
    for platform, times in sorted(moments.items()):
        adapter = platforms.get(platform)
        times.sort()
        for budget in adapter.budgets:
            most = _most_within(times, budget.window) if budget.per == "app" else 0
            if most > budget.posts:
                yield Trouble(
                    "budget",
                    f"{most} posts within {budget.window} on {adapter.label}, which takes"
                    f" {budget.posts} of one application; spread them over several days",
                )


def _most_within(times: list[datetime], window: timedelta) -> int:
    return max(
        (index + 1 - bisect_right(times, at - window) for index, at in enumerate(times)), default=0
    )


def _same_words(ahead: Mapping[str, list[Step]]) -> Iterator[Trouble]:
    """Platforms take the same text on several accounts for spam."""
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name, steps in ahead.items():
        for step in steps:
            said[step.platform, step.text].add(name)
    shared: dict[tuple[str, frozenset[str]], int] = Counter(
        (platform, frozenset(names)) for (platform, _), names in said.items() if len(names) > 1
    )
    for (platform, names), count in shared.items():
        yield Trouble(
            "same-text",
            f"{count} {'text is' if count == 1 else 'texts are'} the same on"
            f" {', '.join(sorted(names))} ({platforms.get(platform).label}), which platforms may"
            " take for spam; write variants",
        )
