"""What the Mastodon adapter makes of answers that no friendly server gives."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest

from socialstrike.exceptions import InvalidInput
from socialstrike.platforms import mastodon as module
from socialstrike.platforms import mastodon_media, mastodon_posts
from socialstrike.platforms.base import (
    CredentialsRefused,
    OutcomeUnknown,
    Payload,
    PlatformError,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from socialstrike.platforms.credentials import Access
from socialstrike.platforms.http import Answer
from socialstrike.platforms.mastodon import Mastodon

HELLO = Payload("key-hello", "Hello #greve")
ME = {"id": "1", "username": "me", "url": "https://e.org/@me", "statuses_count": 1}
NOW = datetime.now(UTC)


def status(**changed: object) -> dict[str, object]:
    usual = {"id": "9", "created_at": datetime.now(UTC).isoformat(), "content": "<p>Other</p>"}
    return {**usual, "url": "https://e.org/@me/9", "reblog": None, **changed}


@dataclass
class Instance:
    """A server that answers each path with what the test says; what was asked is kept."""

    base_url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def says(self, path: str, body: object, code: int = 200, **headers: str) -> None:
        self.answers[path] = (code, body, headers)


@pytest.fixture
def instance() -> Iterator[Instance]:
    told = Instance()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            path = self.path.partition("?")[0].rstrip("/")
            body = self.rfile.read(length)
            told.asked.append((self.command, self.path, dict(self.headers.items()), body))
            code, content, headers = told.answers.get(path, (404, {"error": "none"}, {}))
            sent = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(code)
            for name, value in {"content-type": "application/json", **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815  # http.server's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        told.base_url = f"http://127.0.0.1:{server.server_port}"
        told.says("/api/v1/accounts/verify_credentials", ME)
        yield told
        server.shutdown()
        thread.join(60)


@pytest.fixture
def adapter(instance: Instance) -> Mastodon:
    return made(instance)


def made(server: Instance, **credentials: str) -> Mastodon:
    given = {"instance": "mastodon.example", "access_token": "some-token", **credentials}
    return Mastodon(Access("collectif", given, server.base_url), timeout=(5.0, 5.0))


# What is sent -------------------------------------------------------------------------------


def test_a_post_carries_the_deliverys_key_and_the_accounts_choices(instance: Instance) -> None:
    instance.says("/api/v1/statuses", status())
    adapter = made(instance, visibility="unlisted", language="fr", content_warning="Grève")

    for _ in range(2):
        adapter.publish(HELLO, ())

    sent = [(headers["Idempotency-Key"], body) for _, _, headers, body in instance.asked]
    assert [key for key, _ in sent] == ["key-hello", "key-hello"]
    assert b"visibility=unlisted" in sent[0][1]
    assert b"language=fr" in sent[0][1]
    assert f"spoiler_text={quote('Grève')}".encode() in sent[0][1]


def test_nothing_is_asked_of_the_instance_but_to_publish(
    instance: Instance, adapter: Mastodon
) -> None:
    instance.says("/api/v1/statuses", status())
    adapter.publish(HELLO, ())

    ((method, path, headers, body),) = instance.asked
    assert (method, path) == ("POST", "/api/v1/statuses")
    assert headers["Authorization"] == "Bearer some-token"
    assert "some-token" not in path
    assert b"visibility" not in body


@pytest.mark.parametrize(
    "typed", ["mastodon.example", "https://mastodon.example/", "@me@mastodon.example"]
)
def test_an_instance_may_be_typed_in_any_way(instance: Instance, typed: str) -> None:
    instance.says("/api/v1/statuses", status())

    assert made(instance, instance=typed).publish(HELLO, ()).remote_id == "9"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"instance": "http://mastodon.example"}, "https"),
        ({"instance": "mastodon"}, "mastodon.social"),
        ({"visibility": "direct"}, "public, unlisted, private"),
        ({"language": "français"}, "such as fr"),
        ({"content_warning": "!" * 101}, "100 characters at most"),
    ],
)
def test_a_field_that_cannot_be_right_is_said_when_the_account_is_added(
    given: dict[str, str], words: str
) -> None:
    whole = {"instance": "mastodon.example", "access_token": "some-token", **given}
    with pytest.raises(InvalidInput, match=words):
        Mastodon.missing_fields(whole)
    with pytest.raises(CredentialsRefused, match=words):
        Mastodon(Access("collectif", whole))


# What the instance takes ---------------------------------------------------------------------

CONFIGURATION = {
    "statuses": {
        "max_characters": 1000,
        "max_media_attachments": 6,
        "characters_reserved_per_url": 30,
    },
    "media_attachments": {
        "supported_mime_types": ["image/png", "image/heic", "video/mp4"],
        "image_size_limit": 8_000_000,
        "description_limit": 700,
    },
}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_instances_own_limits_become_the_accounts(
    instance: Instance, adapter: Mastodon, version: str
) -> None:
    instance.says(f"/api/{version}/instance", {"configuration": CONFIGURATION})

    told = adapter.check().told

    assert told is not None
    assert json.loads(json.dumps(told)) == told
    limits = Mastodon.limits_for(told)
    assert (limits.text, limits.media, limits.media_bytes, limits.alt) == (1000, 6, 8_000_000, 700)
    assert limits.media_types == {"image/png"}
    assert limits.length("https://example.org/") == 30


def test_a_content_warning_takes_its_room_from_every_text(instance: Instance) -> None:
    instance.says("/api/v2/instance", {"configuration": CONFIGURATION})
    warned = made(instance, content_warning="Grève")
    assert Mastodon.limits_for(warned.check().told).text == 1000 - len("Grève")


def test_an_instance_like_pleroma_tells_its_length_elsewhere(
    instance: Instance, adapter: Mastodon
) -> None:
    instance.says("/api/v1/instance", {"max_toot_chars": 5000, "uri": "e.org"})

    assert Mastodon.limits_for(adapter.check().told).text == 5000


def test_an_instance_that_tells_nothing_has_the_usual_limits(
    instance: Instance, adapter: Mastodon
) -> None:
    identity = adapter.check()

    assert (identity.remote_id, identity.told) == ("1", None)
    assert Mastodon.limits_for(identity.told) == Mastodon.limits_for({}) == Mastodon.limits
    assert Mastodon.limits.text == 500


@pytest.mark.parametrize("absurd", [-1, 10**30, "500", None, [], {}, 1.5, float("nan"), True])
def test_absurd_limits_are_held_within_reason(absurd: object) -> None:
    names = ("text", "media", "media_bytes", "alt", "url_length", "media_types")
    limits = Mastodon.limits_for(dict.fromkeys(names, absurd))

    assert 1 <= limits.text <= 100_000
    assert 0 <= limits.media <= 40
    assert 1 <= limits.media_bytes <= Mastodon.limits.media_bytes
    assert 1 <= limits.alt <= 10_000
    assert limits.media_types <= Mastodon.limits.media_types
    assert 1 <= limits.length("https://example.org/") <= 500


@pytest.mark.parametrize(
    "body", [{"configuration": 7}, {"configuration": {"statuses": []}}, {}, [], b"null"]
)
def test_an_instance_that_tells_nonsense_is_taken_for_a_usual_one(
    instance: Instance, adapter: Mastodon, body: object
) -> None:
    instance.says("/api/v2/instance", body)

    assert Mastodon.limits_for(adapter.check().told).text == 500


# What answers mean ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words", "kind", "remedy"),
    [
        (401, "The access token was revoked", CredentialsRefused, "--replace"),
        (403, "Your login is currently disabled", CredentialsRefused, "accounts resume"),
        (403, "Your login is currently pending approval", CredentialsRefused, "accounts resume"),
        (
            403,
            "This action is outside the authorized scopes",
            CredentialsRefused,
            "write:statuses.*accounts add mastodon collectif --replace",
        ),
        (403, "This action is not allowed", Rejected, "posts add"),
        (413, "Request Entity Too Large", Rejected, "posts add"),
        (422, "Validation failed: Text character limit of 500 exceeded", Rejected, "posts add"),
        (
            422,
            "Cannot attach files that have not finished processing. Try again in a moment!",
            TemporarilyUnavailable,
            "tried again",
        ),
        (429, "Too many requests", RateLimited, "tried again"),
        (404, "Record not found", OutcomeUnknown, "looked up"),
        (410, "Gone", OutcomeUnknown, "looked up"),
        (500, "Something went wrong", OutcomeUnknown, "looked up"),
        (503, "Remote data could not be fetched", OutcomeUnknown, "looked up"),
    ],
)
def test_refusals_are_sorted_and_end_with_what_to_do(  # noqa: PLR0917  # a table and two fixtures
    instance: Instance, adapter: Mastodon, code: int, words: str, kind: type, remedy: str
) -> None:
    instance.says("/api/v1/statuses", {"error": words}, code)

    with pytest.raises(PlatformError, match=remedy) as caught:
        adapter.publish(HELLO, ())
    assert type(caught.value) is kind
    assert "collectif" in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>",
        b'{"id":9}',
        b'{"id":null}',
        b'{"id":"../9"}',
        b'{"id":"9"}',
        b'{"id":"9","created_at":"soon"}',
        b'{"id":"9","created_at":7}',
        b"[" * 100_000,
        b'{"id":"9","created_at":"2020-01-24T10:00:00Z"',
        b'{"id":{"a":1},"created_at":"2020-01-24T10:00:00Z"}',
    ],
)
def test_a_success_that_cannot_be_read_is_none(
    instance: Instance, adapter: Mastodon, body: bytes
) -> None:
    instance.says("/api/v1/statuses", body)

    with pytest.raises(OutcomeUnknown):
        adapter.publish(HELLO, ())


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://e.org/\x1b[31m", 7, None, "https://" + "a" * 9000]
)
def test_an_address_that_is_none_is_not_kept(
    instance: Instance, adapter: Mastodon, url: object
) -> None:
    instance.says("/api/v1/statuses", status(url=url))

    assert adapter.publish(HELLO, ()).url is None


@pytest.mark.parametrize(
    ("code", "body", "kind_of_body"),
    [
        (404, b"<html>no such page</html>", "text/html"),
        (404, b'{"error":"none"}', "application/json"),
        (410, b"", "text/plain"),
    ],
)
def test_an_instance_that_is_gone_or_no_mastodon_is_named_as_such(
    instance: Instance, adapter: Mastodon, code: int, body: bytes, kind_of_body: str
) -> None:
    path = "/api/v1/accounts/verify_credentials"
    instance.says(path, body, code, **{"content-type": kind_of_body})
    instance.says("/api/v1/statuses/9", b"", 404)

    for act in (
        adapter.check,
        lambda: adapter.find(HELLO, NOW),
        lambda: adapter.retract("9"),
    ):
        with pytest.raises(CredentialsRefused, match="no Mastodon answers"):
            act()


def test_a_site_of_another_kind_is_told_when_checked_and_a_page_in_between_only_delays(
    instance: Instance, adapter: Mastodon
) -> None:
    path = "/api/v1/accounts/verify_credentials"
    instance.says(path, b"<html>hi</html>", 200, **{"content-type": "text/html; charset=utf-8"})

    with pytest.raises(CredentialsRefused, match="no Mastodon answers"):
        adapter.check()
    with pytest.raises(TemporarilyUnavailable):
        adapter.find(HELLO, NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2020-01-24T10:02:00+00:00", 120),
        ("2020-01-24T10:02:00.000000Z", 120),
        ("2020-01-24T10:02:00", 120),
        ("2020-01-24T11:02:00+01:00", 120),
        ("1579860120", 120),
        ("1579860120.5", 120),
        ("2020-01-24T09:58:00Z", 0),
        ("9999-12-31T23:59:59Z", 86_400),
        ("1e400", None),
        ("soon", None),
        ("", None),
        ("99999999999999999999", None),
        ("0001-01-01T00:00:00+23:59", 0),
    ],
)
def test_the_end_of_a_limit_counts_from_the_servers_time_and_at_most_a_day(
    text: str, seconds: float | None
) -> None:
    theirs = {"x-ratelimit-reset": text, "date": "Fri, 24 Jan 2020 10:00:00 GMT"}
    told = module._reset_at(Answer(429, theirs))

    if seconds is None:
        assert told is None
    else:
        assert told is not None
        assert abs(told - datetime.now(UTC) - timedelta(seconds=seconds)) < timedelta(seconds=30)


def test_a_post_that_used_up_the_limit_says_until_when(
    instance: Instance, adapter: Mastodon
) -> None:
    reset = (datetime.now(UTC) + timedelta(seconds=300)).isoformat()
    headers = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": reset}
    instance.says("/api/v1/statuses", status(), **headers)

    until = adapter.publish(HELLO, ()).throttled_until

    assert until is not None
    assert abs(until - datetime.now(UTC) - timedelta(seconds=300)) < timedelta(seconds=30)


@pytest.mark.parametrize(
    "headers",
    [
        {"deprecation": "@1700000000"},
        {"x_ratelimit_reset": "soon", "x_ratelimit_remaining": "0"},
        {"link": "<<>>; rel="},
        {"x_ratelimit_limit": "many"},
    ],
)
def test_a_good_answer_counts_whatever_stands_in_its_headers(
    instance: Instance, adapter: Mastodon, headers: dict[str, str]
) -> None:
    instance.says("/api/v1/statuses", status(), **headers)

    assert adapter.publish(HELLO, ()).remote_id == "9"


# Looking up ----------------------------------------------------------------------------------

MINE = "/api/v1/accounts/1/statuses"


def test_a_server_that_shows_texts_its_own_way_is_asked_how_they_were_written(
    instance: Instance, adapter: Mastodon
) -> None:
    instance.says(MINE, [status(content="<p>Hello ♯greve</p>")])
    instance.says("/api/v1/statuses/9/source", {"id": "9", "text": HELLO.text})

    found = adapter.find(HELLO, NOW)

    assert found is not None
    assert found.remote_id == "9"


@pytest.mark.parametrize("code", [404, 405, 501])
def test_a_server_that_does_not_tell_how_posts_were_written_is_believed_what_it_shows(
    instance: Instance, adapter: Mastodon, code: int
) -> None:
    instance.says("/api/v1/statuses/9/source", {"error": "none"}, code)
    old = status(id="8", created_at="2020-01-24T10:00:00Z")
    instance.says(MINE, [status(content="<p>Hello you</p>"), old])

    assert adapter.find(HELLO, NOW) is None


def test_a_post_whose_text_cannot_be_asked_for_now_is_no_absence(
    instance: Instance, adapter: Mastodon
) -> None:
    instance.says("/api/v1/statuses/9/source", {"error": "busy"}, 503)
    instance.says(MINE, [status(content="<p>Hello you</p>")])

    with pytest.raises(TemporarilyUnavailable):
        adapter.find(HELLO, NOW)


def test_another_text_costs_no_further_request(instance: Instance, adapter: Mastodon) -> None:
    old = status(id="8", created_at="2020-01-24T10:00:00Z")
    instance.says(MINE, [status(content="<p>Something else</p>"), old])

    assert adapter.find(HELLO, NOW) is None
    assert len(instance.asked) == 2


def test_what_others_wrote_and_the_account_passed_on_is_not_its_own(
    instance: Instance, adapter: Mastodon
) -> None:
    old = status(id="8", created_at="2020-01-24T10:00:00Z")
    content = f"<p>{HELLO.text}</p>"
    instance.says(MINE, [status(content=content, reblog=status(content=content)), old])

    assert adapter.find(HELLO, NOW) is None


@pytest.mark.parametrize(
    "page",
    [
        [],
        {},
        b"null",
        [None],
        [{}],
        [status(created_at="soon")],
        [status(content=None)],
        [status(id=9)],
        b'[{"id":"9"',
    ],
)
def test_a_list_of_posts_that_cannot_be_whole_is_no_absence(
    instance: Instance, adapter: Mastodon, page: object
) -> None:
    instance.says(MINE, page)

    with pytest.raises(TemporarilyUnavailable):
        adapter.find(HELLO, NOW)


def test_a_server_that_repeats_one_page_for_ever_is_given_up(
    instance: Instance, adapter: Mastodon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mastodon_posts, "_PAGES", 3)
    instance.says(MINE, [status()])

    with pytest.raises(TemporarilyUnavailable, match="too many to look through"):
        adapter.find(HELLO, NOW)
    assert len(instance.asked) == 4


def test_an_account_without_posts_has_none(instance: Instance, adapter: Mastodon) -> None:
    instance.says("/api/v1/accounts/verify_credentials", {**ME, "statuses_count": 0})
    instance.says(MINE, [])

    assert adapter.find(HELLO, NOW) is None


# Pictures ------------------------------------------------------------------------------------


def test_a_picture_that_is_never_ready_is_given_up_and_surely_not_posted(
    instance: Instance, adapter: Mastodon, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(mastodon_media, "_PATIENCE", (0.0, 0.0, 0.0))
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    instance.says("/api/v2/media", {"id": "5", "url": None}, 202)
    instance.says("/api/v1/media/5", {"id": "5", "url": None}, 206)

    with pytest.raises(TemporarilyUnavailable, match="still works on a picture"):
        adapter.upload(module.Media(path, "image/png", "described"))
    assert len(instance.asked) == 4


@pytest.mark.parametrize(
    ("code", "kind"), [(422, Rejected), (500, TemporarilyUnavailable), (401, CredentialsRefused)]
)
def test_a_picture_that_cannot_be_worked_on_is_no_success(  # noqa: PLR0917  # fixtures
    instance: Instance,
    adapter: Mastodon,
    code: int,
    kind: type[PlatformError],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    monkeypatch.setattr(mastodon_media, "_PATIENCE", (0.0,))
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    instance.says("/api/v2/media", {"id": "5"}, 202)
    instance.says("/api/v1/media/5", {"error": "Error processing"}, code)

    with pytest.raises(kind):
        adapter.upload(module.Media(path, "image/png", "described"))


def test_a_token_that_names_a_file_is_not_read_from_it(
    instance: Instance, tmp_path: Any, adapter: Mastodon
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("inside\nhttps://elsewhere.example\n")
    instance.says("/api/v1/statuses", status())

    made(instance, access_token=str(secret)).publish(HELLO, ())

    assert instance.asked[0][2]["Authorization"] == f"Bearer {secret}"
