"""The part of the Facebook Graph API that publishing to a page needs, under /vNN.N."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response
from starlette.routing import BaseRoute

from socialstrike.sandbox import facebook_consent, facebook_video, videos
from socialstrike.sandbox.calls import Call, picture_type, route
from socialstrike.sandbox.facebook_answers import (
    DIALECT,
    answer,
    bad_parameter,
    missing_object,
    refuse,
)
from socialstrike.sandbox.facebook_tokens import PLATFORM, authenticate, authenticate_for, parameter
from socialstrike.sandbox.state import Account, Media, Post, Sandbox

_MAX_TEXT = 63_206
_MAX_PHOTO = 10 * 1024 * 1024
_SOONEST, _LATEST = timedelta(minutes=10), timedelta(days=75)
_DEFAULT_FIELDS = "id,message,created_time"
_ATTACHED = re.compile(r"attached_media\[(\d+)\]")


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    """The addresses of the API, for any version."""
    root = "/v{version}"
    return [
        *facebook_consent.routes(sandbox),
        route(sandbox, DIALECT, f"{root}/me", {"GET": me}),
        route(sandbox, DIALECT, f"{root}/{{id}}", {"GET": show, "DELETE": delete}),
        route(sandbox, DIALECT, f"{root}/{{id}}/feed", {"GET": feed, "POST": create}),
        route(sandbox, DIALECT, f"{root}/{{id}}/photos", {"POST": upload}),
        route(
            sandbox,
            DIALECT,
            f"{root}/{{id}}/videos",
            {"GET": listed_videos, "POST": facebook_video.change},
        ),
        route(sandbox, DIALECT, f"{root}/{{id}}/published_posts", {"GET": feed}),
        route(sandbox, DIALECT, f"{root}/{{id}}/scheduled_posts", {"GET": scheduled}),
    ]


async def me(call: Call) -> Response:
    """Whose token this is."""
    account = authenticate(call)
    return await call.perform(account, "check", lambda: _page(call, account))


async def show(call: Call) -> Response:
    """A page or a post."""
    number = call.request.path_params["id"]
    page = facebook_video.owner(call.sandbox, number)
    if "_" not in number and page is None:
        account = authenticate_for(call, number)
        return await call.perform(account, "check", lambda: _page(call, account))
    account = authenticate_for(call, page.id if page else number.partition("_")[0])

    def act() -> Response:
        return answer(call, _shown(call, _existing(call, number)))

    return await call.perform(account, "find", act)


async def delete(call: Call) -> Response:
    """Delete one of the page's posts."""
    number = call.request.path_params["id"]
    page = facebook_video.owner(call.sandbox, number)
    account = authenticate_for(call, page.id if page else number.partition("_")[0])
    found = call.sandbox.posts.get(number)

    def act() -> Response:
        _existing(call, number).deleted = True
        return answer(call, {"success": True})

    return await call.perform(account, "retract", act, text=found.text if found else "")


async def create(call: Call) -> Response:
    """Publish a post, or schedule one."""
    account = authenticate_for(call, call.request.path_params["id"])
    text = parameter(call, "message") or ""

    def act() -> Response:
        media = _attached(call, account)
        post = _new_post(call, account, text, media, link=parameter(call, "link"))
        return answer(call, {"id": post.id})

    return await call.perform(account, "publish", act, text=text)


async def upload(call: Call) -> Response:
    """Keep a photo; unless ``published`` is false it becomes a post at once."""
    account = authenticate_for(call, call.request.path_params["id"])
    content = call.files.get("source") or next(iter(call.files.values()), b"")
    mime_type = picture_type(content)
    if mime_type is None or len(content) > _MAX_PHOTO:
        refuse(400, "(#324) Missing or invalid image file", 324)
    text = parameter(call, "caption") or parameter(call, "message") or ""
    alone = _is_true(parameter(call, "published"), default=True)

    def act() -> Response:
        alt = parameter(call, "alt_text_custom") or ""
        media = call.sandbox.add_media(account, content, mime_type, alt)
        media.attachable = not alone
        if not alone:
            return answer(call, {"id": media.id})
        post = _new_post(call, account, text, (media,), link=None)
        return answer(call, {"id": media.id, "post_id": post.id})

    return await call.perform(account, "publish" if alone else "upload", act, text=text)


