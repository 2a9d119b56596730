"""The part of the X API v2 that publishing needs, under /2."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from socialstrike.sandbox import videos, x_consent, x_text, x_video
from socialstrike.sandbox.calls import Call, Refused, picture_type, route
from socialstrike.sandbox.state import Account, Media, Post, Sandbox
from socialstrike.sandbox.x_answers import (
    DIALECT,
    PROBLEMS,
    answer,
    duplicate,
    invalid,
    limit_headers,
    missing,
    problem,
    too_many,
)
from socialstrike.sandbox.x_tokens import PLATFORM, authenticate, exchange

_MAX_ALT = 1000
_MAX_IMAGE = 5 * 1024 * 1024
_MAX_IMAGES = 4
_TWEET_FIELDS = {"text", "media", "reply", "made_with_ai", "nullcast", "reply_settings"}
_TIMELINE_PARAMETERS = {
    "max_results", "start_time", "end_time", "pagination_token", "exclude", "since_id",
    "until_id", "tweet.fields", "expansions", "media.fields", "user.fields",
}  # fmt: skip


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    """The addresses of the API."""
    return [
        *x_consent.routes(sandbox),
        route(sandbox, DIALECT, "/2/tweets", {"POST": create}),
        route(sandbox, DIALECT, "/2/tweets/{id}", {"GET": show, "DELETE": delete}),
        route(sandbox, DIALECT, "/2/users/me", {"GET": me}),
        route(sandbox, DIALECT, "/2/users/{id}/tweets", {"GET": timeline}),
        route(sandbox, DIALECT, "/2/media/upload", {"POST": upload, "GET": x_video.status}),
        route(sandbox, DIALECT, "/2/media/upload/initialize", {"POST": x_video.initialize}),
        route(sandbox, DIALECT, "/2/media/upload/{id}/append", {"POST": x_video.append}),
        route(sandbox, DIALECT, "/2/media/upload/{id}/finalize", {"POST": x_video.finalize}),
        route(sandbox, DIALECT, "/2/media/metadata", {"POST": describe}),
        route(sandbox, DIALECT, "/2/oauth2/token", {"POST": exchange}),
    ]


async def me(call: Call) -> Response:
    """Whose credentials these are."""
    account = authenticate(call)
    return await call.perform(account, "check", lambda: answer({"data": _user(account)}))


async def create(call: Call) -> Response:
    """Publish a post."""
    account = authenticate(call)
    text = call.fields.get("text", "")
    if not isinstance(text, str):
        invalid("text", text, "$.text: is not a string")

    def act() -> Response:
        remaining, reset = account.count_post(call.sandbox.now())
        limit = account.limit or 100
        if remaining < 0:
            return too_many(limit, int(reset.timestamp()))
        headers = limit_headers(limit, remaining, int(reset.timestamp()))
        try:
            post = _new_post(call, account, text)
        except Refused as refused:
            refused.response.headers.update(headers)
            return refused.response
        shown, _ = _shown(call.sandbox, account, post)
        data = {"id": post.id, "text": shown, "edit_history_tweet_ids": [post.id]}
        return answer({"data": data}, 201, headers)

    return await call.perform(account, "publish", act, text=text)


async def show(call: Call) -> Response:
    """One post."""
    account = authenticate(call)
    number = call.request.path_params["id"]

    def act() -> Response:
        post = call.sandbox.posts.get(number)
        if post is None or post.deleted or post.platform != PLATFORM:
            return answer({"errors": [missing(number)]})
        author = call.sandbox.account_named(PLATFORM, post.account) or account
        return answer({"data": _tweet(call, author, post)})

    return await call.perform(account, "find", act)


async def delete(call: Call) -> Response:
    """Delete one of the account's own posts."""
    account = authenticate(call)
    post = call.sandbox.posts.get(call.request.path_params["id"])

    def act() -> Response:
        if post is None or post.deleted:
            return problem(404, "Not Found Error", "Not Found", f"{PROBLEMS}resource-not-found")
        if (post.platform, post.account) != (PLATFORM, account.name):
            detail = "You are not authorized to delete this Tweet."
            return problem(403, "Forbidden", detail)
        post.deleted = True
        return answer({"data": {"deleted": True}})

    return await call.perform(account, "retract", act, text=post.text if post else "")


