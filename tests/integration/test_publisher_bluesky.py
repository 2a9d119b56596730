"""Bluesky through the whole house: one login for many posts, and one post for a lost answer."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from socialstrike import accounts, queue
from socialstrike.clock import SystemClock
from socialstrike.config import Settings
from socialstrike.db.models import Delivery
from socialstrike.db.writer import Writer
from socialstrike.publisher import Publisher

NAME = "collectif-bsky"


class Desk:
    """A publisher on the strike's home, with one account on the sandbox's Bluesky."""

    def __init__(self, strike, sandbox, settings: Settings) -> None:
        self.strike, self.sandbox = strike, sandbox
        strike.clock = SystemClock()
        self.made = sandbox.add_account("bluesky", NAME)
        strike.account(NAME, "bluesky", self.made["credentials"], sandbox.base_url)
        self.writer = Writer(strike.database)
        self.publisher = Publisher(
            strike.database, self.writer, strike.vault, settings, strike.clock, owner="one"
        )

    def publish(self, text: str) -> int:
        [delivery] = self.strike.post(NAME, text=text)
        [job] = self.strike.claim()
        self.publisher.publish(job)
        return delivery

    def look_up(self) -> None:
        with self.strike.database.write() as session:
            session.execute(update(Delivery).values(next_at=self.strike.now))
            [job] = queue.claim_doubts(session, now=self.strike.now, every=60, most=1)
        self.publisher.reconcile(job)

    def calls(self, name: str) -> int:
        return sum(served["path"].endswith(name) for served in self.sandbox.requests())

    def credentials(self) -> dict[str, str]:
        with self.strike.database.read() as session:
            account = accounts.get(session, NAME)
            return dict(accounts.access(session, self.strike.vault, account).credentials)


@pytest.fixture
def desk(strike, sandbox, quick: Settings):
    made = Desk(strike, sandbox, quick)
    yield made
    made.writer.close()


def test_one_login_serves_many_posts(desk: Desk) -> None:
    for number in range(4):
        desk.publish(f"Post {number}")

    assert desk.calls("createSession") == 1
    assert len(desk.sandbox.posts()) == 4
    assert desk.credentials() == {
        **desk.made["credentials"],
        "session": desk.credentials()["session"],
    }


def test_an_ended_session_is_renewed_and_kept(desk: Desk) -> None:
    desk.publish("Before")
    before = desk.credentials()["session"]
    desk.sandbox.add_fault("expired", account=NAME)

    delivery = desk.publish("After")

    assert desk.strike.row(delivery).state == "published"
    assert (desk.calls("createSession"), desk.calls("refreshSession")) == (1, 1)
    assert desk.credentials()["session"] != before
    assert len(desk.sandbox.posts()) == 2


def test_new_credentials_end_the_old_session(desk: Desk) -> None:
    desk.publish("Before")
    other = desk.sandbox.add_account("bluesky", "autre")
    old = desk.credentials()["session"]
    with desk.strike.database.write() as session:
        accounts.add(
            session,
            desk.strike.vault,
            name=NAME,
            platform="bluesky",
            credentials={**other["credentials"], "session": old},
            base_url=desk.sandbox.base_url,
            replace=True,
            now=desk.strike.now,
            actor="test",
        )

    desk.publish("After")

    assert [post["text"] for post in desk.sandbox.posts(account="autre")] == ["After"]


def test_a_lost_answer_is_one_post(desk: Desk) -> None:
    desk.sandbox.add_fault("drop_after", account=NAME)
    delivery = desk.publish("On est là")
    assert desk.strike.row(delivery).state == "uncertain"

    desk.look_up()

    [seen] = desk.sandbox.posts()
    row = desk.strike.row(delivery)
    assert (row.state, row.remote_id) == ("published", seen["id"])
