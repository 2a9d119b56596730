"""The sandbox's Bluesky through plain HTTP: what a server of that protocol must do."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from socialstrike.sandbox.process import SandboxProcess

JSON = dict[str, Any]
POST = "app.bsky.feed.post"
KEY = "3jwcmy7kbo3rt"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


class Holder:
    """One account's holder, who calls the server directly."""

    def __init__(self, sandbox: SandboxProcess, name: str = "collectif-bsky") -> None:
        self.sandbox = sandbox
        self.account = sandbox.add_account("bluesky", name)
        self.did = self.account["id"]
        self.session = self.ok("createSession", json=self.identity())

    def identity(self, **changed: str) -> JSON:
        known = self.account["credentials"]
        return {"identifier": known["handle"], "password": known["app_password"], **changed}

    def call(self, method: str, *, token: str | None = None, **request: Any) -> requests.Response:
        area = "server" if method.endswith("Session") else "repo"
        area = "identity" if method == "resolveHandle" else area
        asks = method.startswith(("get", "list", "resolve"))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= request.pop("headers", {})
        url = f"{self.sandbox.base_url}/xrpc/com.atproto.{area}.{method}"
        send = requests.get if asks else requests.post
        return send(url, headers=headers, timeout=10, **request)

    def ok(self, method: str, **request: Any) -> Any:
        answer = self.call(method, **request)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def put(self, text: str = "On est là", *, rkey: str = KEY, **more: Any) -> requests.Response:
        record = {"$type": POST, "text": text, "createdAt": "2020-01-24T10:00:00.000Z"}
        record |= more.pop("record", {})
        place = {"repo": self.did, "collection": POST, "rkey": rkey}
        body = {**place, "record": record, **more}
        return self.call("putRecord", token=self.session["accessJwt"], json=body)

    def place(self, **changed: str) -> JSON:
        return {"repo": self.did, "collection": POST, "rkey": KEY, **changed}


@pytest.fixture
def holder(sandbox: SandboxProcess) -> Holder:
    return Holder(sandbox)


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_a_session_is_opened_shown_and_renewed_once(holder: Holder) -> None:
    shown = holder.ok("getSession", token=holder.session["accessJwt"])
    assert (shown["did"], shown["handle"]) == (holder.did, "collectif-bsky.sandbox.test")

    fresh = holder.ok("refreshSession", token=holder.session["refreshJwt"])
    again = holder.call("refreshSession", token=holder.session["refreshJwt"])

    assert refusal(again) == (400, "ExpiredToken")
    holder.ok("getSession", token=fresh["accessJwt"])
    holder.ok("getSession", token=holder.session["accessJwt"])


def test_wrong_credentials_are_401_and_a_wrong_token_400(holder: Holder) -> None:
    wrong = holder.call("createSession", json=holder.identity(password="wrong"))
    assert refusal(wrong) == (401, "AuthenticationRequired")
    assert refusal(holder.call("getSession", token="wrong")) == (400, "InvalidToken")
    assert refusal(holder.call("getSession")) == (401, "AuthMissing")
    swapped = holder.call("getSession", token=holder.session["refreshJwt"])
    assert refusal(swapped) == (400, "InvalidToken")


def test_a_record_put_only_where_there_is_none_stands_once(
    holder: Holder, sandbox: SandboxProcess
) -> None:
    first, same = holder.put(swapRecord=None), holder.put(swapRecord=None)
    other = holder.put("Autre chose", swapRecord=None)

    assert first.json()["uri"] == f"at://{holder.did}/{POST}/{KEY}"
    assert same.json()["cid"] == first.json()["cid"]
    assert refusal(other) == (400, "InvalidSwap")
    (post,) = sandbox.posts(platform="bluesky")
    assert (post["id"], post["text"], post["account"]) == (KEY, "On est là", "collectif-bsky")


def test_a_record_is_replaced_where_nothing_or_the_right_thing_is_expected(
    holder: Holder, sandbox: SandboxProcess
) -> None:
    first = holder.put("un").json()
    second = holder.put("deux", swapRecord=first["cid"])
    assert second.status_code == 200
    assert refusal(holder.put("trois", swapRecord=first["cid"])) == (400, "InvalidSwap")
    assert holder.put("quatre").status_code == 200
    assert [post["text"] for post in sandbox.posts()] == ["quatre"]


