"""What a platform says it still allows is heeded: the next post waits instead of being refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from socialstrike import platforms
from socialstrike.clock import SystemClock
from socialstrike.db.writer import Writer
from socialstrike.platforms.base import Payload, Platform, Publication
from socialstrike.platforms.credentials import Access
from socialstrike.platforms.http import Answer
from socialstrike.publisher import Publisher

#: What X counts in.
WINDOW = timedelta(minutes=15)


class MovedClock(SystemClock):
    """The machine's clock, moved ahead together with the sandbox's."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture
def poster(strike, sandbox, quick):
    """Publishes the next delivery that may go, if there is one; says whether there was."""
    strike.clock = MovedClock()
    made = sandbox.add_account("x", "a", limit=2)
    strike.account("a", "x", made["credentials"], sandbox.base_url)
    writer = Writer(strike.database)
    publisher = Publisher(strike.database, writer, strike.vault, quick, strike.clock, owner="one")

    def post() -> bool:
        jobs = strike.claim()
        for job in jobs:
            publisher.publish(job)
        return bool(jobs)

    yield post
    writer.close()


def test_the_post_after_the_last_one_allowed_waits_and_is_never_refused(
    strike, sandbox, poster
) -> None:
    ids = [strike.post("a", text=f"{number}. On occupe")[0] for number in range(3)]
    assert [poster(), poster(), poster()] == [True, True, False]
    assert strike.states() == {"published": 2, "scheduled": 1}

    strike.clock.ahead = WINDOW + timedelta(seconds=2)
    sandbox.set_clock(strike.clock.ahead.total_seconds())
    assert poster()
    assert [strike.row(id).state for id in ids] == ["published"] * 3
    assert [strike.row(id).attempts for id in ids] == [1, 1, 1]
    assert len(sandbox.posts()) == 3
    assert 429 not in [request["status"] for request in sandbox.requests()]


def test_the_wait_ends_when_the_platform_says_and_the_log_says_why(strike, poster) -> None:
    for number in range(2):
        strike.post("a", text=f"{number}. On occupe")
        poster()
    [told] = [entry for entry in strike.log() if entry["event"] == "account.throttled"]
    until = datetime.fromisoformat(told["until"])
    assert timedelta(minutes=14) < until - strike.now <= WINDOW
    assert "nothing remains" in told["reason"]
    assert (told["account"], told["platform"]) == ("a", "x")


def test_other_accounts_do_not_wait_for_the_one_that_used_up_its_own(
    strike, sandbox, poster
) -> None:
    other = sandbox.add_account("x", "b", limit=None)
    strike.account("b", "x", other["credentials"], sandbox.base_url)
    for number in range(3):
        strike.post("a", "b", text=f"{number}. On occupe")
    while poster():
        pass
    assert strike.states() == {"published": 5, "scheduled": 1}


@contextmanager
def graph(headers: dict[str, str]) -> Iterator[Platform]:
    """A page on a server that takes every post and sends these headers with the answer."""

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = b'{"id":"4242_1"}'
            self.send_response(200)
            for name, value in {"content-type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        credentials = {"page_id": "4242", "access_token": "EAAnobodys"}
        url = f"http://127.0.0.1:{server.server_port}"
        yield platforms.get("facebook")(Access("page", credentials, url))
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()


def _publish(headers: dict[str, str]) -> Publication:
    with graph(headers) as page:
        return page.publish(Payload("key", "On bloque"), ())


@pytest.mark.parametrize("header", ["X-App-Usage", "X-Page-Usage"])
@pytest.mark.parametrize("part", ["call_count", "total_time", "total_cputime"])
def test_a_page_whose_usage_stands_at_its_limit_takes_a_breather(header: str, part: str) -> None:
    usage = {"call_count": 12, "total_time": 25, "total_cputime": 25, part: 100}
    made = _publish({header: json.dumps(usage)})
    assert made.throttled_until is not None
    wait = made.throttled_until - datetime.now(UTC)
    assert timedelta(minutes=4) < wait <= timedelta(minutes=5)


def test_a_page_waits_as_long_as_facebook_estimates() -> None:
    case = {"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 19}
    made = _publish({"X-Business-Use-Case-Usage": json.dumps({"4242": [case]})})
    assert made.throttled_until is not None
    wait = made.throttled_until - datetime.now(UTC)
    assert timedelta(minutes=18) < wait <= timedelta(minutes=19)


@pytest.mark.parametrize(
    "usage", ['{"call_count":99,"total_time":0,"total_cputime":0}', "{}", "[]", "none", '{"a":"b"}']
)
def test_usage_below_the_limit_or_in_an_unknown_form_holds_nothing_up(usage: str) -> None:
    made = _publish({"X-App-Usage": usage, "X-Page-Usage": usage})
    assert (made.remote_id, made.throttled_until) == ("4242_1", None)


@pytest.mark.parametrize(
    ("remaining", "reset", "longest"),
    [
        ("1", "+900", None),
        ("", "+900", None),
        ("0", "", None),
        ("0", "soon", None),
        ("0", "+900", 900),
        ("0", "+31536000", 86400),  # a year: a mistake must not silence an account
    ],
)
def test_only_a_budget_that_is_used_up_makes_wait_and_for_a_day_at_most(
    remaining: str, reset: str, longest: int | None
) -> None:
    now = datetime.now(UTC)
    if reset.startswith("+"):
        reset = str(int(now.timestamp()) + int(reset))
    headers = {"x-rate-limit-remaining": remaining, "x-rate-limit-reset": reset}
    until = Answer(201, headers).used_up_until()
    if longest is None:
        assert until is None
    else:
        assert until is not None
        assert longest - 5 < (until - now).total_seconds() <= longest + 5
