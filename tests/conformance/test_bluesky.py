"""What only Bluesky's adapter does: sessions that are kept, and texts that can be clicked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest
import requests

from socialstrike.platforms.base import (
    CredentialsRefused,
    OutcomeUnknown,
    Payload,
    TemporarilyUnavailable,
)
from socialstrike.platforms.bluesky import Bluesky
from socialstrike.platforms.credentials import Access

if TYPE_CHECKING:
    from tests.conformance.conftest import Bench

HELLO = Payload("key-hello", "Hello")


class Jobs:
    """Makes an adapter per job, as the publisher does, and keeps what they renew."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.kept: dict[str, str] = {}

    def next(self, *, keeping: bool = True, **changed: str) -> Bluesky:
        credentials = {**self.bench.credentials, **self.kept, **changed}
        renewed = self.keep if keeping else None
        access = Access(self.bench.account, credentials, self.bench.base_url, renewed=renewed)
        return Bluesky(access, timeout=(5.0, 5.0))

    def keep(self, fields: Mapping[str, str]) -> None:
        self.kept.update(fields)

    def calls(self, name: str) -> int:
        mine = [r for r in self.bench.sandbox.requests() if r["account"] == self.bench.account]
        return sum(r["path"].endswith(name) for r in mine)

    def record(self) -> dict[str, Any]:
        """The one record of the account, as anyone may ask for it."""
        place = {"repo": self.bench.remote_id, "collection": "app.bsky.feed.post"}
        url = f"{self.bench.base_url}/xrpc/com.atproto.repo.listRecords"
        (found,) = requests.get(url, params=place, timeout=10).json()["records"]
        value: dict[str, Any] = found["value"]
        return value


@pytest.fixture
def jobs(bench_for: Callable[[str], Bench]) -> Jobs:
    return Jobs(bench_for("bluesky"))


def test_jobs_share_one_session(jobs: Jobs) -> None:
    for number in range(3):
        jobs.next().publish(Payload(f"key-{number}", f"Post {number}"), ())

    assert (jobs.calls("createSession"), jobs.calls("refreshSession")) == (1, 0)


def test_an_ended_session_is_renewed_and_the_post_goes_out_once(jobs: Jobs) -> None:
    jobs.next().check()
    before = dict(jobs.kept)
    jobs.bench.fault("expired")

    jobs.next().publish(HELLO, ())

    assert (jobs.calls("createSession"), jobs.calls("refreshSession")) == (1, 1)
    assert jobs.kept != before
    assert len(jobs.bench.posts()) == 1


def test_a_refresh_token_used_up_elsewhere_leads_to_a_new_login(jobs: Jobs) -> None:
    jobs.next().check()
    before = dict(jobs.kept)
    jobs.bench.fault("expired")
    jobs.next(**before).publish(HELLO, ())
    jobs.bench.fault("expired")

    jobs.next(**before).publish(Payload("key-again", "Again"), ())

    # The sandbox cannot tell whose a token was that counts no longer.
    assert (jobs.calls("createSession"), jobs.calls("refreshSession")) == (2, 1)
    assert len(jobs.bench.posts()) == 2


def test_a_session_nobody_would_keep_is_not_renewed(jobs: Jobs) -> None:
    jobs.next().check()
    jobs.bench.fault("expired")

    jobs.next(keeping=False).publish(HELLO, ())

    assert (jobs.calls("createSession"), jobs.calls("refreshSession")) == (2, 0)


def test_a_session_of_an_older_password_does_not_outlive_it(jobs: Jobs) -> None:
    jobs.next().check()

    with pytest.raises(CredentialsRefused):
        jobs.next(app_password="wrong-wrong-wrong-wrong").publish(HELLO, ())
    assert jobs.bench.posts() == []


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "error_html", "malformed", "no_id"])
def test_a_login_that_fails_leaves_no_doubt_about_the_post(jobs: Jobs, fault: str) -> None:
    jobs.bench.fault(fault, operation="check")

    with pytest.raises(TemporarilyUnavailable):
        jobs.next().publish(HELLO, ())
    assert jobs.bench.posts() == []


def test_a_second_sending_after_a_lost_answer_makes_no_second_post(jobs: Jobs) -> None:
    jobs.bench.fault("drop_after")
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            jobs.next().publish(HELLO, ())

    assert len(jobs.bench.posts()) == 1


def test_a_post_that_reads_otherwise_than_ours_is_not_called_ours(jobs: Jobs) -> None:
    jobs.next().publish(HELLO, ())

    assert jobs.next().find(Payload(HELLO.key, "Goodbye"), jobs.bench.begun) is None


def test_a_name_that_is_nobodys_stays_plain_text(
    jobs: Jobs, bench_for: Callable[[str], Bench]
) -> None:
    other = bench_for("bluesky")
    named = other.credentials["handle"]
    text = f"É @{named} et @personne.test"

    jobs.next().publish(Payload("key", text), ())

    (facet,) = jobs.record()["facets"]
    start, end = (facet["index"][name] for name in ("byteStart", "byteEnd"))
    assert text.encode()[start:end].decode() == f"@{named}"
    assert facet["features"][0]["did"] == other.remote_id


@pytest.mark.parametrize(
    ("given", "languages"), [("", None), ("fr", ["fr"]), ("fr, br en oc", ["fr", "br", "en"])]
)
def test_the_language_is_told_where_it_is_known(
    jobs: Jobs, given: str, languages: list[str] | None
) -> None:
    jobs.next(language=given).publish(HELLO, ())

    assert jobs.record().get("langs") == languages
