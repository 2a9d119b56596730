from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
import requests
import tweepy

from socialstrike.sandbox.process import SandboxProcess

Make = Callable[..., tweepy.Client]
JSON = dict[str, Any]


def test_tweepy_publishes_and_the_sandbox_shows_it(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Make
) -> None:
    client = tweepy_client(x_account["credentials"])
    number = client.create_tweet(text="On est là ✊ & <debout>").data["id"]
    (post,) = sandbox.posts()
    assert (post["platform"], post["account"], post["id"]) == ("x", "collectif-x", number)
    assert (post["text"], post["media"]) == ("On est là ✊ & <debout>", [])
    assert post["at"].endswith("+00:00")


def test_users_me_names_the_account(x_account: JSON, tweepy_client: Make) -> None:
    me = tweepy_client(x_account["credentials"]).get_me().data
    assert (str(me.id), me.name) == (x_account["id"], "collectif-x")


@pytest.mark.parametrize(
    "field", ["consumer_key", "consumer_secret", "access_token", "access_token_secret"]
)
def test_a_registered_account_refuses_a_signature_with_one_wrong_credential(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Make, field: str
) -> None:
    wrong = x_account["credentials"][field] + "x"
    with pytest.raises(tweepy.Unauthorized):
        tweepy_client(x_account["credentials"], **{field: wrong}).create_tweet(text="non")
    assert sandbox.posts() == []


@pytest.mark.parametrize("host", ["https://api.twitter.com", "https://api.x.com"])
def test_a_signature_over_either_of_the_names_of_x_is_good(
    x_account: JSON, session: requests.Session, host: str
) -> None:
    session.auth = tweepy.OAuth1UserHandler(**x_account["credentials"]).apply_auth()
    answer = session.get(f"{host}/2/users/me", params={"user.fields": "é à+b"})
    assert answer.status_code == 200
    other = session.get("https://api.example.org/2/users/me")
    assert other.status_code == 401


def test_a_registered_oauth1_token_is_refused_as_a_bearer(
    x_account: JSON, session: requests.Session
) -> None:
    session.headers["authorization"] = f"Bearer {x_account['credentials']['access_token']}"
    assert session.get("https://api.x.com/2/users/me").status_code == 401


def test_a_text_sent_twice_is_refused_as_a_duplicate_until_it_is_deleted(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Make
) -> None:
    client = tweepy_client(x_account["credentials"])
    first = client.create_tweet(text="une fois").data["id"]
    with pytest.raises(tweepy.Forbidden, match="duplicate content"):
        client.create_tweet(text="une fois")
    assert client.delete_tweet(first).data == {"deleted": True}
    client.create_tweet(text="une fois")
    assert len(sandbox.posts()) == 1
    assert [post["deleted"] for post in sandbox.posts(deleted=1)] == [True, False]


def test_two_accounts_may_say_the_same(sandbox: SandboxProcess, tweepy_client: Make) -> None:
    for name in ("a", "b"):
        account = sandbox.add_account("x", name)
        tweepy_client(account["credentials"]).create_tweet(text="ensemble")
    assert [post["account"] for post in sandbox.posts()] == ["a", "b"]
    assert [post["account"] for post in sandbox.posts(account="b")] == ["b"]


@pytest.mark.parametrize("text", ["a" * 281, "字" * 141, "https://a.fr " + "é" * 257])
def test_a_text_too_long_is_a_bad_request(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Make, text: str
) -> None:
    with pytest.raises(tweepy.BadRequest):
        tweepy_client(x_account["credentials"]).create_tweet(text=text)
    assert sandbox.posts() == []


def test_no_text_and_unknown_fields_are_bad_requests(x_account: JSON, tweepy_client: Make) -> None:
    client = tweepy_client(x_account["credentials"])
    with pytest.raises(tweepy.BadRequest):
        client.create_tweet(text="")
    with pytest.raises(tweepy.BadRequest):
        client._make_request("POST", "/2/tweets", json={"text": "a", "texte": "b"}, user_auth=True)


