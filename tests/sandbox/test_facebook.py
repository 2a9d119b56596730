from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import facebook
import pytest
import requests

from socialstrike.sandbox.process import SandboxProcess

Make = Callable[[str], facebook.GraphAPI]
JSON = dict[str, Any]
API = "https://graph.facebook.com/v26.0"


@pytest.fixture
def api(page: JSON, graph: Make) -> facebook.GraphAPI:
    return graph(page["credentials"]["access_token"])


def code_of(error: pytest.ExceptionInfo[facebook.GraphAPIError]) -> tuple[int, int | None]:
    return error.value.code, error.value.result["error"].get("error_subcode")


def test_the_library_publishes_and_the_sandbox_shows_it(
    sandbox: SandboxProcess, page: JSON, api: facebook.GraphAPI
) -> None:
    link = "https://onestla.tech/"
    number = api.put_object(page["id"], "feed", message="On est là", link=link)["id"]
    assert number.startswith(f"{page['id']}_")
    (post,) = sandbox.posts(platform="facebook")
    assert (post["id"], post["account"]) == (number, "collectif-fb")
    assert (post["text"], post["link"]) == ("On est là", link)


def test_me_and_the_page_name_the_account(page: JSON, api: facebook.GraphAPI) -> None:
    assert api.get_object("me") == {"id": page["id"], "name": "collectif-fb"}
    shown = api.get_object(page["id"], fields="id,name,link")
    assert shown["link"].endswith("/accounts/collectif-fb")


def test_a_bearer_header_serves_as_well_as_a_parameter(
    page: JSON, session: requests.Session
) -> None:
    session.headers["authorization"] = f"Bearer {page['credentials']['access_token']}"
    answer = session.get(f"{API}/me")
    assert answer.json()["id"] == page["id"]
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert json.loads(answer.headers["x-app-usage"])["call_count"] == 0


def test_a_wrong_token_is_code_190_and_another_page_s_token_200(
    sandbox: SandboxProcess, page: JSON, graph: Make
) -> None:
    with pytest.raises(facebook.GraphAPIError) as refused:
        graph("EAAwrong").put_object(page["id"], "feed", message="non")
    assert code_of(refused) == (190, None)
    other = sandbox.add_account("facebook", "autre")["credentials"]["access_token"]
    with pytest.raises(facebook.GraphAPIError) as refused:
        graph(other).put_object(page["id"], "feed", message="non")
    assert code_of(refused) == (200, None)
    assert sandbox.posts() == []


def test_the_same_post_at_once_again_is_a_duplicate_but_not_after_another(
    sandbox: SandboxProcess, page: JSON, api: facebook.GraphAPI
) -> None:
    api.put_object(page["id"], "feed", message="a")
    with pytest.raises(facebook.GraphAPIError) as refused:
        api.put_object(page["id"], "feed", message="a")
    assert code_of(refused)[0] == 506
    for message in ("b", "a"):
        api.put_object(page["id"], "feed", message=message)
    assert [post["text"] for post in sandbox.posts()] == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"published": "true"}, 100),
        ({"message": "é" * 63_207}, 100),
        ({"link": "pas un lien"}, 1609005),
        ({"message": "m", "attached_media[0]": '{"media_fbid":"1"}'}, 100),
        ({"message": "m", "attached_media[0]": "{"}, 100),
    ],
)
def test_a_post_of_bad_form_is_refused(
    sandbox: SandboxProcess, page: JSON, api: facebook.GraphAPI, fields: JSON, code: int
) -> None:
    with pytest.raises(facebook.GraphAPIError) as refused:
        api.put_object(page["id"], "feed", **fields)
    assert code_of(refused)[0] == code
    assert sandbox.posts() == []


def test_several_photos_with_alt_texts_become_one_post(
    sandbox: SandboxProcess, page: JSON, api: facebook.GraphAPI, png: bytes
) -> None:
    path = f"{page['id']}/photos"
    numbers = [
        api.put_photo(png + alt.encode(), path, published="false", alt_text_custom=alt)["id"]
        for alt in ("une banderole", "la foule")
    ]
    assert sandbox.posts() == []
    attached = {
        f"attached_media[{n}]": json.dumps({"media_fbid": number})
        for n, number in enumerate(numbers)
    }
    api.put_object(page["id"], "feed", message="En images", **attached)
    (post,) = sandbox.posts()
    assert [media["alt"] for media in post["media"]] == ["une banderole", "la foule"]
    assert [media["id"] for media in post["media"]] == numbers


