"""Counting, hashtags, and printing what strangers wrote."""

from __future__ import annotations

import os
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.content import (
    forbidden_character,
    has_hashtag,
    is_hashtag,
    printable,
    urls,
    with_hashtag,
    x_length,
)

OFFICIAL = os.environ.get("SOCIALSTRIKE_TWITTER_TEXT")
TAG = "#blocage24janvier"
HASHTAGS = st.from_regex(r"#[a-zéèœа-яğş][a-zé0-9_]{0,12}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("grève", 5),
        ("gre\u0300ve", 5),  # a combining accent is composed first
        ("日本語", 6),
        ("—…“”", 5),
        ("€", 2),
        ("😷", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("🙋🏽👨‍🎤", 4),
        ("🚗🏽", 4),  # a car takes no skin tone
        ("🇫🇷", 2),
        ("1\ufe0f⃣#⃣", 4),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
        ("©", 1),
        ("©\ufe0f", 2),
        ("❤\ufe0f", 2),
        ("https://onestla.tech/", 23),
        ("HTTP://ONESTLA.TECH", 23),
        ("onestla.tech", 23),
        ("voir onestla.tech.", 29),
        ("(https://onestla.tech/a_(b)?c=d&e)", 25),
        ("onestla.tech/" + "a" * 500, 23),
        ("a.b", 3),
        ("fichier.txt", 11),
        ("nom@exemple.fr", 14),
        ("@onestla.tech", 13),
        ("http://no-tld", 13),
        ("http://☃.net/", 23),
        ("http://test_underscore.example.com", 23),
        ("http://a.under_score.com", 24),
        ("exemple.com-suite", 17),
        ("日本onestla.tech", 27),
        ("http://exemple.com:8080/x", 23),
        ("https://t.co/abc/def", 27),
        ("https://t.co/" + "a" * 41, 54),
        ("a" * 64 + ".com", 68),
        ("http://a.com,http://b.com", 47),
    ],
)
def test_x_counts_as_twitter_text_does(text: str, length: int) -> None:
    assert x_length(text) == length


def _official(suite: str) -> list[dict[str, Any]]:
    data = yaml.safe_load(Path(OFFICIAL or "", "validate.yml").read_text("utf-8"))
    assert set(data["tests"]) == {*_WEIGHED, *_JUDGED, *_FOREIGN}, "another suite is there"
    cases: list[dict[str, Any]] = data["tests"][suite]
    assert cases
    return cases


#: The suites of validate.yml that count by weight: version 3 of the counter and, before an emoji
#: sequence counted as one, version 2.
_WEIGHED = (
    "WeightedTweetsWithDiscountedEmojiCounterTest",
    "UnicodeDirectionalMarkerCounterTest",
    "WeightedTweetsCounterTest",
)
_JUDGED = ("hashtags", "urls_without_protocol")
#: What nothing here decides: 140 code points (version 1), what may be an address whether or not X
#: links it, names of people and of their lists.
_FOREIGN = ("tweets", "urls", "usernames", "lists")
_official_only = pytest.mark.skipif(
    not OFFICIAL, reason="SOCIALSTRIKE_TWITTER_TEXT names no conformance folder"
)


@_official_only
@pytest.mark.parametrize("suite", _WEIGHED)
def test_the_official_conformance_cases_pass(suite: str) -> None:
    old = suite == "WeightedTweetsCounterTest"
    wrong = {
        case["description"]: (x_length(case["text"]), case["expected"]["weightedLength"])
        for case in _official(suite)
        if x_length(case["text"]) != case["expected"]["weightedLength"]
        and not (old and "\u200d" in case["text"])  # an emoji sequence
    }
    assert not wrong


@_official_only
def test_hashtags_and_bare_addresses_are_judged_as_the_official_cases_say() -> None:
    hashtags, addresses = (_official(suite) for suite in _JUDGED)
    assert [c for c in hashtags if is_hashtag(c["text"]) is not c["expected"]] == []
    whole = [(case, [(0, len(case["text"]))]) for case in addresses]
    assert [c for c, span in whole if (list(urls(c["text"])) == span) is not c["expected"]] == []


