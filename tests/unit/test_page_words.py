from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import socialstrike.report
from socialstrike.lifecycle import State
from socialstrike.page.html import Html, link, safe, said, tag
from socialstrike.report import default_language
from socialstrike.report.words import _FRENCH, Words

PARIS = ZoneInfo("Europe/Paris")
FR, EN = Words("fr"), Words("en")


def test_a_day_is_written_as_people_write_it() -> None:
    strike = datetime(2020, 1, 24, 9, 5, 7, tzinfo=PARIS)
    assert FR.moment(strike) == "vendredi 24 janvier 2020 à 09:05:07"
    assert EN.moment(strike) == "Friday 24 January 2020, 09:05:07"
    assert FR.day(datetime(2020, 5, 1, tzinfo=PARIS)) == "vendredi 1er mai 2020"


def test_an_hour_that_exists_twice_says_which_one_it_is() -> None:
    first = datetime(2020, 10, 25, 0, 30, tzinfo=UTC).astimezone(PARIS)
    second = datetime(2020, 10, 25, 1, 30, tzinfo=UTC).astimezone(PARIS)
    assert FR.minute(first).endswith("02:30 (UTC+02:00)")
    assert FR.minute(second).endswith("02:30 (UTC+01:00)")
    # The hour that is left out in spring is no time at all; those beside it mean one moment.
    assert "UTC" not in FR.minute(datetime(2020, 3, 29, 3, 30, tzinfo=PARIS))


@pytest.mark.parametrize(
    ("seconds", "french"),
    [
        (0, "0,0 s"),
        (0.44, "0,4 s"),
        (-2, "−2,0 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7380, "2 h 03 min"),
    ],
)
def test_lateness_is_as_exact_as_people_care(seconds: float, french: str) -> None:
    assert FR.duration(seconds).replace("\u00a0", " ") == french


def test_every_text_of_the_report_has_its_french_and_the_same_places() -> None:
    code = (Path(socialstrike.report.__file__).parent / "document.py").read_text(encoding="utf-8")
    used = "".join(re.split(r'"\s*\n\s*"', code))
    for text in _FRENCH:
        assert f'"{text}"' in used or text in {*State}, f"{text!r} is not in the report"
    for state in State:
        assert FR(state) != state
    for english, french in _FRENCH.items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", french))


@pytest.mark.parametrize(
    ("settings", "language"),
    [
        ({"LANG": "fr_FR.UTF-8"}, "fr"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "fr_BE"}, "fr"),
    ],
)
def test_the_language_is_that_of_the_persons_settings(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert default_language() == language


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "java\x00script:alert(1)",
        "data:text/html,<script>",
        "http:",
        "http://[",
        "//evil",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_is_not_of_the_web_is_no_link(url: str) -> None:
    assert "<a" not in link(url)


def test_an_address_of_the_web_is_a_link_that_tells_nobody_where_it_was() -> None:
    assert link('https://x.com/"><script>') == (
        '<a href="https://x.com/&quot;&gt;&lt;script&gt;" rel="noreferrer">'
        "<bdi>https://x.com/&quot;&gt;&lt;script&gt;</bdi></a>"
    )


def test_words_never_become_markup() -> None:
    hostile = "<img src=x onerror='alert(1)'>\x1b[31m\u202e&amp;"
    assert tag("td", hostile, class_=hostile).count("<") == 2
    assert not {"\x1b", "\u202e"} & set(said(hostile))
    assert safe(Html("<b>")) == "<b>"
