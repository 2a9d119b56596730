"""How answers are sorted into the five kinds: the tables of docs/platforms.md, row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from socialstrike import platforms
from socialstrike.platforms.base import (
    CredentialsRefused,
    OutcomeUnknown,
    Payload,
    PlatformError,
    RateLimited,
    Rejected,
)
from socialstrike.platforms.credentials import Access
from socialstrike.platforms.http import Answer, Exchange, HttpPlatform, by_status

if TYPE_CHECKING:
    from tests.conformance.conftest import Bench


def _kind(platform: str, status: int, body: object) -> type[PlatformError]:
    adapter = platforms.get(platform)(Access("a", {"access_token": "some-token", "page_id": "1"}))
    assert isinstance(adapter, HttpPlatform)
    return adapter.diagnose(Answer(status, {}, json.dumps(body).encode())).kind


@pytest.mark.parametrize("status", range(300, 600))
def test_only_what_proves_absence_is_surely_not_posted(status: int) -> None:
    surely = {
        400: Rejected,
        401: CredentialsRefused,
        402: CredentialsRefused,
        403: Rejected,
        422: Rejected,
        429: RateLimited,
    }
    assert by_status(status) is surely.get(status, OutcomeUnknown)


@pytest.mark.parametrize(
    ("status", "code", "subcode", "kind"),
    [
        (400, 1, None, OutcomeUnknown),
        (400, 2, None, OutcomeUnknown),
        (400, 4, None, RateLimited),
        (400, 17, None, RateLimited),
        (400, 32, None, RateLimited),
        (400, 341, None, RateLimited),
        (400, 613, None, RateLimited),
        (400, 80001, None, RateLimited),
        (400, 80009, None, RateLimited),
        (403, 10, None, CredentialsRefused),
        (403, 200, None, CredentialsRefused),
        (403, 299, None, CredentialsRefused),
        (401, 190, 463, CredentialsRefused),
        (400, 190, None, CredentialsRefused),
        (400, 102, None, CredentialsRefused),
        (400, 368, 1390008, RateLimited),
        (400, 368, None, RateLimited),
        (400, 368, 4854002, CredentialsRefused),
        (400, 368, 1404082, OutcomeUnknown),
        (400, 506, None, OutcomeUnknown),
        (400, 100, None, Rejected),
        (400, 1609005, None, Rejected),
        (400, None, None, Rejected),
        (401, None, None, CredentialsRefused),
        (429, None, None, RateLimited),
        (500, 100, None, OutcomeUnknown),
        (503, 190, None, OutcomeUnknown),
        (404, None, None, OutcomeUnknown),
    ],
)
def test_facebooks_codes(
    status: int, code: int | None, subcode: int | None, kind: type[PlatformError]
) -> None:
    body = {"error": {"message": "m", "code": code, "error_subcode": subcode}} if code else {}
    assert _kind("facebook", status, body) is kind


@pytest.mark.parametrize(
    ("detail", "kind"),
    [
        ("You are not allowed to create a Tweet with duplicate content.", OutcomeUnknown),
        ("Your account is suspended and is not permitted to do this.", CredentialsRefused),
        ("To protect our users, your account is temporarily locked.", CredentialsRefused),
        ("Your client app is not configured with the oauth1 app permissions.", CredentialsRefused),
        ("You are not permitted to perform this action.", Rejected),
        ("Your Tweet text is too long.", Rejected),
    ],
)
def test_xs_reasons_to_forbid(detail: str, kind: type[PlatformError]) -> None:
    assert _kind("x", 403, {"title": "Forbidden", "detail": detail}) is kind
    assert _kind("x", 403, {"errors": [{"message": detail}]}) is kind


@pytest.mark.parametrize("platform", platforms.REGISTRY)
@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
@pytest.mark.parametrize(
    "body",
    [None, [], 7, "text", {"error": "text"}, {"errors": 7}, {"errors": [None]}, {"error": []}],
)
def test_bodies_of_any_shape_are_sorted_by_their_status(
    platform: str, status: int, body: object
) -> None:
    assert _kind(platform, status, body) is by_status(status)


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "remedy"),
    [
        (368, 1404082, OutcomeUnknown, "posted already"),
        (368, 1390008, RateLimited, "fewer posts"),
        (368, 4854002, CredentialsRefused, "confirm who you are"),
        (200, None, CredentialsRefused, "give the token pages_manage_posts"),
        (1609005, None, Rejected, "posts add"),
    ],
)
def test_facebooks_codes_reach_the_user_with_their_remedy(
    bench_for: Callable[[str], Bench],
    code: int,
    subcode: int | None,
    kind: type[PlatformError],
    remedy: str,
) -> None:
    bench = bench_for("facebook")
    bench.fault("duplicate", code=code, subcode=subcode)

    with pytest.raises(kind, match=remedy):
        bench.adapter.publish(Payload("key", "Hello"), ())


NOW = datetime(2020, 1, 24, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"x-rate-limit-reset": "1579860000"}, NOW),
        ({"x-rate-limit-reset": "1579860000.5"}, NOW + timedelta(seconds=0.5)),
        ({"retry-after": "Fri, 24 Jan 2020 10:00:00 GMT"}, NOW),
        ({"retry-after": "Fri, 24 Jan 2020 11:00:00 +0100"}, NOW),
        ({"x-rate-limit-reset": "1579860000", "retry-after": "5"}, NOW),
        ({"x-rate-limit-reset": "soon"}, None),
        ({"x-rate-limit-reset": "1e400"}, None),
        ({"x-rate-limit-reset": "nan"}, None),
        ({"x-rate-limit-reset": "99999999999999999"}, None),
        ({"retry-after": "later"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Fri, 99 Jan 2020 10:00:00 GMT"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_the_end_of_a_limit_is_read_or_left_open(
    headers: dict[str, str], wanted: datetime | None
) -> None:
    assert Answer(429, headers).retry_at() == wanted


def test_a_limits_end_in_seconds_counts_from_now() -> None:
    wanted = datetime.now(UTC) + timedelta(seconds=90)
    told = Answer(429, {"retry-after": "90"}).retry_at()

    assert told is not None
    assert abs(told - wanted) < timedelta(seconds=5)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000, b"<html>"]
)
def test_a_body_that_is_no_object_reads_as_an_empty_one(body: bytes) -> None:
    assert Answer(200, {}, body).json() == {}


def _date(offset: float) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=offset)
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize(("ahead", "moved"), [(-600, True), (600, False), (0, False)])
def test_a_look_up_reaches_back_by_a_clock_that_is_behind_and_never_less(
    ahead: float, moved: bool
) -> None:
    since = datetime(2020, 1, 24, 10, 0, 0, 900_000, tzinfo=UTC)
    begin = Exchange(True, Answer(200, {"date": _date(ahead)})).by_their_clock(since)

    assert begin <= since
    assert (begin < since - timedelta(minutes=9)) is moved


def test_a_look_up_without_the_platforms_clock_keeps_ours() -> None:
    since = datetime(2020, 1, 24, 10, tzinfo=UTC)
    for answer in (None, Answer(200, {}), Answer(200, {"date": "yesterday"})):
        assert Exchange(True, answer).by_their_clock(since) == since
