"""Tokens of X that end: renewed ahead of time, stored before use, by one process at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from socialstrike import accounts, platforms
from socialstrike.clock import SystemClock
from socialstrike.config import Settings
from socialstrike.db.writer import Writer
from socialstrike.platforms.base import CredentialsRefused, PlatformError, TemporarilyUnavailable
from socialstrike.platforms.credentials import Identity, Swap
from socialstrike.publisher import Publisher

NAME = "collectif-x2"


class Desk:
    """One account with OAuth 2.0 tokens on the sandbox's X, and a publisher."""

    def __init__(self, strike: Any, sandbox: Any, settings: Settings) -> None:
        self.strike, self.sandbox = strike, sandbox
        strike.clock = SystemClock()
        self.made = sandbox.add_account("x", NAME, auth="oauth2")
        strike.account(NAME, "x", self.made["credentials"], sandbox.base_url)
        self.writer = Writer(strike.database)
        self.publisher = Publisher(
            strike.database, self.writer, strike.vault, settings, strike.clock, owner="one"
        )

    def age(self, *, issued: float, ends: float) -> None:
        """Let the token have been issued, and end, so many seconds from now."""
        now = datetime.now(UTC)
        times = {"issued_at": issued, "ends_at": ends}
        self.keep({n: (now + timedelta(seconds=s)).isoformat() for n, s in times.items()})

    def keep(self, fields: dict[str, str]) -> None:
        accounts.keeper(self.strike.database, self.strike.vault, NAME)(fields)

    def stored(self) -> dict[str, str]:
        with self.strike.database.read() as session:
            account = accounts.get(session, NAME)
            return dict(accounts.access(session, self.strike.vault, account).credentials)

    def adapter(self, renewed: Any = None) -> Any:
        with self.strike.database.read() as session:
            access = accounts.access(session, self.strike.vault, accounts.get(session, NAME))
        return platforms.get("x")(replace(access, renewed=renewed or self.keep))

    def publish(self, text: str) -> int:
        [delivery] = self.strike.post(NAME, text=text)
        [job] = self.strike.claim()
        self.publisher.publish(job)
        return int(delivery)

    def paused(self) -> list[str]:
        with self.strike.database.read() as session:
            return [a.pause_reason or "" for a in accounts.every(session) if a.paused_at]

    def renewals(self) -> list[int]:
        served = self.sandbox.requests()
        return [one["status"] for one in served if one["path"].endswith("/oauth2/token")]

    def refusals(self) -> list[str]:
        return [one["path"] for one in self.sandbox.requests() if one["status"] == 401]


@pytest.fixture
def desk(strike: Any, sandbox: Any, quick: Settings) -> Any:
    made = Desk(strike, sandbox, quick)
    yield made
    made.writer.close()


def test_a_token_is_renewed_ahead_of_its_end_and_the_post_goes_out(desk: Desk) -> None:
    desk.age(issued=-6_000, ends=1_200)
    before = desk.stored()

    delivery = desk.publish("Still here")

    after = desk.stored()
    assert desk.strike.row(delivery).state == "published"
    assert (desk.renewals(), desk.refusals()) == ([200], [])
    for name in ("access_token", "refresh_token"):
        assert after[name] != before[name]
    assert "renewing" not in after


def test_a_fresh_token_is_left_alone(desk: Desk) -> None:
    desk.age(issued=-10, ends=7_190)

    desk.publish("Fresh")

    assert desk.renewals() == []


def test_the_new_pair_is_stored_before_it_is_used(desk: Desk) -> None:
    desk.age(issued=-6_000, ends=1_200)
    seen: list[tuple[set[str], int]] = []

    def keep(fields: Any) -> None:
        me = [one for one in desk.sandbox.requests() if one["path"] == "/2/users/me"]
        seen.append((set(fields), len(me)))
        desk.keep(fields)

    desk.adapter(keep).check()

    assert {calls for _, calls in seen} == {0}
    assert any("refresh_token" in fields for fields, _ in seen)


