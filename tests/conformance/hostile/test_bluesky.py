"""Answers that only Bluesky can give, and that mean harm: mostly to what comes before a post."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from socialstrike.platforms.base import (
    CredentialsRefused,
    Payload,
    PlatformError,
    RateLimited,
    TemporarilyUnavailable,
)
from tests.conformance.hostile.bench import DID, OPERATIONS, RKEY, Answer, Bench, blob, ok, reply

TOKENS = {
    "object": "{}",
    "null": "null",
    "number": "1",
    "empty": '""',
    "two lines": '"a\\r\\nX: y"',
    "space": '"a b"',
    "other letters": '"\\u00e9"',
    "surrogate": '"\\ud800"',
    "long": f'"{"a" * 4_001}"',
}


def login(access: str = '"token-of-today"', refresh: str = '"token-of-tomorrow"') -> bytes:
    return ok(f'{{"did":"{DID}","accessJwt":{access},"refreshJwt":{refresh}}}')


_EXPIRED = reply(400, '{"error":"ExpiredToken","message":"Token has expired"}')


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_login_that_is_none_is_tried_again_and_nothing_is_kept_or_posted(
    bench_of: Callable[[str], Bench], operation: str, token: str
) -> None:
    bench = bench_of("bluesky")
    for answer in (login(access=token), login(refresh=token)):
        error = bench.fails(operation, answer, session="")

        assert type(error) is TemporarilyUnavailable
        assert [head.split()[1] for head in bench.requests] == [
            b"/xrpc/com.atproto.server.createSession"
        ]
    assert bench.renewed == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", TemporarilyUnavailable),
        (reply(500), TemporarilyUnavailable),
        (reply(302), TemporarilyUnavailable),
        (reply(999), TemporarilyUnavailable),
        (reply(429), RateLimited),
        (reply(400), CredentialsRefused),
        (reply(401), CredentialsRefused),
        (reply(403), CredentialsRefused),
        (login().replace(b"did:plc:abc", b"did:plc:<b>"), TemporarilyUnavailable),
    ],
)
@pytest.mark.parametrize("before", [0, 1, 2])
def test_what_fails_before_a_post_says_that_nothing_was_posted(
    bench_of: Callable[[str], Bench], before: int, answer: bytes, kind: type[PlatformError]
) -> None:
    bench, mention = bench_of("bluesky"), Payload("key", "Hello @bob.bsky.social")
    # The login itself; the look-up of a handle, whose token has ended; the next session after that.
    earlier = [[], [login(), _EXPIRED], [login(), ok('{"did":"did:plc:bob"}'), _EXPIRED]][before]
    error = bench.fails("publish", *earlier, answer, session="", payload=mention)

    # A next session that is refused is a reason to log in anew, and is answered the same.
    assert type(error) is kind
    assert sum(b"putRecord" in head for head in bench.requests) == (before == 2)


@pytest.mark.parametrize("did", ["{}", "null", '"did:plc:<b>"', '"bob"', f'"did:a:{"b" * 201}"'])
def test_a_handle_of_nobody_credible_is_not_mentioned(
    bench_of: Callable[[str], Bench], did: str
) -> None:
    bench, mention = bench_of("bluesky"), Payload("key", "Hello @bob.bsky.social")
    error = bench.fails("publish", ok(f'{{"did":{did}}}'), payload=mention)

    assert type(error) is TemporarilyUnavailable
    assert len(bench.requests) == 1


@pytest.mark.parametrize(
    "made",
    [
        blob(kind='"text/html"'),
        blob(kind='"image/a\\nb"'),
        blob(kind="{}"),
        blob(size="0"),
        blob(size="-1"),
        blob(size="true"),
        blob(size='"70"'),
        blob(size="2000001"),
        blob(size="1e400"),
    ],
)
def test_a_picture_that_is_none_is_not_taken(bench_of: Callable[[str], Bench], made: str) -> None:
    bench_of("bluesky").lost("upload", ok(f'{{"blob":{made}}}'))


def test_of_a_picture_only_what_posts_name_is_kept(bench_of: Callable[[str], Bench]) -> None:
    more = f'{{"evil":"{"x" * 1_000_000}",' + blob()[1:]
    entry = json.loads(bench_of("bluesky").act("upload", ok(f'{{"blob":{more}}}')))

    assert entry["image"] == json.loads(blob())


@pytest.mark.parametrize("text", ["{}", "null", "7", '["Hello"]'])
def test_a_post_whose_text_is_none_is_no_absence(
    bench_of: Callable[[str], Bench], text: str
) -> None:
    bench = bench_of("bluesky")
    bench.fails_to_find(bench.page(bench.post()).replace('"Hello"', text))


@pytest.mark.parametrize("before", [[], [_EXPIRED]])
def test_a_login_that_fails_is_no_absence(
    bench_of: Callable[[str], Bench], before: list[Answer]
) -> None:
    bench = bench_of("bluesky")
    absent = reply(400, '{"error":"RecordNotFound","message":"Could not locate record"}')
    kept = {} if before else {"session": ""}

    error = bench.fails("find", *before, absent, **kept)
    assert type(error) is CredentialsRefused
    assert bench.act("find", absent) is None


def test_an_answer_about_another_post_is_no_absence(bench_of: Callable[[str], Bench]) -> None:
    bench = bench_of("bluesky")
    other = bench.page(bench.post()).replace(DID, "did:plc:other").replace("Hello", "Bye")
    bench.fails_to_find(other)


def test_a_post_that_is_there_already_is_looked_up_and_not_sent_again(
    bench_of: Callable[[str], Bench],
) -> None:
    bench = bench_of("bluesky")
    bench.lost("publish", reply(400, '{"error":"InvalidSwap","message":"Record was at bafy"}'))
    assert len(bench.requests) == 1
    assert bench.find(bench.page(bench.post())).remote_id == RKEY
