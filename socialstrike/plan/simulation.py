"""The simulation: the day played through before it comes. Pure, over a snapshot."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from socialstrike import platforms
from socialstrike.drafts import CampaignSpec
from socialstrike.i18n import tr, trn
from socialstrike.lifecycle import State
from socialstrike.plan.snapshot import Snapshot, Step, Voice
from socialstrike.platforms.base import Budget

#: How long a platform takes for one post in a simulation: one delivery at a time per account.
_CALL = timedelta(seconds=2)
#: A post this late went out after a jam, and the publisher paces what follows it.
_CATCHING_UP = timedelta(minutes=1)
#: Time for about five tries; with less, one hiccup of a platform makes a delivery missed.
_ROOM_TO_RETRY = timedelta(minutes=1)
#: Still to go out, or on the way.
_AHEAD = frozenset(
    {State.SCHEDULED, State.PUBLISHING, State.HANDED_OFF, State.UNCERTAIN, State.PARKED}
)
#: These do not go out from here: the platform has them, or a person must decide.
_NOT_OURS = frozenset({State.HANDED_OFF, State.PARKED})
#: Posts of one account in an hour beyond which a platform may take it for a machine: X's pages
#: name 300 in three hours.
_PACE = {"x": 100}
#: These refuse a text that the account has said already.
_NO_REPEATS = frozenset({"x", "facebook"})

#: The rules of the simulation, each in words that name nobody.
RULES: Mapping[str, str] = {
    "stopped": "the emergency stop is pulled",
    "length": "a text is longer than its account takes",
    "pictures": "a post has more pictures than its account takes",
    "paused": "an account is paused",
    "expiry": "an account's credentials end before its posts",
    "parked": "nobody knows whether a post is there, and a person must look",
    "lateness": "a post would be missed, past its lateness limit",
    "budget": "a platform takes fewer posts of one application",
    "nothing": "nothing waits to go out",
    "same-text": "accounts of one platform would say the same",
    "repeated-text": "an account would say the same twice",
    "no-second-try": "a post has no time for a second try",
    "pace": "an account would post very often within an hour",
    "window": "occupations are due outside their campaign's window",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What would go wrong, or is odd: ``rule`` is a stable word, ``delivery`` the first one hit."""

    rule: str
    message: str
    account: str | None = None
    delivery: int | None = None

    @property
    def nameless(self) -> str:
        """What is wrong in words that name no account."""
        return RULES[self.rule]


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
    warnings = tuple(_odd(snapshot, ahead, sent_at))
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
                paused=voice.paused,
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
            most = _most_within(times, budget.window) if budget.per == "app" else 0
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


def _most_within(times: list[datetime], window: timedelta) -> int:
    return max(
        (index + 1 - bisect_right(times, at - window) for index, at in enumerate(times)), default=0
    )


def _odd(
    snapshot: Snapshot, ahead: Mapping[str, list[Step]], sent_at: Mapping[int, datetime]
) -> Iterator[Trouble]:
    """What is allowed and yet likely to be regretted."""
    if not ahead:
        yield Trouble(
            "nothing", tr("nothing waits to go out; see: socialstrike posts import --help")
        )
    yield from _same_words(ahead)
    for name, steps in ahead.items():
        yield from _repeats(name, steps)
        yield from _no_second_try(name, steps, sent_at)
        yield from _pace(name, steps, sent_at)
    yield from _outside(snapshot, [step for steps in ahead.values() for step in steps])


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
            trn(
                "{count} text is the same on {names} ({label}), which platforms may take for spam;"
                " write variants",
                "{count} texts are the same on {names} ({label}), which platforms may take for"
                " spam; write variants",
                count,
                names=", ".join(sorted(names)),
                label=platforms.get(platform).label,
            ),
        )


def _repeats(account: str, steps: Sequence[Step]) -> Iterator[Trouble]:
    counted = Counter(step.text for step in steps if step.platform in _NO_REPEATS)
    if again := [step for step in steps if counted[step.text] > 1]:
        yield Trouble(
            "repeated-text",
            tr(
                "{account} would say {count} of its texts more than once, which {label} may"
                " refuse; write more texts",
                account=account,
                count=len({step.text for step in again}),
                label=platforms.get(again[0].platform).label,
            ),
            account,
            again[0].delivery,
        )


def _no_second_try(
    account: str, steps: Sequence[Step], sent_at: Mapping[int, datetime]
) -> Iterator[Trouble]:
    tight = [
        step
        for step in steps
        if step.delivery in sent_at
        and step.state != State.HANDED_OFF
        and step.late_after - sent_at[step.delivery] < _ROOM_TO_RETRY
    ]
    if tight:
        yield Trouble(
            "no-second-try",
            tr(
                "{count} of the posts of {account} would go out less than a minute before"
                " their lateness limit, so that one failed try makes them missed; spread them"
                " out, or allow more lateness",
                count=len(tight),
                account=account,
            ),
            account,
            tight[0].delivery,
        )


def _pace(
    account: str, steps: Sequence[Step], sent_at: Mapping[int, datetime]
) -> Iterator[Trouble]:
    platform = steps[0].platform
    times = sorted(sent_at[step.delivery] for step in steps if step.delivery in sent_at)
    most = _most_within(times, timedelta(hours=1))
    if most > _PACE.get(platform, most):
        yield Trouble(
            "pace",
            tr(
                "{account} would post {most} times within an hour, and {label} takes more"
                " than {pace} for a machine's flood; spread them out",
                account=account,
                most=most,
                label=platforms.get(platform).label,
                pace=_PACE[platform],
            ),
            account,
        )


def _outside(snapshot: Snapshot, steps: Sequence[Step]) -> Iterator[Trouble]:
    """Occupations that the campaign's window does not hold; an announcement comes before it."""
    for name, campaign in snapshot.campaigns.items():
        first, end = _window(campaign)
        out = [
            step
            for step in steps
            if step.campaign == name
            and step.kind == "occupation"
            and not first <= step.due_at < end
        ]
        if out:
            yield Trouble(
                "window",
                tr(
                    "{count} occupations of {name} are due outside its window ({window_hours} h"
                    " from {day} 00:00, {timezone}); see: socialstrike posts reschedule --help",
                    count=len(out),
                    name=name,
                    window_hours=campaign.window_hours,
                    day=campaign.day,
                    timezone=campaign.timezone,
                ),
                delivery=out[0].delivery,
            )


def _window(campaign: CampaignSpec) -> tuple[datetime, datetime]:
    """Aware, in UTC: hours of the wall clock, as the post files reckon them."""
    start = datetime.combine(campaign.day, time(), ZoneInfo(campaign.timezone))
    return start.astimezone(UTC), (start + timedelta(hours=campaign.window_hours)).astimezone(UTC)
