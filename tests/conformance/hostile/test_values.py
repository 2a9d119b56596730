"""Values of the wrong kind in answers: ids, bodies, times, names, links."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from socialstrike.platforms.base import (
    Publication,
)
from socialstrike.platforms.credentials import Identity
from tests.conformance.hostile.bench import DID, OPERATIONS, Bench, listing, ok, reply

IDS = {
    "object": '{"a": 1}',
    "list": '["1"]',
    "null": "null",
    "true": "true",
    "float": "1e18",
    "fraction": "1.5",
    "nan": "NaN",
    "infinity": "Infinity",
    "negative": "-1",
    "huge": "9" * 400,
    "beyond parsing": "9" * 5000,
    "empty": '""',
    "space": '"1 2"',
    "path": '"../../me"',
    "dots": '".."',
    "markup": '"<script>"',
    "formula": '"=1+1"',
    "escape": '"1\\u001b[2J"',
    "newline": '"1\\n2"',
    "nul": '"1\\u0000"',
    "bidi": '"1\\u202e2"',
    "surrogate": '"1\\ud800"',
    "digits of another script": '"١٢٣"',
    "long": f'"{"1" * 101}"',
    "pattern": '"(a+)+$"',
}


@pytest.mark.parametrize("value", IDS.values(), ids=IDS.keys())
def test_an_id_that_is_none_is_no_success(bench: Bench, value: str) -> None:
    bench.lost("publish", ok(bench.made(value)))
    bench.lost("upload", ok(bench.made(value)))
    bench.lost("check", ok(bench.me(value)))
    bench.fails_to_find(bench.page(bench.post(value)))


BODIES = {
    "empty": b"",
    "list": b"[]",
    "null": b"null",
    "number": b"1",
    "text": b'"id"',
    "true": b"true",
    "no id": b'{"data":{}}',
    "list for an object": b'{"data":[{"id":"1"}],"id":[]}',
    "text for an object": b'{"data":"id","id":null}',
    "number for an object": b'{"data":1,"meta":2,"paging":3}',
    "null for an object": b'{"data":null,"meta":null,"paging":null}',
    "the id twice": b'{"id":"1","id":{},"data":{"id":"1","id":{}}}',
    "cut short": b'{"data":{"id":"1"',
    "two": b'{"data":{"id":"1"},"id":"1"}{}',
    "html": b"<html>",
    "deep": b'{"data":' * 50_000,
    "deep list": b"[" * 100_000 + b"]" * 100_000,
    "half deep": b'{"data":' + b"[" * 900 + b"]" * 900 + b"}",
    "byte order mark": b'\xef\xbb\xbf{"data":{"id":"1"},"id":"1"}',
    "utf-16": '{"data":{"id":"1"},"id":"1"}'.encode("utf-16"),
    "bad utf-8": b'{"data":{"id":"1\xff"},"id":"1\xff"}',
    "surrogate in utf-8": b'{"data":{"id":"\xed\xa0\x80"},"id":"\xed\xa0\x80"}',
    "nul": b'{"data":{"id":"1"},"id":"1"}\0',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("kind", ["application/json", "image/png", "text/plain"])
def test_a_success_that_cannot_be_read_is_none(bench: Bench, body: bytes, kind: str) -> None:
    for operation in OPERATIONS:
        # Bluesky says no more to a deletion than that it is one: any object will do.
        vague = (bench.platform, operation) == ("bluesky", "retract")
        # Only here is an id read from these two, and it is a good one.
        marked = (bench.platform, operation) == ("mastodon", "upload") and body[:1] in b"\xef\xff"
        if not vague and not (marked and body):
            bench.lost(operation, ok(body).replace(b"application/json", kind.encode()))


@pytest.mark.parametrize(
    "name", ["empty", "list", "null", "text", "cut short", "two", "html", "deep", "bad utf-8"]
)
def test_a_deletion_on_bluesky_is_answered_with_an_object(
    bench_of: Callable[[str], Bench], name: str
) -> None:
    bench_of("bluesky").lost("retract", ok(BODIES[name]))


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_refusal_that_cannot_be_read_is_sorted_by_its_status(bench: Bench, body: bytes) -> None:
    surely = {400: "Rejected", 401: "CredentialsRefused", 402: "CredentialsRefused"}
    surely |= {403: "Rejected", 429: "RateLimited"}
    for status in (*surely, 404, 500, 503, 600, 999):
        error = bench.fails("publish", reply(status, body))
        assert type(error).__name__ == surely.get(status, "OutcomeUnknown")


TIMES = ["{}", "1", "true", '""', '"now"', '"2020-01-24"', '"2020-01-24T10:00:00"']
TIMES += ['"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"', '"1e308"', '"\\u0000"']


@pytest.mark.parametrize("made", TIMES)
def test_a_post_without_a_credible_time_proves_no_absence(bench: Bench, made: str) -> None:
    bench.fails_to_find(bench.page(bench.post(made=made)))


@listing
def test_an_id_is_the_same_one_as_number_and_as_text(bench: Bench) -> None:
    page = bench.page(bench.post("9"))

    assert bench.find(page, known=("9",)) is None
    found = bench.find(page)
    assert isinstance(found, Publication)
    assert found.remote_id == "9"


@pytest.mark.parametrize(
    "name", ["{}", "[]", "1", "null", '""', '" "', '"\\u001b\\u0000"', '"\\u202e"']
)
def test_a_name_that_is_none_is_no_identity(bench: Bench, name: str) -> None:
    bench.lost("check", ok(bench.me(name=name)))


def test_a_name_is_printable_and_short_and_its_address_one_to_follow(bench: Bench) -> None:
    name = (
        '"\\u00ad\\ue186\\u200b\\u001b]0;x\\u0007Coll\\u202eectif\\ud800\\n<b>' + "a" * 5000 + '"'
    )
    script = '"javascript:alert(1)"'
    found = bench.act("check", ok(bench.me(name=name, rest=f',"link":{script},"url":{script}')))

    assert isinstance(found, Identity)
    assert found.name.isprintable()
    assert found.name.encode()
    assert len(found.name) <= 100
    # Bluesky's is made of the account's id.
    assert found.url == (f"https://bsky.app/profile/{DID}" if bench.platform == "bluesky" else None)


@pytest.mark.parametrize(
    ("platform", "name", "instead"),
    [("facebook", "permalink_url", "https://www.facebook.com/9"), ("mastodon", "url", None)],
)
@pytest.mark.parametrize(
    "url",
    [
        '"javascript:alert(1)"',
        '"data:text/html,x"',
        '"https://a/\\u001b[2J"',
        '"https://a/\\" onclick=x"',
        '"https://a/<b>"',
        '"https://a/\\u202eb"',
        '"https://[::1"',
        '"https://"',
        f'"https://a/{"b" * 3000}"',
        "{}",
        "1",
    ],
)
def test_a_link_that_is_none_to_follow_is_left_out(
    bench_of: Callable[[str], Bench], platform: str, name: str, instead: str | None, url: str
) -> None:
    bench = bench_of(platform)
    found = bench.find(bench.page(bench.post(rest=f',"{name}":{url}')))

    assert found.url == instead
