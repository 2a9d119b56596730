"""A strike's message in place of the usual posts, with their links."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from socialstrike.sandbox.process import SandboxProcess
from tests.unit.web import Web, serving

if TYPE_CHECKING:
    from tests.acceptance.conftest import Cli

PACK = """\
campaign: {{name: greve, day: 2035-01-24, timezone: Europe/Paris, hashtag: "#g35"}}
accounts: {{collectif-x: x, collectif-fb: facebook}}
posts:
  - kind: occupation
    every: 2h
    from: D 08:00
    until: D 16:00
    jitter: 10m
    to: all
    feed: {feed}
    texts: ["La rédaction est en grève. À lire quand même : {{title}}", "En grève : {{title}}"]
"""


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as made:
        yield made


def tell(web: Web, *numbers: int) -> str:
    """Let the feed tell of these entries, the oldest first; its address."""
    entries = "".join(
        f"<entry><title>Article {n} de @quelquun</title><link href='https://journal.example.org/{n}'/>"
        f"<published>2035-01-{n:02}T00:00:00Z</published></entry>"
        for n in numbers
    )
    feed = f"<feed xmlns='http://www.w3.org/2005/Atom'>{entries}</feed>"
    return web.stands("/atom.xml", feed.encode())


def test_a_feed_is_imported_again_and_again_and_each_entry_is_queued_once(
    strike: Cli, web: Web
) -> None:
    pack = strike.folder / "posts.yaml"
    pack.write_text(PACK.format(feed=tell(web, 1, 2)), encoding="utf-8")
    before = strike.dump()
    dry = strike.call("posts", "import", pack, "--dry-run", "--json")
    assert strike.dump() == before
    planned = [(row["account"], row["link"]) for row in dry.json()["planned"]]
    links = [f"https://journal.example.org/{n}" for n in (1, 2)]
    assert sorted(planned) == sorted(
        (name, link) for name in ("collectif-x", "collectif-fb") for link in links
    )
    said = strike.call("posts", "import", pack, "--dry-run")
    assert "https://journal.example.org/2" in said.out

    first = strike.call("posts", "import", pack, "--json").json()
    assert (first["new_posts"], first["new_deliveries"]) == (2, 4)
    queued = {row["id"]: row for row in strike.rows()}
    assert {row["text"] for row in queued.values()} == {
        f"{said} : Article {n} de quelquun #g35"
        for n in (1, 2)
        for said in ("La rédaction est en grève. À lire quand même", "En grève")
    } - {
        "En grève : Article 1 de quelquun #g35",
        "La rédaction est en grève. À lire quand même : Article 2 de quelquun #g35",
    }
    assert [row["due_at"] for row in dry.json()["planned"]] == sorted(
        row["due_at"] for row in queued.values()
    )

    assert strike.call("posts", "import", pack).out.startswith("Nothing new: 4 deliveries")
    tell(web, 2, 3, 4, 5)  # the first has left the feed, three are new, and two times are free
    again = strike.call("posts", "import", pack, "--json").json()
    assert (again["new_posts"], again["new_deliveries"], again["known_deliveries"]) == (2, 4, 2)
    shown = strike.call("posts", "preview", "--campaign", "greve", "--json").json()
    carried = [e["text"] for one in shown for e in one["entities"] if e["kind"] == "link"]
    assert carried == [f"https://journal.example.org/{n}" for n in (1, 2, 4, 5)]
    for row in strike.rows():
        assert queued.get(row["id"], row) == row


def test_a_feed_that_is_no_more_changes_nothing(strike: Cli, web: Web) -> None:
    pack = strike.folder / "posts.yaml"
    pack.write_text(PACK.format(feed=tell(web, 1, 2)), encoding="utf-8")
    assert strike.call("posts", "import", pack).code == 0
    before = strike.dump()
    for body, status in ((b"", 503), (b"<html></html>", 200), (b"", 200)):
        web.stands("/atom.xml", body, status)
        ended = strike.call("posts", "import", pack)
        assert ended.code == 2
        assert "posts.yaml:10: feed: " in ended.err
        assert strike.dump() == before


def test_each_link_reaches_each_platform_once_in_the_order_of_publication(
    strike: Cli, sandbox: SandboxProcess, web: Web
) -> None:
    day = datetime.now(UTC).date() - timedelta(days=1)
    pack = PACK.format(feed=tell(web, 1, 2, 3, 4)).replace("2035-01-24", day.isoformat())
    pack = pack.replace("every: 2h", "every: 4h")
    (strike.folder / "posts.yaml").write_text(pack + "    lateness: 72h\n", encoding="utf-8")
    assert strike.call("posts", "import", "posts.yaml", "--late").code == 0
    assert strike.run("run", "--until-idle").code == 0
    for platform in ("x", "facebook"):
        sent = [post for post in sandbox.posts() if post["platform"] == platform]
        assert [re.findall("Article ([0-9])", post["text"]) for post in sent] == [
            [str(n)] for n in (3, 4)
        ]
        links = [post.get("link") or post["text"].split()[-1] for post in sent]
        assert links == [f"https://journal.example.org/{n}" for n in (3, 4)], sent


def test_what_is_too_long_is_previewed_with_what_does_not_fit(strike: Cli) -> None:
    pack = strike.folder / "posts.yaml"
    long = "Nous faisons grève ensemble. " * 12
    pack.write_text(
        "campaign: {name: greve, day: 2035-01-24}\nposts:\n  - {kind: announcement,"
        f" at: D 09:00, to: all, text: '{long}'}}\n",
        encoding="utf-8",
    )
    shown = strike.call("posts", "preview", pack, "--json")
    assert shown.code == 3, shown.said
    by_platform = {one["platform"]: one for one in shown.json()}
    assert by_platform["facebook"]["notices"] == []
    on_x = by_platform["x"]
    assert (on_x["length"], on_x["limit"]) == (len(long) - 1, 280)
    assert on_x["kept"] + on_x["beyond"] == long.strip()
    assert on_x["notices"][0]["message"].startswith(f"{len(long) - 1 - 280} too many for X")
    assert strike.call("posts", "import", pack).code == 2
    assert strike.rows() == []


def test_the_schema_is_printed_for_an_editor(cli: Cli) -> None:
    printed = cli.call("posts", "schema")
    assert printed.code == 0
    assert json.loads(printed.out)["$schema"].endswith("/2020-12/schema")
