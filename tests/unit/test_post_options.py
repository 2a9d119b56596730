"""What a post asks of its platforms: read, checked, counted; and posts that ask for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from socialstrike import platforms, post_file
from socialstrike.audit.chain import commitment
from socialstrike.post_file import options
from socialstrike.queue.job import content
from tests.unit.packs import ACCOUNTS, NOW, one, problems, read

if TYPE_CHECKING:
    from tests.unit.packs import Write

KNOWN = {**ACCOUNTS, "masto": "mastodon", "bsky": "bluesky"}
ASKED = {"visibility": "unlisted", "content_warning": "Violences policières", "language": "fr"}


def test_yaml_csv_json_lines_and_a_command_ask_for_the_same(write: Write) -> None:
    yaml = one(to="masto", **ASKED)
    csv = (
        "at,kind,to,text,visibility,content_warning,language\n"
        "2020-01-24 09:00,announcement,masto,En grève,Unlisted,Violences policières,FR\n"
    )
    jsonl = (
        '{"at": "2020-01-24 09:00", "kind": "announcement", "to": "masto", "text": "En grève",'
        ' "visibility": "unlisted", "content_warning": "Violences policières", "language": "fr"}\n'
    )
    for text, name in ((yaml, "a.yaml"), (csv, "a.csv"), (jsonl, "a.jsonl")):
        [draft] = read(write(text, name), accounts=KNOWN).drafts
        assert draft.options == ASKED
    [made] = post_file.drafts(
        text="En grève",
        at="2020-01-24 09:00",
        to=["masto"],
        accounts=KNOWN,
        now=NOW,
        asked={**ASKED, "language": None},
    )
    assert made.options == {name: ASKED[name] for name in ("visibility", "content_warning")}


def test_a_post_that_asks_for_nothing_is_what_it_always_was(write: Write) -> None:
    [plain] = read(write(one(to="masto", visibility='""')), accounts=KNOWN).drafts
    [asking] = read(write(one(to="masto", **ASKED)), accounts=KNOWN).drafts
    assert plain.options is None
    assert plain.key == replace(asking, options=None).key != asking.key
    said = content("mastodon", "masto", "Bonjour", None, ())
    assert said == content("mastodon", "masto", "Bonjour", None, (), options={})
    assert "options" not in said
    other = content("mastodon", "masto", "Bonjour", None, (), options=asking.options)
    assert commitment("salt", said) != commitment("salt", other)


@pytest.mark.parametrize(
    ("name", "written", "words"),
    [
        ("visibility", "direct", "must be public, unlisted or private, not direct"),
        ("visibility", "[public]", "must be a single value"),
        ("language", "français", "code of two letters, such as fr"),
        ("language", "fr-FR", "code of two letters"),
        ("content_warning", f'"{"a" * 501}"', "one line of 500 characters"),
        ("content_warning", '"a\\nb"', "one line"),
        ("content_warning", '"a\\x07b"', "control character"),
    ],
)
def test_what_cannot_be_asked_for_is_an_error_with_its_line_and_field(
    write: Write, name: str, written: str, words: str
) -> None:
    [problem] = problems(write(one(to="masto", **{name: written})), accounts=KNOWN)
    assert f"{name}: " in problem
    assert words in problem


def test_a_content_warning_counts_with_the_text_where_the_platform_shows_it(write: Write) -> None:
    text = "a" * 480 + " #g24"
    fits = one(
        to="[masto, bsky, collectif-fb]",
        text=text,
        content_warning="b" * 15,
        variants="{bsky: court}",
    )
    assert read(write(fits), accounts=KNOWN).drafts
    [problem] = problems(
        write(one(to="masto", text=text, content_warning="b" * 16)), accounts=KNOWN
    )
    assert "counts 501 of 500 on Mastodon" in problem
    facebook, limits = platforms.get("facebook"), platforms.get("facebook").limits
    assert facebook.count(limits, "a", None, {"content_warning": "bb"}) == 1


def test_asking_where_nobody_listens_is_a_warning(write: Write) -> None:
    file = read(write(one(to="[collectif-x, bsky]", **ASKED)), accounts=KNOWN)
    told = [str(warning) for warning in file.warnings]
    assert [("visibility: " in one, "content_warning: " in one) for one in told] == [
        (True, False),
        (False, True),
    ]
    assert all("Mastodon would follow it" in one for one in told)


def test_every_option_is_known_to_a_platform_and_no_platform_knows_another() -> None:
    known = [platforms.get(name).options for name in platforms.REGISTRY]
    assert frozenset().union(*known) == set(options.FIELDS)
