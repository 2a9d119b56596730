"""What a feed is read into, and how its entries fill the times of an occupation."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from socialstrike.content import forbidden_character, printable, unclosed_direction, x_length
from socialstrike.drafts import Draft
from socialstrike.exceptions import InvalidFile
from socialstrike.post_file import feed
from socialstrike.post_file.head import is_web_address
from tests.unit.packs import one, problems, read

RSS2 = b"""<?xml version="1.0" encoding="ISO-8859-1"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:atom="http://www.w3.org/2005/Atom"><channel>
<title>Le journal</title><link>https://journal.example/</link>
<atom:link href="https://journal.example/feed" rel="self"/>
<item><title>La gr\xe8ve &lt;b&gt;continue&lt;/b&gt;</title><link>https://journal.example/2</link>
  <pubDate>Fri, 24 Jan 2020 08:00:00 +0100</pubDate></item>
<item><title>L&amp;#8217;appel</title><guid>https://journal.example/3</guid>
  <dc:date>2020-01-24T09:00:00Z</dc:date></item>
<item><title>Avant</title><guid isPermaLink="false">tag:1</guid><link> https://journal.example/1
  </link><pubDate>Thu, 23 Jan 2020 08:00:00 GMT</pubDate></item>
<item><title>Sans adresse</title>
  <guid isPermaLink="false">https://journal.example/?p=0</guid></item>
</channel></rss>"""
RSS1 = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
  xmlns="http://purl.org/rss/1.0/"><channel rdf:about="x"><link>https://journal.example/</link>
</channel><item rdf:about="a"><title>Deux</title><link>https://journal.example/2</link></item>
<item rdf:about="b"><title>Un</title><link>https://journal.example/1</link></item></rdf:RDF>"""
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xml:base="/fil/">
<title>Le fil</title><link href="https://journal.example/"/>
<entry><title type="html">Un &amp;amp; &lt;i&gt;un&lt;/i&gt;</title>
  <link rel="replies" href="https://journal.example/replies"/><link href="1"/>
  <updated>2020-01-25T00:00:00Z</updated><published>2020-01-23T00:00:00Z</published>
  <source><title>Ailleurs</title><link href="https://elsewhere.example/"/></source></entry>
