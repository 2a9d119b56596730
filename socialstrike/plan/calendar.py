"""The plan as an iCalendar file (RFC 5545), for the calendars of the people who stand by.

Written here and not by a library: all it takes is UTC times, escaping and folding. A calendar shows
UTC in its reader's own zone, so no zone needs to travel along.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from socialstrike import platforms
from socialstrike.i18n import translated, trn
from socialstrike.plan.snapshot import GONE, Snapshot, Step
from socialstrike.redaction import printable

#: Octets in a line, its end not counted (RFC 5545, 3.1).
_LINE = 75
_SUMMARY = 60
#: An event's version is the seconds since then: a whole number that fits 31 bits until 2088.
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def as_calendar(snapshot: Snapshot, *, names: bool = True) -> str:
    """One event for each post and time, with its accounts; without ``names`` only counts of them.

    An event keeps its UID whatever changes but its post, so that importing the file again updates
    it; one whose deliveries are all cancelled says so.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//socialstrike//plan//EN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_escaped(', '.join(snapshot.campaigns) or 'socialstrike')}",
        *(line for event in _events(snapshot, names) for line in event),
        "END:VCALENDAR",
    ]
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _events(snapshot: Snapshot, names: bool) -> Iterator[list[str]]:
    groups: dict[tuple[str, int, datetime], list[Step]] = defaultdict(list)
    for step in snapshot.steps:
        groups[step.post, step.occurrence, step.due_at.replace(second=0, microsecond=0)].append(
            step
        )
    taken: set[str] = set()
    # By their first delivery: where accounts were moved apart, the same event keeps the UID.
    for (post, occurrence, _), steps in sorted(
        groups.items(), key=lambda group: min(step.delivery for step in group[1])
    ):
        uid = _uid(f"{post} {occurrence}")
        if uid in taken:
            uid = _uid(f"{post} {occurrence} {steps[0].account}")
        taken.add(uid)
        yield _event(snapshot, uid, steps, names)


def _uid(said: str) -> str:
    return f"{hashlib.sha256(said.encode()).hexdigest()[:40]}@socialstrike"


def _event(snapshot: Snapshot, uid: str, steps: list[Step], names: bool) -> list[str]:
    staying = [step for step in steps if step.state not in GONE]
    told = staying or steps
    changed = max((step.changed_at or snapshot.now for step in steps), default=snapshot.now)
    count = trn("{count} account", "{count} accounts", len(told))
    summary = f"{translated(told[0].kind)}, {count}"
    return [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{_time(snapshot.now)}",
        f"LAST-MODIFIED:{_time(changed)}",
        f"SEQUENCE:{max(0, int((changed - _EPOCH).total_seconds()))}",
        f"DTSTART:{_time(told[0].due_at)}",
        "DURATION:PT1M",
        f"SUMMARY:{_escaped(f'{summary}: {_first_words(told[0].placed)}' if names else summary)}",
        f"DESCRIPTION:{_escaped(_described(told) if names else _counted(told))}",
        f"STATUS:{'CONFIRMED' if staying else 'CANCELLED'}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _described(steps: list[Step]) -> str:
    """Each text with the accounts that say it."""
    saying: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for step in steps:
        where = f"{step.account} ({platforms.get(step.platform).label}, {step.state})"
        saying[step.text, step.link].append(where)
    return "\n\n".join(
        f"{', '.join(accounts)}:\n{text}{f'{chr(10)}{link}' if link and link not in text else ''}"
        for (text, link), accounts in saying.items()
    )


def _counted(steps: list[Step]) -> str:
    counts = Counter(platforms.get(step.platform).label for step in steps)
    return ", ".join(f"{count} on {label}" for label, count in sorted(counts.items()))


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _first_words(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SUMMARY else f"{flat[: _SUMMARY - 1]}…"


def _escaped(text: str) -> str:
    plain = printable(text).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return plain.replace("\n", "\\n").replace("\t", " ")


def _folded(line: str) -> Iterator[str]:
    """The line in pieces of 75 octets; a piece that goes on begins with a space, and no character
    is torn apart.
    """
    piece, size = "", 0
    for char in line:
        width = len(char.encode())
        if size + width > _LINE:
            yield piece
            piece, size = " ", 1
        piece += char
        size += width
    yield piece
