"""The plan as a page: what it says, in the campaign's zone, and that nothing in it can run."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from socialstrike.drafts import CampaignSpec
from socialstrike.i18n import speaking
from socialstrike.plan import Snapshot, Step, Voice, as_page, simulate

NOW = datetime(2027, 1, 23, 18, tzinfo=UTC)
DAY = datetime(2027, 1, 24, 8, tzinfo=UTC)
STRIKE = CampaignSpec("greve", date(2027, 1, 24), "Europe/Paris")


def _day(*changes: dict[str, Any], paused: str | None = None) -> Snapshot:
    known: dict[str, Any] = {
        "account": "collectif-x",
        "platform": "x",
        "kind": "occupation",
        "text": "En grève",
        "link": None,
        "pictures": 0,
        "due_at": DAY,
        "late_after": DAY + timedelta(hours=1),
        "timezone": "Europe/Paris",
        "state": "scheduled",
    }
    steps = tuple(Step(**known | {"delivery": n} | change) for n, change in enumerate(changes))
    voices = {step.account: Voice(step.account, step.platform, paused) for step in steps}
    return Snapshot(NOW, steps, voices, campaigns={"greve": STRIKE})


class _Outline(HTMLParser):
    """The tags of a page, each with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def count(self, name: str) -> int:
        return sum(tag == name for tag, _ in self.tags)


@pytest.mark.parametrize(
    ("language", "when"), [("fr", "dimanche 24 janvier 2027 à 09:00"), ("en", "Sunday 24 January")]
)
def test_times_are_written_as_people_write_them_in_the_campaigns_zone(
    language: Any, when: str
) -> None:
    with speaking(language):
        page = as_page(_day({}))
    assert when in page
    assert "Europe/Paris" in page
    assert ("html", {"lang": language}) in _Outline(page).tags


def test_every_account_has_its_timeline_and_every_table_its_caption_and_scopes() -> None:
    snapshot = _day({}, {"account": "page", "platform": "facebook"})
    outline = _Outline(as_page(snapshot, simulate(snapshot)))
    assert outline.count("h1") == 1
    assert outline.count("table") == outline.count("caption") == 4
    assert all("scope" in attributes for tag, attributes in outline.tags if tag == "th")


def test_words_of_others_are_no_markup_and_nothing_runs_or_is_loaded() -> None:
    page = as_page(
        _day({"text": "<script>alert(1)</script><img src=x>", "link": "javascript:alert(1)"}),
    )
    outline = _Outline(page)
    assert not {"script", "img", "link", "a"} & {tag for tag, _ in outline.tags}
    assert "&lt;script&gt;" in page
    assert "default-src &#x27;none&#x27;" in page


def test_the_findings_of_the_simulation_are_told() -> None:
    snapshot = _day({"text": "é" * 281})
    page = as_page(snapshot, simulate(snapshot))
    assert "has 281 characters" in page
    assert "Nothing would go wrong" not in page
    assert "simulation" not in as_page(snapshot)


def test_without_names_no_account_and_no_text_is_on_the_page() -> None:
    snapshot = _day({"text": "é" * 281}, {}, paused="collectif-x was refused")
    page = as_page(snapshot, simulate(snapshot), names=False)
    assert "collectif-x" not in page
    assert "grève" not in page
    assert "an account is paused" in page
    assert "2 posts on 1 accounts" in page