async def timeline(call: Call) -> Response:
    """A user's posts, newest first, a page at a time."""
    account = authenticate(call)
    query = call.request.query_params
    for name in query.keys() - _TIMELINE_PARAMETERS:
        invalid(name, query[name], f"The query parameter [{name}] is not one of the valid ones")

    def act() -> Response:
        owner = call.sandbox.account_by_id(PLATFORM, call.request.path_params["id"])
        if owner is None:
            return answer({"errors": [missing(call.request.path_params["id"])]})
        size = _page_size(query.get("max_results", "10"))
        posts = _timeline_posts(call, owner)
        page = posts[:size]
        meta: dict[str, object] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0].id, "oldest_id": page[-1].id}
        if len(posts) > size:
            meta["next_token"] = _to_token(page[-1].id)
        data = {"data": [_tweet(call, owner, post) for post in page]} if page else {}
        return answer({**data, "meta": meta})

    return await call.perform(account, "find", act)


async def upload(call: Call) -> Response:
    """Keep a picture, sent as multipart or as base64 in JSON."""
    account = authenticate(call)
    content = call.files.get("media")
    if content is None and isinstance(call.fields.get("media"), str):
        try:
            content = base64.b64decode(call.fields["media"], validate=True)
        except binascii.Error:
            invalid("media", "", "media is not base64")
    if not content or not call.fields.get("media_category"):
        invalid("media", "", "media and media_category must both be given")
    mime_type = picture_type(content)
    if mime_type is None or len(content) > _MAX_IMAGE:
        invalid("media", "", "The media must be an image of at most 5 MB")

    def act() -> Response:
        media = call.sandbox.add_media(account, content, mime_type)
        data = {
            "id": media.id,
            "media_key": f"3_{media.id}",
            "size": len(content),
            "expires_after_secs": 86400,
            "image": {"image_type": mime_type},
        }
        return answer({"data": data})

    return await call.perform(account, "upload", act)


async def describe(call: Call) -> Response:
    """Give a picture its alternative text."""
    account = authenticate(call)
    number = call.fields.get("id")
    media = call.sandbox.media.get(number) if isinstance(number, str) else None
    if media is None or (media.platform, media.account) != (PLATFORM, account.name):
        invalid("id", number, "The media id is not valid")
    metadata = call.fields.get("metadata")
    alt = metadata.get("alt_text") if isinstance(metadata, dict) else None
    text = alt.get("text") if isinstance(alt, dict) else None
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_ALT:
        invalid("metadata", "", "$.metadata.alt_text.text must hold 1 to 1000 characters")

    def act() -> Response:
        media.alt = text
        return answer({"data": {"id": media.id, "associated_metadata": {"alt_text": alt}}})

    return await call.perform(account, "upload", act)


def _new_post(call: Call, account: Account, text: str) -> Post:
    for name in call.fields.keys() - _TWEET_FIELDS:
        invalid(name, "", f"$.{name}: is not defined in the schema")
    media = _attached(call, account)
    if not text and not media:
        invalid("text", "", "At least one of text or media must be provided")
    if x_text.length(text) > x_text.MAX_LENGTH:
        invalid("text", "", "Your Tweet text is too long.")
    sandbox = call.sandbox
    post = Post(
        id=sandbox.new_id(),
        platform=PLATFORM,
        account=account.name,
        text=text,
        at=sandbox.now(),
        reply_to=_replied_to(call),
        media=media,
    )
    if sandbox.same_content(account, post):
        raise Refused(duplicate())
    sandbox.add_post(account, post)
    return post


def _attached(call: Call, account: Account) -> tuple[Media, ...]:
    wanted = call.fields.get("media")
    numbers = wanted.get("media_ids") if isinstance(wanted, dict) else None
    if wanted is None:
        return ()
    if not isinstance(numbers, list) or not 0 < len(numbers) <= _MAX_IMAGES:
        invalid("media.media_ids", numbers, "Between 1 and 4 media ids must be given")
    found = [call.sandbox.media.get(str(number)) for number in numbers]
    mine = [m for m in found if m and (m.platform, m.account) == (PLATFORM, account.name)]
    if len(mine) != len(numbers):
        invalid("media.media_ids", numbers, "Your media IDs are invalid.")
    now = call.sandbox.now()
    if any(call.sandbox.videos.state(media.id, now) != "succeeded" for media in mine):
        invalid("media.media_ids", numbers, "The media is not ready to be posted.")
    if len(mine) > 1 and any(media.mime_type == videos.TYPE for media in mine):
        invalid("media.media_ids", numbers, "A video must stand alone.")
    return tuple(mine)


