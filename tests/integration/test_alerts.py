"""Alerts out of a real database, to a real HTTP server on this machine."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from inbox import TOKEN, Inbox
from sqlalchemy import update

from socialstrike import accounts, queue
from socialstrike.alerts import Address, Herald
from socialstrike.config import Settings
from socialstrike.db.models import Account


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    yield made
    made.close()


@pytest.fixture
def make(strike: Any) -> Callable[..., Herald]:
    """A herald on the strike's database; ``lines`` is the file of addresses."""

    def herald(*lines: str, **options: Any) -> Herald:
        file = strike.home / "alerts.txt"
        file.touch(0o600)
        file.write_text("\n".join(lines))
        settings = Settings(home=strike.home)
        return Herald(strike.database, settings, strike.clock, actor="one", **options)

    return herald


def fail(strike: Any, text: str = "On bloque", why: str = "X refused it; write another") -> int:
    """One delivery that was refused for good."""
    [delivery] = strike.post("a", text=text)
    [job] = strike.claim()
    begun = strike.begin(job)
    assert strike.do(queue.refused, begun.job, begun.number, why)
    return int(delivery)


def sent(strike: Any) -> list[dict[str, Any]]:
    return [entry for entry in strike.log() if entry["event"] == "alert.sent"]


def test_what_fails_together_is_one_message_and_a_restart_tells_nothing_again(
    strike: Any, inbox: Inbox, make: Callable[..., Herald]
) -> None:
    strike.account("a")
    herald = make(inbox.url)
    for number in range(12):
        fail(strike, text=f"Texte {number}")
    herald.look()
    assert inbox.messages == []  # more may follow

    strike.clock.advance(30)
    herald.look()
    herald.look()
    make(inbox.url).look()

    assert inbox.titles == ["12 deliveries failed"]
    assert inbox.messages[0]["message"].count("\n- ") == 11
    [entry] = sent(strike)
    assert (entry["about"], entry["count"], entry["actor"]) == ("failed", 12, "one")

    fail(strike, text="Encore")
    strike.clock.advance(119)
    make(inbox.url).look()
    assert len(inbox.messages) == 1  # messages keep their distance
    strike.clock.advance(1)
    make(inbox.url).look()
    assert inbox.titles[1:] == ["one delivery failed"]


def test_of_schedulers_that_look_at_once_one_tells(
    strike: Any, inbox: Inbox, make: Callable[..., Herald]
) -> None:
    strike.account("a")
    fail(strike)
    strike.clock.advance(30)
    heralds = [make(inbox.url) for _ in range(6)]

    threads = [threading.Thread(target=herald.look) for herald in heralds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert inbox.titles == ["one delivery failed"]
    assert len(sent(strike)) == 1


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_end_tells_what_is_left_without_waiting_for_more(
    strike: Any, inbox: Inbox, make: Callable[..., Herald]
) -> None:
    strike.account("a")
    herald = make(inbox.url)
    herald.start()
    fail(strike)
    strike.do(queue.stop, reason="piquet levé")

    herald.close()

    assert inbox.titles == ["the emergency stop is pulled, one delivery failed"]
    assert "- piquet levé" in inbox.messages[0]["message"]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_time_brings_is_told_once(
    strike: Any, inbox: Inbox, make: Callable[..., Herald]
) -> None:
    strike.account("a")
    strike.post("a", text="Un", due=timedelta(hours=-1))
    strike.post("a", text="Deux", due=timedelta(minutes=-6))
    strike.post("a", text="Trois", due=timedelta(minutes=-4))
    with strike.database.write() as session:
        session.execute(update(Account).values(expires_at=strike.now + timedelta(days=3)))

    make(inbox.url).look()
    strike.clock.advance(600)
    make(inbox.url).look()

    [title] = inbox.titles  # within the hour
    assert title == "fewer posts are out than planned, the access of one account ends soon"
    assert "without a campaign: 0 of 2 are out" in inbox.messages[0]["message"]
    assert [entry["about"] for entry in sent(strike)] == ["expiry", "behind"]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_each_address_is_told_what_it_wants(
    strike: Any, inbox: Inbox, make: Callable[..., Herald]
) -> None:
    other = Inbox()
    try:
        strike.account("a")
        fail(strike)
        with strike.database.write() as session:
            paused = accounts.get(session, "a")
            accounts.pause(session, paused, "by hand", now=strike.now, actor="zoe")
        strike.clock.advance(30)

        make(f"failed={inbox.url}", f"paused, gone={other.url}").look()

        assert (inbox.titles, other.titles) == (["one delivery failed"], ["one account is paused"])
    finally:
        other.close()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_an_address_that_takes_nothing_is_tried_again_and_logged_once_without_its_token(
    strike: Any, inbox: Inbox, make: Callable[..., Herald], caplog: pytest.LogCaptureFixture
) -> None:
    strike.account("a")
    fail(strike)
    strike.clock.advance(30)
    inbox.status = 503
    herald = make(inbox.url)

    herald.look()
    herald.look()
    assert caplog.text.count("took no alert") == 1

    inbox.status = 200
    strike.clock.advance(30)
    herald.look()
    herald.look()

    assert inbox.titles == ["one delivery failed"]
    assert TOKEN not in caplog.text
    assert len(sent(strike)) == 1


@pytest.mark.parametrize("kind", ["sqlite"])
def test_an_address_that_hangs_is_given_up_and_the_next_one_is_told(
    strike: Any, inbox: Inbox, make: Callable[..., Herald]
) -> None:
    from socialstrike import alerts

    def hurried(address: Address, title: str, body: str) -> bool:
        return alerts.send(address, title, body, patience=0.3)

    with silent() as port:
        strike.account("a")
        fail(strike)
        strike.clock.advance(30)
        make(f"json://127.0.0.1:{port}/", inbox.url, send=hurried).look()

    assert inbox.titles == ["one delivery failed"]


@contextmanager
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_file_that_is_no_use_is_said_once_and_one_that_is_mended_is_used(
    strike: Any, inbox: Inbox, make: Callable[..., Herald], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    strike.account("a")
    herald = make(f"nonsense {TOKEN}")
    for _ in range(3):
        herald.look()
    assert caplog.text.count("no alert can be sent") == 1
    assert TOKEN not in caplog.text

    fail(strike)
    strike.clock.advance(30)
    (strike.home / "alerts.txt").write_text(f"{inbox.url}\n")
    herald.look()

    assert inbox.titles == ["one delivery failed"]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_where_nobody_is_to_be_told_nothing_is_read_or_written(strike: Any) -> None:
    strike.account("a")
    fail(strike)
    strike.clock.advance(30)

    Herald(strike.database, Settings(home=strike.home), strike.clock, actor="one").look()

    assert sent(strike) == []
