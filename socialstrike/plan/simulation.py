"""The simulation: the day played through before it comes. Pure, over a snapshot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from socialstrike import platforms
from socialstrike.i18n import tr, translated
from socialstrike.lifecycle import State
from socialstrike.plan.odd import most_within, odd
from socialstrike.plan.snapshot import Snapshot, Step, Voice
from socialstrike.plan.trouble import Trouble
from socialstrike.platforms.base import Budget

#: How long a platform takes for one post in a simulation: one delivery at a time per account.
_CALL = timedelta(seconds=2)
#: A post this late went out after a jam, and the publisher paces what follows it.
_CATCHING_UP = timedelta(minutes=1)
#: Still to go out, or on the way.
_AHEAD = frozenset(
    {State.SCHEDULED, State.PUBLISHING, State.HANDED_OFF, State.UNCERTAIN, State.PARKED}
)
#: These do not go out from here: the platform has them, or a person must decide.
_NOT_OURS = frozenset({State.HANDED_OFF, State.PARKED})


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


def simulate(snapshot: Snapshot, *, catch_up: float = 0.0) -> Simulation:
    """Play what is still ahead against limits, budgets, credentials and lateness limits.

    ``catch_up`` is the pause in seconds between posts that go out late (Settings.catch_up).
    """
    ahead: dict[str, list[Step]] = defaultdict(list)
    said: dict[str, list[datetime]] = defaultdict(list)
    for step in snapshot.steps:
        if step.state in _AHEAD:
            ahead[step.account].append(step)
        elif step.published_at is not None:
            said[step.account].append(step.published_at)
    problems: list[Trouble] = []
    if snapshot.stopped and ahead:
        problems.append(
            Trouble(
                "stopped", tr("the emergency stop is pulled, nothing goes out: socialstrike start")
            )
        )
    if snapshot.unapproved:
        problems.append(_unapproved(snapshot.unapproved))
    # A thread goes out only when all its parts are approved.
    torn = {_thread(step) for step in snapshot.steps if step.delivery in snapshot.unapproved}
    sent_at: dict[int, datetime] = {}
    costs: dict[str, Decimal] = {}
    for name, steps in ahead.items():
        voice = snapshot.voices[name]
        adapter = platforms.get(voice.platform)
        price = sum((adapter.price(s.text, s.link, s.pictures) for s in steps), Decimal(0))
        if price:
            costs[name] = price
        ours = [step for step in steps if step.state not in _NOT_OURS]
        problems += [*_of_content(voice, ours), *_of_account(voice, ours), *_parked(name, steps)]
        sent_at |= {s.delivery: s.due_at for s in steps if s.state == State.HANDED_OFF}
        if snapshot.stopped or voice.paused:
            continue
        for step, at in _times(snapshot.now, voice, ours, sorted(said[name]), catch_up):
            if at > step.late_after:
                problems.append(_too_late(step, at))
            elif step.delivery in snapshot.unapproved or _thread(step) in torn:
                continue
            elif voice.expires_at is None or at < voice.expires_at:
                sent_at[step.delivery] = at
    problems += _of_apps(snapshot, sent_at)
    out = [step for step in snapshot.steps if step.delivery in sent_at]
    latest = max((sent_at[step.delivery] - step.due_at for step in out), default=timedelta())
    warnings = tuple(odd(snapshot, ahead, sent_at))
    return Simulation(sent_at, tuple(problems), warnings, costs, latest)


def _thread(step: Step) -> int:
    return step.place.first if step.place else step.delivery


def _times(
    now: datetime, voice: Voice, steps: list[Step], said: list[datetime], catch_up: float
) -> Iterator[tuple[Step, datetime]]:
    """When each step of one account would be sent, one after the other and within its budgets.

    ``said`` is when it published before, in order: that counts in its budgets too.
    """
    budgets = [b for b in platforms.get(voice.platform).budgets if b.per == "account"]
    free = max(now, voice.throttled_until or now)
    sent = list(said)
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
        length = adapter.count(limits, step.text, step.link, step.options)
        if length > limits.text:
            yield Trouble(
                "length",
                tr(
                    "delivery {delivery} has {length} characters as {label} counts, and {name}"
                    " takes {text}; shorten it",
                    delivery=step.delivery,
                    length=length,
                    label=adapter.label,
                    name=voice.name,
                    text=limits.text,
                ),
                voice.name,
                step.delivery,
            )
        if step.videos and not limits.video_bytes:
            yield Trouble(
                "pictures",
                tr(
                    "delivery {delivery} has a video, and {name} takes none; send pictures there",
                    delivery=step.delivery,
                    name=voice.name,
                ),
                voice.name,
                step.delivery,
            )
        if step.pictures > limits.media:
            yield Trouble(
                "pictures",
                tr(
                    "delivery {delivery} has {pictures} pictures, and {name} takes {media}; drop"
                    " some",
                    delivery=step.delivery,
                    pictures=step.pictures,
                    name=voice.name,
                    media=limits.media,
                ),
                voice.name,
                step.delivery,
            )


def _unapproved(lacking: Mapping[int, str]) -> Trouble:
    first = min(lacking)
    return Trouble(
        "approval",
        tr(
            "{count} deliveries wait for approval, the first is {lacking}: socialstrike"
            " approvals waiting",
            count=len(lacking),
            lacking=lacking[first],
        ),
        delivery=first,
    )


def _of_account(voice: Voice, steps: list[Step]) -> Iterator[Trouble]:
    if voice.paused and steps:
        yield Trouble(
            "paused",
            tr(
                "{name} is paused ({paused}), so {count} of its posts would be missed:"
                " socialstrike accounts resume {name}",
                name=voice.name,
                paused=translated(voice.paused),
                count=len(steps),
            ),
            voice.name,
            steps[0].delivery,
        )
    if voice.expires_at is None:
        return
    dead = [step for step in steps if step.due_at >= voice.expires_at]
    if dead:
        yield Trouble(
            "expiry",
            tr(
                "the credentials of {name} end on {expires_at:%Y-%m-%d %H:%M} UTC, before"
                " {count} of its posts; give it new ones with: socialstrike accounts connect"
                " {platform} {name} --replace",
                name=voice.name,
                expires_at=voice.expires_at,
                count=len(dead),
                platform=voice.platform,
            ),
            voice.name,
            dead[0].delivery,
        )


def _parked(account: str, steps: Iterable[Step]) -> Iterator[Trouble]:
    for step in steps:
        if step.state == State.PARKED:
            yield Trouble(
                "parked",
                tr(
                    "nobody knows whether delivery {delivery} is on {account}; look there, then:"
                    " socialstrike posts resolve {delivery} published, or absent",
                    delivery=step.delivery,
                    account=account,
                ),
                account,
                step.delivery,
            )


def _too_late(step: Step, at: datetime) -> Trouble:
    late = int((at - step.due_at).total_seconds() // 60)
    return Trouble(
        "lateness",
        tr(
            "delivery {delivery} on {account} would be {late} min late, past its lateness"
            " limit, and be missed; spread the posts out",
            delivery=step.delivery,
            account=step.account,
            late=late,
        ),
        step.account,
        step.delivery,
    )


def _of_apps(snapshot: Snapshot, sent_at: Mapping[int, datetime]) -> Iterator[Trouble]:
    """Budgets that all accounts of an application share; here, those of the whole home."""
    moments: dict[str, list[datetime]] = defaultdict(list)
    for step in snapshot.steps:
        at = sent_at.get(step.delivery, step.published_at)
        if at is not None:
            moments[step.platform].append(at)
    for platform, times in sorted(moments.items()):
        adapter = platforms.get(platform)
        times.sort()
        for budget in adapter.budgets:
            most = most_within(times, budget.window) if budget.per == "app" else 0
            if most > budget.posts:
                yield Trouble(
                    "budget",
                    tr(
                        "{most} posts within {window} on {label}, which takes {posts} of one"
                        " application; spread them over several days",
                        most=most,
                        window=budget.window,
                        label=adapter.label,
                        posts=budget.posts,
                    ),
                )
