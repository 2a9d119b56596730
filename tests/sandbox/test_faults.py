from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import facebook
import pytest
import requests
import tweepy

from socialstrike.sandbox.faults import KINDS, WORK, Faults, InvalidFaultError, Occasion
from socialstrike.sandbox.process import SandboxError, SandboxProcess

JSON = dict[str, Any]
Publish = Callable[[str], requests.Response]

#: Fault → what X answers (None: the connection is cut), what Facebook answers, posted or not.
ANSWERS: dict[str, tuple[int | None, int | None, bool]] = {
    "unauthorized": (401, 401, False),
    "expired": (401, 401, False),
    "forbidden": (403, 403, False),
    "rate_limited": (429, 403, False),
    "duplicate": (403, 400, False),
    "error_before": (500, 500, False),
    "error_html": (503, 503, False),
    "drop_before": (None, None, False),
    "error_after": (500, 500, True),
    "drop_after": (None, None, True),
    "malformed": (201, 200, True),
    "no_id": (200, 200, True),
    "empty_json": (201, 200, True),
    "slow": (201, 200, True),
    "slow_before": (201, 200, True),
}
ONE_PLATFORM = {"payment_required", "error_without_error"}


@pytest.fixture(params=["x", "facebook"])
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def publish(platform: str, sandbox: SandboxProcess, session: requests.Session) -> Publish:
    if platform == "x":
        account = sandbox.add_account("x", "visé", auth="oauth2")
        url, field = "https://api.x.com/2/tweets", "text"
    else:
        account = sandbox.add_account("facebook", "visé")
        url, field = f"https://graph.facebook.com/v26.0/{account['id']}/feed", "message"
    session.headers["authorization"] = f"Bearer {account['credentials']['access_token']}"
    return lambda text: session.post(url, json={field: text})


def test_the_table_of_answers_knows_every_fault() -> None:
    assert set(ANSWERS) | ONE_PLATFORM | WORK == KINDS


@pytest.mark.parametrize("fault", ANSWERS)
def test_a_fault_answers_and_posts_as_it_says_then_is_over(
    sandbox: SandboxProcess, platform: str, publish: Publish, fault: str
) -> None:
    sandbox.add_fault(fault, account="visé", seconds=0.05)
    expected, posted = ANSWERS[fault][platform == "facebook"], ANSWERS[fault][2]
    if expected is None:
        with pytest.raises(requests.ConnectionError) as cut:
            publish("essai")
        # Exactly this: a close without a reset raises a subclass of it.
        assert type(cut.value.args[0].args[1]) is ConnectionResetError
    else:
        assert publish("essai").status_code == expected
    assert [post["text"] for post in sandbox.posts()] == ["essai"] * posted
    assert publish("ensuite").ok
    assert [one["fired"] for one in sandbox.faults()] == [1]


def test_a_cut_connection_is_listed_without_a_status(
    sandbox: SandboxProcess, publish: Publish
) -> None:
    sandbox.add_fault("drop_after")
    with pytest.raises(requests.ConnectionError):
        publish("coupé")
    (served,) = sandbox.requests()
    assert (served["method"], served["account"], served["status"]) == ("POST", "visé", None)


@pytest.mark.parametrize("fault", ["malformed", "empty_json", "no_id"])
def test_an_answer_that_cannot_be_read_holds_no_id(
    sandbox: SandboxProcess, publish: Publish, fault: str
) -> None:
    sandbox.add_fault(fault)
    body = publish("illisible").text
    try:
        parsed = json.loads(body)
    except ValueError:
        assert fault == "malformed"
    else:
        assert "id" not in parsed
        assert not parsed or fault == "no_id"


def test_tweepy_meets_402_and_a_429_with_and_without_its_reset(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Callable[..., tweepy.Client]
) -> None:
    client = tweepy_client(x_account["credentials"])
    sandbox.add_fault("payment_required")
    with pytest.raises(tweepy.HTTPException) as refused:
        client.create_tweet(text="payant")
    assert refused.value.response.json()["title"] == "CreditsDepleted"
    for reset_in in (90, None):
        sandbox.add_fault("rate_limited", reset_in=reset_in)
        with pytest.raises(tweepy.TooManyRequests) as limited:
            client.create_tweet(text="trop")
        if reset_in is None:
            assert limited.value.reset_time is None
        else:
            assert limited.value.reset_time is not None
            assert 0 < limited.value.reset_time - time.time() <= 90


def test_facebook_s_codes_can_be_chosen(
    sandbox: SandboxProcess, page: JSON, graph: Callable[[str], facebook.GraphAPI]
) -> None:
    api = graph(page["credentials"]["access_token"])
    wanted: list[tuple[str, JSON, tuple[int, int | None]]] = [
        ("expired", {}, (190, 463)),
        ("rate_limited", {}, (32, None)),
        ("rate_limited", {"code": 4}, (4, None)),
        ("forbidden", {"code": 10}, (10, None)),
        ("duplicate", {"code": 368, "subcode": 1404082}, (368, 1404082)),
    ]
    for fault, options, expected in wanted:
        sandbox.add_fault(fault, platform="facebook", **options)
        with pytest.raises(facebook.GraphAPIError) as refused:
            api.put_object(page["id"], "feed", message="m")
        error = refused.value.result["error"]
        assert (error["code"], error.get("error_subcode")) == expected


