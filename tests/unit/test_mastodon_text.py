from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.platforms.mastodon_text import alike, comparable, length, shown
from socialstrike.sandbox import mastodon_text as theirs

URL = "https://example.org/a/long/way?with=a&query=string#part"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", 0),
        ("Hello", 5),
        ("Grève générale", 14),
        ("e\u0301", 1),
        ("👨‍👩‍👧‍👦🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f🇫🇷", 3),
        ("漢字", 2),
        (URL, 23),
        (f"a {URL} b", 27),
        ("http://a.fr", 23),
        ("HTTPS://EXAMPLE.ORG", 23),
        (f"({URL}).", 26),
        ("example.org/a/long/way/without/protocol", 39),
        ("https://no.such-top-level-domain-at-all", 39),
        ("@somebody@example.org", 9),
        ("@somebody@example.org, hello", 16),
        ("@a.b@c-d.example.org.", 5),
        ("see @somebody, @other@example.org", 21),
        ("me@example.org", 14),
        ("@a.@example.org", 15),
        ("@a@example.org@b", 16),
        ("https://example.org/@somebody@example.com", 23),
        ("#blocage24janvier", 17),
    ],
)
def test_a_text_is_as_long_as_mastodon_finds_it(text: str, wanted: int) -> None:
    assert length(text) == wanted


def test_a_link_counts_what_the_instance_says() -> None:
    assert length(f"a {URL}", url_length=50) == 52


@pytest.mark.parametrize("text", ["@a" * 40_000, "@a@b." * 16_000, "@" + "a." * 40_000 + "@b"])
def test_counting_hostile_texts_takes_no_longer_than_their_length(text: str) -> None:
    begin = time.process_time()
    length(text)
    comparable(text)
    assert time.process_time() - begin < 2


@pytest.mark.parametrize("html", ["<" * 200_000, "<br" * 60_000, "<a " * 60_000, "&" * 200_000])
def test_reading_hostile_html_takes_no_longer_than_its_length(html: str) -> None:
    begin = time.process_time()
    shown(html)
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ("<p>one<br />two</p><p>three</p>", "one two three"),
        ("<p>a &amp; b &lt;c&gt; &#39;d&#39;</p>", "a & b <c> 'd'"),
        (
            '<p><a href="https://e.org/a"><span class="invisible">https://</span>'
            '<span class="ellipsis">e.org/</span><span class="invisible">a</span></a></p>',
            "https://e.org/a",
        ),
        (
            '<p><span class="h-card"><a href="https://e.org/@b" class="u-url mention">@<span>b'
            "</span></a></span> hello</p>",
            "@b hello",
        ),
        ('<p><a class="mention hashtag" rel="tag">#<span>tag</span></a></p>', "#tag"),
    ],
)
def test_what_a_reader_sees_is_read_from_the_html(html: str, wanted: str) -> None:
    assert " ".join(shown(html).split()) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "Grève & <b>blocage</b> &amp; 🎉 #blocage24janvier",
        f"First {URL} then www.example.org/d and\n\na line, {URL}.",
        "@somebody@example.org. And @a.b@c-d.example.org: #été",
        "e\u0301 'decomposed' \"quoted\"",
    ],
)
def test_a_post_as_it_is_shown_compares_equal_to_what_was_written(text: str) -> None:
    html = theirs.render(text, "https://mastodon.example")

    assert comparable(shown(html)) == comparable(text)
    assert comparable(shown(html)) != comparable(f"{text}!")


@given(st.text(alphabet="ab @#.:/&<>'\"é\n1", max_size=60))
def test_any_text_survives_being_shown(text: str) -> None:
    html = theirs.render(text, "https://mastodon.example")
    assert comparable(shown(html)) == comparable(text)


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("On est là #greve", "On est là #greve", True),
        ("On est là #greve", "Hello", False),
        ("on EST là", "On est ici", True),
        ("", "anything", True),
    ],
)
def test_only_posts_that_might_be_the_same_are_asked_about(
    one: str, other: str, wanted: bool
) -> None:
    assert alike(one, other) is wanted
