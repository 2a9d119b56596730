"""The doctor finds what is wrong before the day, says what to do, and touches nothing."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update

from socialstrike import accounts, heartbeat, queue, storage
from socialstrike.clock import SystemClock
from socialstrike.config import Settings
from socialstrike.db.models import Account, Campaign, Delivery
from socialstrike.doctor import Finding, examine


class WrongClock(SystemClock):
    """The machine's clock, wrong by ``ahead`` seconds."""

    def __init__(self, ahead: float = 0.0) -> None:
        self._ahead = timedelta(seconds=ahead)

    def now(self) -> datetime:
        return super().now() + self._ahead


Examine = Callable[..., dict[str, Finding]]
_TOKENS = {"access_token": "1-t", "access_token_secret": "u"}


@pytest.fixture
def settings(strike, home: Path, location: Path | str) -> Settings:
    (home / "vault.key").write_bytes(base64.b64encode(b"k" * 32))
    (home / "vault.key").chmod(0o600)
    place = {} if isinstance(location, Path) else {"database_url": location}
    return Settings(home=home, **place)


@pytest.fixture
def ready(strike, sandbox, settings: Settings) -> Iterator[Examine]:
    """Examines a home with one account on each platform; what matters most, by check."""
    strike.clock = SystemClock()
    for name, platform in (("a", "x"), ("b", "facebook")):
        made = sandbox.add_account(platform, name)
        strike.account(name, platform, made["credentials"], sandbox.base_url)

    def look(ahead: float = 0.0) -> dict[str, Finding]:
        worst = {"ok": 0, "warn": 1, "bad": 2}
        findings = sorted(examine(settings, WrongClock(ahead)), key=lambda f: worst[f.verdict])
        return {finding.check: finding for finding in findings}

    yield look


def test_a_home_that_is_ready_has_nothing_to_do(ready: Examine, sandbox) -> None:
    findings = ready()
    assert {finding.verdict for finding in findings.values()} == {"ok"}, findings
    assert set(findings) == {
        "home", "disk", "alerts", "database", "time zones", "key", "account a", "account b",
        "clock", "emergency stop", "scheduler", "deliveries",
    }  # fmt: skip
    assert all(finding.remedy is None for finding in findings.values())


def test_it_asks_the_platforms_without_posting_and_changes_nothing(
    ready: Examine, strike, sandbox
) -> None:
    before = strike.log()
    ready()
    # Facebook is asked about a token in a form, so that the token stands in no address.
    asked = (one for one in sandbox.requests() if not one["path"].endswith("/debug_token"))
    assert {request["method"] for request in asked} == {"GET"}
    assert strike.log() == before
    with strike.database.read() as session:
        assert all(account.checked_at is None for account in accounts.every(session))


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("ahead", "verdict", "side"),
    [
        (0.5, "ok", "agrees with"),
        (6, "warn", "ahead of"),
        (-6, "warn", "behind"),
        (45, "bad", "ahead of"),
        (-3600, "bad", "behind"),
    ],
)
def test_a_clock_that_differs_from_the_platforms_is_noticed_by_their_answers(
    ready: Examine, ahead: float, verdict: str, side: str
) -> None:
    found = ready(ahead)["clock"]
    assert found.verdict == verdict
    assert side in found.message
    if verdict != "ok":
        [told] = re.findall(r"about (\d+) s", found.message)
        # A Date has whole seconds, and a server may renew it once a second.
        assert abs(int(told) - abs(ahead)) <= 2
    assert (found.remedy is None) == (verdict == "ok")


def test_a_clock_is_compared_even_where_the_credentials_are_refused(
    ready: Examine, sandbox
) -> None:
    sandbox.add_fault("unauthorized", operation="check", times=None)
    try:
        findings = ready()
    finally:
        sandbox.clear_faults()
    assert findings["clock"].verdict == "ok"
    assert findings["account a"].verdict == findings["account b"].verdict == "bad"
    assert "accounts add x a --replace" in (findings["account a"].remedy or "")


def test_platforms_that_do_not_answer_are_no_proof_against_the_credentials(
    ready: Examine, strike
) -> None:
    for name, platform, credentials in (
        ("a", "x", {"consumer_key": "k", "consumer_secret": "s", **_TOKENS}),
        ("b", "facebook", {"page_id": "1", "access_token": "t"}),
    ):
        with strike.database.write() as session:
            accounts.add(
                session,
                strike.vault,
                name=name,
                platform=platform,
                credentials=credentials,
                base_url="http://127.0.0.1:9",
                replace=True,
                now=strike.clock.now(),
                actor="test",
            )
    findings = ready()
    assert findings["account a"].verdict == findings["clock"].verdict == "warn"


@pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_files_that_others_can_read_are_named_with_the_command_to_type(
    ready: Examine, home: Path
) -> None:
    home.chmod(0o755)
    (home / "socialstrike.db").chmod(0o644)
    (home / "vault.key").chmod(0o644)
    findings = ready()
    assert findings["home"].verdict == "warn"
    assert findings["home"].remedy == f"chmod go= {home} {home / 'socialstrike.db'}"
    assert findings["key"].verdict == "bad"
    assert findings["key"].remedy == f"run: chmod 600 {home / 'vault.key'}"


def test_a_missing_key_is_bad_and_the_rest_is_examined_all_the_same(
    ready: Examine, home: Path
) -> None:
    (home / "vault.key").unlink()
    findings = ready()
    assert findings["key"].verdict == "bad"
    assert findings["deliveries"].verdict == "ok"
    assert "account a" not in findings


def test_what_waits_for_a_person_is_told_with_the_command(ready: Examine, strike) -> None:
    strike.post("a", due=timedelta(minutes=-1))
    strike.post("b", due=timedelta(minutes=5))
    with strike.database.write() as session:
        accounts.pause(session, accounts.get(session, "a"), "why", now=strike.now, actor="t")
        queue.stop(session, reason="vote", now=strike.now, actor="t")
    findings = ready()
    told = {name: finding.remedy for name, finding in findings.items() if finding.remedy}
    assert told["account a"] == "socialstrike accounts resume a"
    assert told["emergency stop"] == "socialstrike start"
    assert told["scheduler"] == "socialstrike run"
    assert findings["deliveries"].message == "1 should have gone out by now"


@pytest.mark.parametrize(("state", "verdict"), [("uncertain", "warn"), ("parked", "bad")])
def test_doubts_are_told_apart_from_what_a_person_must_decide(
    ready: Examine, strike, state: str, verdict: str
) -> None:
    [delivery] = strike.post("a")
    with strike.database.write() as session:
        session.execute(update(Delivery).where(Delivery.id == delivery).values(state=state))
    assert ready()["deliveries"].verdict == verdict


def test_a_living_scheduler_and_a_throttled_account_are_all_right(ready: Examine, strike) -> None:
    strike.post("a", due=timedelta(minutes=5))
    later = strike.now + timedelta(minutes=3)
    with strike.database.write() as session:
        heartbeat.register(session, "s", "piquet", 42, strike.now)
        session.execute(update(Account).values(throttled_until=later))
    findings = ready()
    assert findings["scheduler"].message == "alive, process 42 on piquet"
    assert findings["account a"].verdict == "ok"


def test_a_zone_that_this_machine_lacks_is_bad(ready: Examine, strike) -> None:
    day = strike.now.date()
    with strike.database.write() as session:
        session.add(
            Campaign(
                name="c", day=day, timezone="Mars/Olympus", window_hours=24,
                announcement_lateness_s=3600, created_at=strike.now,
            )
        )  # fmt: skip
    found = ready()["time zones"]
    assert (found.verdict, "Mars/Olympus" in found.message) == ("bad", True)


def test_a_database_of_another_version_is_bad_and_nothing_in_it_is_read(
    ready: Examine, strike
) -> None:
    with strike.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    findings = ready()
    assert findings["database"].verdict == "bad"
    assert "deliveries" not in findings


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_damaged_database_is_bad_and_no_traceback(ready: Examine, strike, home: Path) -> None:
    strike.database.dispose()
    (home / "socialstrike.db").write_bytes(b"no database at all" * 500)
    assert ready()["database"].verdict == "bad"


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    [found] = examine(Settings(home=tmp_path / "maisno"), SystemClock())
    assert found.verdict == "bad"
    assert "maisno" in found.message
    assert not (tmp_path / "maisno").exists()


def test_the_check_of_the_whole_database_holds_for_either_kind(
    strike, kind: str, location: Path | str
) -> None:
    strike.account("a")
    [one] = strike.post("a", text="one")
    strike.post("a", text="two")
    names = ["tables", "log", "content", "replay"]
    found = storage.check(location)
    assert [finding.name for finding in found] == (["file"] if kind == "sqlite" else []) + names
    assert not any(finding.faults for finding in found)

    with strike.database.write() as session:
        changed = update(Delivery).where(Delivery.id == one).values(state="failed", text="One")
        session.execute(changed)
    strike.post("a", text="three")
    wrong = {finding.name: finding.faults for finding in storage.check(location) if finding.faults}
    assert wrong == {"replay": (f"delivery {one} is failed, and scheduled by entry 2",)}
    with strike.database.write() as session:
        session.execute(update(Delivery).values(state="scheduled"))
    [finding] = [finding for finding in storage.check(location) if finding.faults]
    assert finding.name == "content"
    assert f"delivery {one} does not say what was queued" in finding.faults[0]