<entry><title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Deux <b>fois</b></div></title>
  <link rel="alternate" href="https://journal.example/2"/>
  <updated>2020-01-24T00:00:00+02:00</updated></entry></feed>""".encode("utf-16")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            RSS2,
            [
                ("https://journal.example/2", "La grève continue"),
                ("https://journal.example/3", "L’appel"),
                ("https://journal.example/1", "Avant"),
            ],
        ),
        (RSS1, [("https://journal.example/2", "Deux"), ("https://journal.example/1", "Un")]),
        (
            ATOM,
            [
                ("https://journal.example/2", "Deux fois"),
                ("https://journal.example/fil/1", "Un & un"),
            ],
        ),
    ],
    ids=["rss2", "rss1", "atom"],
)
def test_each_kind_of_feed_is_read_with_its_titles_and_the_newest_first(
    content: bytes, expected: list[tuple[str, str]]
) -> None:
    found = feed.entries(content, "https://journal.example/feed")
    assert [(entry.link, entry.title) for entry in found] == expected


def test_letters_that_an_old_document_type_names_are_kept_without_fetching_it() -> None:
    old = (
        b'<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://a.example/d">'
        b"<rss><channel><item><title>Gr&egrave;ve</title><link>https://a.example/</link></item>"
        b"</channel></rss>"
    )
    assert feed.entries(old, "") == [feed.Entry("https://a.example/", "Grève")]


def test_entries_go_by_their_time_where_each_has_one_and_an_address_is_told_once() -> None:
    items = "".join(
        f"<item><link>https://a.example/{name}</link><pubDate>{day} Jan 2020 08:00 GMT</pubDate>"
        "</item>"
        for name, day in (("old", 1), ("new", 9), ("middle", 5), ("new", 2))
    )
    found = feed.entries(f"<rss><channel>{items}</channel></rss>".encode(), "")
    assert [entry.link[18:] for entry in found] == ["new", "middle", "old"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Merci @mediapart et #greve", "Merci mediapart et greve"),
        ("＠tous ＃tag @@deux C# a @", "tous tag deux C# a @"),
        ("\x1b[31mRouge\x1b[0m \u202eà l'envers\u2066 et\u200b\nlà", "Rouge à l'envers et là"),
        ("Voir https://evil.example/x?y ici", "Voir ici"),
        ("@\u200bcache", "cache"),
        ("mot " * 200, "mot " * 73 + "mot…"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_a_title_is_only_words(written: str, shown: str) -> None:
    assert feed.plain_title(written) == shown
    assert len(shown) <= feed.MAX_TITLE


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("https://a.example/été?q=é x#xtor=RSS-1", ""),
        ("https://a.example/été?q=é&amp;r=1#xtor=RSS-1", "/%C3%A9t%C3%A9?q=%C3%A9&r=1#xtor=RSS-1"),
        ("https://a.example/(@ping", "/%28%40ping"),
        ("https://a.example/%20a&lt;@ping", "/%20a%3C%40ping"),
        ("https://me@a.example/", ""),
        ("https://a.example(@ping/", ""),
        ("https://a.example/\u202egnp", ""),
        ("HTTPS://a.example:8443/x", ":8443/x"),
        ("//a.example/x", "/x"),
        ("javascript:alert(1)", ""),
    ],
)
def test_an_address_carries_nothing_but_an_address(link: str, kept: str) -> None:
    whole = f"<rss><channel><item><link>{link}</link></item></channel></rss>".encode()
    if not kept:
        with pytest.raises(feed.NoFeed, match="no entry with a web address"):
            feed.entries(whole, "https://b.example/")
        return
    assert feed.entries(whole, "https://b.example/") == [feed.Entry(f"https://a.example{kept}")]


def test_a_feed_as_large_as_may_be_is_read_in_seconds() -> None:
    link = b"<link>https://a.example/" + b"../" * 600 + b"</link>"
    titles = (b"@#" * 1_900, b"&lt;a" * 700, b"https://" * 480, b"&amp;#64;" * 400)
    items = b"".join(b"<item><title>" + title + b"</title>" + link + b"</item>" for title in titles)
    whole = b"<rss><channel>" + items * (feed.MAX_BYTES // len(items)) + b"</channel></rss>"
    began = time.process_time()
    feed.entries(whole, "")
    assert time.process_time() - began < 8


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 9) for i in range(1, 10))
    + b"]><rss><channel><item><title>&a9;</title></item></channel></rss>"
)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (LAUGHS, "declares entities of its own"),
        (
            b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel/></rss>',
            "declares entities of its own",
        ),
        (b"<!DOCTYPE html><html><head><meta></head></html>", "is a web page and no feed"),
        (b'<html xmlns="http://www.w3.org/1999/xhtml"/>', "is a web page and no feed"),
        (b"<svg/>", "is XML and no feed"),
        (b"<rss><channel></rss>", "is no well-formed feed (mismatched tag in its line 1)"),
        (b'{"version": "https://jsonfeed.org"}', "is no well-formed feed"),
        (b"", "is no well-formed feed"),
        (b"<rss>\xff\xfe</rss>", "is no well-formed feed"),
        (b'<?xml version="1.0" encoding="utf-7"?><rss/>', "in an encoding that is not read"),
        (b'<?xml version="1.0" encoding="bz2"?><rss/>', "in an encoding that is not read"),
        (b"<rss><channel/></rss>", "holds no entries"),
        (b"<rss><channel><item><link>javascript:x</link></item></channel></rss>", "no entry with"),
        (b"<rss>" + b"<a>" * 100_000, "is nested too deeply"),
        (b"<rss>" + b"<item/>" * 20_000, "holds more than 10,000 entries"),
    ],
)
def test_what_is_no_feed_says_so_in_one_sentence(content: bytes, why: str) -> None:
    with pytest.raises(feed.NoFeed) as refused:
        feed.entries(content, "https://journal.example/")
    assert why in str(refused.value)
    assert "passwd" not in str(refused.value)


FED = {"kind": "occupation", "at": "", "every": "2h", "from": "D 08:00", "to": "collectif-x"}


def fed(path: Path, items: int = 0, **fields: str) -> Path:
    """A post file of one fed occupation, beside a feed of so many items, the oldest first."""
    if items:
        entries = "".join(
            f"<item><title>Titre {n}</title><link>https://j.example/{n}</link>"
            f"<pubDate>{n} Jan 2020 08:00 GMT</pubDate></item>"
            for n in range(1, items + 1)
        )
        (path / "feed.xml").write_text(f"<rss><channel>{entries}</channel></rss>", "utf-8")
        fields.setdefault("feed", "feed.xml")
    said = one(**{**FED, "until": "D 16:00", **fields})
    (path / "posts.yaml").write_text(said, "utf-8")
    return path / "posts.yaml"


def carried(drafts: Sequence[Draft]) -> list[tuple[str, str]]:
    """Each draft's local hour and the last part of its link."""
    return [(draft.local_times[0][11:16], str(draft.link).rpartition("/")[2]) for draft in drafts]


