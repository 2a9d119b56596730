from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
import requests

from socialstrike.sandbox.process import SandboxProcess

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Reads a page strictly: every element that opens also closes, in order."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__()
        self.headers = answer.headers
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(answer.text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def get(sandbox: SandboxProcess, path: str, status: int = 200) -> Page:
    answer = requests.get(sandbox.base_url + path, timeout=5)
    assert answer.status_code == status
    return Page(answer)


def publish(sandbox: SandboxProcess, text: str, name: str = "collectif-x", **more: Any) -> str:
    account = sandbox.add_account("x", name, auth="oauth2")
    headers = {"authorization": f"Bearer {account['credentials']['access_token']}"}
    if picture := more.get("picture"):
        url = f"{sandbox.base_url}/2/media/upload"
        kind = {"media_category": "tweet_image"}
        sent = requests.post(url, files={"media": picture}, data=kind, headers=headers, timeout=5)
        number = sent.json()["data"]["id"]
        alt = {"id": number, "metadata": {"alt_text": {"text": more["alt"]}}}
        url = f"{sandbox.base_url}/2/media/metadata"
        requests.post(url, json=alt, headers=headers, timeout=5).raise_for_status()
        body: dict[str, Any] = {"text": text, "media": {"media_ids": [number]}}
    else:
        body = {"text": text}
    url = f"{sandbox.base_url}/2/tweets"
    answer = requests.post(url, json=body, headers=headers, timeout=5)
    return str(answer.json()["data"]["id"])


def test_an_empty_sandbox_says_so_and_warns_that_nothing_is_real(sandbox: SandboxProcess) -> None:
    page = get(sandbox, "/")
    assert page.all("html") == [{"lang": "fr"}]
    assert "Bac à sable." in page.words
    assert "n’a été envoyé" in page.words
    assert "Aucun compte" in page.words


def test_each_account_has_its_timeline_with_times_in_paris(sandbox: SandboxProcess) -> None:
    publish(sandbox, "premier", "un")
    publish(sandbox, "second", "deux")
    page = get(sandbox, "/")
    assert len(page.all("section")) == 2
    assert len(page.all("h1")) == 1
    for word in ("un", "deux", "premier", "second", "2 publications"):
        assert word in page.words
    assert all((time["datetime"] or "")[-6:] in {"+01:00", "+02:00"} for time in page.all("time"))


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "https://a.fr/'onmouseover='alert(1)",
        "</title></style><h1>",
    ],
)
def test_texts_names_and_alt_texts_are_data(
    sandbox: SandboxProcess, png: bytes, hostile: str
) -> None:
    number = publish(sandbox, hostile, hostile, picture=png, alt=hostile)
    for path in ("/", f"/accounts/{quote(hostile, safe='')}", f"/posts/{number}"):
        page = get(sandbox, path)
        assert hostile in page.words
        assert page.all("script") == []
        assert len(page.all("h1")) == 1
        assert [image["alt"] for image in page.all("img")] == [hostile]
        assert not any(name.startswith("on") for _, given in page.elements for name in given)


def test_no_script_can_run_even_if_one_slipped_in(sandbox: SandboxProcess) -> None:
    policy = get(sandbox, "/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy
    assert "unsafe" not in policy


def test_it_refreshes_itself_only_when_asked(sandbox: SandboxProcess) -> None:
    def refreshing(path: str) -> bool:
        return any(meta.get("http-equiv") == "refresh" for meta in get(sandbox, path).all("meta"))

    assert refreshing("/?live=1")
    assert not refreshing("/")


def test_a_long_timeline_is_cut_and_leads_to_the_account_s_page(sandbox: SandboxProcess) -> None:
    headers = {"authorization": "Bearer unseen"}
    with requests.Session() as session:
        for n in range(53):
            url = f"{sandbox.base_url}/2/tweets"
            session.post(url, json={"text": f"n° {n}"}, headers=headers).raise_for_status()
    page = get(sandbox, "/")
    assert len(page.all("article")) == 50
    assert "3 plus anciennes" in page.words
    assert len(get(sandbox, "/accounts/x-1").all("article")) == 53


def test_what_is_not_there_is_a_404(sandbox: SandboxProcess) -> None:
    for path in ("/posts/1", "/accounts/personne"):
        assert "Introuvable" in get(sandbox, path, 404).words
