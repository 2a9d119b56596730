"""When a post goes out: one moment, or an occupation's every so often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from socialstrike.drafts import CampaignSpec
from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import tr
from socialstrike.post_file.nodes import Fields, Report, Scalar, scalar
from socialstrike.post_file.times import Calendar, WrongTime, duration

MAX_OCCURRENCES = 2_000
ANNOUNCEMENT = "announcement"
OCCUPATION = "occupation"
_NO_STEP = timedelta(0)
_SINGLE_OCCUPATION_LATENESS = timedelta(minutes=30)
# People type minutes; the minute that has begun still counts as now.
_GRACE = timedelta(minutes=1)


class Schedule(Struct, frozen=True):
    """The moments a post goes out, in order, aware, in UTC; ``line`` is where they are written.

    Repeated ones come every ``step`` and all lie before ``end``.
    """

    moments: tuple[datetime, ...]
    repeated: bool
    line: int | None
    step: timedelta
    end: datetime


def schedule(
    post: Fields, kind: str, calendar: Calendar, campaign: CampaignSpec | None, report: Report
) -> Schedule | None:
    """The moments ``post`` asks for; None after an error."""
    at = scalar(post, "at", report)
    every = scalar(post, "every", report)
    if every is None:
        for name in ("from", "until"):
            if name in post.values:
                report.error(post.values[name].line, name, tr("goes with every; add every: 2h"))
        if at is None:
            example = tr(" or every: 2h") if kind == OCCUPATION else ""
            report.error(
                post.line, "at", tr("is missing; write at: D 09:00{example}", example=example)
            )
            return None
        moment = _moment(at, "at", calendar, report)
        return None if moment is None else Schedule((moment,), False, at.line, _NO_STEP, moment)
    if kind != OCCUPATION:
        report.error(every.line, "every", tr("is for an occupation; an announcement has one at"))
        return None
    if at is not None:
        report.error(at.line, "at", tr("does not go with every; write from, or drop every"))
        return None
    return _repeated(post, every, calendar, campaign, report)


def late_after(
    plan: Schedule, kind: str, own: timedelta | None, campaign: CampaignSpec | None
) -> tuple[datetime, ...]:
    """Until when each moment may still be caught up with: aware, UTC.

    What the post says goes before what its campaign says, and that before the defaults.
    """
    if own is None and campaign is not None:
        own = (
            campaign.announcement_lateness if kind == ANNOUNCEMENT else campaign.occupation_lateness
        )
    if own is None and kind == ANNOUNCEMENT:
        own = timedelta(hours=1)
    if own is not None:
        return tuple(moment + own for moment in plan.moments)
    return (*plan.moments[1:], plan.moments[-1] + _SINGLE_OCCUPATION_LATENESS)


def is_past(moment: datetime, limit: datetime, now: datetime, *, late: bool) -> bool:
    """Whether it is too late for ``moment``; with ``late`` it is only after its ``limit``."""
    return moment < now - _GRACE and not (late and limit >= now)


def check_past(
    plan: Schedule, limits: tuple[datetime, ...], now: datetime, *, late: bool, report: Report
) -> None:
    """Report moments before ``now``; with ``late`` only those whose lateness limit passed too."""
    name = "every" if plan.repeated else "at"
    past = [
        (moment, limit)
        for moment, limit in zip(plan.moments, limits, strict=True)
        if is_past(moment, limit, now, late=late)
    ]
    if not past:
        return
    when = f"{past[0][0]:%Y-%m-%d %H:%M} UTC"
    said = (
        tr(
            "{count} of its {count2} times have passed, the first on {when}",
            count=len(past),
            count2=len(plan.moments),
            when=when,
        )
        if plan.repeated
        else tr("the time has passed ({when})", when=when)
    )
    if late:
        message = tr("{said}, and its lateness limit too", said=said)
        remedy = tr("write a later from") if plan.repeated else tr("write a later time")
    else:
        message = said
        remedy = tr("write a later time, move the pack with --day")
        if all(limit >= now for _, limit in past):
            remedy += tr(", or accept it with --late")
    report.error(plan.line, name, f"{message}; {remedy}")


def window(campaign: CampaignSpec, calendar: Calendar) -> tuple[datetime, datetime] | None:
    """The strike's first moment and the one after its last, UTC; None on a clock change."""
    start = datetime.combine(campaign.day, datetime.min.time())
    try:
        first = calendar.from_local(start)
        return first, calendar.from_local(start + timedelta(hours=campaign.window_hours))
    except (WrongTime, OverflowError):
        return None


def _moment(written: Scalar, name: str, calendar: Calendar, report: Report) -> datetime | None:
    try:
        return calendar.resolve(written.text)
    except InvalidInput as error:
        report.error(written.line, name, str(error))
        return None


def _repeated(
    post: Fields,
    every: Scalar,
    calendar: Calendar,
    campaign: CampaignSpec | None,
    report: Report,
) -> Schedule | None:
    try:
        step = duration(every.text)
    except InvalidInput as error:
        report.error(every.line, "every", str(error))
        return None
    default = window(campaign, calendar) if campaign else None
    bounds: list[datetime | None] = []
    for i, name in enumerate(("from", "until")):
        written = scalar(post, name, report)
        if written is not None:
            bounds.append(_moment(written, name, calendar, report))
        elif default is not None:
            bounds.append(default[i])
        else:
            report.error(every.line, name, tr("is missing; write from: D 00:00 and until: D 24:00"))
            bounds.append(None)
    start, end = bounds
    if start is None or end is None:
        return None
    if end <= start:
        report.error(every.line, "until", tr("is not after from; the end itself is not included"))
        return None
    # Intervals are durations: they are counted in UTC, and a clock change does not bend them.
    count = -((start - end) // step)
    if count > MAX_OCCURRENCES:
        report.error(
            every.line,
            "every",
            tr(
                "comes to {count:,} times, more than {max_occurrences:,}; write a longer interval",
                count=count,
                max_occurrences=MAX_OCCURRENCES,
            ),
        )
        return None
    moments = tuple((start + step * i).astimezone(UTC) for i in range(count))
    return Schedule(moments, True, every.line, step, end.astimezone(UTC))