def remembered(drafts: Sequence[Draft]) -> dict[str, object]:
    """As an import that has queued ``drafts`` is asked for them later."""
    links = {draft.key: draft.link for draft in drafts}
    return {"queued": lambda keys: {key: links[key] for key in keys if key in links}}


def test_the_newest_entries_go_out_in_the_order_of_publication(tmp_path: Path) -> None:
    found = read(fed(tmp_path, 6)).drafts
    assert carried(found) == [("08:00", "3"), ("10:00", "4"), ("12:00", "5"), ("14:00", "6")]
    assert [len(draft.deliveries) for draft in found] == [1] * 4
    assert [draft.deliveries[0].occurrence for draft in found] == [0, 1, 2, 3]
    assert carried(read(fed(tmp_path, 6, newest="2")).drafts) == [("08:00", "5"), ("10:00", "6")]


def test_a_later_import_fills_only_the_times_that_are_free_and_not_past(tmp_path: Path) -> None:
    first = read(fed(tmp_path, 2))
    assert carried(first.drafts) == [("08:00", "1"), ("10:00", "2")]
    assert "2 times have no link yet" in str(first.warnings[0])
    again = read(fed(tmp_path, 2), **remembered(first.drafts)).drafts
    assert [(d.key, d.link) for d in again] == [(d.key, d.link) for d in first.drafts]
    more = read(fed(tmp_path, 5), **remembered(first.drafts)).drafts
    assert carried(more) == [("08:00", "1"), ("10:00", "2"), ("12:00", "4"), ("14:00", "5")]
    noon = datetime(2020, 1, 24, 11, 30, tzinfo=UTC)
    later = read(fed(tmp_path, 5), now=noon, **remembered(first.drafts)).drafts
    assert carried(later) == [("14:00", "5")]
    assert read(fed(tmp_path, 5), now=noon, late=True, **remembered(first.drafts)).drafts[
        0
    ].local_times == ("2020-01-24T12:00:00",)


def test_when_all_its_times_have_passed_a_first_import_fails_and_a_later_one_does_nothing(
    tmp_path: Path,
) -> None:
    path = fed(tmp_path, 3)
    queued = remembered(read(path).drafts)
    after = datetime(2020, 1, 26, tzinfo=UTC)
    assert read(path, now=after, **queued).drafts == ()
    assert problems(path, now=after) == [
        "posts.yaml:9: feed: 4 of its 4 times have passed and carry nothing"
    ]


def test_a_list_of_links_goes_out_in_its_own_order_with_each_text_in_turn(tmp_path: Path) -> None:
    links = (
        "[https://j.example/a, {link: https://j.example/b, title: 'De @b'}, https://j.example/a]"
    )
    path = fed(tmp_path, links=links, text="", texts="[un, deux]")
    found = read(path)
    assert carried(found.drafts) == [("08:00", "a"), ("10:00", "b")]
    assert [draft.deliveries[0].text for draft in found.drafts] == ["un #g24", "deux #g24"]
    assert "links[3]: stands in the list before" in str(found.warnings[0])
    more = fed(tmp_path, links=links[:-1] + ", https://j.example/c]", text="", texts="[un, deux]")
    again = read(more, **remembered(found.drafts)).drafts
    assert carried(again) == [("08:00", "a"), ("10:00", "b"), ("12:00", "c")]


def test_the_title_takes_its_place_and_as_much_room_as_the_platform_has(tmp_path: Path) -> None:
    title = "Un titre qui dit beaucoup de choses " * 7
    links = f"[{{link: https://example.org/a, title: '{title}'}}]"
    path = fed(
        tmp_path, links=links, to="[collectif-x, collectif-fb]", text="'En grève : {title}.'"
    )
    [draft] = read(path).drafts
    on_x, on_facebook = (delivery.text for delivery in draft.deliveries)
    assert on_facebook == f"En grève : {title.strip()}. #g24"
    assert on_x.startswith("En grève : Un titre qui dit")
    assert on_x.endswith("…. #g24")
    assert 270 < x_length(f"{on_x} https://example.org/a") <= 280


