"""Fuzzers find no answer of a platform that is more than one of the five errors."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness import Figures

SCRIPT = Path(__file__).with_name("answers_targets.py")


@pytest.mark.parametrize("platform", ["x", "facebook"])
def test_whatever_a_platform_answers_is_an_outcome_or_one_of_the_five_errors(
    platform: str,
    runs: int,
    seconds: int,
    tmp_path: Path,
    ran: Callable[[str, Figures], None],
) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed; it has wheels for Linux alone")
    from harness import fuzz

    seeds = _seeds(platform)
    figures = fuzz(SCRIPT, platform, tmp_path, runs=runs, seconds=seconds, seeds=seeds)
    ran(platform, figures)


@pytest.mark.parametrize("platform", ["x", "facebook"])
def test_the_seeds_reach_the_successes_so_that_the_fuzzers_start_behind_the_door(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import answers_targets
    from answers_targets import OPERATIONS, TARGETS

    from socialstrike.platforms import transport

    # What the target replaces is put back when the test ends.
    monkeypatch.setattr(transport._Recording, "_new_conn", transport._Recording._new_conn)
    monkeypatch.setattr(transport, "MOST_IDLE", transport.MOST_IDLE)
    monkeypatch.chdir(tmp_path)
    reached: dict[str, object] = {}
    monkeypatch.setattr(answers_targets, "_judge_success", reached.__setitem__)
    target = TARGETS[platform]()

    for seed in _seeds(platform):
        target(seed)

    assert set(reached) == set(OPERATIONS)
    assert reached["find"] is not None


def _seeds(platform: str) -> list[bytes]:
    from answers_targets import OPERATIONS, SPLIT, frame

    seeds = []
    for number, operation in enumerate(OPERATIONS):
        answers = _answers(platform)[operation]
        plain = [json.dumps(answer).encode() for answer in answers]
        parts = SPLIT.join(
            b"200\nx-rate-limit-remaining: 0|Retry-After: 5\n" + one for one in plain
        )
        seeds.append(bytes([2 * number + 1]) + parts)
        seeds.append(bytes([2 * number]) + SPLIT.join(frame(200, one) for one in plain))
        refused = json.dumps(_REFUSED[platform]).encode()
        seeds += [bytes([2 * number + 1]) + b"%d\n\n" % status + refused for status in _STATUSES]
        packed = frame(200, gzip.compress(plain[0]), b"Content-Encoding: gzip")
        seeds.append(bytes([2 * number]) + packed)
        chunked = b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 429 No\r\nTransfer-Encoding: chunked\r\n\r\n"
        seeds.append(bytes([2 * number]) + chunked + b"2\r\n{}\r\n0\r\n\r\n")
    return seeds


_STATUSES = (302, 400, 401, 402, 403, 404, 422, 429, 500)
_REFUSED = {
    "x": {
        "title": "No",
        "detail": "duplicate",
        "type": "about:blank",
        "errors": [{"message": "m"}],
    },
    "facebook": {"error": {"message": "m", "code": 368, "error_subcode": 1404082, "type": "t"}},
}


def _answers(platform: str) -> dict[str, list[object]]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if platform == "facebook":
        posts = [
            {"id": "123_known", "message": "Hello", "created_time": now},
            {
                "id": "123_9",
                "message": "Hello",
                "created_time": now,
                "permalink_url": "https://a/b",
            },
        ]
        more = {"next": "https://graph.facebook.com/x", "cursors": {"after": "c"}}
        page = {"id": "123", "name": "Page", "link": "https://www.facebook.com/123"}
        return {
            "publish": [{"id": "123_1"}],
            "find": [{"data": [], "paging": more}, {"data": posts}],
            "check": [page],
            "upload": [{"id": "5"}],
            "retract": [{"success": True}],
        }
    me = {"data": {"id": "1", "username": "collectif", "name": "Collectif"}}
    urls = [{"url": "https://t.co/a", "expanded_url": "https://x.com/c/status/9/photo/1"}]
    post = {
        "id": "9",
        "text": "Hello https://t.co/a",
        "created_at": now,
        "entities": {"urls": urls},
    }
    full = {"data": [{**post, "id": "known"}], "meta": {"result_count": 1, "next_token": "n"}}
    return {
        "publish": [{"data": {"id": "1"}}],
        "find": [me, full, {"data": [post], "meta": {"result_count": 1}}],
        "check": [me],
        "upload": [{"data": {"id": "5"}}, {"data": {"id": "5"}}],
        "retract": [{"data": {"deleted": True}}],
    }
