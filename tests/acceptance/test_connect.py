"""Connecting accounts as people do: with a browser, with a pasted answer, and when it goes wrong.

The browser is a program that answers the sandbox's page and follows where it is sent.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from socialstrike.sandbox.process import SandboxProcess
    from tests.acceptance.conftest import Cli, Ended

#: Answers the page it is given with its second argument, and goes where that leads.
BROWSER = """
import sys, urllib.parse, urllib.request
answer, url = sys.argv[1:]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
query = urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query)
form = urllib.parse.urlencode([*query, tuple(answer.split("="))]).encode()
opener.open(url.partition("?")[0], form, timeout=20).read()
"""
APPS = {
    "x": {"client_id": "client-of-our-app", "client_secret": "secret-of-our-app-0123456789"},
    "facebook": {"app_id": "1122334455", "app_secret": "secret-of-our-app-0123456789"},
    "mastodon": {},
}
PLATFORMS = tuple(APPS)


class Desk:
    """Types ``accounts connect`` on one home, with a browser that answers as it is told."""

    def __init__(self, cli: Cli, sandbox: SandboxProcess) -> None:
        self.cli, self.sandbox = cli, sandbox
        self.script = cli.folder / "browser.py"
        self.script.write_text(BROWSER, encoding="utf-8")

    def app(self, platform: str, **fields: str) -> Path:
        app = fields or APPS[platform]
        if platform == "mastodon":
            app = {"instance": self.sandbox.base_url}
        file = self.cli.folder / f"{platform}-app.json"
        file.write_text(json.dumps(app), encoding="utf-8")
        return file

    def connect(
        self,
        platform: str,
        *options: str,
        answer: str = "account=collectif",
        given: str | None = None,
        **app: str,
    ) -> Ended:
        line = f"{sys.executable} {self.script} {answer} %s"
        return self.cli.run(
            "accounts", "connect", platform, "voix", "--base-url", self.sandbox.base_url,
            "--from-file", self.app(platform, **app), "--port", "0", *options,
            given=given, env={"BROWSER": line},
        )  # fmt: skip

    def accounts(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.cli.call("accounts", "list", "--json").json()
        return listed

    def expire(self, at: datetime) -> None:
        """Let the platform have said that the access ends then."""
        with closing(sqlite3.connect(self.cli.home / "socialstrike.db")) as database, database:
            moment = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
            database.execute("UPDATE accounts SET expires_at = ?", (moment,))


@pytest.fixture
def desk(cli: Cli, sandbox: SandboxProcess) -> Desk:
    for platform in (*PLATFORMS, "bluesky"):
        sandbox.add_account(platform, "collectif")
    return Desk(cli, sandbox)


def visit(url: str, **answer: str) -> str:
    """What a person ends up with: the address the browser was sent to, or the page."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: Any, **options: Any) -> None:
            return None

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)
    page, _, query = url.partition("?")
    form = urllib.parse.urlencode([*urllib.parse.parse_qsl(query), *answer.items()]).encode()
    try:
        with opener.open(page, form, timeout=20) as told:
            body: str = told.read().decode()
            return body
    except urllib.error.HTTPError as error:
        with error:
            return error.headers["location"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_browser_connects_an_account_that_works(desk: Desk, platform: str) -> None:
    ended = desk.connect(platform, "--authorised-by", "Assemblée")

    assert ended.code == 0, ended.said
    [account] = desk.accounts()
    assert (account["name"], account["authorised_by"]) == ("voix", "Assemblée")
    assert account["identity"]
    checked = desk.cli.call("accounts", "check", "--json").json()[0]
    assert (checked["ok"], checked["missing"]) == (True, []), checked
    assert len(checked["scopes"]) >= 3


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_no_is_said_and_nothing_is_stored(desk: Desk, platform: str) -> None:
    ended = desk.connect(platform, answer="deny=1")

    assert ended.code == 1
    assert "was told no (access_denied); nothing was stored" in ended.err
    assert desk.accounts() == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_code_that_is_over_is_said_and_nothing_is_stored(desk: Desk, platform: str) -> None:
    desk.sandbox.add_fault("expired", platform=platform, operation="connect")

    ended = desk.connect(platform)

    assert ended.code == 1
    assert "nothing was stored. A code counts once" in ended.err
    assert f"socialstrike accounts connect {platform} voix" in ended.err
    assert desk.accounts() == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_browser_that_never_comes_back_is_waited_for_so_long(desk: Desk, platform: str) -> None:
    desk.script.write_text("", encoding="utf-8")

    ended = desk.connect(platform, "--timeout", "1")

    assert ended.code == 1
    assert "no answer came from the browser within 1 seconds; nothing was stored" in ended.err
    assert "--no-browser" in ended.err
    assert desk.accounts() == []


def pasted(desk: Desk, platform: str, answer: dict[str, str], **app: str) -> tuple[int, str, str]:
    """Connect with --no-browser and paste what the browser shows: exit code, output, pasted."""
    line = desk.cli.line(
        "accounts", "connect", platform, "voix", "--base-url", desk.sandbox.base_url,
        "--from-file", desk.app(platform, **app), "--no-browser",
    )  # fmt: skip
    process = subprocess.Popen(
        line, stdin=PIPE, stdout=PIPE, stderr=STDOUT, cwd=desk.cli.folder, text=True
    )
    with process:
        assert process.stdin
        assert process.stdout
        said = ""
        while "Open this address" not in said:
            read = process.stdout.readline()
            assert read, said
            said += read
        url = re.search(r"http://\S+", said)
        assert url
        seen = visit(url[0], **{k: v for k, v in answer.items() if k != "spoil"})
        if shown := re.search(r"<code>(.+?)</code>", seen):
            seen = shown[1]
        seen = answer.get("spoil", seen)
        out, _ = process.communicate(f"{seen}\n", timeout=100)
    return process.returncode, said + out, seen


YES = {"account": "collectif"}


@pytest.mark.parametrize(
    ("platform", "app"),
    [
        ("x", {}),
        ("x", {"consumer_key": "key-of-our-app-012345", "consumer_secret": "secret-of-our-app-01"}),
        ("facebook", {}),
        ("mastodon", {}),
    ],
)
def test_without_a_browser_the_answer_is_pasted_and_no_secret_is_printed(
    desk: Desk, platform: str, app: dict[str, str]
) -> None:
    code, said, seen = pasted(desk, platform, YES, **app)

    assert code == 0, said
    assert "voix is connected" in said
    assert desk.accounts()[0]["identity"]
    hidden = [*(app or APPS[platform]).values(), seen]
    public = {APPS["x"]["client_id"], APPS["facebook"]["app_id"]}
    assert [value for value in hidden if value not in public and value in said] == []


@pytest.mark.parametrize("platform", ["x", "facebook"])
def test_an_answer_to_another_question_is_refused(desk: Desk, platform: str) -> None:
    spoiled = {**YES, "spoil": "http://127.0.0.1:1/callback?code=abc&state=another"}

    code, said, _ = pasted(desk, platform, spoiled)

    assert code == 2
    assert "its state is another" in said
    assert desk.accounts() == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_empty_answer_says_what_to_paste(desk: Desk, platform: str) -> None:
    code, said, _ = pasted(desk, platform, {**YES, "spoil": ""})

    assert code == 2
    assert "there is no code in what was given" in said
    assert desk.accounts() == []


def test_several_pages_become_several_accounts(desk: Desk) -> None:
    desk.sandbox.add_account("facebook", "Union_Ouest")

    ended = desk.connect(
        "facebook", "--page", "collectif", "--page", "Union_Ouest",
        answer="account=collectif,Union_Ouest",
    )  # fmt: skip

    assert ended.code == 0, ended.said
    assert [one["name"] for one in desk.accounts()] == ["voix-collectif", "voix-union-ouest"]


def test_several_pages_are_asked_about_and_an_unknown_one_changes_nothing(desk: Desk) -> None:
    desk.sandbox.add_account("facebook", "ouest")
    both = "account=collectif,ouest"

    assert desk.connect("facebook", answer=both, given="2\n").code == 0
    assert [one["identity"] for one in desk.accounts()] == ["ouest"]
    ended = desk.connect("facebook", "--replace", answer=both, given="7\n")
    assert (ended.code, "is not one of the pages" in ended.err) == (2, True)


def test_bluesky_is_connected_by_an_app_password_that_is_tried_at_once(desk: Desk) -> None:
    made = desk.sandbox.add_account("bluesky", "seconde")["credentials"]

    wrong = desk.connect("bluesky", handle=made["handle"], app_password="my-own-password")
    nobody = desk.connect("bluesky", handle="nobody.test", app_password=made["app_password"])
    assert desk.accounts() == []
    right = desk.connect("bluesky", **made)

    assert (wrong.code, nobody.code, right.code) == (1, 1, 0), right.said
    assert "does not look like an app password" in wrong.err
    assert "knows no handle" in nobody.err
    assert "warning" not in right.err
    assert desk.accounts()[0]["identity"] == made["handle"]


def test_an_instance_that_is_none_is_said(desk: Desk) -> None:
    desk.sandbox.add_fault("error_html", platform="mastodon", operation="any")
    file = desk.cli.folder / "app.json"
    file.write_text('{"instance": "http://127.0.0.1:9"}', encoding="utf-8")

    ended = desk.cli.run("accounts", "connect", "mastodon", "voix", "--from-file", file)

    assert ended.code == 1
    assert "could not be reached" in ended.err
    assert desk.accounts() == []


def test_a_refused_command_changes_nothing(desk: Desk) -> None:
    assert desk.connect("x", unknown="field").code == 2
    assert desk.accounts() == []


def test_a_scheduler_renews_the_token_while_it_runs_and_the_posts_go_on(
    desk: Desk, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    desk.sandbox.set_token_life(4)  # it is renewed after 3
    assert desk.connect("x").code == 0
    before = len(desk.sandbox.requests())
    with desk.cli.service("run", until="The scheduler works"):
        for number in range(2):
            at = (datetime.now(UTC) + timedelta(seconds=4.2)).isoformat(timespec="seconds")
            added = desk.cli.call("posts", "add", f"Nouvelle {number}", "--at", at, "--to", "voix")
            assert added.code == 0, added.said
            eventually(lambda number=number: len(desk.sandbox.posts()) > number)  # type: ignore[misc]  # bound at once

    served = desk.sandbox.requests()[before:]
    assert [one["path"] for one in served if one["status"] == 401] == []
    assert 2 <= sum(one["path"] == "/2/oauth2/token" for one in served) <= 4
    assert desk.accounts()[0]["paused_at"] is None


def test_status_warns_before_an_access_ends_and_asks_for_a_person_on_the_last_day(
    desk: Desk,
) -> None:
    assert desk.connect("facebook").code == 0
    soon = datetime.now(UTC) + timedelta(days=6, hours=12)
    desk.expire(soon)

    told = desk.cli.call("status", "--json")
    assert (told.code, len(told.json()["warnings"])) == (0, 1)
    assert "ends within 7 days" in told.json()["warnings"][0]

    later = (datetime.now(UTC) + timedelta(hours=30)).isoformat(timespec="seconds")
    assert desk.cli.call("posts", "add", "Tard", "--at", later, "--to", "voix").code == 0
    desk.expire(datetime.now(UTC) + timedelta(hours=20))

    told = desk.cli.call("status", "--json")
    assert told.code == 3
    assert "1 deliveries are queued after that" in told.json()["needs"][0]
