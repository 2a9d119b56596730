"""Feeds on the web: a real server on this machine, with all that a server can do to a reader."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests

from socialstrike.platforms import connections, documents, transport
from socialstrike.platforms.documents import UnavailableError, fetch
from tests.unit.packs import one, problems, read
from tests.unit.web import Web, serving

ITEM = "<item><title>Un</title><link>/1</link></item>"
FEED = f"<rss><channel>{ITEM}</channel></rss>".encode()


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as made:
        yield made


def file(folder: Path, *feeds: str) -> Path:
    """A post file with one occupation for each feed."""
    fields = {"kind": "occupation", "at": "", "every": "4h", "from": "D 08:00", "until": "D 16:00"}
    written = one(**fields, feed=feeds[0])
    head, _, post = written.partition("posts:\n")
    body = "".join(post.replace(f"feed: {feeds[0]}", f"feed: {feed}") for feed in feeds)
    (folder / "posts.yaml").write_text(f"{head}posts:\n{body}", "utf-8")
    return folder / "posts.yaml"


def why(url: str, **options: float) -> str:
    """Why the document at ``url`` cannot be had."""
    with pytest.raises(UnavailableError) as refused:
        fetch(url, **options)
    return str(refused.value)


def test_a_feed_is_fetched_once_as_ourselves_and_its_links_are_completed(
    web: Web, tmp_path: Path
) -> None:
    web.stands("/feed/?rss=2&cle=x", b"", 301, Location="/moved")
    web.stands("/moved", gzip.compress(FEED), Content_Encoding="gzip")
    address = f"{web.url}/feed/?rss=2&cle=x"
    found = read(file(tmp_path, address, address)).drafts
    assert [draft.link for draft in found] == [f"{web.url}/1"] * 2
    assert [path for path, _ in web.asked] == ["/feed/?rss=2&cle=x", "/moved"]
    for _, headers in web.asked:
        assert headers["user-agent"] == transport.USER_AGENT
        assert not {"cookie", "authorization"} & headers.keys()


def test_everything_wrong_with_feeds_is_told_beside_the_other_errors(
    web: Web, tmp_path: Path
) -> None:
    page = web.stands("/", b"<!DOCTYPE html><html><head><title>x</title></head></html>")
    laughs = web.stands("/bomb", b'<!DOCTYPE rss [<!ENTITY a "x">]><rss>&a;</rss>')
    gone = web.stands("/gone", b"", 404)
    inside = web.stands("/inside", b"", 302, Location="https://10.0.0.1/feed")
    path = file(tmp_path, page, laughs, gone, inside)
    path.write_text(path.read_text("utf-8").replace("until: D 16:00", "until: D 07:00", 1), "utf-8")
    said = problems(path)
    assert "until: is not after from" in " ".join(said)
    told = [line.partition(": feed: ")[2] for line in said if ": feed: " in line]
    assert told == [
        "is a web page and no feed; look on the page for its feed's address",
        "declares entities of its own, which no feed needs; name another feed",
        "cannot be read (the server answered 404); check the feed's address, or try again later",
        "cannot be read (it redirects into a private network); check the feed's address, or try"
        " again later",
    ]


def test_whatever_is_too_much_ends_at_five_megabytes(web: Web) -> None:
    began = time.monotonic()
    assert why(web.pours("/endless", b"x" * 65_536)) == "the answer is too large"
    assert web.sent < 40_000_000  # what the system's buffers hold beside
    bomb = gzip.compress(b"\0" * 60_000_000)
    assert why(web.stands("/gz", bomb, Content_Encoding="gzip")) == "the answer is too large"
    assert time.monotonic() - began < 10


def test_a_feed_that_trickles_is_given_up_in_time(web: Web) -> None:
    began = time.monotonic()
    assert why(web.pours("/slow", b"x", 0.05), seconds=0.6) == "no answer in time"
    assert time.monotonic() - began < 3
    assert why(f"{web.url}/moved", seconds=0) == "no answer in time"


def test_redirects_end_and_lead_only_where_the_first_address_may(web: Web) -> None:
    for path, onward in (
        ("/loop", "/loop"),
        ("/plain", "http://192.0.2.77/feed"),
        ("/file", "file:///etc/passwd"),
        ("/link-local", "https://169.254.169.254/latest"),
        ("/number", "https://0x0a.1/"),
        ("/private", "https://[fd00::1]/"),
    ):
        web.stands(path, b"", 302, Location=onward)
    assert why(f"{web.url}/loop") == "it redirects too often"
    assert len(web.asked) == documents.MOST_REDIRECTS + 1
    for path in ("/plain", "/file", "/link-local", "/number"):
        assert why(web.url + path) == "it redirects to an address that is not https://"
    assert why(f"{web.url}/private") == "it redirects into a private network"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.org/feed", "must begin with https://"),
        ("https://user:secret@example.org/", "must begin with https://"),
        ("ftp://example.org/", "must begin with https://"),
        ("https://192.168.1.1/feed", "it leads into a private network"),
        ("https://100.100.100.200/", "must begin with https://"),
        ("https://[::1", "must begin with https://"),
    ],
)
def test_an_address_that_must_not_be_asked_is_not(
    url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "carry", lambda *_: pytest.fail("it was asked"))
    assert said in why(url)
    assert "secret" not in why(url)


def test_a_server_elsewhere_cannot_lead_to_this_machine(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = requests.Response()
    answer.status_code, answer.headers["location"] = 302, web.stands("/", FEED)
    monkeypatch.setattr(connections, "carry", lambda *_: (answer, b""))
    assert why("https://example.org/feed") == "it redirects to this machine"
    assert not web.asked


def test_a_name_that_leads_into_a_private_network_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [(2, 1, 6, "", ("10.0.0.1", 443)), (2, 1, 6, "", ("127.0.0.1", 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    assert why("https://feeds.example.org/") == "it leads into a private network"


def test_a_server_that_is_down_or_cut_off_is_one_sentence(web: Web) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.close()

    web.answers["/cut"] = cut
    assert why(f"{web.url}/cut") in ("connection closed without an answer", "connection broken")
    down = web.url.rpartition(":")[0] + ":9"
    assert why(down) == "connection refused or no route"


def test_a_file_asks_for_so_many_feeds_and_no_more(web: Web, tmp_path: Path) -> None:
    feeds = [web.stands(f"/{number}", FEED) for number in range(12)]
    said = problems(file(tmp_path, *feeds))
    assert [line.partition(": feed: ")[2] for line in said] == [
        "is one feed too many; import at most 10 at a time"
    ] * 2
    assert len(web.asked) == 10
