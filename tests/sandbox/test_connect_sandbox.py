"""The sandbox is as strict about consent as the platforms are."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

if TYPE_CHECKING:
    from socialstrike.sandbox.process import SandboxProcess

VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()
ASKED = {
    "client_id": "app",
    "redirect_uri": "http://127.0.0.1:1/callback",
    "scope": "tweet.write",
    "state": "mine",
    "code_challenge": CHALLENGE.rstrip("="),
    "code_challenge_method": "S256",
}


class X:
    """An app that asks the sandbox's X for tokens."""

    def __init__(self, sandbox: SandboxProcess, session: requests.Session) -> None:
        self.sandbox, self.session = sandbox, session

    def post(self, path: str, **form: str) -> requests.Response:
        url = f"{self.sandbox.base_url}{path}"
        return self.session.post(url, data=form, timeout=10, allow_redirects=False)

    def answer(self, **chosen: str) -> dict[str, list[str]]:
        sent = self.post("/i/oauth2/authorize", **ASKED, **chosen)
        return parse_qs(urlsplit(sent.headers["location"]).query)

    def code(self) -> str:
        return self.answer(account="collectif-x")["code"][0]

    def exchange(self, code: str, **changed: str) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": "app",
            "redirect_uri": ASKED["redirect_uri"],
            "code_verifier": VERIFIER,
        }
        return self.post("/2/oauth2/token", **{**form, **changed})

    def refresh(self, token: str) -> requests.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "app"}
        return self.post("/2/oauth2/token", **form)

    def me(self, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.sandbox.base_url}/2/users/me"
        return self.session.get(url, headers=headers, timeout=10).status_code


@pytest.fixture
def x(sandbox: SandboxProcess, session: requests.Session, x_account: dict[str, Any]) -> X:
    assert x_account["name"] == "collectif-x"
    return X(sandbox, session)


def test_the_page_offers_the_accounts_and_a_no(x: X) -> None:
    page = x.session.get(f"{x.sandbox.base_url}/i/oauth2/authorize", params=ASKED, timeout=10)

    assert 'value="collectif-x"' in page.text
    assert 'name="deny"' in page.text
    assert x.answer(deny="1") == {"error": ["access_denied"], "state": ["mine"]}


def test_a_code_counts_once(x: X) -> None:
    code = x.code()

    assert x.me(x.exchange(code).json()["access_token"]) == 200
    assert x.exchange(code).status_code == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": "w" * 64},
        {"client_id": "other"},
        {"redirect_uri": "http://127.0.0.1:2/callback"},
    ],
)
def test_a_code_counts_only_for_who_asked(x: X, changed: dict[str, str]) -> None:
    assert x.exchange(x.code(), **changed).status_code == 400


def test_a_code_ends_after_ten_minutes(x: X) -> None:
    code = x.code()
    x.sandbox.set_clock(601)

    assert x.exchange(code).status_code == 400


def test_a_refresh_token_counts_once_and_ends_the_old_token(x: X) -> None:
    first = x.exchange(x.code()).json()
    second = x.refresh(first["refresh_token"])

    assert second.status_code == 200
    assert x.refresh(first["refresh_token"]).status_code == 400
    assert (x.me(first["access_token"]), x.me(second.json()["access_token"])) == (401, 200)


def test_a_token_lasts_as_long_as_was_set(x: X) -> None:
    x.sandbox.set_token_life(100)
    told = x.exchange(x.code()).json()
    assert (told["expires_in"], x.me(told["access_token"])) == (100, 200)

    x.sandbox.set_clock(101)

    assert x.me(told["access_token"]) == 401
