"""What is allowed on a strike day, and yet odd: repeats, floods, times without a second try."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from socialstrike import platforms
from socialstrike.drafts import CampaignSpec
from socialstrike.i18n import tr, trn
from socialstrike.lifecycle import State
from socialstrike.plan.snapshot import Snapshot, Step
from socialstrike.plan.trouble import Trouble

#: Time for about five tries; with less, one hiccup of a platform makes a delivery missed.
_ROOM_TO_RETRY = timedelta(minutes=1)
#: Posts of one account in an hour beyond which a platform may take it for a machine: X's pages
#: name 300 in three hours.
_PACE = {"x": 100}
#: These refuse a text that the account has said already.
_NO_REPEATS = frozenset({"x", "facebook"})


def odd(
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
    most = most_within(times, timedelta(hours=1))
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


def most_within(times: list[datetime], window: timedelta) -> int:
    """How many of the sorted ``times`` lie within one ``window``, at most."""
    return max(
        (index + 1 - bisect_right(times, at - window) for index, at in enumerate(times)), default=0
    )
