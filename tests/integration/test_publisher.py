"""One delivery through the real client libraries, with every fault the sandbox knows."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from socialstrike import accounts, media, queue
from socialstrike.clock import SystemClock
from socialstrike.config import Settings
from socialstrike.db.models import Account, Delivery, Picture
from socialstrike.db.session import Database
from socialstrike.db.writer import Writer
from socialstrike.drafts import DraftMedia
from socialstrike.publisher import Publisher

PLATFORMS = ("x", "facebook")


class Desk:
    """A publisher on the strike's home, with one account on each platform of the sandbox."""

    def __init__(self, strike, sandbox, settings: Settings) -> None:
        self.strike = strike
        self.sandbox = sandbox
        self.settings = settings
        strike.clock = SystemClock()
        for platform in PLATFORMS:
            made = sandbox.add_account(platform, f"collectif-{platform}")
            strike.account(made["name"], platform, made["credentials"], sandbox.base_url)
        self.writer = Writer(strike.database)
        self.publisher = Publisher(
            strike.database, self.writer, strike.vault, settings, strike.clock, owner="one"
        )

    def queue(self, platform: str, **named) -> int:
        [delivery] = self.strike.post(f"collectif-{platform}", **named)
        return delivery

    def publish(self) -> None:
        [job] = self.strike.claim()
        self.publisher.publish(job)

    def look_up(self) -> None:
        with self.strike.database.write() as session:
            session.execute(update(Delivery).values(next_at=self.strike.now))
            [job] = queue.claim_doubts(session, now=self.strike.now, every=60, most=1)
        self.publisher.reconcile(job)

    def account(self, platform: str) -> Account:
        with self.strike.database.read() as session:
            return accounts.get(session, f"collectif-{platform}")


@pytest.fixture
def desk(strike, sandbox, quick: Settings):
    made = Desk(strike, sandbox, quick)
    yield made
    made.writer.close()


@pytest.fixture(params=PLATFORMS)
def platform(request: pytest.FixtureRequest) -> str:
    return request.param


def test_a_post_goes_out_and_its_id_comes_back(desk: Desk, platform: str) -> None:
    delivery = desk.queue(platform)
    desk.publish()
    [seen] = desk.sandbox.posts()
    row = desk.strike.row(delivery)
    assert (row.state, row.remote_id) == ("published", seen["id"])
    assert seen["text"] == "On bloque, on occupe"


def test_pictures_go_out_with_their_descriptions(desk: Desk, platform: str, tmp_path: Path) -> None:
    pictures = tuple(_picture(tmp_path, number) for number in range(2))
    with desk.strike.database.write() as session:
        media.keep(session, pictures)
    desk.queue(platform, media=pictures)
    desk.publish()
    [seen] = desk.sandbox.posts()
    assert [picture["alt"] for picture in seen["media"]] == ["pancarte 0", "pancarte 1"]
    assert [picture["sha256"] for picture in seen["media"]] == [p.sha256 for p in pictures]


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "no_id", "malformed"])
def test_a_lost_answer_is_a_doubt_that_is_found_and_never_sent_again(
    desk: Desk, platform: str, fault: str
) -> None:
    delivery = desk.queue(platform)
    desk.sandbox.add_fault(fault, account=f"collectif-{platform}")
    desk.publish()
    assert desk.strike.state(delivery) == "uncertain"
    desk.look_up()
    row = desk.strike.row(delivery)
    [seen] = desk.sandbox.posts()
    assert (row.state, row.remote_id, row.attempts) == ("published", seen["id"], 1)


@pytest.mark.parametrize("fault", ["drop_before", "error_before", "error_html"])
def test_a_post_proved_absent_is_sent_once_more(desk: Desk, platform: str, fault: str) -> None:
    delivery = desk.queue(platform)
    desk.sandbox.add_fault(fault, account=f"collectif-{platform}")
    desk.publish()
    assert desk.strike.state(delivery) == "uncertain"
    desk.look_up()
    desk.look_up()
    assert desk.strike.state(delivery) == "scheduled"
    desk.publish()
    assert desk.strike.state(delivery) == "published"
    assert len(desk.sandbox.posts()) == 1


def test_one_remote_post_proves_one_delivery(desk: Desk, platform: str) -> None:
    desk.queue(platform)
    desk.publish()
    again = desk.queue(platform, due=timedelta(seconds=-1))  # the same words once more
    desk.sandbox.add_fault("duplicate", account=f"collectif-{platform}", times=None)
    desk.publish()
    for _ in range(2):
        desk.look_up()
    desk.publish()
    for _ in range(2):
        desk.look_up()
    row = desk.strike.row(again)
    assert row.state == "parked"
    assert "not found there" in row.error
    assert len(desk.sandbox.posts()) == 1


def test_a_lookup_that_fails_is_not_an_absence(desk: Desk, platform: str) -> None:
    delivery = desk.queue(platform)
    desk.sandbox.add_fault("drop_after", account=f"collectif-{platform}")
    desk.sandbox.add_fault("error_before", operation="find", times=2)
    desk.publish()
    desk.look_up()
    desk.look_up()
    row = desk.strike.row(delivery)
    assert (row.state, row.absences, row.lookups) == ("uncertain", 0, 2)
    desk.look_up()
    assert desk.strike.state(delivery) == "published"


