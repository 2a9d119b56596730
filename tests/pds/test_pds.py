"""The adapter for Bluesky against the protocol's reference server, which the sandbox imitates."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from socialstrike.platforms.base import (
    CredentialsRefused,
    Media,
    OutcomeUnknown,
    Payload,
    Rejected,
)
from socialstrike.platforms.bluesky_record import record_key, text_length

if TYPE_CHECKING:
    from tests.pds.conftest import User
    from tests.pds.forgetful import Forgetful

HELLO = Payload("key-hello", "Hello")
LONG_AGO = datetime(2020, 1, 24, tzinfo=UTC)


@pytest.mark.parametrize("text", ["Hello", "Grève & <b>blocage</b> 🎉 #blocage24janvier", "a\n\nb"])
def test_a_text_is_posted_as_it_is_and_found(user: User, text: str) -> None:
    payload = Payload("key", text, link="https://example.org/a")

    published = user.adapter().publish(payload, ())

    (record,) = user.records()
    assert record["uri"].endswith(f"/{published.remote_id}")
    assert record["value"]["text"] == f"{text}\nhttps://example.org/a"
    found = user.adapter().find(payload, LONG_AGO)
    assert found is not None
    assert found.remote_id == published.remote_id
    assert found.at is not None
    assert abs(found.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert user.adapter().find(Payload("another-key", text), LONG_AGO) is None


def test_a_lost_answer_makes_one_post_whatever_is_done_next(
    user: User, forgetful: Forgetful
) -> None:
    forgetful.losing = "putRecord"
    adapter = user.adapter(base_url=forgetful.address)

    with pytest.raises(OutcomeUnknown, match="was lost"):
        adapter.publish(HELLO, ())
    assert forgetful.lost == 1
    found = adapter.find(HELLO, LONG_AGO)
    with pytest.raises(OutcomeUnknown, match="posted already"):
        user.adapter().publish(HELLO, ())

    (record,) = user.records()
    assert found is not None
    assert record["uri"].endswith(f"/{found.remote_id}")


def test_eight_at_once_make_one_post(user: User) -> None:
    user.adapter().check()
    adapters = [user.adapter() for _ in range(8)]

    def publish(number: int) -> str:
        try:
            return adapters[number].publish(HELLO, ()).remote_id
        except OutcomeUnknown:
            return "in doubt"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(publish, range(8)))

    assert len(user.records()) == 1
    assert record_key(HELLO.key) in outcomes


def test_what_can_be_clicked_is_where_readers_see_it(
    user: User, new_user: Callable[[], User]
) -> None:
    other = new_user()
    named = other.credentials["handle"]
    text = f"Été ✊🏽 @{named} et @personne.test : #grève https://example.org/é?a=1."

    user.adapter().publish(Payload("key", text), ())

    (record,) = user.records()
    raw = text.encode()
    clicked = {
        raw[f["index"]["byteStart"] : f["index"]["byteEnd"]].decode(): f["features"][0]
        for f in record["value"]["facets"]
    }
    assert clicked[f"@{named}"]["did"] == other.did
    assert clicked["#grève"]["tag"] == "grève"
    assert clicked["https://example.org/é?a=1"]["uri"] == "https://example.org/é?a=1"
    assert len(clicked) == 3


def test_pictures_travel_in_order_with_their_descriptions(user: User, tmp_path: Path) -> None:
    noise = random.Random(7).randbytes(1_600 * 1_200 * 3)
    large = tmp_path / "large.png"
    Image.frombytes("RGB", (1_600, 1_200), noise).save(large)
    small = tmp_path / "small.png"
    Image.new("RGB", (30, 20), "red").save(small)
    assert large.stat().st_size > 2_000_000
    media = (Media(large, "image/png", "Bruit – « é » 🎉"), Media(small, "image/png", ""))
    adapter = user.adapter()

    payload = replace(HELLO, media=media)
    adapter.publish(payload, [adapter.upload(picture) for picture in media])

    images = user.records()[0]["value"]["embed"]["images"]
    assert [image["alt"] for image in images] == [picture.alt for picture in media]
    assert images[0]["image"]["size"] <= 2_000_000
    assert images[0]["aspectRatio"]["width"] * 3 == images[0]["aspectRatio"]["height"] * 4
    assert images[1]["aspectRatio"] == {"width": 30, "height": 20}
    assert adapter.find(payload, LONG_AGO) is not None


@pytest.mark.parametrize("unit", ["a", "é", "👨‍👩‍👧‍👦", "🇫🇷", "e\u0301", "字", "नि", "각", "\r\n"])
def test_the_server_draws_the_line_where_the_counter_does(user: User, unit: str) -> None:
    most = 1
    while text_length(unit * (most + 1)) <= 300:
        most += 1

    user.adapter().publish(Payload("fits", unit * most), ())
    with pytest.raises(Rejected, match="InvalidRequest"):
        user.adapter().publish(Payload("too long", unit * (most + 1)), ())
    assert len(user.records()) == 1


def test_a_post_is_retracted_and_retracting_it_again_is_no_error(user: User) -> None:
    adapter = user.adapter()
    published = adapter.publish(HELLO, ())

    adapter.retract(published.remote_id)
    adapter.retract(published.remote_id)

    assert user.records() == []
    assert adapter.find(HELLO, LONG_AGO) is None


def test_check_names_the_identity(user: User) -> None:
    identity = user.adapter().check()

    assert (identity.remote_id, identity.name) == (user.did, user.credentials["handle"])


def test_a_wrong_password_is_refused_everywhere(user: User) -> None:
    wrong = user.adapter(app_password="aaaa-bbbb-cccc-dddd")

    for act in (wrong.check, lambda: wrong.publish(HELLO, ()), lambda: wrong.retract("x")):
        with pytest.raises(CredentialsRefused, match="collectif --replace"):
            act()
    assert user.records() == []


def test_one_login_serves_many_jobs(user: User) -> None:
    for number in range(5):
        user.adapter().publish(Payload(f"key-{number}", f"Post {number}"), ())

    assert len(user.renewals) == 1
    assert len(user.records()) == 5


def test_a_session_that_ended_is_renewed_and_the_post_goes_out_once(user: User) -> None:
    user.adapter().check()
    session = json.loads(user.credentials["session"])
    ended = json.dumps({**session, "access": f"{session['access'][:-8]}AAAAAAAA"})

    user.adapter(session=ended).publish(HELLO, ())

    assert len(user.renewals) == 2
    assert len(user.records()) == 1
    assert json.loads(user.credentials["session"])["refresh"] != session["refresh"]


def test_a_refresh_token_that_no_longer_counts_leads_to_a_new_login(user: User) -> None:
    user.adapter().check()
    session = json.loads(user.credentials["session"])
    broken = {name: f"{session[name][:-8]}AAAAAAAA" for name in ("access", "refresh")}

    user.adapter(session=json.dumps({**session, **broken})).publish(HELLO, ())

    assert len(user.renewals) == 2
    assert len(user.records()) == 1