def test_anyone_may_read_a_record_and_its_absence_has_a_name(holder: Holder) -> None:
    absent = holder.call("getRecord", params=holder.place())
    assert refusal(absent) == (400, "RecordNotFound")

    holder.put()

    there = holder.ok("getRecord", params=holder.place(repo="collectif-bsky.sandbox.test"))
    assert there["value"]["text"] == "On est là"
    assert refusal(holder.call("getRecord", params=holder.place(repo="did:plc:x"))) == (
        400,
        "InvalidRequest",
    )


def test_a_deleted_record_is_gone_and_deleting_again_is_no_error(
    holder: Holder, sandbox: SandboxProcess
) -> None:
    holder.put()
    for _ in range(2):
        holder.ok("deleteRecord", token=holder.session["accessJwt"], json=holder.place())
    assert sandbox.posts() == []
    assert holder.put(swapRecord=None).status_code == 200


def test_two_accounts_may_use_the_same_key(holder: Holder, sandbox: SandboxProcess) -> None:
    other = Holder(sandbox, "autre")
    holder.put("un")
    other.put("deux")
    assert {post["text"] for post in sandbox.posts()} == {"un", "deux"}


def test_records_are_listed_in_pages_by_their_keys(holder: Holder) -> None:
    keys = [f"3jwcmy7kbo3r{end}" for end in "abc"]
    for key in keys:
        holder.put(key, rkey=key)
    place = {"repo": holder.did, "collection": POST, "limit": "2"}

    first = holder.ok("listRecords", params=place)
    second = holder.ok("listRecords", params={**place, "cursor": first["cursor"]})

    found = [record["value"]["text"] for record in first["records"] + second["records"]]
    assert found == keys[::-1]


def test_a_picture_is_shown_with_the_description_of_its_record(
    holder: Holder, sandbox: SandboxProcess
) -> None:
    token = holder.session["accessJwt"]
    blob = holder.ok("uploadBlob", token=token, data=PNG, headers={"Content-Type": "image/png"})[
        "blob"
    ]
    images = [{"alt": alt, "image": blob} for alt in ("une", "deux")]

    holder.put(record={"embed": {"$type": "app.bsky.embed.images", "images": images}})

    (post,) = sandbox.posts()
    assert [media["alt"] for media in post["media"]] == ["une", "deux"]
    assert requests.get(post["media"][0]["url"], timeout=10).content == PNG


@pytest.mark.parametrize(
    "record",
    [
        {"text": 7},
        {"text": "é" * 301},
        {"text": "👨‍👩‍👧‍👦" * 121},
        {"$type": "app.bsky.feed.like"},
        {"createdAt": "yesterday"},
        {"createdAt": "2020-01-24T10:00:00"},
        {"embed": {"images": 7}},
        {"embed": {"images": [{"alt": "a", "image": {"ref": {"$link": "bafkreinone"}}}]}},
        {"embed": {"images": ["no-such-picture"]}},
        {"embed": 7},
    ],
)
def test_a_record_that_breaks_its_schema_is_refused(
    holder: Holder, sandbox: SandboxProcess, record: JSON
) -> None:
    assert refusal(holder.put(record=record)) == (400, "InvalidRequest")
    assert sandbox.posts() == []


@pytest.mark.parametrize("rkey", ["", "self", "zzzzzzzzzzzzz", "3jwcmy7kbo3r", "3jwcmy7kbo3r1"])
def test_a_key_that_is_no_tid_is_refused(holder: Holder, rkey: str) -> None:
    assert refusal(holder.put(rkey=rkey)) == (400, "InvalidRequest")


def test_nobody_writes_for_another(holder: Holder, sandbox: SandboxProcess) -> None:
    other = Holder(sandbox, "autre")
    assert holder.put(repo=other.did).status_code == 401


def test_a_handle_never_seen_opens_an_account_and_its_password_counts_from_then_on(
    sandbox: SandboxProcess, holder: Holder
) -> None:
    identity = {"identifier": "nouveau.sandbox.test", "password": "pass"}
    opened = holder.ok("createSession", json=identity)
    found = holder.ok("resolveHandle", params={"handle": "nouveau.sandbox.test"})
    assert found["did"] == opened["did"]
    wrong = holder.call("createSession", json={**identity, "password": "other"})
    assert wrong.status_code == 401
    assert refusal(holder.call("resolveHandle", params={"handle": "personne.test"})) == (
        400,
        "InvalidRequest",
    )


def test_the_timelines_show_the_post(holder: Holder, sandbox: SandboxProcess) -> None:
    holder.put("On est là")
    page = requests.get(sandbox.base_url, timeout=10).text
    assert "On est là" in page
    assert '<section class="bluesky"' in page
    assert requests.get(f"{sandbox.base_url}/posts/{KEY}", timeout=10).status_code == 200