def test_links_come_back_wrapped_and_expanded(x_account: JSON, tweepy_client: Make) -> None:
    client = tweepy_client(x_account["credentials"])
    client.create_tweet(text="Lisez & signez (https://onestla.tech/appel?a=1&b=2), ou onestla.tech")
    (tweet,) = client.get_users_tweets(
        x_account["id"], user_auth=True, max_results=5, tweet_fields=["created_at", "entities"]
    ).data
    assert "onestla" not in tweet.text
    assert tweet.text.startswith("Lisez &amp; signez (https://t.co/")
    urls = tweet.entities["urls"]
    expected = ["https://onestla.tech/appel?a=1&b=2", "http://onestla.tech"]
    assert [url["expanded_url"] for url in urls] == expected
    assert [tweet.text[url["start"] : url["end"]] for url in urls] == [u["url"] for u in urls]
    assert tweet.created_at.tzinfo is not None


def test_the_timeline_comes_newest_first_in_pages_that_miss_nothing(
    x_account: JSON, tweepy_client: Make
) -> None:
    client = tweepy_client(x_account["credentials"])
    sent = [client.create_tweet(text=f"n° {n}").data["id"] for n in range(12)]
    pages = list(
        tweepy.Paginator(client.get_users_tweets, x_account["id"], user_auth=True, max_results=5)
    )
    assert [page.meta["result_count"] for page in pages] == [5, 5, 2]
    assert [str(tweet.id) for page in pages for tweet in page.data] == sent[::-1]


def test_start_time_leaves_older_posts_out(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Make
) -> None:
    client = tweepy_client(x_account["credentials"])
    client.create_tweet(text="avant")
    sandbox.set_clock(3600)
    client.create_tweet(text="après")
    after = sandbox.posts()[1]["at"].replace("+00:00", "Z")
    found = client.get_users_tweets(x_account["id"], user_auth=True, start_time=after).data
    assert [tweet.text for tweet in found] == ["après"]


@pytest.mark.parametrize("size", [4, 101])
def test_max_results_out_of_bounds_is_a_bad_request(
    x_account: JSON, tweepy_client: Make, size: int
) -> None:
    client = tweepy_client(x_account["credentials"])
    with pytest.raises(tweepy.BadRequest):
        client.get_users_tweets(x_account["id"], user_auth=True, max_results=size)


def test_one_post_can_be_read_and_a_deleted_one_is_said_to_be_missing(
    x_account: JSON, tweepy_client: Make
) -> None:
    client = tweepy_client(x_account["credentials"])
    number = client.create_tweet(text="éphémère").data["id"]
    assert client.get_tweet(number, user_auth=True).data.text == "éphémère"
    client.delete_tweet(number)
    answer = client.get_tweet(number, user_auth=True)
    assert (answer.data, answer.errors[0]["title"]) == (None, "Not Found Error")
    with pytest.raises(tweepy.NotFound):
        client.delete_tweet(number)


def test_a_post_of_another_account_cannot_be_deleted(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Make
) -> None:
    number = tweepy_client(x_account["credentials"]).create_tweet(text="à moi").data["id"]
    other = tweepy_client(sandbox.add_account("x", "autre")["credentials"])
    with pytest.raises(tweepy.Forbidden):
        other.delete_tweet(number)
    assert len(sandbox.posts()) == 1


@pytest.mark.parametrize("form", ["multipart", "json"])
def test_a_picture_is_uploaded_described_and_attached(
    sandbox: SandboxProcess,
    x_account: JSON,
    tweepy_client: Make,
    png: bytes,
    form: str,
) -> None:
    client = tweepy_client(x_account["credentials"])
    client.session.auth = tweepy.OAuth1UserHandler(**x_account["credentials"]).apply_auth()
    url = "https://api.x.com/2/media/upload"
    if form == "multipart":
        sent = client.session.post(
            url,
            files={"media": ("p.png", png, "image/png")},
            data={"media_category": "tweet_image"},
        )
    else:
        encoded = base64.b64encode(png).decode()
        sent = client.session.post(url, json={"media": encoded, "media_category": "tweet_image"})
    number = sent.json()["data"]["id"]
    described = client.session.post(
        "https://api.x.com/2/media/metadata",
        json={"id": number, "metadata": {"alt_text": {"text": "une pancarte"}}},
    )
    assert described.status_code == 200
    text = client.create_tweet(text="", media_ids=[number]).data["text"]
    assert text.startswith("https://t.co/")
    ((media,),) = (post["media"] for post in sandbox.posts())
    assert (media["id"], media["alt"], media["mime_type"]) == (number, "une pancarte", "image/png")
    assert client.session.get(media["url"], timeout=5).content == png


