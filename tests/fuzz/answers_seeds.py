"""Where the fuzzers of answers begin: what each platform says when all goes well, and when not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from answers_targets import AT, DID, PARTS, SECOND, SPLIT, TEXTS, frame, operations

#: An answer that is no 200 says so.
Said = tuple[int, object]
Flow = tuple[str, int, list[object]]

_STATUSES = (302, 400, 401, 402, 403, 404, 422, 429, 500)
_REFUSED: dict[str, Any] = {
    "x": {
        "title": "No",
        "detail": "duplicate",
        "type": "about:blank",
        "errors": [{"message": "m"}],
    },
    "facebook": {"error": {"message": "m", "code": 368, "error_subcode": 1404082, "type": "t"}},
    "mastodon": {"error": "This action is outside the authorized scopes"},
    "bluesky": {"error": "ExpiredToken", "message": "Token has expired"},
}
_HEADERS = {
    "x": b"x-rate-limit-remaining: 0|Retry-After: 5",
    "facebook": b'X-App-Usage: {"call_count": 100}',
    "mastodon": b"X-RateLimit-Remaining: 0|X-RateLimit-Reset: 2100-01-01T00:00:00.000Z",
    "bluesky": b"ratelimit-limit: 9|ratelimit-remaining: 0|ratelimit-reset: 4102444800",
}


def seeds(platform: str) -> list[bytes]:
    """Inputs that reach the success of every operation of ``platform``, and its refusals."""
    able = operations(platform)
    made = []
    for operation, who, answers in flows(platform):
        number = 2 * able.index(operation) + who
        said = [one if isinstance(one, tuple) else (200, one) for one in answers]
        plain = [(status, json.dumps(content).encode()) for status, content in said]
        parts = [b"%d\n%s\n%s" % (status, _HEADERS[platform], body) for status, body in plain]
        made.append(bytes([number + PARTS]) + SPLIT.join(parts))
        made.append(bytes([number]) + SPLIT.join(frame(*one) for one in plain))
        refused = json.dumps(_REFUSED[platform]).encode()
        for status in _STATUSES:
            # The last of several requests is the one that the others prepare.
            made.append(
                bytes([number + PARTS]) + SPLIT.join([*parts[:-1], b"%d\n\n%s" % (status, refused)])
            )
        packed = frame(200, gzip.compress(plain[0][1]), b"Content-Encoding: gzip")
        made.append(bytes([number]) + packed)
        chunked = b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 429 No\r\nTransfer-Encoding: chunked\r\n\r\n"
        made.append(bytes([number]) + chunked + b"2\r\n{}\r\n0\r\n\r\n")
    return made


def flows(platform: str) -> Iterator[Flow]:
    """What is answered to each operation, of either of the two who ask."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    yield from {"x": _x, "facebook": _facebook, "mastodon": _mastodon, "bluesky": _bluesky}[
        platform
    ](now)


def _x(now: str) -> Iterator[Flow]:
    me = {"data": {"id": "1", "username": "collectif", "name": "Collectif"}}
    urls = [{"url": "https://t.co/a", "expanded_url": "https://x.com/c/status/9/photo/1"}]
    post = {
        "id": "9",
        "text": "Hello https://t.co/a",
        "created_at": now,
        "entities": {"urls": urls},
    }
    full = {"data": [{**post, "id": "known"}], "meta": {"result_count": 1, "next_token": "n"}}
    made = {"data": {"id": "1"}}
    fresh = {"access_token": "of-the-day", "refresh_token": "refresh-then", "expires_in": 9}
    yield "publish", 0, [made]
    yield "publish", 0, [(401, {"title": "Unauthorized"}), fresh]
    yield "publish", SECOND, [fresh, made]
    yield "find", 0, [me, full, {"data": [post], "meta": {"result_count": 1}}]
    yield "check", 0, [me]
    yield "upload", 0, [{"data": {"id": "5"}}, {"data": {"id": "5"}}]
    yield "retract", 0, [{"data": {"deleted": True}}]


