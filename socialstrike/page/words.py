"""A page's languages: texts out of a table, times and durations as people write them."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

Language = Literal["fr", "en"]

_DAYS = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS = {
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
        "octobre", "novembre", "décembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ),
}  # fmt: skip


class Words:
    """One language: texts, times and durations as its people write them.

    ``french`` is the table of a page's texts.
    """

    def __init__(self, language: Language, french: Mapping[str, str]) -> None:
        self.language = language
        self._french = french

    def __call__(self, text: str, **values: object) -> str:
        """A text of the table, given in English, with its ``{places}`` filled."""
        return (self._french[text] if self.language == "fr" else text).format(**values)

    def named(self, name: str) -> str:
        """What stands before a value: the name and a colon."""
        return f"{self(name)}\u00a0: " if self.language == "fr" else f"{self(name)}: "

    def day(self, moment: datetime) -> str:
        """A day with its name, in the zone that ``moment`` carries."""
        number = "1er" if moment.day == 1 and self.language == "fr" else str(moment.day)
        name, month = _DAYS[self.language][moment.weekday()], _MONTHS[self.language]
        return f"{name} {number} {month[moment.month - 1]} {moment.year}"

    def moment(self, moment: datetime) -> str:
        """A day and a time; with the offset where a change of the clock makes it mean two."""
        return f"{self.day(moment)}{self._at()}{moment:%H:%M:%S}{_offset_if_twice(moment)}"

    def minute(self, moment: datetime) -> str:
        """A day and a time without its seconds."""
        return f"{self.day(moment)}{self._at()}{moment:%H:%M}{_offset_if_twice(moment)}"

    def duration(self, seconds: float) -> str:
        """How long, as exactly as people care."""
        sign, seconds = ("−" if seconds < 0 else ""), abs(seconds)
        if seconds < 59.95:
            return f"{sign}{self.decimal(f'{seconds:.1f}')}\u00a0s"
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        if not hours:
            return f"{sign}{minutes}\u00a0min\u00a0{rest:02}\u00a0s"
        return f"{sign}{hours}\u00a0h\u00a0{minutes:02}\u00a0min"

    def decimal(self, number: str) -> str:
        """A number written with a point, as the language writes it."""
        return number.replace(".", ",") if self.language == "fr" else number

    def _at(self) -> str:
        return " à " if self.language == "fr" else ", "


def default_language() -> Language:
    """French where the person's settings say so, else English."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if said := os.environ.get(name):
            return "fr" if said.lower().startswith("fr") else "en"
    said = locale.getlocale()[0] or ""
    return "fr" if said.lower().startswith("fr") else "en"


def _offset_if_twice(moment: datetime) -> str:
    first, second = moment.replace(fold=0).utcoffset(), moment.replace(fold=1).utcoffset()
    if first == second or first is None or second is None or first < second:
        return ""
    offset = moment.utcoffset() or timedelta(0)
    hours, minutes = divmod(abs(int(offset.total_seconds())) // 60, 60)
    return f" (UTC{'-' if offset < timedelta(0) else '+'}{hours:02}:{minutes:02})"
