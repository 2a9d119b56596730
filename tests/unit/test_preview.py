"""The preview: what each platform counts, links and cuts, and where accounts look the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialstrike import platforms
from socialstrike.drafts import Draft, DraftDelivery, DraftMedia
from socialstrike.preview import Preview, of_drafts

DAY = datetime(2027, 1, 24, 8, tzinfo=UTC)
TEXT = "Lisez onestla.tech et https://onestla.tech/ avec @nom #g24."


def _draft(
    text: str,
    *platform_names: str,
    link: str | None = None,
    alts: tuple[str, ...] = (),
    times: int = 1,
) -> Draft:
    deliveries = tuple(
        DraftDelivery(
            account=f"{platform}-{number}",
            platform=platform,
            occurrence=occurrence,
            text=text,
            due_at=DAY + timedelta(hours=occurrence),
            local_time="",
            timezone="Europe/Paris",
            late_after=DAY + timedelta(hours=occurrence + 1),
        )
        for number, platform in enumerate(platform_names)
        for occurrence in range(times)
    )
    media = tuple(DraftMedia(Path("/a/affiche.png"), alt, "image/png", "0", 9) for alt in alts)
    return Draft("announcement", (text,), link, media, "posts.yaml", 3, deliveries)


def _one(text: str, platform: str, told: dict[str, Any] | None = None, **other: Any) -> Preview:
    [preview] = of_drafts([_draft(text, platform, **other)], {f"{platform}-0": told})
    return preview


def _entities(text: str, platform: str) -> list[tuple[str, str, int]]:
    found = _one(text, platform).entities
    return [(entity.kind, entity.text, entity.counts) for entity in found]


@pytest.mark.parametrize(
    ("platform", "entities"),
    [
        (
            "x",
            [
                ("link", "onestla.tech", 23),
                ("link", "https://onestla.tech/", 23),
                ("mention", "@nom", 4),
                ("hashtag", "#g24", 4),
            ],
        ),
        (
            "mastodon",
            [
                ("link", "https://onestla.tech/", 23),
                ("mention", "@nom", 4),
                ("hashtag", "#g24", 4),
            ],
        ),
        (
            "bluesky",
            [
                ("link", "onestla.tech", 12),
                ("link", "https://onestla.tech/", 21),
                ("hashtag", "#g24", 4),
            ],
        ),
        (
            "facebook",
            [
                ("link", "onestla.tech", 12),
                ("link", "https://onestla.tech/", 21),
                ("hashtag", "#g24", 4),
            ],
        ),
    ],
)
def test_each_platform_links_and_counts_in_its_own_way(
    platform: str, entities: list[tuple[str, str, int]]
) -> None:
    assert _entities(TEXT, platform) == entities


def test_the_server_of_a_mention_counts_nothing_on_mastodon() -> None:
    assert _entities("Merci @nom@exemple.social.", "mastodon") == [
        ("mention", "@nom@exemple.social", 4)
    ]


def test_bluesky_marks_a_handle_after_an_emoji_at_the_right_place() -> None:
    assert _entities("👩‍🚒 é @nom.bsky.social", "bluesky") == [("mention", "@nom.bsky.social", 16)]


@pytest.mark.parametrize("text", ["x#g24", "&#g24", "#123", "nom@exemple.fr", "https://a.com/#g24"])
def test_what_is_no_hashtag_or_mention_is_not_shown_as_one(text: str) -> None:
    assert not {"hashtag", "mention"} & {kind for kind, _, _ in _entities(text, "x")}


@pytest.mark.parametrize(("platform", "limit"), [("x", 280), ("mastodon", 500), ("bluesky", 300)])
def test_what_does_not_fit_is_told_apart_and_refused(platform: str, limit: int) -> None:
    preview = _one("é" * (limit + 3), platform)
    assert (preview.length, preview.limit) == (limit + 3, limit)
    assert (preview.kept, preview.beyond) == ("é" * limit, "ééé")
    assert [(notice.rule, notice.refused) for notice in preview.notices] == [("length", True)]
    assert preview.refused


@pytest.mark.parametrize("whole", ["https://onestla.tech/", "#blocage24janvier", "@onestlatech"])
def test_a_cut_tears_no_link_no_hashtag_and_no_mention(whole: str) -> None:
    preview = _one(f"{'x' * 275} {whole} fin", "x")
    assert (len(preview.kept), preview.beyond) == (276, f"{whole} fin")


def test_a_cut_tears_no_emoji() -> None:
    preview = _one("x" * 279 + "👨‍👩‍👧", "x")
    assert (len(preview.kept), preview.beyond) == (279, "👨‍👩‍👧")


@given(st.text(st.sampled_from("aé日😷\u200d ️\n#@./x"), min_size=250, max_size=400))
def test_what_is_kept_fits_and_nothing_is_lost(text: str) -> None:
    for platform in ("x", "mastodon"):
        preview = _one(text, platform)
        assert preview.kept + preview.beyond == preview.text
        assert bool(preview.beyond) == (preview.length > preview.limit)
        assert platforms.get(platform).limits.length(preview.kept) <= preview.limit


def test_an_accounts_own_limits_hold() -> None:
    preview = _one("é" * 300, "mastodon", {"text": 200})
    assert (preview.limit, len(preview.kept)) == (200, 200)


def test_a_link_stands_in_the_text_or_beside_it_as_the_platform_has_it() -> None:
    address = "https://onestla.tech/"
    there, beside = (_one("Lisez", name, link=address) for name in ("x", "facebook"))
    assert (there.text, there.card, there.price) == (f"Lisez\n{address}", None, Decimal("0.20"))
    assert (beside.text, beside.card, beside.price) == ("Lisez", address, Decimal(0))


def test_pictures_without_words_with_too_many_and_too_many_pictures_are_noticed() -> None:
    preview = _one("En grève", "x", alts=("", "é" * 1_001, "a", "b", "c"))
    rules = [(notice.rule, notice.refused) for notice in preview.notices]
    assert rules == [("pictures", True), ("no-alt", False), ("alt-length", True)]


def test_accounts_and_times_that_look_the_same_are_one_preview() -> None:
    shown = of_drafts([_draft("En grève", "x", "x", "mastodon", times=3)], {})
    assert [(one.platform, one.accounts, len(one.times)) for one in shown] == [
        ("x", ("x-0", "x-1"), 3),
        ("mastodon", ("mastodon-2",), 3),
    ]