def _facebook(now: str) -> Iterator[Flow]:
    post = {"id": "123_9", "message": "Hello", "created_time": now}
    known = {**post, "id": "123_known"}
    seen = {**post, "permalink_url": "https://a/b"}
    waits = {**post, "scheduled_publish_time": int(AT.timestamp())}
    copy = {"id": "123", "is_published": False, "scheduled_publish_time": int(AT.timestamp())}
    more = {"next": "https://graph.facebook.com/x", "cursors": {"after": "c"}}
    page = {"id": "123", "name": "Page", "link": "https://www.facebook.com/123"}
    token = {"scopes": ["pages_manage_posts"], "expires_at": 4_000_000_000}
    gone = (400, {"error": {"message": "m", "code": 100, "error_subcode": 33}})
    yield "publish", 0, [{"id": "123_1"}]
    yield "find", 0, [{"data": [], "paging": more}, {"data": [known, seen]}]
    yield "check", 0, [page, {"data": token}]
    yield "upload", 0, [{"id": "5"}]
    yield "retract", 0, [gone, page]
    yield "retract", 0, [{"success": True}]
    yield "hand_over", 0, [{"id": "123_1"}]
    yield "handed", 0, [gone, page]
    yield "handed", 0, [{"id": "123", "is_published": True, "created_time": now}]
    yield "handed", 0, [copy]
    yield "find_scheduled", 0, [{"data": [], "paging": more}, {"data": [waits]}]
    yield "find_published", 0, [{"data": [known, seen]}]
    yield "take_back", 0, [copy, {"success": True}]


def _mastodon(now: str) -> Iterator[Flow]:
    url = "https://mastodon.example/@collectif"
    me = {"id": "1", "username": "collectif", "url": url, "statuses_count": 2}
    post = {"id": "9", "created_at": now, "url": f"{url}/9", "content": "<p>Hello</p>"}
    known, edited = {**post, "id": "known"}, {**post, "content": "<p>Hello</p> there"}
    old = {**post, "id": "2", "created_at": "2020-01-24T00:00:00Z"}
    copy = {"id": "123", "scheduled_at": AT.isoformat(), "params": {"text": "Hello"}}
    gone = (404, {"error": "Record not found"})
    limits = {
        "statuses": {"max_characters": 500, "max_media_attachments": 4},
        "media_attachments": {"supported_mime_types": ["image/png"], "image_size_limit": 9},
    }
    picture = {"id": "5", "url": None}
    yield "publish", 0, [post]
    yield (
        "publish",
        SECOND,
        [(422, {"error": "Cannot attach files that have not finished processing"})],
    )
    yield "find", 0, [me, [known], [edited], {"id": "9", "text": "Hello"}]
    yield "find", 0, [me, [known, old]]
    yield "find", SECOND, [me, [post]]
    yield "check", 0, [me, {"configuration": limits}]
    yield "check", 0, [me, gone, {"configuration": limits, "max_toot_chars": 5000}]
    yield "upload", 0, [(202, picture), (206, picture), picture]
    yield "retract", 0, [gone, me]
    yield "retract", 0, [{"id": "123"}]
    yield "hand_over", 0, [post]
    yield "hand_over", 0, [copy]
    yield "handed", 0, [gone, me]
    yield "handed", 0, [copy]
    yield "find_scheduled", 0, [[{**copy, "id": "known"}], [copy]]
    yield "find_published", 0, [me, [known, post, old]]
    yield "take_back", 0, [gone, me]
    yield "take_back", 0, [{}]


def _bluesky(now: str) -> Iterator[Flow]:
    from socialstrike.platforms.bluesky_record import record_key

    login = {"did": DID, "accessJwt": "of-today-it-is", "refreshJwt": "of-tomorrow"}
    bob, expired = {"did": "did:plc:bob"}, (400, {"error": "ExpiredToken", "message": "expired"})
    made = {"uri": f"at://{DID}/app.bsky.feed.post/{record_key('key')}", "cid": "bafyreia"}
    there = {**made, "value": {"text": TEXTS["bluesky"], "createdAt": now}}
    absent = (400, {"error": "RecordNotFound", "message": "Could not locate record"})
    ref = {"$link": "bafkreia"}
    blob = {"blob": {"$type": "blob", "ref": ref, "mimeType": "image/png", "size": 70}}
    yield "publish", 0, [login, bob, made]
    yield "publish", 0, [login, bob, (400, {"error": "InvalidSwap", "message": "Record was at x"})]
    yield "publish", SECOND, [(400, {"error": "InvalidRequest", "message": "no handle"}), made]
    yield "publish", SECOND, [bob, expired, login, made]
    yield "publish", SECOND, [bob, expired, (401, {"error": "InvalidToken"}), login, made]
    yield "find", SECOND, [absent]
    yield "find", SECOND, [expired, login, there]
    yield "find", 0, [login, there]
    yield "check", 0, [login, {"handle": "a.bsky.social", "did": DID, "active": False}]
    yield "check", SECOND, [{"handle": "a.bsky.social", "did": DID, "active": True}]
    yield "upload", 0, [login, blob]
    yield "upload", SECOND, [blob]
    yield "retract", 0, [login, {}]
    yield "retract", SECOND, [{"commit": {"cid": "bafyreia", "rev": "3k"}}]
