"""Answers that only an instance of Mastodon can give, and that mean harm."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from socialstrike import platforms
from socialstrike.platforms.base import (
    TemporarilyUnavailable,
)
from tests.conformance.hostile.bench import Bench, ok, reply


@pytest.mark.parametrize(
    ("content", "made"),
    [
        ("<" * 4_000_000, None),
        ("<p" * 2_000_000, None),
        ("&" * 4_000_000, None),
        ("@a@b." * 800_000, None),
        ("Hello " * 600_000, None),
        ("Hello" + "\u0301\u0323" * 700_000, None),
        ("Hello", "1" * 4_000_000),
        ("Hello", "1." * 2_000_000),
    ],
    ids=["tags", "paragraphs", "entities", "mentions", "words", "marks", "long date", "odd date"],
)
def test_no_post_takes_much_time(
    bench_of: Callable[[str], Bench], content: str, made: str | None
) -> None:
    bench = bench_of("mastodon")
    made = made or datetime.now(UTC).isoformat(timespec="seconds")
    post = {"id": "9", "content": content, "created_at": made, "url": None, "account": {"id": made}}
    old = {"id": "2", "content": "", "created_at": "2020-01-24T00:00:00Z"}
    page = json.dumps([post, old], ensure_ascii=False)

    begin = time.thread_time()
    with contextlib.suppress(TemporarilyUnavailable):
        # Where it is doubted, the source is asked for, and says the same.
        source = ok(json.dumps({"text": content}, ensure_ascii=False))
        assert bench.act("find", *bench.first, ok(page), source) is None
    assert time.thread_time() - begin < 8


@pytest.mark.parametrize("count", ["{}", '"0"', "false", "-1", "1.5", "null", "1e400"])
def test_an_empty_list_proves_nothing_where_it_is_unknown_how_many_there_are(
    bench_of: Callable[[str], Bench], count: str
) -> None:
    bench = bench_of("mastodon")
    me = f'{{"id":"123","username":"collectif","statuses_count":{count}}}'

    bench.lost("find", ok(me), ok("[]"))


@pytest.mark.parametrize("said", ["{}", "null", '["Hello"]', "7"])
def test_a_source_that_is_no_text_is_no_absence(
    bench_of: Callable[[str], Bench], said: str
) -> None:
    bench = bench_of("mastodon")
    edited = bench.page(bench.post().replace('"Hello"', '"Hello there"'))

    bench.lost("find", *bench.first, ok(edited), ok(f'{{"text":{said}}}'))


@pytest.mark.parametrize("status", [202, 206])
def test_a_picture_that_is_never_ready_is_waited_for_with_bounds(
    bench_of: Callable[[str], Bench], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    bench = bench_of("mastodon")
    monkeypatch.setattr("socialstrike.platforms.mastodon_media._PATIENCE", (0.0,) * 6)

    bench.lost("upload", reply(status, '{"id":"5"}'))
    assert len(bench.requests) == 7


@pytest.mark.parametrize(
    "value", ["{}", "-1", "true", '"500"', "1e400", "NaN", "9" * 400, "[]", "null"]
)
def test_no_limit_of_an_instance_is_beyond_reason(
    bench_of: Callable[[str], Bench], value: str
) -> None:
    bench = bench_of("mastodon")
    statuses = f'{{"max_characters":{value},"max_media_attachments":{value}}}'
    media = f'{{"supported_mime_types":[{value}],"image_size_limit":{value}}}'
    told = f'{{"configuration":{{"statuses":{statuses},"media_attachments":{media}}}}}'

    found = bench.act("check", ok(bench.me()), ok(told))
    limits = platforms.get("mastodon").limits_for(found.told)
    assert 1 <= limits.text <= 100_000
    assert 0 <= limits.media <= 40
    assert 1 <= limits.media_bytes <= 20_000_000
    assert limits.media_types == frozenset()