@pytest.mark.parametrize("fault", ["unauthorized", "expired"])
def test_refused_credentials_pause_the_account_and_its_posts_wait(
    desk: Desk, platform: str, fault: str
) -> None:
    delivery = desk.queue(platform)
    desk.queue("facebook" if platform == "x" else "x", due=timedelta(seconds=-1))
    desk.sandbox.add_fault(fault, account=f"collectif-{platform}")
    for job in desk.strike.claim():
        desk.publisher.publish(job)
    assert desk.account(platform).paused_at is not None
    assert desk.strike.state(delivery) == "scheduled"
    assert desk.strike.states() == {"published": 1, "scheduled": 1}
    assert desk.strike.claim() == []


def test_a_rate_limit_throttles_the_account_until_the_platforms_own_time(
    desk: Desk, platform: str
) -> None:
    delivery = desk.queue(platform)
    desk.sandbox.add_fault("rate_limited", account=f"collectif-{platform}", reset_in=120)
    desk.publish()
    assert desk.strike.state(delivery) == "scheduled"
    throttled = desk.account(platform).throttled_until
    assert throttled is not None
    if platform == "x":  # the Graph API names no time
        assert timedelta(seconds=100) < throttled - desk.strike.now < timedelta(seconds=140)


def test_a_refusal_for_good_fails_and_says_why(desk: Desk, platform: str) -> None:
    delivery = desk.queue(platform)
    desk.sandbox.add_fault(
        "forbidden" if platform == "x" else "duplicate", account=f"collectif-{platform}"
    )
    desk.publish()
    row = desk.strike.row(delivery)
    assert row.state == ("failed" if platform == "x" else "uncertain")
    assert row.error


def test_nothing_is_sent_where_nobody_listens_and_it_is_tried_again(
    desk: Desk, strike, platform: str
) -> None:
    with strike.database.write() as session:
        session.execute(update(Account).values(base_url="http://127.0.0.1:9"))
    delivery = desk.queue(platform)
    desk.publish()
    row = strike.row(delivery)
    assert row.state == "scheduled"
    assert row.next_at > row.due_at


def test_a_row_that_the_disk_changed_is_not_sent(desk: Desk, platform: str) -> None:
    delivery = desk.queue(platform)
    with desk.strike.database.write() as session:
        session.execute(update(Delivery).values(text="On bloque, on occupa"))
    desk.publish()
    row = desk.strike.row(delivery)
    assert row.state == "failed"
    assert "not what was queued" in row.error
    assert desk.sandbox.posts() == []


def test_a_picture_that_is_no_longer_what_was_imported_is_not_sent(
    desk: Desk, platform: str, tmp_path: Path
) -> None:
    picture = _picture(tmp_path, 1)
    with desk.strike.database.write() as session:
        media.keep(session, [picture])
        session.execute(update(Picture).values(content=b"another"))
    delivery = desk.queue(platform, media=(picture,))
    desk.publish()
    assert "pancarte-1.png is missing" in (desk.strike.row(delivery).error or "")
    assert desk.sandbox.posts() == []


def test_credentials_of_another_key_pause_the_account(desk: Desk, platform: str) -> None:
    desk.queue(platform)
    with desk.strike.database.write() as session:
        session.execute(update(Account).values(credentials=b"{}"))
    desk.publish()
    assert "do not open with this key" in (desk.account(platform).pause_reason or "")


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_an_outcome_is_written_even_if_the_database_is_busy_for_a_while(
    strike, sandbox, quick: Settings
) -> None:
    strike.database = Database(strike.database.path, busy_timeout=0.05)
    desk = Desk(strike, sandbox, quick)
    delivery = desk.queue("x")
    sandbox.add_fault("slow", seconds=0.3)
    [job] = strike.claim()
    holder = sqlite3.connect(
        strike.database.path, isolation_level=None, check_same_thread=False, timeout=5
    )

    def hold() -> None:
        # Once the ticket is written, take the database until well after the answer.
        while True:
            with strike.database.read() as session:
                if session.scalars(select(Delivery.attempts)).one():
                    break
        holder.execute("BEGIN IMMEDIATE")
        threading.Timer(1.0, lambda: holder.execute("ROLLBACK")).start()

    thread = threading.Thread(target=hold)
    thread.start()
    desk.publisher.publish(job)
    thread.join()
    desk.writer.close()
    assert strike.state(delivery) == "published"
    holder.close()
    strike.database.dispose()


def test_every_outcome_is_in_the_audit_log(desk: Desk) -> None:
    desk.queue("x")
    desk.publish()
    told = [entry for entry in desk.strike.log() if entry.get("delivery")]
    assert [entry["event"] for entry in told] == [
        "delivery.scheduled",
        "delivery.publishing",
        "attempt.started",
        "delivery.published",
    ]
    assert {entry["actor"] for entry in told[1:]} == {"one"}


def _picture(folder: Path, number: int) -> DraftMedia:
    # The smallest PNG there is, made different by a text chunk that readers skip.
    content = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
        "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    ) + bytes([number])
    path = folder / f"pancarte-{number}.png"
    path.write_bytes(content)
    return DraftMedia(
        path, f"pancarte {number}", "image/png", hashlib.sha256(content).hexdigest(), len(content)
    )