def test_two_alike_occupations_in_one_file_are_two(tmp_path: Path) -> None:
    path = fed(tmp_path, links="[https://j.example/a]")
    body = path.read_text("utf-8")
    post = body.partition("posts:\n")[2]
    path.write_text(body + post.replace("j.example/a", "j.example/b"), "utf-8")
    assert carried(read(path).drafts) == [("08:00", "a"), ("08:00", "b")]


def test_every_error_of_a_fed_occupation_is_told_at_once(tmp_path: Path) -> None:
    path = fed(
        tmp_path, links="[ftp://x, {title: t}]", feed="no.xml", newest="0", link="https://a/"
    )
    assert problems(path) == [
        "posts.yaml:11: newest: must be a number from 1 to 2000",
        "posts.yaml:10: feed: stands beside links; keep one of them",
        "posts.yaml:12: link: stands beside links; keep one of them",
    ]
    links = "[ftp://x, {title: t}, [a]]"
    assert problems(fed(tmp_path, links=links, text="'{title}{title}{title}{title}'")) == [
        "posts.yaml:9: links[1]: ftp://x is no web address; write one such as"
        " https://onestla.tech/",
        "posts.yaml:9: links[2].link: is missing; write a web address",
        'posts.yaml:9: links[3]: must be a web address, or {link: …, title: "…"}',
    ]
    untitled = fed(tmp_path, links="[https://j.example/a]", text="'{title}'")
    assert problems(untitled) == [
        "posts.yaml:9: links: https://j.example/a has no title, and a text asks for it;"
        ' write {link: …, title: "…"}'
    ]
    threads = fed(tmp_path, links="[https://j.example/a]", text="[un, deux]")
    assert "is a thread or has pictures of its own" in problems(threads)[0]
    single = {**dict.fromkeys(("every", "from", "until"), ""), "at": "D 08:00"}
    alone = fed(tmp_path, links="[https://j.example/a]", **single)
    assert "links: goes with every" in problems(alone)[0]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gone.xml", "there is no such file beside this one"),
        ("../feed.xml", "is neither a web address nor a file beside this one"),
        ("/etc/passwd", "is neither a web address nor a file beside this one"),
        ("link.xml", "is a link out of the file's folder"),
        (".", "the file cannot be read"),
    ],
)
def test_a_feed_in_a_file_stands_beside_the_post_file(tmp_path: Path, name: str, why: str) -> None:
    folder = tmp_path / "pack"
    folder.mkdir()
    (tmp_path / "feed.xml").write_bytes(RSS1)
    (folder / "link.xml").symlink_to(tmp_path / "feed.xml")
    [problem] = problems(fed(folder, feed=name))
    assert why in problem


@settings(max_examples=200)
@given(
    st.sampled_from([RSS2, RSS1, ATOM.decode("utf-16").encode()]),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 9), st.binary(max_size=9)), max_size=6),
)
def test_a_damaged_feed_is_read_or_refused_in_words(
    content: bytes, damage: list[tuple[int, int, bytes]]
) -> None:
    for start, length, instead in damage:
        content = content[:start] + instead + content[start + length :]
    try:
        found = feed.entries(content, "https://journal.example/")
    except feed.NoFeed as error:
        assert printable(str(error)) == str(error)
        return
    for entry in found:
        assert is_web_address(entry.link)
        assert "@" not in entry.link
        assert not forbidden_character(entry.title)
        assert not unclosed_direction(entry.title)
        assert not re.search("[@#＠＃]\\w|https?://", entry.title)


VALUES = st.recursive(
    st.text(max_size=9) | st.none() | st.integers() | st.sampled_from(["5m", "{title}", "a.xml"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["link", "title", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["links", "feed", "newest", "jitter", "link", "every", "text"]), VALUES
    )
)
def test_any_values_in_these_fields_are_read_or_refused_in_words(
    tmp_path: Path, fields: dict[str, object]
) -> None:
    post = {"kind": "occupation", "every": "2h", "to": "x", "text": "{title}", **fields}
    path = tmp_path / "posts.jsonl"
    path.write_text(json.dumps(post), "utf-8")
    try:
        read(path, campaign="greve")
    except InvalidFile as error:
        assert all(printable(str(problem)) == str(problem) for problem in error.problems)