async def feed(call: Call) -> Response:
    """The page's posts, newest first, a page of results at a time."""
    account = authenticate_for(call, call.request.path_params["id"])

    def act() -> Response:
        now = call.sandbox.now()
        mine = (p for p in account.posts if p.published and p.at <= now and not _is_video(p))
        return _listing(call, mine)

    return await call.perform(account, "find", act)


async def listed_videos(call: Call) -> Response:
    """The page's videos, newest first, a page of results at a time."""
    account = authenticate_for(call, call.request.path_params["id"])

    def act() -> Response:
        return _listing(call, (p for p in account.posts if _is_video(p)))

    return await call.perform(account, "find", act)


async def scheduled(call: Call) -> Response:
    """The posts whose time has not come."""
    account = authenticate_for(call, call.request.path_params["id"])

    def act() -> Response:
        now = call.sandbox.now()
        return _listing(call, (p for p in account.posts if p.scheduled and p.at > now))

    return await call.perform(account, "find", act)


def _page(call: Call, account: Account) -> Response:
    page = {
        "id": account.id,
        "name": account.name,
        "link": f"{call.sandbox.base_url}/accounts/{quote(account.name, safe='')}",
    }
    wanted = _fields(call, "id,name")
    return answer(call, {name: page[name] for name in page if name in wanted})


def _existing(call: Call, number: str) -> Post:
    post = call.sandbox.posts.get(number)
    if post is None or post.deleted or post.platform != PLATFORM:
        missing_object(number)
    return post


def _new_post(
    call: Call, account: Account, text: str, media: tuple[Media, ...], *, link: str | None
) -> Post:
    if not text and not link and not media:
        bad_parameter("(#100) The post is empty. Give a message, a link or attached media.")
    if len(text) > _MAX_TEXT:
        bad_parameter(f"(#100) Param message must be at most {_MAX_TEXT} characters long.")
    if link and not re.match(r"https?://[^\s/]+", link):
        refuse(400, "(#100) The link is not a valid URL.", 1609005)
    at, published = _when(call)
    post = Post(
        id=f"{account.id}_{call.sandbox.new_id()}",
        platform=PLATFORM,
        account=account.name,
        text=text,
        at=at or call.sandbox.now(),
        link=link,
        media=media,
        scheduled=at is not None,
        published=published or at is not None,
    )
    # Only the repetition of the newest post is noticed, as on the real platform.
    newest = next((p for p in reversed(account.posts) if not p.deleted), None)
    if newest and newest.content() == post.content():
        refuse(400, "(#506) Duplicate status message", 506)
    call.sandbox.add_post(account, post)
    return post


def _when(call: Call) -> tuple[datetime | None, bool]:
    """When a scheduled post is due (None: it is not scheduled), and whether it is published."""
    published = _is_true(parameter(call, "published"), default=True)
    given = parameter(call, "scheduled_publish_time")
    if given is None:
        return None, published
    at = _time(given)
    if published:
        bad_parameter("(#100) You cannot specify a scheduled publish time on a published post")
    if not _SOONEST <= at - call.sandbox.now() <= _LATEST:
        text = "(#100) The specified scheduled publish time is invalid."
        refuse(400, text, 100, subcode=1363119)
    return at, False


def _attached(call: Call, account: Account) -> tuple[Media, ...]:
    given = {**call.request.query_params, **call.fields}
    indexed = sorted(
        (int(m[1]), v) for name, v in given.items() if (m := _ATTACHED.fullmatch(name))
    )
    entries: Any = [value for _, value in indexed]
    if not entries and "attached_media" in given:
        entries = _json(given["attached_media"])
    if not isinstance(entries, list):
        bad_parameter("(#100) Param attached_media must be an array.")
    media = []
    for entry in map(_json, entries):
        number = str(entry.get("media_fbid")) if isinstance(entry, dict) else ""
        found = call.sandbox.media.get(number)
        if not found or (found.platform, found.account) != (PLATFORM, account.name):
            bad_parameter("(#100) Param attached_media has an invalid media_fbid.")
        if not found.attachable:
            bad_parameter("(#100) Photos should be unpublished to be attached to a post.")
        media.append(found)
    return tuple(media)


def _json(value: object) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        bad_parameter("(#100) Param attached_media must be valid JSON.")


