"""The report of a campaign, as it is handed to an assembly or a lawyer."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

JEANNE = "<script>alert('Jeanne')</script>"
TEXT = 'Grève <img src=x onerror=alert(1)> & "إضراب"'


class Page(HTMLParser):
    """What a browser would see in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def named(self, *names: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.fixture(autouse=True)
def _who(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "camille-martin")


@pytest.fixture
def over(
    strike: Any,
    sandbox: Any,
    credentials: dict[str, dict[str, str]],
    furnished: Callable[..., None],
) -> Any:
    """A campaign of which one post went out, one was cancelled, and the stop was pulled once."""
    furnished("over", lambda: _fill(strike, sandbox, credentials))
    return strike


def _fill(strike: Any, sandbox: Any, credentials: dict[str, dict[str, str]]) -> None:
    file = strike.folder / "again.json"
    file.write_text(json.dumps(credentials["x"]), encoding="utf-8")
    at = ("--base-url", sandbox.base_url, "--authorised-by", JEANNE)
    now = (datetime.now(UTC) - timedelta(seconds=2)).isoformat(timespec="seconds")
    of = ("--campaign", "blocage24janvier")
    for words in (
        ["accounts", "add", "x", "collectif-y", "--from-file", file, *at],
        ["campaigns", "set", "blocage24janvier", "--day", "2099-01-24"],
        ["posts", "add", TEXT, "--to", "collectif-y", "--at", now, "--late", *of],
        ["posts", "add", "annulé", "--to", "collectif-y", "--at", "+1h", *of],
        ["posts", "add", "ailleurs", "--to", "collectif-x", "--at", "+1h"],
        ["posts", "cancel", "2", "3"],
        ["stop", "--reason", "</td><h1>\x1b[31m\u202e"],
        ["start"],
    ):
        ended = strike.call(*words)
        assert ended.code == 0, ended.said
    ended = strike.run("run", "--until-idle")
    assert ended.code == 0, ended.said


def report(cli: Any, *options: str) -> str:
    ended = cli.call("audit", "report", "blocage24janvier", "-o", "report.html", *options)
    assert ended.code == 0, ended.said
    file: Path = cli.folder / "report.html"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file.read_text(encoding="utf-8")


def test_it_is_one_page_that_runs_and_loads_nothing(over: Any) -> None:
    text = report(over, "--lang", "fr")
    page = Page(text)
    assert page.named("script", "img", "iframe", "link", "object", "form", "base", "svg") == []
    policies = [m for m in page.named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert [str(policy["content"]).split(";")[0] for policy in policies] == ["default-src 'none'"]
    allowed = {"href", "rel", "class", "scope", "datetime", "lang", "content", "name"}
    used = {name for _, attrs in page.tags for name in attrs}
    assert used - allowed == {"charset", "http-equiv"}
    assert all(a["href"].startswith("https://") for a in page.named("a") if a["href"])
    assert {a["rel"] for a in page.named("a")} == {"noreferrer"}
    assert not {"\x1b", "\u202e"} & set(text)
    assert "url(" not in text


def test_it_tells_what_went_out_and_what_did_not(over: Any) -> None:
    [row, cancelled, _] = over.rows()
    page = Page(report(over, "--lang", "en"))
    told = "\n".join(page.text)
    for fact in (TEXT, row["remote_id"], row["remote_url"], JEANNE, "annulé", "Europe/Paris"):
        assert fact in told, fact
    assert row["state"] == "published"
    assert cancelled["state"] == "cancelled"
    assert "cancelled" in told
    assert "ailleurs" not in told
    assert "they agree" in told
    assert "yes, when this was made" in told


def test_it_can_be_read_aloud(over: Any) -> None:
    page = Page(report(over, "--lang", "fr"))
    assert page.named("html") == [{"lang": "fr"}]
    assert len(page.named("h1")) == 1
    assert len(page.named("caption")) == len(page.named("table")) == 4
    assert {th.get("scope") for th in page.named("th")} == {"col", "row"}
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(headings))


def test_its_checkpoint_verifies_the_exported_log(over: Any) -> None:
    text = report(over, "--lang", "en")
    found = re.search(r"<pre>(socialstrike/.*?)</pre>", text, re.DOTALL)
    assert found
    (over.folder / "note.txt").write_text(found[1], encoding="utf-8")
    assert over.call("audit", "export", "-o", "log.jsonl").code == 0
    ended = over.call("audit", "verify", "log.jsonl", "--head", "note.txt")
    assert ended.code == 0, ended.said


def test_pseudonyms_leave_no_name_in_it(over: Any) -> None:
    people = [row["name"] for row in over.call("audit", "people", "--json").json()]
    told = "\n".join(Page(report(over, "--lang", "en", "--pseudonyms")).text)
    assert {JEANNE, "camille-martin"} <= {*people}
    assert [name for name in (JEANNE, "camille-martin") if name in told] == []
    assert "person " in told
    assert "camille-martin" in "\n".join(Page(report(over, "--lang", "en")).text)


def test_it_says_so_where_the_log_and_the_tables_disagree(over: Any) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(over.home / "socialstrike.db")) as database:
        database.execute("UPDATE deliveries SET state = 'failed' WHERE id = 2")
        database.commit()
    assert "delivery 2 is failed, and cancelled by entry" in report(over, "--lang", "en")


def test_an_unknown_campaign_is_refused(over: Any) -> None:
    ended = over.call("audit", "report", "another", "-o", "another.html")
    assert ended.code == 2
    assert not (over.folder / "another.html").exists()


def test_it_goes_to_standard_output_too(over: Any) -> None:
    ended = over.run("audit", "report", "blocage24janvier", "--lang", "fr")
    assert ended.code == 0
    assert ended.out.startswith("<!DOCTYPE html>")
    assert ended.out.endswith("</html>\n")