@pytest.mark.parametrize(
    "piece",
    [
        *("a.", "a", "http://", "(", "_.", "a_.com.", "日.com", "é", "é.", "#a", "#", "1", "-"),
        *(
            "a.com?!",
            "x.com/(a",
            "http://a.com/é?é",
            "@a.com/",
            "👨\u200d",
            "\x1b[",
            "\x1b]",
            "xn--",
        ),
    ],
)
def test_hostile_texts_take_linear_time(piece: str) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        started = time.process_time()
        x_length(text)
        has_hashtag(text, TAG)
        printable(text)
        return time.process_time() - started

    seconds(20_000)  # warms up
    short = min(seconds(20_000) for _ in range(3))
    # Eight times the text takes eight times as long; what is quadratic takes 64 times.
    assert min(seconds(160_000) for _ in range(2)) < 30 * short + 0.05


@given(st.text(max_size=60), st.text(max_size=60))
def test_two_lines_count_as_much_as_each_alone(one: str, two: str) -> None:
    # A newline ends any address or emoji, and composes with nothing before it.
    if two and unicodedata.combining(two[0]):
        two = "x" + two
    together = x_length(f"{one}\n{two}")
    assert together == x_length(one + "\n") + x_length("\n" + two) - 1


@given(st.text())
def test_a_text_counts_between_nothing_and_23_a_character(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert x_length(text) == x_length(composed)
    assert bool(text) <= x_length(text) <= 23 * len(composed)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("en grève #blocage24janvier", True),
        ("#Blocage24Janvier!", True),
        ("＃blocage24janvier", True),
        ("(#blocage24janvier)", True),
        ("#blocage24janvier2020", False),
        ("x#blocage24janvier", False),
        ("&#blocage24janvier", False),
        ("#blocage24janvier#autre", False),
        ("blocage24janvier", False),
        ("https://exemple.fr/#blocage24janvier", False),
        ("", False),
    ],
)
def test_a_hashtag_is_found_whole_and_whatever_the_case(text: str, found: bool) -> None:
    assert has_hashtag(text, TAG) is found


def test_accents_make_another_hashtag_and_their_writing_does_not() -> None:
    assert has_hashtag("#GRE\u0300VE", "#grève")
    assert not has_hashtag("#greve", "#grève")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("En grève.", "En grève. #g1"),
        ("En grève. ", "En grève. #g1"),
        ("Une ligne.\nUne autre.", "Une ligne.\nUne autre.\n#g1"),
        ("Une ligne.\n#autre", "Une ligne.\n#autre #g1"),
        ("", "#g1"),
        ("#G1 d'abord ", "#G1 d'abord "),
    ],
)
def test_the_hashtag_is_added_where_it_lacks(text: str, expected: str) -> None:
    assert with_hashtag(text, "#g1") == expected


@given(st.text(), HASHTAGS)
def test_adding_a_hashtag_twice_adds_it_once(text: str, hashtag: str) -> None:
    once = with_hashtag(text, hashtag)
    assert has_hashtag(once, hashtag)
    assert with_hashtag(once, hashtag) == once


@pytest.mark.parametrize("hashtag", ["#a", "#24janvier", "#grève_générale", "#트위터"])
def test_hashtags_are_recognised(hashtag: str) -> None:
    assert is_hashtag(hashtag)


@pytest.mark.parametrize("hashtag", ["", "#", "a", "#123", "#a b", "#a#b", "#a-b", "#" + "a" * 101])
def test_what_is_no_hashtag_is_refused(hashtag: str) -> None:
    assert not is_hashtag(hashtag)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("une\n\tligne", "une\n\tligne"),
        ("\x1b[31mrouge\x1b[0m", "rouge"),
        ("\x1b]0;titre\x07texte", "texte"),
        ("\x1b]8;;http://x\x1b\\lien\x1b]8;;\x1b\\", "lien"),
        ("\x9b2Jfin", "fin"),
        ("a\rb\x08c\x00d\x7f", "abcd"),
        ("\u202etxet\u202c \u2066a\u2069", "txet a"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
        ("\ud800", "\ufffd"),
    ],
)
def test_nothing_a_terminal_obeys_is_printed(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters() | st.sampled_from("\x1b\x9b[]0;m\x07\\\u202e")))
def test_printed_text_holds_no_control_and_can_be_encoded(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert all(unicodedata.category(char) != "Cc" or char in "\n\t" for char in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert printable(shown) == shown


def test_the_first_forbidden_character_is_named() -> None:
    assert forbidden_character("bip\x07\x08") == (3, "U+0007")
    assert forbidden_character("deux\nlignes\tet une 👨‍👩‍👧") is None
