from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from socialstrike.i18n import from_environment, speaking
from socialstrike.page import words
from socialstrike.page.html import Html, link, safe, said, tag

PARIS = ZoneInfo("Europe/Paris")


def test_a_day_is_written_as_people_write_it() -> None:
    strike = datetime(2020, 1, 24, 9, 5, 7, tzinfo=PARIS)
    assert words.moment(strike) == "Friday 24 January 2020, 09:05:07"
    with speaking("fr"):
        assert words.moment(strike) == "vendredi 24 janvier 2020 à 09:05:07"
        assert words.day(datetime(2020, 5, 1, tzinfo=PARIS)) == "vendredi 1er mai 2020"


def test_an_hour_that_exists_twice_says_which_one_it_is() -> None:
    first = datetime(2020, 10, 25, 0, 30, tzinfo=UTC).astimezone(PARIS)
    second = datetime(2020, 10, 25, 1, 30, tzinfo=UTC).astimezone(PARIS)
    assert words.minute(first).endswith("02:30 (UTC+02:00)")
    assert words.minute(second).endswith("02:30 (UTC+01:00)")
    # The hour that is left out in spring is no time at all; those beside it mean one moment.
    assert "UTC" not in words.minute(datetime(2020, 3, 29, 3, 30, tzinfo=PARIS))


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
    with speaking("fr"):
        assert words.duration(seconds).replace("\u00a0", " ") == french


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
    assert from_environment() == language


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
