"""The sandbox's Mastodon, through Mastodon.py, as its own documentation says the API behaves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import mastodon
import pytest
import requests

from socialstrike.sandbox.process import SandboxProcess

JSON = dict[str, Any]
Make = Callable[[str], mastodon.Mastodon]
API = "https://mastodon.example"
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
GIF = b"GIF89a" + bytes(40)


@pytest.fixture
def account(sandbox: SandboxProcess) -> JSON:
    return sandbox.add_account("mastodon", "collectif-m")


@pytest.fixture
def client(session: requests.Session) -> Make:
    def make(token: str) -> mastodon.Mastodon:
        return mastodon.Mastodon(
            access_token=token,
            api_base_url=API,
            session=session,
            ratelimit_method="throw",
            mastodon_version="4.0.0",
            version_check_mode="created",
        )

    return make


@pytest.fixture
def api(account: JSON, client: Make) -> mastodon.Mastodon:
    return client(account["credentials"]["access_token"])


def test_the_library_publishes_and_the_sandbox_shows_it(
    sandbox: SandboxProcess, account: JSON, api: mastodon.Mastodon
) -> None:
    made = api.status_post("On est là #greve", visibility="unlisted", language="fr")

    (post,) = sandbox.posts(platform="mastodon")
    assert (post["id"], post["account"], post["text"]) == (
        str(made["id"]),
        "collectif-m",
        "On est là #greve",
    )
    assert (made["visibility"], made["language"]) == ("unlisted", "fr")
    assert account["credentials"]["instance"] == sandbox.base_url


def test_the_same_key_gives_the_first_post_for_an_hour_and_no_longer(
    sandbox: SandboxProcess, api: mastodon.Mastodon
) -> None:
    first = api.status_post("a", idempotency_key="key")
    assert api.status_post("a", idempotency_key="key")["id"] == first["id"]
    assert api.status_post("a", idempotency_key="other")["id"] != first["id"]
    sandbox.set_clock(3590)
    assert api.status_post("a", idempotency_key="key")["id"] == first["id"]
    sandbox.set_clock(3610)
    assert api.status_post("a", idempotency_key="key")["id"] != first["id"]
    assert len(sandbox.posts()) == 3


def test_a_key_whose_post_was_deleted_gives_nothing(api: mastodon.Mastodon) -> None:
    api.status_delete(api.status_post("a", idempotency_key="key")["id"])

    with pytest.raises(mastodon.MastodonNotFoundError):
        api.status_post("a", idempotency_key="key")


def test_a_key_is_each_accounts_own(
    sandbox: SandboxProcess, api: mastodon.Mastodon, client: Make
) -> None:
    other = sandbox.add_account("mastodon", "autre")["credentials"]["access_token"]
    api.status_post("a", idempotency_key="key")
    client(other).status_post("a", idempotency_key="key")

    assert [post["account"] for post in sandbox.posts()] == ["collectif-m", "autre"]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("a" * 500, True),
        ("a" * 501, False),
        ("👨‍👩‍👧‍👦" * 500, True),
        ("a" * 476 + " https://example.org/" + "b" * 100, True),
        ("a" * 477 + " https://example.org/" + "b" * 100, False),
        ("a" * 498 + " @b@example.org", False),
        ("a" * 497 + " @b@example.org", True),
        ("", False),
    ],
)
def test_texts_are_counted_as_mastodon_counts(
    sandbox: SandboxProcess, api: mastodon.Mastodon, text: str, taken: bool
) -> None:
    if taken:
        api.status_post(text)
    else:
        with pytest.raises(mastodon.MastodonAPIError, match="422"):
            api.status_post(text)
    assert len(sandbox.posts()) == taken


def test_the_html_hides_a_links_start_and_end_and_a_mentions_server(
    api: mastodon.Mastodon,
) -> None:
    made = api.status_post("a & b\nsee https://example.org/" + "c" * 40 + "\n\n@d@e.org #été")

    assert made["content"].startswith("<p>a &amp; b<br />see <a href=")
    assert '<span class="invisible">https://</span><span class="ellipsis">' in made["content"]
    assert ">@<span>d</span></a>" in made["content"]
    assert ">#<span>été</span></a></p>" in made["content"]
    assert [person["acct"] for person in made["mentions"]] == ["d@e.org"]
    assert api.status_source(made["id"])["text"].startswith("a & b\nsee https://example.org/")


def test_statuses_come_newest_first_forty_at_a_time_without_the_deleted(
    account: JSON, api: mastodon.Mastodon
) -> None:
    made = [api.status_post(str(number))["id"] for number in range(45)]
    api.status_delete(made[44])

    first = api.account_statuses(account["id"], limit=100)
    second = api.account_statuses(account["id"], limit=40, max_id=first[-1]["id"])
    newer = api.account_statuses(account["id"], limit=2, min_id=made[10])

    assert [post["id"] for post in first] == made[43:3:-1]
    assert [post["id"] for post in second] == made[3::-1]
    assert [post["id"] for post in newer] == [made[12], made[11]]
    assert [post["id"] for post in api.fetch_next(first)] == made[3::-1]
    assert api.account_verify_credentials()["statuses_count"] == 44


def test_private_posts_are_for_their_author_alone(
    sandbox: SandboxProcess, account: JSON, api: mastodon.Mastodon, client: Make
) -> None:
    api.status_post("hush", visibility="private")
    other = client(sandbox.add_account("mastodon", "autre")["credentials"]["access_token"])

    assert len(api.account_statuses(account["id"])) == 1
    assert other.account_statuses(account["id"]) == []


def test_another_accounts_post_is_not_there_to_delete(
    sandbox: SandboxProcess, api: mastodon.Mastodon, client: Make
) -> None:
    other = client(sandbox.add_account("mastodon", "autre")["credentials"]["access_token"])
    number = api.status_post("mine")["id"]

    with pytest.raises(mastodon.MastodonNotFoundError):
        other.status_delete(number)
    with pytest.raises(mastodon.MastodonNotFoundError):
        other.status_source(number)
    assert len(sandbox.posts()) == 1


def test_pictures_carry_descriptions_and_several_keep_their_order(
    sandbox: SandboxProcess, api: mastodon.Mastodon, png: bytes
) -> None:
    made = [api.media_post(png, "image/png", description=f"n° {i}")["id"] for i in range(4)]
    api.media_update(made[3], description="other")
    api.status_post("", media_ids=made)

    (post,) = sandbox.posts()
    assert [media["alt"] for media in post["media"]] == ["n° 0", "n° 1", "n° 2", "other"]


def test_an_animation_is_worked_on_before_it_can_be_attached(
    sandbox: SandboxProcess, api: mastodon.Mastodon
) -> None:
    made = api.media_post(GIF, "image/gif")
    assert made["url"] is None
    with pytest.raises(mastodon.MastodonAPIError, match="not finished processing"):
        api.status_post("a", media_ids=[made["id"]])
    assert api.media(made["id"])["url"] is None
    assert api.media(made["id"])["url"] is not None
    api.status_post("a", media_ids=[made["id"]])
    assert len(sandbox.posts()) == 1


def test_what_is_no_picture_or_described_too_long_is_refused(
    api: mastodon.Mastodon, png: bytes
) -> None:
    with pytest.raises(mastodon.MastodonAPIError, match="content type"):
        api.media_post(b"no picture", "image/png")
    with pytest.raises(mastodon.MastodonAPIError, match="too long"):
        api.media_post(png, "image/png", description="a" * 1501)
    with pytest.raises(mastodon.MastodonAPIError, match="Media not found"):
        api.status_post("a", media_ids=["1"])


def test_both_versions_tell_the_instances_limits_without_a_token(session: requests.Session) -> None:
    for path in ("/api/v1/instance", "/api/v2/instance", "/api/v2/instance/"):
        answer = session.get(API + path)
        statuses = answer.json()["configuration"]["statuses"]
        assert statuses["max_characters"] == 500
        assert statuses["characters_reserved_per_url"] == 23


def test_a_limit_ends_at_a_date_in_iso_form(
    sandbox: SandboxProcess, account: JSON, session: requests.Session
) -> None:
    session.headers["authorization"] = f"Bearer {account['credentials']['access_token']}"
    sandbox.add_fault("rate_limited", platform="mastodon", reset_in=90)

    answer = session.post(f"{API}/api/v1/statuses", data={"status": "a"})

    assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (429, "0")
    reset = datetime.fromisoformat(answer.headers["x-ratelimit-reset"])
    assert abs(reset - datetime.now(UTC) - timedelta(seconds=90)) < timedelta(seconds=60)
    assert int(session.get(f"{API}/api/v1/instance").headers["x-ratelimit-remaining"]) > 0


def test_a_wrong_token_is_refused_and_a_new_one_opens_an_account(
    sandbox: SandboxProcess, client: Make, session: requests.Session
) -> None:
    client("fresh").status_post("a")
    assert [post["platform"] for post in sandbox.posts()] == ["mastodon"]
    answer = session.get(f"{API}/api/v1/accounts/verify_credentials")
    assert (answer.status_code, "error" in answer.json()) == (401, True)


@pytest.fixture
def strict() -> Iterator[SandboxProcess]:
    with SandboxProcess(strict=True) as process:
        yield process


def test_a_strict_sandbox_lets_in_registered_accounts_alone(strict: SandboxProcess) -> None:
    own = strict.add_account("mastodon", "m")["credentials"]["access_token"]
    address = f"{strict.base_url}/api/v1/accounts/verify_credentials"

    def ask(token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return requests.get(address, headers=headers, timeout=10).status_code

    assert (ask("unknown"), ask(own)) == (401, 200)


def test_the_pages_show_mastodon_beside_the_others(
    sandbox: SandboxProcess, api: mastodon.Mastodon
) -> None:
    number = api.status_post("On est là")["id"]

    home = requests.get(sandbox.base_url, timeout=10).text
    alone = requests.get(f"{sandbox.base_url}/posts/{number}", timeout=10).text

    assert '<section class="mastodon"' in home
    assert "On est là" in home
    assert "Mastodon" in alone


# The way to a token -------------------------------------------------------------------------


@pytest.fixture
def app(session: requests.Session, account: JSON) -> JSON:
    del account
    wanted = {
        "client_name": "socialstrike",
        "redirect_uris": f"{OUT_OF_BAND} http://127.0.0.1/back",
        "scopes": "read write",
    }
    registered: JSON = session.post(f"{API}/api/v1/apps", data=wanted).json()
    return registered


def asked(app: JSON, redirect: str = OUT_OF_BAND, **more: str) -> JSON:
    return {
        "response_type": "code",
        "client_id": app["client_id"],
        "redirect_uri": redirect,
        "scope": "read write",
        **more,
    }


def exchanged(session: requests.Session, app: JSON, code: str, **more: str) -> requests.Response:
    given = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": app["client_id"],
        "client_secret": app["client_secret"],
        "redirect_uri": OUT_OF_BAND,
        **more,
    }
    return session.post(f"{API}/oauth/token", data=given)


def granted(session: requests.Session, app: JSON) -> str:
    page = session.get(f"{API}/oauth/authorize", params=asked(app)).text
    assert 'value="collectif-m"' in page
    said_yes = session.post(f"{API}/oauth/authorize", data={**asked(app), "account": "collectif-m"})
    found = re.search(r"<code>([^<]+)</code>", said_yes.text)
    assert found
    return found[1]


def test_a_code_becomes_a_token_once_and_the_token_acts_until_it_is_revoked(
    sandbox: SandboxProcess, session: requests.Session, app: JSON, client: Make
) -> None:
    code = granted(session, app)
    token = exchanged(session, app, code).json()["access_token"]

    client(token).status_post("a")
    assert [post["account"] for post in sandbox.posts()] == ["collectif-m"]
    assert exchanged(session, app, code).status_code == 400

    given = {"client_id": app["client_id"], "client_secret": app["client_secret"], "token": token}
    assert session.post(f"{API}/oauth/revoke", data=given).status_code == 200
    with pytest.raises(mastodon.MastodonUnauthorizedError):
        client(token).status_post("b")


def test_a_code_travels_back_to_the_app_with_its_state(
    session: requests.Session, app: JSON
) -> None:
    wanted = asked(app, "http://127.0.0.1/back", state="some state", account="collectif-m")
    answer = session.post(f"{API}/oauth/authorize", data=wanted, allow_redirects=False)

    parts = urlsplit(answer.headers["location"])
    query = parse_qs(parts.query)
    assert (answer.status_code, parts.path, query["state"]) == (302, "/back", ["some state"])
    code = query["code"][0]
    assert exchanged(session, app, code, redirect_uri="http://127.0.0.1/back").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": "wrong"},
        {"client_id": "wrong"},
        {"redirect_uri": "http://127.0.0.1/back"},
        {"grant_type": "password"},
        {"code": "wrong"},
    ],
)
def test_a_code_is_worth_nothing_with_anything_wrong(
    session: requests.Session, app: JSON, wrong: dict[str, str]
) -> None:
    code = granted(session, app)

    assert exchanged(session, app, **{"code": code, **wrong}).status_code in {400, 401}


def test_a_code_ends_after_ten_minutes(
    sandbox: SandboxProcess, session: requests.Session, app: JSON
) -> None:
    code = granted(session, app)
    sandbox.set_clock(601)

    assert exchanged(session, app, code).status_code == 400


@pytest.mark.parametrize(
    "wrong", [{"client_id": "wrong"}, {"redirect_uri": "https://elsewhere.example"}]
)
def test_no_page_asks_for_an_app_or_an_address_that_was_not_registered(
    session: requests.Session, app: JSON, wrong: dict[str, str]
) -> None:
    answer = session.get(f"{API}/oauth/authorize", params={**asked(app), **wrong})

    assert answer.status_code == 400
