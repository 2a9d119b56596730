"""Threads as they are written: parts, pictures, limits, and what keeps a post the same post."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from socialstrike import post_file
from socialstrike.drafts import Draft
from socialstrike.exceptions import InvalidFile
from tests.unit.packs import PNG

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ACCOUNTS = {"un": "x", "deux": "facebook", "trois": "mastodon", "quatre": "bluesky"}
HEAD = 'campaign: {name: greve, day: 2030-07-03, timezone: Europe/Paris, hashtag: "#greve"}\n'


def read(folder: Path, posts: str, **options: Any) -> list[Draft]:
    """The drafts of a YAML file with these posts."""
    path = folder / "pack.yaml"
    path.write_text(f"{HEAD}posts:\n{posts}", encoding="utf-8")
    given = {"campaigns": {}.get, "accounts": ACCOUNTS, "now": NOW, **options}
    return list(post_file.read([path], **given)[0].drafts)


def said(drafts: list[Draft], account: str) -> list[str]:
    """What an account says, in order."""
    return [item.text for draft in drafts for item in draft.deliveries if item.account == account]


def refused(folder: Path, posts: str) -> list[str]:
    """The field and the message of each error."""
    with pytest.raises(InvalidFile) as caught:
        read(folder, posts)
    return [f"{problem.field}: {problem.message}" for problem in caught.value.problems]


AT = "  - {kind: announcement, at: D 09:00, to: [un, deux], "


def test_a_list_and_a_text_with_rules_are_the_same_thread(tmp_path: Path) -> None:
    listed = read(tmp_path, AT + 'text: ["Un", "Deux", "Trois"]}')
    ruled = read(tmp_path, AT + r'text: "Un\n---\nDeux\n --- \nTrois\n"}')
    assert said(listed, "un") == ["Un #greve", "Deux", "Trois"]
    assert said(listed, "deux") == ["Un #greve\n\nDeux\n\nTrois"]
    assert [draft.key for draft in listed] == [draft.key for draft in ruled]
    places = [(i.part, i.parts) for draft in listed for i in draft.deliveries if i.account == "un"]
    assert places == [(1, 3), (2, 3), (3, 3)]


def test_each_part_is_a_post_of_its_own_that_names_the_one_before(tmp_path: Path) -> None:
    drafts = read(tmp_path, AT + 'text: ["Un", "Deux", "Deux"], link: "https://example.org/"}')
    keys = [draft.key for draft in drafts]
    assert len(set(keys)) == 3
    assert [draft.after for draft in drafts] == [None, *keys[:2]]
    assert [draft.link for draft in drafts] == ["https://example.org/", None, None]


def test_a_post_that_is_no_thread_keeps_the_key_it_always_had(tmp_path: Path) -> None:
    [draft] = read(tmp_path, AT + 'text: "Un"}')
    assert draft.key == "80518ef0230e32d4b5c565f13d5fc19a5502cf0d4e8a179bb5fd4ff168f5f52a"


def test_pictures_stand_with_their_parts_and_all_with_the_one_post_of_a_page(
    tmp_path: Path,
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.png").write_bytes(PNG)
    thread = (
        'media: [a.png], text: ["Un", {text: "Deux", media: [{file: b.png, alt: B}]},'
        ' {text: "Trois", media: [c.png]}], to: all, variants: {trois: ["Court", "Fin"]}}'
    )
    drafts = read(tmp_path, "  - {kind: announcement, at: D 09:00, " + thread)
    shown = {
        account: [
            [picture.path.stem for picture in draft.media]
            for draft in drafts
            for item in draft.deliveries
            if item.account == account
        ]
        for account in ACCOUNTS
    }
    assert shown["un"] == shown["quatre"] == [["a"], ["b"], ["c"]]
    assert shown["deux"] == [["a", "b", "c"]]
    assert shown["trois"] == [["a"], ["b", "c"]]


def test_an_occupation_rotates_threads(tmp_path: Path) -> None:
    every = "  - {kind: occupation, every: 12h, from: D 00:00, until: D 24:00, to: [un], "
    drafts = read(tmp_path, every + r'texts: ["Un\n---\nDeux", ["Trois", "Quatre"]]}')
    assert sorted((i.occurrence, i.part, i.text) for d in drafts for i in d.deliveries) == [
        (0, 1, "Un #greve"),
        (0, 2, "Deux"),
        (1, 1, "Trois #greve"),
        (1, 2, "Quatre"),
    ]


def test_rows_of_a_spreadsheet_and_a_command_take_threads_too(tmp_path: Path) -> None:
    table = tmp_path / "pack.csv"
    table.write_text(
        'at,kind,to,text\n2030-07-03T09:00,announcement,un,"Un\n---\nDeux"\n', encoding="utf-8"
    )
    [file] = post_file.read([table], campaigns={}.get, accounts=ACCOUNTS, now=NOW)
    assert said(list(file.drafts), "un") == ["Un", "Deux"]
    typed = post_file.drafts(text="Un\n---\nDeux", at="+1h", to=["un"], accounts=ACCOUNTS, now=NOW)
    assert said(list(typed), "un") == ["Un", "Deux"]


def test_an_error_names_the_part(tmp_path: Path) -> None:
    long = "a" * 300
    assert refused(tmp_path, AT + f'text: ["Un", "{long}"]}}')[0].startswith(
        "text[2]: counts 300 of 280 on X"
    )
    assert refused(tmp_path, AT + r'text: "Un\n---\n\n---\nTrois"}') == [
        "text[2]: is empty; write a text"
    ]
    assert refused(tmp_path, AT + r'text: ["Un", "Deux\n---\nTrois"]}')[0].startswith(
        "text[2]: holds a line ---"
    )
    assert refused(tmp_path, AT + 'text: ["Un", {texte: "Deux"}]}')[0].startswith(
        "text[2].texte: unknown field"
    )
    assert refused(tmp_path, AT + 'text: ["Un", {text: "Deux", media: [nulle.png]}]}')[
        0
    ].startswith("text[2].media[1]: there is no picture")
    assert refused(tmp_path, AT + f"text: {['a'] * 26}}}")[0].startswith("text: has more than 25")
    assert refused(tmp_path, AT + "text: {un: deux}}")[0].startswith("text.un: unknown field")


def test_what_a_page_takes_as_one_is_counted_as_one(tmp_path: Path) -> None:
    half = "a" * 40_000
    told = refused(
        tmp_path,
        "  - {kind: announcement, at: D 09:00, to: [deux], " + f'text: ["{half}", "{half}"]}}',
    )
    assert [one.partition(" on ")[0] for one in told] == ["text: counts 80009 of 63206"]


def test_a_thread_written_twice_is_kept_once_and_said_once(tmp_path: Path) -> None:
    post = AT + 'text: ["Un", "Deux"]}\n'
    path = tmp_path / "pack.yaml"
    path.write_text(f"{HEAD}posts:\n{post}{post}", encoding="utf-8")
    [file] = post_file.read([path], campaigns={}.get, accounts=ACCOUNTS, now=NOW)
    assert len(file.drafts) == 2
    assert sum("is the same post" in str(warning) for warning in file.warnings) == 1