def test_what_is_not_a_picture_and_ids_of_others_are_refused(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Make, png: bytes
) -> None:
    client = tweepy_client(x_account["credentials"])
    client.session.auth = tweepy.OAuth1UserHandler(**x_account["credentials"]).apply_auth()
    url, kind = "https://api.x.com/2/media/upload", {"media_category": "tweet_image"}
    assert client.session.post(url, files={"media": b"du texte"}, data=kind).status_code == 400
    assert client.session.post(url, files={"media": png}).status_code == 400
    mine = client.session.post(url, files={"media": png}, data=kind).json()["data"]["id"]
    other = tweepy_client(sandbox.add_account("x", "autre")["credentials"])
    with pytest.raises(tweepy.BadRequest):
        other.create_tweet(text="volée", media_ids=[mine])


def test_a_thread_is_kept_as_replies(
    sandbox: SandboxProcess, x_account: JSON, tweepy_client: Make
) -> None:
    client = tweepy_client(x_account["credentials"])
    first = client.create_tweet(text="1/2").data["id"]
    client.create_tweet(text="2/2", in_reply_to_tweet_id=first)
    assert [post["reply_to"] for post in sandbox.posts()] == [None, first]
    with pytest.raises(tweepy.BadRequest):
        client.create_tweet(text="3/2", in_reply_to_tweet_id="1")


def test_the_limit_is_enforced_and_says_when_it_ends(
    sandbox: SandboxProcess, tweepy_client: Make
) -> None:
    account = sandbox.add_account("x", "pressé", limit=2)
    client = tweepy_client(account["credentials"])
    client.create_tweet(text="1")
    client.create_tweet(text="2")
    with pytest.raises(tweepy.TooManyRequests) as refused:
        client.create_tweet(text="3")
    headers = refused.value.response.headers
    assert (headers["x-rate-limit-limit"], headers["x-rate-limit-remaining"]) == ("2", "0")
    sandbox.set_clock(901)
    client.create_tweet(text="3")
    assert [post["text"] for post in sandbox.posts()] == ["1", "2", "3"]


def test_an_oauth2_account_publishes_and_refreshing_replaces_both_tokens(
    sandbox: SandboxProcess, tweepy_client: Make, session: requests.Session
) -> None:
    old = sandbox.add_account("x", "moderne", auth="oauth2")["credentials"]
    assert set(old) == {"client_id", "access_token", "refresh_token"}
    client = tweepy_client({"bearer_token": old["access_token"]})
    client.create_tweet(text="avec OAuth 2", user_auth=False)
    form = {"grant_type": "refresh_token", "client_id": old["client_id"]}
    url = "https://api.x.com/2/oauth2/token"
    new = session.post(url, data={**form, "refresh_token": old["refresh_token"]}).json()
    assert new["expires_in"] == 7200
    with pytest.raises(tweepy.Unauthorized):
        client.create_tweet(text="trop tard", user_auth=False)
    again = session.post(url, data={**form, "refresh_token": old["refresh_token"]})
    assert again.status_code == 400
    fresh = tweepy_client({"bearer_token": new["access_token"]})
    fresh.create_tweet(text="à nouveau", user_auth=False)
    assert [post["account"] for post in sandbox.posts()] == ["moderne", "moderne"]


def test_a_credential_never_seen_opens_an_account_with_the_id_in_its_token(
    sandbox: SandboxProcess, tweepy_client: Make
) -> None:
    unseen = {
        "consumer_key": "k",
        "consumer_secret": "s",
        "access_token": "4321-abc",
        "access_token_secret": "t",
    }
    client = tweepy_client(unseen)
    assert str(client.get_me().data.id) == "4321"
    client.create_tweet(text="ouvert")
    assert sandbox.posts()[0]["account"] == "x-1"


def test_a_made_up_token_with_a_registered_account_s_id_is_refused(
    x_account: JSON, tweepy_client: Make
) -> None:
    stolen = f"{x_account['id']}-abc"
    with pytest.raises(tweepy.Unauthorized):
        tweepy_client(x_account["credentials"], access_token=stolen).get_me()


def test_an_account_that_nobody_registered_may_change_its_token(
    sandbox: SandboxProcess, session: requests.Session
) -> None:
    for token in ("99-old", "99-new"):
        session.headers["authorization"] = f"Bearer {token}"
        assert session.get("https://api.x.com/2/users/me").json()["data"]["id"] == "99"
    assert len(session.get(f"{sandbox.base_url}/sandbox/accounts", timeout=5).json()) == 1