def test_a_throttled_page_says_for_how_long(
    sandbox: SandboxProcess, page: JSON, session: requests.Session
) -> None:
    session.headers["authorization"] = f"Bearer {page['credentials']['access_token']}"
    sandbox.add_fault("rate_limited", operation="check", reset_in=600)
    headers = session.get("https://graph.facebook.com/v26.0/me").headers
    (case,) = json.loads(headers["x-business-use-case-usage"])["sandbox"]
    assert case["estimated_time_to_regain_access"] == 10
    assert json.loads(headers["x-page-usage"])["call_count"] == 100


def test_an_error_without_an_error_passes_for_success_in_the_library(
    sandbox: SandboxProcess, page: JSON, graph: Callable[[str], facebook.GraphAPI]
) -> None:
    sandbox.add_fault("error_without_error")
    answer = graph(page["credentials"]["access_token"]).put_object(page["id"], "feed", message="m")
    assert "id" not in answer
    assert sandbox.posts() == []


def test_a_fault_hits_only_the_operation_account_and_text_it_names(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Callable[..., tweepy.Client]
) -> None:
    client = tweepy_client(x_account["credentials"])
    missing: list[JSON] = [
        {"operation": "find"},
        {"account": "autre"},
        {"platform": "facebook"},
        {"contains": "ailleurs"},
    ]
    for options in missing:
        sandbox.add_fault("error_before", times=None, **options)
    client.create_tweet(text="ici")
    assert [one["fired"] for one in sandbox.faults()] == [0, 0, 0, 0]
    with pytest.raises(tweepy.TwitterServerError):
        client.create_tweet(text="ailleurs")
    with pytest.raises(tweepy.TwitterServerError):
        client.get_users_tweets(x_account["id"], user_auth=True)
    sandbox.clear_faults()
    client.create_tweet(text="ailleurs")


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("check", lambda client, _: client.get_me()),
        ("find", lambda client, owner: client.get_users_tweets(owner, user_auth=True)),
        ("retract", lambda client, _: client.delete_tweet("1")),
        ("upload", lambda client, _: client.session.post("https://api.x.com/2/media/upload",
            files={"media": b"GIF89a"}, data={"media_category": "tweet_image"}).raise_for_status()),
    ],
)  # fmt: skip
def test_every_operation_can_go_wrong(
    sandbox: SandboxProcess,
    x_account: JSON,
    tweepy_client: Callable[..., tweepy.Client],
    operation: str,
    call: Callable[[tweepy.Client, str], object],
) -> None:
    client = tweepy_client(x_account["credentials"])
    client.session.auth = tweepy.OAuth1UserHandler(**x_account["credentials"]).apply_auth()
    sandbox.add_fault("drop_before", operation=operation)
    with pytest.raises(requests.ConnectionError):
        call(client, x_account["id"])


def test_slow_answers_late_but_posts_at_once_and_slow_before_posts_late(
    sandbox: SandboxProcess, session: requests.Session
) -> None:
    account = sandbox.add_account("x", "lent", auth="oauth2")
    headers = {"authorization": f"Bearer {account['credentials']['access_token']}"}
    for fault, seen_at_once in (("slow", True), ("slow_before", False)):
        sandbox.add_fault(fault, seconds=2)
        with pytest.raises(requests.ReadTimeout):
            requests.post(
                f"{sandbox.base_url}/2/tweets", json={"text": fault}, headers=headers, timeout=0.2
            )
        # Before the fault's time is over, even where the server is a while in taking it.
        while seen_at_once and not sandbox.posts():
            time.sleep(0.02)
        assert (fault in [post["text"] for post in sandbox.posts()]) is seen_at_once
    until = time.monotonic() + 30
    while len(sandbox.posts()) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert [post["text"] for post in sandbox.posts()] == ["slow", "slow_before"]


def test_a_seed_makes_chance_repeatable_whatever_the_order() -> None:
    calls = [Occasion("x", "a", "1", "publish", f"texte {n}") for n in range(400)]

    def hits(order: list[Occasion], seed: int) -> set[str]:
        faults = Faults()
        faults.seed(seed)
        faults.add({"fault": "drop_after", "times": None, "probability": 0.25})
        return {call.text for call in order if faults.pick(call)}

    first = hits(calls, 7)
    assert 60 <= len(first) <= 140
    assert hits(calls[::-1], 7) == first
    assert hits(calls, 8) != first


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({}, "fault"),
        ({"fault": "flood"}, "flood"),
        ({"fault": "slow", "operation": "dance"}, "operation"),
        ({"fault": "slow", "platform": "myspace"}, "platform"),
        ({"fault": "slow", "time": 3}, "time"),
        ({"fault": "slow", "times": 0}, "times"),
        ({"fault": "slow", "times": True}, "times"),
        ({"fault": "slow", "probability": 1.5}, "probability"),
        ({"fault": "slow", "seconds": "3"}, "seconds"),
        ({"fault": "payment_required", "platform": "facebook"}, "payment_required"),
    ],
)
def test_a_fault_that_cannot_be_understood_is_refused_by_name(wanted: JSON, named: str) -> None:
    with pytest.raises(InvalidFaultError, match=named):
        Faults().add(wanted)


def test_one_fault_can_be_taken_back(sandbox: SandboxProcess) -> None:
    keep, drop = sandbox.add_fault("slow"), sandbox.add_fault("expired")
    url = f"{sandbox.base_url}/sandbox/faults/{drop}"
    assert requests.delete(url, timeout=5).status_code == 204
    assert requests.delete(url, timeout=5).status_code == 404
    assert [one["id"] for one in sandbox.faults()] == [keep]
    with pytest.raises(SandboxError, match="flood"):
        sandbox.add_fault("flood")
