"""Words that would drive a terminal, waits without reason, clocks that are absurd."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from socialstrike.platforms.base import (
    RateLimited,
)
from tests.conformance.hostile.bench import CREDENTIALS, OPERATIONS, Bench, ok, reply

WORDS = "\\u001b[31m\\u009b2J\\u202eevil\\u2066\\u0007\\ud800\\u0000\\r\\nnew line\\u2028end"


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_a_platforms_words_can_drive_no_terminal(bench: Bench, operation: str, status: int) -> None:
    token = CREDENTIALS[bench.platform].get("access_token", "token-of-the-session")
    words = f"{WORDS} {token} {'x' * 5000}"
    error = f'{{"message":"{words}","code":100}}'
    if bench.platform in {"mastodon", "bluesky"}:
        error = f'"{words}"'
    body = f'{{"detail":"{words}","error":{error},"message":"{words}"}}'

    # The checks are those of ``fails``.
    assert "evil" in str(bench.fails(operation, reply(status, body)))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("words", ["{}", "[[1]]", "7", "true", "[" * 900 + "]" * 900, "NaN"])
def test_words_that_are_none_change_no_sorting(bench: Bench, operation: str, words: str) -> None:
    inner = f'{{"message":{words},"code":{words},"error_subcode":{words}}}'
    body = f'{{"detail":{words},"title":{words},"type":{words},"errors":[{inner}],"error":{inner}}}'

    assert type(bench.fails(operation, reply(429, body))).__name__ == "RateLimited"
    assert not isinstance(bench.fails(operation, reply(403, body)), RateLimited)


WAITS = ["-1", "0", "9" * 30, "1e308", "-1e308", "nan", "inf", "0x10", "", " ", "253402300799"]
WAITS += ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "soon", "\xff", "1,2"]


_RESETS = ["x-rate-limit-reset", "X-RateLimit-Reset", "RateLimit-Reset"]


@pytest.mark.parametrize("header", ["Retry-After", *_RESETS])
@pytest.mark.parametrize("wait", WAITS)
def test_no_wait_is_longer_than_a_day(bench: Bench, header: str, wait: str) -> None:
    usage = json.dumps({"1": [{"estimated_time_to_regain_access": 1e12}]})
    for more in ("", f"X-Business-Use-Case-Usage: {usage}\r\n"):
        error = bench.fails("publish", reply(429, b"{}", f"{header}: {wait}\r\n{more}"))

        assert isinstance(error, RateLimited)
        most = datetime.now(UTC) + timedelta(days=1)
        assert error.retry_at is None or error.retry_at <= most


@pytest.mark.parametrize("wait", WAITS)
def test_no_account_is_throttled_for_longer_than_a_day(bench: Bench, wait: str) -> None:
    usage = json.dumps({"a": [{"estimated_time_to_regain_access": 1e12}]})
    headers = "".join(
        f"{header}: {wait}\r\n{header.replace('eset', 'emaining')}: 0\r\n" for header in _RESETS
    )
    headers += f'X-App-Usage: {{"call_count": 1e400}}\r\nX-Business-Use-Case-Usage: {usage}\r\n'
    made = bench.act("publish", ok(bench.made('"1"'), headers))

    most = datetime.now(UTC) + timedelta(days=1)
    assert made.throttled_until is None or made.throttled_until <= most


@pytest.mark.parametrize(
    "date",
    ["", "never", "Mon, 01 Jan 0001 00:00:00 +1400", "Fri, 31 Dec 9999 23:59:59 -1400", "9" * 99],
)
def test_an_absurd_date_moves_no_look_up(bench: Bench, date: str) -> None:
    first = [ok(bench.me(), f"Date: {date}\r\n")] if bench.first else []
    page = ok(bench.page(bench.post()), f"Date: {date}\r\n")

    assert bench.act("find", *first, page) is not None
