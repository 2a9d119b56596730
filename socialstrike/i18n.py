"""Texts in the language of the person who reads them, out of one gettext catalogue.

The source of every text is English; ``locale/`` holds the translations. A text is translated where
it is made (``tr``, ``trn``), unless it is kept: the database, the audit log and ``--json`` hold
English whatever the language, so such a text is only marked (``stored``), and is translated when a
person is shown it (``translated``).
"""

from __future__ import annotations

import gettext
import locale
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal, get_args

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_DOMAIN = "socialstrike"
_FOLDER = Path(__file__).parent / "locale"
_PLACE = re.compile(r"\{(\w+)(?:![rs])?(?::[^{}]*)?\}")

#: A kept text is known again by this many letters of its own: "{account}: {why}" would fit all.
_LEAST = 7

_current: Language = "en"


def use(language: Language) -> None:
    """Speak this language from now on, in the whole process."""
    global _current  # noqa: PLW0603  (a process speaks to one person)
    _current = language


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Speak this language until the block's end."""
    before = _current
    use(language)
    try:
        yield
    finally:
        use(before)


def language() -> Language:
    """The language spoken now."""
    return _current


def tr(text: str, /, **values: object) -> str:
    """The text in the language spoken, its ``{places}`` filled; without values it stays as it is.

    ``text`` is a literal: the catalogue is made by reading the source.
    """
    return _filled(_catalogue(_current).gettext(text) if text else text, values)


def trn(one: str, many: str, count: int, /, **values: object) -> str:
    """``one`` or ``many``, as the language counts; ``{count}`` is among the places."""
    return _filled(_catalogue(_current).ngettext(one, many, count), {"count": count, **values})


def stored(text: str, /, **values: object) -> str:
    """The text in English, for what is kept; ``translated`` translates it for a reader."""
    return _filled(text, values)


def translated(text: str) -> str:
    """A text that was kept, in the language spoken; as it is where it is none of ours.

    The words that filled its places are found again by the catalogue's own texts.
    """
    # The catalogue holds its own heading under the empty text.
    return text if _current == "en" or not text else _translated(text, _current)


@cache
def _translated(text: str, language: Language) -> str:
    if (whole := _catalogue(language).gettext(text)) != text:
        return whole
    words = text.split(maxsplit=1)
    for begin in (words[0] if words else "", ""):
        for pattern, other in _patterns(language).get(begin, ()):
            if found := pattern.fullmatch(text):
                filled = {name: _part(word) for name, word in found.groupdict().items()}
                return _filled(other, filled)
    # A kept sentence is often what happened and what there is to do.
    parts = text.split("; ")
    known = [_translated(part, language) for part in parts] if len(parts) > 1 else parts
    return tr("; ").join(known) if known != parts else text


def _part(text: str) -> str:
    """What filled a place: a sentence of ours, or somebody's name, which is left alone."""
    return translated(text) if " " in text else text


def places(text: str) -> set[str]:
    """The names of the places that a text leaves open."""
    return {place[1] for place in _PLACE.finditer(text)}


def from_environment() -> Language:
    """The language of the person's settings: LC_ALL, LC_MESSAGES, LANG, then the system's."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if said := os.environ.get(name):
            return _known(said)
    return _known(locale.getlocale()[0] or "")


def _known(said: str) -> Language:
    return next((known for known in LANGUAGES if said.lower().startswith(known)), "en")


@cache
def _catalogue(language: Language) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(_DOMAIN, _FOLDER, [language], fallback=True)


@cache
def _patterns(language: Language) -> dict[str, list[tuple[re.Pattern[str], str]]]:
    """The catalogue's texts with places, by their first word (none where it is a place).

    The most particular first: the one with the most letters of its own.
    """
    found: dict[str, list[tuple[int, re.Pattern[str], str]]] = {}
    texts: dict[object, str] = getattr(_catalogue(language), "_catalog", {})
    for text, other in texts.items():
        if isinstance(text, str) and _PLACE.search(text):
            own = _PLACE.sub("", text)
            if sum(map(str.isalpha, own)) < _LEAST:
                continue
            first = text.split(maxsplit=1)[0]
            begin = "" if "{" in first else first
            # What filled a place is text by now: its format was applied before it was kept.
            plain = _PLACE.sub(r"{\1}", other)
            found.setdefault(begin, []).append((len(own), _pattern(text), plain))
    return {
        begin: [(pattern, plain) for _, pattern, plain in sorted(rows, key=_by_own)]
        for begin, rows in found.items()
    }


def _by_own(row: tuple[int, re.Pattern[str], str]) -> int:
    return -row[0]


def _pattern(text: str) -> re.Pattern[str]:
    names: set[str] = set()
    pieces = []
    end = 0
    for place in _PLACE.finditer(text):
        pieces.append(re.escape(_plain(text[end : place.start()])))
        name = place[1]
        pieces.append(f"(?P={name})" if name in names else f"(?P<{name}>.+?)")
        names.add(name)
        end = place.end()
    pieces.append(re.escape(_plain(text[end:])))
    return re.compile("".join(pieces), re.DOTALL)


def _plain(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")


def _filled(text: str, values: Mapping[str, object]) -> str:
    return text.format(**values) if values else text


shown = translated