def _listing(call: Call, posts: Iterable[Post]) -> Response:
    """One page of results of the posts that are not deleted, with cursors to the next."""
    size = _number(parameter(call, "limit"), 25)
    if not 0 < size <= 100:
        bad_parameter("(#100) Param limit must be between 1 and 100")
    since, until = (_bound(call, name) for name in ("since", "until"))
    after = _from_cursor(parameter(call, "after"))
    found = [
        post
        for post in sorted(posts, key=lambda p: (p.at, p.id), reverse=True)
        if not post.deleted
        and (since is None or post.at >= since)
        and (until is None or post.at <= until)
        and (after is None or _order(post) < after)
    ]
    page = found[:size]
    body: dict[str, object] = {"data": [_shown(call, post) for post in page]}
    if page:
        cursors = {"before": _cursor(page[0]), "after": _cursor(page[-1])}
        body["paging"] = {"cursors": cursors}
        if len(found) > size:
            body["paging"] = {"cursors": cursors, "next": _next(call, cursors["after"])}
    return answer(call, body)


def _next(call: Call, after: str) -> str:
    # The real one carries the token too: whoever logs it has lost it.
    token = parameter(call, "access_token") or call.request.headers["authorization"][7:]
    query = {**call.request.query_params, "access_token": token, "after": after}
    return f"{call.sandbox.base_url}{call.request.url.path}?{urlencode(query)}"


def _shown(call: Call, post: Post) -> dict[str, Any]:
    wanted = _fields(call, _DEFAULT_FIELDS)
    whole: dict[str, Any] = {
        "id": post.id,
        "created_time": post.at.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "permalink_url": f"{call.sandbox.base_url}/posts/{post.id}",
        "is_published": post.at <= call.sandbox.now() and post.published,
    }
    if _is_video(post):
        del whole["is_published"]  # posts alone have it
        whole |= {"description": post.text, "published": True}
    elif post.text:
        whole["message"] = post.text
    if post.scheduled:
        whole["scheduled_publish_time"] = int(post.at.timestamp())
    attachments = _attachments(call.sandbox, post)
    if attachments:
        whole["attachments"] = {"data": attachments}
    return {name: value for name, value in whole.items() if name in wanted or name == "id"}


def _is_video(post: Post) -> bool:
    return any(media.mime_type == videos.TYPE for media in post.media)


def _attachments(sandbox: Sandbox, post: Post) -> list[dict[str, Any]]:
    if post.link:
        return [{"type": "share", "url": post.link, "unshimmed_url": post.link}]
    photos = [
        {
            "type": "photo",
            "target": {"id": media.id},
            "media": {"image": {"src": f"{sandbox.base_url}/sandbox/media/{media.id}"}},
        }
        for media in post.media
    ]
    return photos if len(photos) < 2 else [{"type": "album", "subattachments": {"data": photos}}]


def _fields(call: Call, default: str) -> set[str]:
    """The wanted fields, without what is asked of them in braces."""
    given = parameter(call, "fields") or default
    while given != (given := re.sub(r"\{[^{}]*\}", "", given)):
        pass
    return {name.partition(".")[0].strip() for name in given.split(",")}


def _order(post: Post) -> str:
    return f"{post.at.isoformat()} {post.id}"


def _cursor(post: Post) -> str:
    return base64.urlsafe_b64encode(_order(post).encode()).decode()


def _from_cursor(given: str | None) -> str | None:
    if not given:
        return None
    try:
        return base64.urlsafe_b64decode(given).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        bad_parameter("(#100) The cursor is not valid.")


def _bound(call: Call, name: str) -> datetime | None:
    given = parameter(call, name)
    return None if given is None else _time(given)


def _time(given: str) -> datetime:
    """A moment as Unix seconds or in ISO 8601; without an offset it is UTC."""
    try:
        if given.isdecimal():
            return datetime.fromtimestamp(int(given), UTC)
        parsed = datetime.fromisoformat(given)
    except (ValueError, OverflowError):
        bad_parameter(f"(#100) {given!r} is not a valid time.")
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _number(given: str | None, default: int) -> int:
    if given is None:
        return default
    if not given.isdecimal() or len(given) > 9:
        bad_parameter(f"(#100) {given!r} is not a number.")
    return int(given)


def _is_true(given: str | None, *, default: bool) -> bool:
    return default if given is None else given.lower() not in {"false", "0", ""}