def test_two_processes_at_once_use_the_refresh_token_once(desk: Desk) -> None:
    desk.age(issued=-6_000, ends=1_200)
    together = threading.Barrier(6)

    def check(_: int) -> Identity | PlatformError:
        adapter = desk.adapter()
        together.wait(60)
        try:
            return adapter.check()
        except TemporarilyUnavailable as error:
            return error

    with ThreadPoolExecutor(6) as pool:
        ended = list(pool.map(check, range(6)))

    assert desk.renewals() == [200]
    assert any(isinstance(one, Identity) for one in ended)
    assert desk.adapter().check().name


def test_a_refresh_whose_answer_was_lost_pauses_with_the_way_out(desk: Desk) -> None:
    desk.age(issued=-9_000, ends=-1_800)
    desk.sandbox.add_fault("drop_after", account=NAME, operation="renew")
    with pytest.raises(TemporarilyUnavailable):
        desk.adapter().check()

    delivery = desk.publish("Waits")

    [reason] = desk.paused()
    assert desk.strike.row(delivery).state == "scheduled"
    assert "takes the refresh token of account 'collectif-x2' no longer" in reason
    assert f"socialstrike accounts connect x {NAME} --replace" in reason


def test_a_renewal_that_cannot_be_sent_waits_while_the_token_holds(desk: Desk) -> None:
    desk.age(issued=-6_000, ends=1_200)
    desk.sandbox.add_fault("rate_limited", account=NAME, operation="renew")

    assert desk.adapter().check().name
    assert desk.renewals() == [429]


def test_a_token_that_ended_early_is_renewed_once_and_the_post_goes_out(desk: Desk) -> None:
    desk.sandbox.add_fault("unauthorized", account=NAME)

    delivery = desk.publish("Again")
    assert desk.strike.row(delivery).state == "scheduled"
    assert desk.paused() == []
    assert desk.renewals() == [200]
    desk.sandbox.add_fault("unauthorized", account=NAME, times=None)

    with pytest.raises(CredentialsRefused):
        desk.adapter().publish(_payload(), [])
    assert desk.renewals() == [200], "a token just issued is not renewed again"


def test_another_process_that_died_while_renewing_is_taken_over(desk: Desk) -> None:
    desk.age(issued=-9_000, ends=-1_800)
    past, later = (datetime.now(UTC) + timedelta(seconds=s) for s in (-1, 60))

    desk.keep({"renewing": f"{later.isoformat()} other"})
    with pytest.raises(TemporarilyUnavailable, match="another process renews"):
        desk.adapter().check()
    desk.keep({"renewing": f"{past.isoformat()} other"})

    assert desk.adapter().check().name


def test_a_refresh_token_is_not_used_where_nothing_can_be_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.age(issued=-9_000, ends=-1_800)
    monkeypatch.setattr("socialstrike.platforms.x_consent._PATIENCE", (0.0, 0.0))

    with pytest.raises(TemporarilyUnavailable, match="could not be stored"):
        desk.adapter(lambda fields: None).check()

    assert desk.renewals() == []


def test_credentials_given_by_a_person_meanwhile_are_not_overwritten(desk: Desk) -> None:
    desk.age(issued=-6_000, ends=1_200)
    theirs = {"access_token": "token-of-a-person", "refresh_token": "refresh-of-a-person"}

    def keep(fields: Any) -> None:
        if "refresh_token" in fields:
            desk.keep({**theirs, "renewing": ""})
        desk.keep(fields)

    with pytest.raises(TemporarilyUnavailable, match="renewed meanwhile"):
        desk.adapter(keep).check()

    assert theirs.items() <= desk.stored().items()


def test_a_swap_stores_nothing_where_something_else_is_stored_by_now(desk: Desk) -> None:
    before = desk.stored()

    with pytest.raises(TemporarilyUnavailable):
        desk.keep(Swap({"access_token": "mine"}, given={"access_token": "another"}))

    assert desk.stored() == before


def _payload() -> Any:
    from socialstrike.platforms.base import Payload

    return Payload(key="k", text="Loop?")