def _replied_to(call: Call) -> str | None:
    reply = call.fields.get("reply")
    if reply is None:
        return None
    number = reply.get("in_reply_to_tweet_id") if isinstance(reply, dict) else None
    original = call.sandbox.posts.get(number) if isinstance(number, str) else None
    if original is None or original.deleted or original.platform != PLATFORM:
        invalid("reply", "", "You attempted to reply to a Tweet that is deleted or not visible.")
    return original.id


def _timeline_posts(call: Call, owner: Account) -> list[Post]:
    query = call.request.query_params
    start, end = (_time(query.get(name)) for name in ("start_time", "end_time"))
    token, until = query.get("pagination_token"), query.get("until_id")
    before = min((_number(i) for i in (_from_token(token), until) if i), default=None)
    after = _number(query.get("since_id") or "0")
    without_replies = "replies" in query.get("exclude", "").split(",")
    return [
        post
        for post in reversed(owner.posts)
        if not post.deleted
        and int(post.id) > after
        and (before is None or int(post.id) < before)
        and (start is None or post.at >= start)
        and (end is None or post.at < end)
        and not (without_replies and post.reply_to)
    ]


def _tweet(call: Call, author: Account, post: Post) -> dict[str, Any]:
    shown, urls = _shown(call.sandbox, author, post)
    fields = call.request.query_params.get("tweet.fields", "").split(",")
    tweet: dict[str, Any] = {"id": post.id, "text": shown, "edit_history_tweet_ids": [post.id]}
    if "created_at" in fields:
        tweet["created_at"] = post.at.strftime(f"%Y-%m-%dT%H:%M:%S.{post.at:%f}")[:-3] + "Z"
    if "author_id" in fields:
        tweet["author_id"] = author.id
    if "entities" in fields and urls:
        tweet["entities"] = {"urls": urls}
    if "attachments" in fields and post.media:
        tweet["attachments"] = {"media_keys": [f"3_{media.id}" for media in post.media]}
    if "referenced_tweets" in fields and post.reply_to:
        tweet["referenced_tweets"] = [{"type": "replied_to", "id": post.reply_to}]
    return tweet


def _shown(sandbox: Sandbox, author: Account, post: Post) -> tuple[str, list[dict[str, object]]]:
    if not post.media:
        return x_text.wrap(post.text, picture_url=None)
    kind = "video" if post.media[0].mime_type == videos.TYPE else "photo"
    shown = f"https://x.com/{_username(author)}/status/{post.id}/{kind}/1"
    return x_text.wrap(post.text, picture_url=shown)


def _user(account: Account) -> dict[str, str]:
    return {"id": account.id, "name": account.name, "username": _username(account)}


def _username(account: Account) -> str:
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in account.name)
    return plain[:15]


def _page_size(given: str) -> int:
    if not given.isdecimal() or len(given) > 3 or not 5 <= int(given) <= 100:
        text = f"The `max_results` query parameter value [{given}] is not between 5 and 100"
        invalid("max_results", given, text)
    return int(given)


def _number(given: str) -> int:
    if not given.isdecimal() or len(given) > 19:
        invalid("id", given, "The id is not a number of at most 19 digits")
    return int(given)


def _time(given: str | None) -> datetime | None:
    if not given:
        return None
    try:
        parsed = datetime.fromisoformat(given)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        invalid("start_time", given, "The time is not in RFC 3339 form")
    return parsed


def _to_token(number: str) -> str:
    return base64.b32hexencode(number.encode()).decode().rstrip("=").lower()


def _from_token(token: str | None) -> str | None:
    if not token:
        return None
    try:
        padded = token.upper() + "=" * (-len(token) % 8)
        return str(int(base64.b32hexdecode(padded)))
    except ValueError:
        invalid("pagination_token", token, "The pagination token is not valid")
