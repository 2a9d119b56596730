from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
import tweepy

from socialstrike.sandbox.process import SandboxError, SandboxProcess

JSON = dict[str, Any]


def get(sandbox: SandboxProcess, path: str, **options: Any) -> requests.Response:
    return requests.get(sandbox.base_url + path, timeout=5, **options)


def test_credentials_have_the_shape_of_the_credential_files(sandbox: SandboxProcess) -> None:
    x, page = sandbox.add_account("x", "a"), sandbox.add_account("facebook", "a")
    assert list(x["credentials"]) == [
        "consumer_key",
        "consumer_secret",
        "access_token",
        "access_token_secret",
    ]
    assert list(page["credentials"]) == ["page_id", "access_token"]
    assert page["credentials"]["page_id"] == page["id"]
    assert x["base_url"] == page["base_url"] == sandbox.base_url


def test_no_secret_is_shown_after_registration(
    sandbox: SandboxProcess, x_account: JSON, page: JSON
) -> None:
    query = {"access_token": page["credentials"]["access_token"]}
    get(sandbox, "/v26.0/me", params=query)
    paths = ("/sandbox/accounts", "/sandbox/requests", "/sandbox/posts", "/")
    shown = "".join(get(sandbox, path).text for path in paths)
    assert "collectif-x" in shown
    secrets = [*x_account["credentials"].values(), page["credentials"]["access_token"]]
    assert [secret for secret in secrets if secret in shown] == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"platform": "myspace", "name": "a"}, "myspace"),
        ({"platform": "x", "name": " "}, "name"),
        ({"platform": "x"}, "name"),
        ({"platform": "x", "name": "pris"}, "pris"),
        ({"platform": "x", "name": "b", "limit": 0}, "limit"),
        ([], "JSON object"),
    ],
)
def test_an_account_that_cannot_be_made_is_refused_with_the_reason(
    sandbox: SandboxProcess, body: object, named: str
) -> None:
    sandbox.add_account("x", "pris")
    answer = requests.post(f"{sandbox.base_url}/sandbox/accounts", json=body, timeout=5)
    assert answer.status_code == 400
    assert named in answer.json()["error"]
    assert len(get(sandbox, "/sandbox/accounts").json()) == 1


def test_a_limit_can_be_changed_and_lifted(
    sandbox: SandboxProcess, tweepy_client: Callable[..., tweepy.Client]
) -> None:
    account = sandbox.add_account("x", "a/b é", limit=1)
    client = tweepy_client(account["credentials"])
    client.create_tweet(text="1")
    with pytest.raises(tweepy.TooManyRequests):
        client.create_tweet(text="2")
    sandbox.set_limit("x", "a/b é", None)
    for n in range(2, 120):
        client.create_tweet(text=str(n))
    with pytest.raises(SandboxError, match="no account"):
        sandbox.set_limit("x", "personne", None)


def test_reset_forgets_everything(sandbox: SandboxProcess, x_account: JSON) -> None:
    bearer = {"authorization": "Bearer unseen"}
    requests.post(
        f"{sandbox.base_url}/2/tweets", json={"text": "a"}, headers=bearer, timeout=5
    ).raise_for_status()
    sandbox.add_fault("slow")
    sandbox.set_clock(86_400)
    assert (len(sandbox.posts()), sandbox.request_count()) == (1, 1)
    sandbox.reset()
    assert (sandbox.posts(), sandbox.requests(), sandbox.faults()) == ([], [], [])
    assert sandbox.request_count() == 0
    assert get(sandbox, "/sandbox/accounts").json() == []


def test_a_body_over_20_mb_is_refused(sandbox: SandboxProcess) -> None:
    large = b"x" * (30 * 1024 * 1024)
    for path in ("/2/media/upload", "/v26.0/1/photos", "/sandbox/faults"):
        answer = requests.post(sandbox.base_url + path, data=large, timeout=10)
        assert answer.status_code == 413


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/2/tweets", b"{", "application/json"),
        ("/2/tweets", b"[1]", "application/json"),
        ("/2/tweets", b'{"text":7}', "application/json"),
        ("/2/tweets", b'{"text":"half \\ud83d"}', "application/json"),
        ("/2/media/upload", b"--x\r\nrubbish", "multipart/form-data; boundary=x"),
        ("/2/media/upload", b"x", "multipart/form-data"),
        (
            "/v26.0/1/feed",
            b"\xff\xfe=1&attached_media=%5B1%5D",
            "application/x-www-form-urlencoded",
        ),
    ],
)
def test_damaged_bodies_are_the_client_s_fault(
    sandbox: SandboxProcess, path: str, body: bytes, kind: str
) -> None:
    headers = {"content-type": kind, "authorization": "Bearer unseen"}
    answer = requests.post(sandbox.base_url + path, data=body, headers=headers, timeout=5)
    assert answer.status_code == 400
    assert sandbox.posts() == []


@pytest.mark.parametrize(
    "header", [{"host": "attacker.example"}, {"origin": "https://attacker.example"}]
)
def test_web_pages_from_elsewhere_cannot_use_the_control_api(
    sandbox: SandboxProcess, header: dict[str, str]
) -> None:
    sandbox.add_fault("slow")
    answer = requests.delete(f"{sandbox.base_url}/sandbox/faults", headers=header, timeout=5)
    assert answer.status_code == 403
    assert get(sandbox, "/", headers=header).status_code == 403
    assert len(sandbox.faults()) == 1


def test_answers_on_a_kept_connection_are_not_held_back(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Callable[..., tweepy.Client]
) -> None:
    client = tweepy_client(x_account["credentials"])
    client.get_me()
    took = []
    for n in range(50):
        began = time.monotonic()
        client.create_tweet(text=f"n° {n}")
        took.append(time.monotonic() - began)
    assert min(took) < 0.035  # with Nagle's delay each takes over 0.04 seconds


def test_requests_are_listed_in_order_with_their_answers(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Callable[..., tweepy.Client]
) -> None:
    client = tweepy_client(x_account["credentials"])
    client.get_me()
    client.create_tweet(text="a")
    with pytest.raises(tweepy.Unauthorized):
        tweepy_client(x_account["credentials"], access_token="").get_me()
    seen = [(r["method"], r["path"], r["account"], r["status"]) for r in sandbox.requests()]
    assert seen == [
        ("GET", "/2/users/me", "collectif-x", 200),
        ("POST", "/2/tweets", "collectif-x", 201),
        ("GET", "/2/users/me", None, 401),
    ]


def test_posts_is_a_plain_json_array_with_the_promised_names(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Callable[..., tweepy.Client]
) -> None:
    tweepy_client(x_account["credentials"]).create_tweet(text="à lire")
    answer = get(sandbox, "/sandbox/posts?platform=x&account=collectif-x")
    (post,) = json.loads(answer.content)
    assert {"platform", "account", "text", "media", "at", "id"} <= set(post)
    assert get(sandbox, "/sandbox/posts?platform=facebook").json() == []
