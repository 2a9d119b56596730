"""A page's times and durations, as the people who read it write them."""

from __future__ import annotations

from datetime import datetime, timedelta

from socialstrike.i18n import language, tr


def named(name: str) -> str:
    """What stands before a value: the name and a colon."""
    return tr("{name}: ", name=name)


def day(moment: datetime) -> str:
    """A day with its name, in the zone that ``moment`` carries."""
    number = "1er" if moment.day == 1 and language() == "fr" else str(moment.day)
    return f"{_weekday(moment)} {number} {_month(moment)} {moment.year}"


def moment(moment: datetime) -> str:
    """A day and a time; with the offset where a change of the clock makes it mean two."""
    time = f"{moment:%H:%M:%S}{_offset_if_twice(moment)}"
    return tr("{day}, {time}", day=day(moment), time=time)


def minute(moment: datetime) -> str:
    """A day and a time without its seconds."""
    time = f"{moment:%H:%M}{_offset_if_twice(moment)}"
    return tr("{day}, {time}", day=day(moment), time=time)


def duration(seconds: float) -> str:
    """How long, as exactly as people care."""
    sign, seconds = ("−" if seconds < 0 else ""), abs(seconds)
    if seconds < 59.95:
        return f"{sign}{decimal(f'{seconds:.1f}')}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{sign}{minutes}\u00a0min\u00a0{rest:02}\u00a0s"
    return f"{sign}{hours}\u00a0h\u00a0{minutes:02}\u00a0min"


def decimal(number: str) -> str:
    """A number written with a point, as the language writes it."""
    return number.replace(".", ",") if language() == "fr" else number


def _weekday(moment: datetime) -> str:
    return (
        tr("Monday"),
        tr("Tuesday"),
        tr("Wednesday"),
        tr("Thursday"),
        tr("Friday"),
        tr("Saturday"),
        tr("Sunday"),
    )[moment.weekday()]


def _month(moment: datetime) -> str:
    return (
        tr("January"),
        tr("February"),
        tr("March"),
        tr("April"),
        tr("May"),
        tr("June"),
        tr("July"),
        tr("August"),
        tr("September"),
        tr("October"),
        tr("November"),
        tr("December"),
    )[moment.month - 1]


def _offset_if_twice(moment: datetime) -> str:
    first, second = moment.replace(fold=0).utcoffset(), moment.replace(fold=1).utcoffset()
    if first == second or first is None or second is None or first < second:
        return ""
    offset = moment.utcoffset() or timedelta(0)
    hours, minutes = divmod(abs(int(offset.total_seconds())) // 60, 60)
    return f" (UTC{'-' if offset < timedelta(0) else '+'}{hours:02}:{minutes:02})"
