"""Times and durations as people write them, resolved once, here, into UTC."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import tr
from socialstrike.post_file.nodes import shown, unknown

DEFAULT_ZONE = "Europe/Paris"
MAX_DURATION = timedelta(days=31)

_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?"
_OFFSET = r"(?:\s*(?P<offset>[Zz]|[+-]\d{2}:?\d{2}))?"
_RELATIVE = re.compile(rf"[DJdj]\s*(?P<days>[+-]\s*\d{{1,3}})?(?:\s+|T){_CLOCK}{_OFFSET}", re.ASCII)
_ABSOLUTE = re.compile(rf"(?P<date>\d{{4}}-\d{{2}}-\d{{2}})(?:\s+|[Tt]){_CLOCK}{_OFFSET}", re.ASCII)
# A fifth of the time that the two above take, for what most files hold.
_PLAIN = re.compile(
    r"2[01]\d\d-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d)?", re.ASCII
)
_DURATION = re.compile(r"(?:(\d{1,4})\s*h(?:\s*(\d{1,2})\s*(?:m|min)?)?|(\d{1,5})\s*(?:m|min))")
_EXAMPLES = "write a time such as D-2 09:00 or 2020-01-22T09:00"


class WrongTime(InvalidInput):
    """This time cannot be used."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """How written times are meant: the zone, the strike day, and how far the pack was moved."""

    zone: ZoneInfo
    day: date | None = None
    shift: timedelta = timedelta(0)

    def resolve(self, written: str) -> datetime:
        """The moment ``written`` names, aware, in UTC.

        Raises WrongTime where it is no time, or a local time that a clock change skips or repeats.
        """
        text = written.strip()
        if _PLAIN.fullmatch(text) and (plain := self._plain(text)):
            return plain
        if match := _RELATIVE.fullmatch(text):
            if self.day is None:
                raise WrongTime(
                    tr(
                        "{text} counts from the strike day, and there is none; name a campaign with"
                        " its day, or write a date",
                        text=shown(text),
                    )
                )
            base = self.day
            days = timedelta(days=int((match["days"] or "0").replace(" ", "")))
        elif match := _ABSOLUTE.fullmatch(text):
            base = _date(match["date"])
            days = self.shift
        else:
            raise WrongTime(_not_a_time(text))
        try:
            local = datetime.combine(base, datetime.min.time()) + days + _clock(match)
            if match["offset"]:
                return local.replace(tzinfo=_offset(match["offset"])).astimezone(UTC)
            return self.from_local(local)
        except OverflowError:
            raise WrongTime(
                tr(
                    "{text} is out of the calendar; {examples}",
                    text=shown(text),
                    examples=_EXAMPLES,
                )
            ) from None

    def _plain(self, text: str) -> datetime | None:
        """What ``resolve`` gives; None where it would find something to say."""
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(text)
            if moment.year <= 2100:  # and from 2000 on, as written
                moment += self.shift
                return moment.astimezone(UTC) if moment.tzinfo else self.from_local(moment)
        return None

    def from_local(self, local: datetime) -> datetime:
        """The moment a wall clock in the zone shows ``local`` (naive), in UTC. Raises WrongTime."""
        first = local.replace(tzinfo=self.zone, fold=0)
        second = local.replace(tzinfo=self.zone, fold=1)
        before, after = first.utcoffset(), second.utcoffset()
        assert before is not None
        assert after is not None
        if before == after:
            return first.astimezone(UTC)
        gap = after - before
        said = f"{local:%Y-%m-%d %H:%M} in {self.zone.key}"
        if before > after:
            raise WrongTime(
                tr(
                    "{said} exists twice (the clocks go back); write {iso} or {iso2}",
                    said=said,
                    iso=_iso(local, before),
                    iso2=_iso(local, after),
                )
            )
        raise WrongTime(
            tr(
                "{said} does not exist (the clocks go forward); write {iso} or {iso2}",
                said=said,
                iso=_iso(local - gap, before),
                iso2=_iso(local + gap, after),
            )
        )

    def to_local(self, moment: datetime) -> str:
        """What a wall clock in the zone shows at ``moment``: ISO 8601 without an offset."""
        return moment.astimezone(self.zone).replace(tzinfo=None).isoformat()


def day_of(written: str) -> date:
    """A strike day such as 2020-01-24. Raises WrongTime."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", written.strip(), re.ASCII):
        raise WrongTime(tr("{written} is no day; write it as 2020-01-24", written=shown(written)))
    return _date(written.strip())


def duration(written: str) -> timedelta:
    """A duration such as 30m, 2h or 1h30, above zero and at most 31 days. Raises WrongTime."""
    match = _DURATION.fullmatch(written.strip().lower())
    if not match:
        raise WrongTime(
            tr("{written} is no duration; write 30m, 2h or 1h30", written=shown(written))
        )
    hours, minutes, only_minutes = (int(part or 0) for part in match.groups())
    length = timedelta(hours=hours, minutes=minutes + only_minutes)
    if not timedelta(0) < length <= MAX_DURATION:
        raise WrongTime(
            tr("{written} must be longer than nothing and at most 31 days", written=shown(written))
        )
    return length


def from_now(written: str, now: datetime) -> str:
    """``now`` and delays such as ``+10m`` as a time that a calendar reads, up to a second earlier
    than they say; anything else as it is. ``now`` is aware. Raises InvalidInput for no delay.
    """
    if written.lower() == "now":
        delay = timedelta(0)
    elif written.startswith("+"):
        delay = duration(written[1:])
    else:
        return written
    return (now + delay).isoformat(timespec="seconds")


def zone_of(name: str) -> ZoneInfo:
    """The time zone called ``name``. Raises WrongTime with the nearest name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        known = available_timezones()
        raise WrongTime(
            tr(
                "{unknown} (a time zone has a name such as Europe/Paris)",
                unknown=unknown(tr("time zone"), name, known, listed=False),
            )
        ) from None


def _not_a_time(text: str) -> str:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}|[DJdj]\s*([+-]\s*\d+)?", text, re.ASCII):
        return tr("{text} lacks the time of day; write {text} 09:00", text=shown(text))
    if re.fullmatch(r"\d{1,2}:\d{2}", text, re.ASCII):
        return tr("{text} lacks the day; write D {text} for the strike day, or a date", text=text)
    return tr("{text} is no time; {examples}", text=shown(text) or tr("it"), examples=_EXAMPLES)


def _date(written: str) -> date:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        raise WrongTime(
            tr("{written} is not in the calendar; check the month and the day", written=written)
        ) from None
    if not 2000 <= day.year <= 2100:
        raise WrongTime(
            tr("{written} is not between 2000 and 2100; check the year", written=written)
        )
    return day


def _clock(match: re.Match[str]) -> timedelta:
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and (minute or second)):
        raise WrongTime(
            tr(
                "{match} has no such time of day; hours go from 00:00 to 24:00",
                match=shown(match[0]),
            )
        )
    return timedelta(hours=hour, minutes=minute, seconds=second)


def _offset(written: str) -> timezone:
    if written in "Zz":
        return UTC
    digits = written[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 14 or minutes > 59:
        raise WrongTime(
            tr("{written} is no offset from UTC; write one such as +01:00", written=written)
        )
    length = timedelta(hours=hours, minutes=minutes)
    return timezone(-length if written[0] == "-" else length)


def _iso(local: datetime, offset: timedelta) -> str:
    return local.replace(tzinfo=timezone(offset)).isoformat()
