"""Rows of a CSV for many entries at once, where they are plain, as most are: 3 us an entry, and 15
where it is looked at cell by cell (``export``), which is the measure of what is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import NamedTuple

import msgspec

#: What has an entry looked at cell by cell. Of the control characters of ASCII, the others are
#: never in JSON.
_NOT_PLAIN = ("\\", ";", "\r", "\t", "\x7f")
#: What prose has, and no other cell. 0.5 us an entry, so it is not looked for at first.
_PROSE = ", "
#: What a spreadsheet takes for the beginning of a formula, and the blanks that it skips there.
_FORMULA = "=+-@ "


class Entry(msgspec.Struct, gc=False, kw_only=True):
    """The facts that a row shows. They stand as in a line, so that they are found at once."""

    account: str | int = ""
    actor: str | int = ""
    approved_by: str | int = ""
    at: str | int = ""
    attempt: str | int = ""
    authorised_by: str | int = ""
    campaign: str | int = ""
    content: str | int = ""
    delivery: str | int = ""
    due_at: str | int = ""
    error: str | int = ""
    event: str | int = ""
    kind: str | int = ""
    lateness_ms: str | int = ""
    platform: str | int = ""
    post: str | int = ""
    published_at: str | int = ""
    reason: str | int = ""
    remote_id: str | int = ""
    remote_url: str | int = ""
    resolved_by: str | int = ""
    seq: int
    v: int


class Shown(NamedTuple):
    """The cells that stand for the people of an entry, and the commas in them but for the last."""

    actor: str
    authorised_by: str
    approved_by: str
    resolved_by: str
    tied: str
    commas: int


#: What the people of an entry are known by: the version says whether they are tokens.
Who = tuple[int, str | int, str | int, str | int, str | int]
_who = attrgetter("v", "actor", "authorised_by", "approved_by", "resolved_by")
_commas = itemgetter(5)
_decode = msgspec.json.Decoder(Entry).decode
#: Between the cells of the facts of a row.
_COMMAS = 21


def may_be_plain(line: str) -> bool:
    """Whether nothing in an entry speaks at once against a plain row: a guess, and a good one."""
    return _is_plain(line) and _PROSE not in line


def plain(lines: Sequence[str], people: Mapping[Who, Shown]) -> list[str] | None:
    """The rows of the entries, with their line ends, where none of them has a cell that needs
    quotation marks or an apostrophe, but for those of ``people``; else None.
    """
    text = "\n".join(lines)
    if not _is_plain(text):
        return None
    try:
        entries = [_decode(line) for line in lines]
    except (ValueError, RecursionError):
        return None
    shown = [people[who] for who in map(_who, entries)]
    rows = [
        # Written out: a template filled by name takes twice the time.
        f"{e.seq},{e.at},{e.event},{actor},{e.campaign},{e.kind},{e.platform},{e.account},"
        f"{e.post},{e.delivery},{e.attempt},{e.content},{e.due_at},{e.published_at},"
        f"{e.lateness_ms},{e.remote_id},{e.remote_url},{e.error},{e.reason},"
        f"{authorised_by},{approved_by},{resolved_by}"
        for e, (actor, authorised_by, approved_by, resolved_by, _, _) in zip(
            entries, shown, strict=True
        )
    ]
    together = "\n".join(rows)
    # There are no quotation marks: without a backslash no fact holds one.
    if together.count(",") != _COMMAS * len(rows) + sum(map(_commas, shown)):
        return None
    if any(sign in together and f",{sign}" in together for sign in _FORMULA):
        return None
    quoted = text.replace('"', '""').split("\n")
    if len(quoted) != len(rows):
        return None
    return [
        f'{row},{who.tied},"{entry}"\r\n'
        for row, who, entry in zip(rows, shown, quoted, strict=True)
    ]


def _is_plain(text: str) -> bool:
    return text.isascii() and not any(map(text.__contains__, _NOT_PLAIN))