def test_a_published_photo_is_a_post_and_cannot_be_attached_again(
    sandbox: SandboxProcess, page: JSON, api: facebook.GraphAPI, png: bytes
) -> None:
    photo = api.put_photo(png, f"{page['id']}/photos", caption="Seule")
    assert sandbox.posts()[0]["id"] == photo["post_id"]
    attached = {"attached_media[0]": json.dumps({"media_fbid": photo["id"]})}
    with pytest.raises(facebook.GraphAPIError):
        api.put_object(page["id"], "feed", message="encore", **attached)


def test_what_is_not_a_picture_is_refused(page: JSON, api: facebook.GraphAPI) -> None:
    with pytest.raises(facebook.GraphAPIError) as refused:
        api.put_photo(b"du texte", f"{page['id']}/photos")
    assert code_of(refused)[0] == 324


@pytest.mark.parametrize("edge", ["feed", "published_posts"])
def test_posts_are_listed_newest_first_in_pages_that_miss_nothing(
    page: JSON, api: facebook.GraphAPI, edge: str
) -> None:
    for n in range(5):
        api.put_object(page["id"], "feed", message=f"n° {n}")
    found = list(api.get_all_connections(page["id"], edge, fields="id,message", limit=2))
    assert [post["message"] for post in found] == [f"n° {n}" for n in (4, 3, 2, 1, 0)]
    assert set(found[0]) == {"id", "message"}


def test_since_leaves_older_posts_out(
    sandbox: SandboxProcess, page: JSON, api: facebook.GraphAPI
) -> None:
    api.put_object(page["id"], "feed", message="avant")
    sandbox.set_clock(3600)
    api.put_object(page["id"], "feed", message="après")
    since = int(time.time()) + 1800
    found = api.get_connections(page["id"], "published_posts", since=since)["data"]
    assert [post["message"] for post in found] == ["après"]
    assert found[0]["created_time"].endswith("+0000")


def test_a_scheduled_post_appears_when_its_time_has_come(
    sandbox: SandboxProcess, page: JSON, api: facebook.GraphAPI
) -> None:
    due = int(time.time()) + 1200
    fields = {"published": "false", "scheduled_publish_time": due}
    number = api.put_object(page["id"], "feed", message="plus tard", **fields)["id"]
    assert sandbox.posts() == []
    assert api.get_connections(page["id"], "published_posts")["data"] == []
    waiting = api.get_connections(page["id"], "scheduled_posts")["data"]
    assert [post["id"] for post in waiting] == [number]
    sandbox.set_clock(1201)
    assert [post["id"] for post in sandbox.posts()] == [number]
    assert api.get_connections(page["id"], "scheduled_posts")["data"] == []


@pytest.mark.parametrize("ahead", [60, 76 * 86_400])
def test_a_time_too_near_or_too_far_is_refused(
    page: JSON, api: facebook.GraphAPI, ahead: int
) -> None:
    due = int(time.time()) + ahead
    with pytest.raises(facebook.GraphAPIError) as refused:
        api.put_object(
            page["id"], "feed", message="m", published="false", scheduled_publish_time=due
        )
    assert code_of(refused) == (100, 1363119)


def test_a_post_is_read_then_deleted_then_missing(
    sandbox: SandboxProcess, page: JSON, api: facebook.GraphAPI
) -> None:
    number = api.put_object(page["id"], "feed", message="éphémère")["id"]
    shown = api.get_object(number, fields="id,message,permalink_url,attachments{media{image}}")
    assert shown["message"] == "éphémère"
    with requests.get(shown["permalink_url"], timeout=5) as permalink:
        assert "éphémère" in permalink.text
    assert api.delete_object(number) == {"success": True}
    assert sandbox.posts() == []
    for call in (api.get_object, api.delete_object):
        with pytest.raises(facebook.GraphAPIError) as refused:
            call(number)
        assert code_of(refused) == (100, 33)


def test_a_page_never_seen_opens_an_account_under_its_own_id(
    sandbox: SandboxProcess, graph: Make
) -> None:
    stranger = graph("EAAunseen")
    assert stranger.get_object("me")["name"] == "facebook-1"
    stranger.put_object("1234", "feed", message="ouvert")
    assert stranger.get_object("me")["id"] == "1234"
    (post,) = sandbox.posts()
    assert (post["account"], post["id"].split("_")[0]) == ("facebook-1", "1234")


def test_without_a_token_nothing_is_answered(session: requests.Session, page: JSON) -> None:
    answer = session.get(f"{API}/{page['id']}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2500)
