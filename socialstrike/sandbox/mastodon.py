"""The part of the Mastodon API that publishing needs, under /api; the way to a token beside it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.responses import Response
from starlette.routing import BaseRoute

from socialstrike.sandbox import mastodon_scheduled, mastodon_text, mastodon_tokens, videos
from socialstrike.sandbox.calls import Call, picture_type, route
from socialstrike.sandbox.mastodon_answers import (
    DIALECT,
    answer,
    attachment,
    invalid,
    missing,
    moment,
    refuse,
)
from socialstrike.sandbox.mastodon_tokens import PLATFORM, authenticate
from socialstrike.sandbox.state import Account, Media, Post, Sandbox

_MAX_ALT = 1_500
_MAX_IMAGE = 16 * 1024 * 1024
_MAX_IMAGES = 4
_MAX_VIDEO = 99 * 1024 * 1024
_TYPES = ["image/jpeg", "image/png", "image/gif", "image/webp", videos.TYPE]
_KEY_LASTS = timedelta(hours=1)
_MOST_LISTED = 40
_VISIBILITIES = {"public", "unlisted", "private", "direct"}


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    """The addresses of the API."""
    table = {
        "/api/v1/statuses": {"POST": create},
        "/api/v1/statuses/{id}": {"GET": show, "DELETE": delete},
        "/api/v1/statuses/{id}/source": {"GET": source},
        "/api/v1/accounts/verify_credentials": {"GET": me},
        "/api/v1/accounts/{id}/statuses": {"GET": timeline},
        "/api/v2/media": {"POST": upload},
        "/api/v1/media/{id}": {"GET": show_media, "PUT": describe},
        **mastodon_scheduled.ROUTES,
    }
    api: list[BaseRoute] = [
        route(sandbox, DIALECT, path, handlers) for path, handlers in table.items()
    ]
    for version, tell in (("v1", instance_1), ("v2", instance_2)):
        for end in ("", "/"):  # Mastodon takes both, and its clients use both
            api.append(route(sandbox, DIALECT, f"/api/{version}/instance{end}", {"GET": tell}))
    return [*api, *mastodon_tokens.routes(sandbox)]


async def me(call: Call) -> Response:
    """Whose token this is."""
    account = authenticate(call)

    def act() -> Response:
        shown = {**_account(call.sandbox, account), "source": {"privacy": "public", "note": ""}}
        return answer(shown, call.sandbox.now())

    return await call.perform(account, "check", act)


async def instance_2(call: Call) -> Response:
    """What the instance is and takes."""
    body: dict[str, object] = {
        "domain": call.sandbox.base_url.partition("://")[2],
        "title": "Bac à sable",
        "version": "4.5.0",
        "api_versions": {"mastodon": 7},
        "configuration": _configuration(),
        "rules": [],
    }
    return await _tell(call, body)


async def instance_1(call: Call) -> Response:
    """The same in the form that servers before 4.0 know."""
    body: dict[str, object] = {
        "uri": call.sandbox.base_url.partition("://")[2],
        "title": "Bac à sable",
        "version": "4.5.0",
        "configuration": _configuration(),
    }
    return await _tell(call, body)


async def create(call: Call) -> Response:
    """Publish a post, or schedule one; the same key within the hour gives the first one."""
    account = authenticate(call)
    text = call.fields.get("status") or ""
    if not isinstance(text, str):
        invalid("Text is not a text")
    key = call.request.headers.get("idempotency-key")

    def act() -> Response:
        sandbox, now = call.sandbox, call.sandbox.now()
        at = mastodon_scheduled.when(call)
        number, until = sandbox.mastodon.keys.get((account.id, key or ""), ("", now))
        if now >= until:
            post = _new_post(call, account, text.strip(), at)
            number = post.id if at is None else mastodon_scheduled.hold(sandbox, post)
            if key:
                sandbox.mastodon.keys[account.id, key] = number, now + _KEY_LASTS
        # As the real one: what has this key is looked for only where it would be made now.
        if at is not None:
            return answer(mastodon_scheduled.shown(sandbox, account, number), now)
        return answer(_status(sandbox, _existing(call, number)), now)

    return await call.perform(account, "publish", act, text=text)


async def show(call: Call) -> Response:
    """One post."""
    account = authenticate(call)

    def act() -> Response:
        post = _existing(call, call.request.path_params["id"])
        return answer(_status(call.sandbox, post), call.sandbox.now())

    return await call.perform(account, "find", act)


async def source(call: Call) -> Response:
    """The text of one of the account's own posts, as it was written."""
    account = authenticate(call)

    def act() -> Response:
        post = _own(call, account)
        warning = post.options.get("content_warning", "")
        body = {"id": post.id, "text": post.text, "spoiler_text": warning}
        return answer(body, call.sandbox.now())

    return await call.perform(account, "find", act)


async def delete(call: Call) -> Response:
    """Delete one of the account's own posts; another's is not there for it."""
    account = authenticate(call)
    post = call.sandbox.posts.get(call.request.path_params["id"])

    def act() -> Response:
        mine = _own(call, account)
        shown = {**_status(call.sandbox, mine), "text": mine.text}
        mine.deleted = True
        return answer(shown, call.sandbox.now())

    return await call.perform(account, "retract", act, text=post.text if post else "")


async def timeline(call: Call) -> Response:
    """An account's posts, newest first, a page at a time."""
    account = authenticate(call)
    query = call.request.query_params
    limit = min(_number(query.get("limit"), 20), _MOST_LISTED)
    before, after = _number(query.get("max_id"), 0), _number(query.get("since_id"), 0)
    least = _number(query.get("min_id"), 0)

    def act() -> Response:
        owner = call.sandbox.account_by_id(PLATFORM, call.request.path_params["id"])
        if owner is None:
            missing()
        found = [
            post
            for post in reversed(owner.posts)
            if not post.deleted
            and post.at <= call.sandbox.now()
            and (not before or int(post.id) < before)
            and int(post.id) > max(after, least)
            and (owner is account or _visibility(call.sandbox, post) in {"public", "unlisted"})
        ]
        page = found[-limit:] if least else found[:limit]
        shown = [_status(call.sandbox, post) for post in page]
        return answer(shown, call.sandbox.now(), headers=_links(call, page, limit))

    return await call.perform(account, "find", act)


async def upload(call: Call) -> Response:
    """Keep a picture with its description; an animation is worked on for a while."""
    account = authenticate(call)
    content = call.files.get("file", b"")
    mime_type = videos.TYPE if videos.is_video(content) else picture_type(content)
    if mime_type is None:
        invalid("File content type is invalid")
    if len(content) > (_MAX_VIDEO if mime_type == videos.TYPE else _MAX_IMAGE):
        invalid("File file size must be less than 16 MB")
    alt = _alt(call)

    def act() -> Response:
        media = call.sandbox.add_media(account, content, mime_type, alt)
        if mime_type == videos.TYPE:
            call.sandbox.videos.begin(account.id, media.id, call.sandbox.now())
            return answer(attachment(call.sandbox, media), call.sandbox.now(), 202)
        if mime_type == "image/gif":
            call.sandbox.mastodon.processing[media.id] = 1
            return answer(attachment(call.sandbox, media), call.sandbox.now(), 202)
        return answer(attachment(call.sandbox, media), call.sandbox.now())

    return await call.perform(account, "upload", act)


async def show_media(call: Call) -> Response:
    """One picture that is in no post yet; status 206 while it is worked on."""
    account = authenticate(call)
    media = _own_media(call, account, call.request.path_params["id"])

    def act() -> Response:
        state = call.sandbox.videos.state(media.id, call.sandbox.now())
        if state == "failed":
            invalid("Error processing the media file")
        left = call.sandbox.mastodon.processing.get(media.id, 0) + (state == "in_progress")
        shown = answer(attachment(call.sandbox, media), call.sandbox.now(), 206 if left else 200)
        if left and state == "succeeded":
            call.sandbox.mastodon.processing[media.id] = left - 1
        return shown

    return await call.perform(account, "upload", act)


async def describe(call: Call) -> Response:
    """Give a picture another description."""
    account = authenticate(call)
    media = _own_media(call, account, call.request.path_params["id"])
    alt = _alt(call)

    def act() -> Response:
        media.alt = alt
        return answer(attachment(call.sandbox, media), call.sandbox.now())

    return await call.perform(account, "upload", act)


async def _tell(call: Call, body: dict[str, object]) -> Response:
    """An answer about the instance; faults and the list of requests know it by its asker."""
    if "authorization" not in call.request.headers:
        return answer(body, call.sandbox.now())
    account = authenticate(call)
    return await call.perform(account, "check", lambda: answer(body, call.sandbox.now()))


def _new_post(call: Call, account: Account, text: str, at: datetime | None) -> Post:
    sandbox = call.sandbox
    if at is not None:
        mastodon_scheduled.check_room(sandbox, account, at)
    media = _attached(call, account)
    if not text and not media:
        invalid("Text can't be blank")
    warning = str(call.fields.get("spoiler_text") or "").strip()
    if mastodon_text.length(text) + len(warning) > mastodon_text.MAX_LENGTH:
        invalid(f"Text character limit of {mastodon_text.MAX_LENGTH} exceeded")
    visibility, language = (str(call.fields.get(n) or "") for n in ("visibility", "language"))
    if visibility and visibility not in _VISIBILITIES:
        invalid("Visibility is not included in the list")
    post = Post(
        id=sandbox.new_id(at),
        platform=PLATFORM,
        account=account.name,
        text=text,
        at=at or sandbox.now(),
        reply_to=_replied_to(call),
        media=media,
        scheduled=at is not None,
    )
    post.options = {
        "visibility": visibility or "public",
        "content_warning": warning,
        "language": language or "fr",
    }
    sandbox.mastodon.visibility[post.id] = visibility or "public"
    sandbox.mastodon.language[post.id] = language or "fr"
    sandbox.add_post(account, post)
    account.posts.sort(key=lambda one: int(one.id))  # a scheduled one stands where it comes out
    return post


def _attached(call: Call, account: Account) -> tuple[Media, ...]:
    numbers = call.fields.get("media_ids", [])
    if not isinstance(numbers, list):
        invalid("Media not found")
    # A form names the field once for each picture.
    form = parse_qsl(call.body.decode("utf-8", "replace"))
    numbers = [*numbers, *(value for name, value in form if name == "media_ids[]")]
    if len(numbers) > _MAX_IMAGES:
        invalid("Cannot attach more than 4 files")
    found = [_media(call, account, str(number)) for number in numbers]
    now = call.sandbox.now()
    working = (
        call.sandbox.mastodon.processing.get(media.id)
        or call.sandbox.videos.state(media.id, now) != "succeeded"
        for media in found
        if media
    )
    if any(working):
        invalid("Cannot attach files that have not finished processing. Try again in a moment!")
    if None in found:
        invalid("Media not found")
    if len(found) > 1 and any(media and media.mime_type == videos.TYPE for media in found):
        invalid("Cannot attach a video to a post that already contains images")
    return tuple(media for media in found if media)


def _replied_to(call: Call) -> str | None:
    number = call.fields.get("in_reply_to_id")
    if not number:
        return None
    original = call.sandbox.posts.get(str(number))
    if original is None or original.deleted or original.platform != PLATFORM:
        refuse(404, "The post you are trying to reply to does not appear to exist.")
    return original.id


def _existing(call: Call, number: str) -> Post:
    post = call.sandbox.posts.get(number)
    if post is None or post.deleted or post.platform != PLATFORM or post.at > call.sandbox.now():
        missing()
    return post


def _own(call: Call, account: Account) -> Post:
    post = _existing(call, call.request.path_params["id"])
    if post.account != account.name:
        missing()
    return post


def _media(call: Call, account: Account, number: str) -> Media | None:
    media = call.sandbox.media.get(number)
    mine = media and (media.platform, media.account) == (PLATFORM, account.name)
    return media if mine else None


def _own_media(call: Call, account: Account, number: str) -> Media:
    media = _media(call, account, number)
    if media is None:
        missing()
    return media


def _alt(call: Call) -> str:
    alt = str(call.fields.get("description") or "")
    if len(alt) > _MAX_ALT:
        invalid(f"Description is too long (maximum is {_MAX_ALT} characters)")
    return alt


def _configuration() -> dict[str, Any]:
    return {
        "statuses": {
            "max_characters": mastodon_text.MAX_LENGTH,
            "max_media_attachments": _MAX_IMAGES,
            "characters_reserved_per_url": mastodon_text.URL_LENGTH,
        },
        "media_attachments": {
            "supported_mime_types": _TYPES,
            "image_size_limit": _MAX_IMAGE,
            "video_size_limit": _MAX_VIDEO,
            "description_limit": _MAX_ALT,
        },
    }


def _account(sandbox: Sandbox, account: Account) -> dict[str, Any]:
    username = re.sub(r"[^A-Za-z0-9_]", "_", account.name)[:30]
    return {
        "id": account.id,
        "username": username,
        "acct": username,
        "display_name": account.name,
        "bot": False,
        "url": f"{sandbox.base_url}/accounts/{quote(account.name, safe='')}",
        "statuses_count": sum(p.at <= sandbox.now() and not p.deleted for p in account.posts),
    }


def _status(sandbox: Sandbox, post: Post) -> dict[str, Any]:
    author = sandbox.account_named(PLATFORM, post.account)
    return {
        "id": post.id,
        "created_at": moment(post.at),
        "in_reply_to_id": post.reply_to,
        "sensitive": bool(post.options.get("content_warning")),
        "spoiler_text": post.options.get("content_warning", ""),
        "visibility": _visibility(sandbox, post),
        "language": sandbox.mastodon.language.get(post.id),
        "uri": f"{sandbox.base_url}/posts/{post.id}",
        "url": f"{sandbox.base_url}/posts/{post.id}",
        "content": mastodon_text.render(post.text, sandbox.base_url) if post.text else "",
        "reblog": None,
        "account": _account(sandbox, author) if author else None,
        "media_attachments": [attachment(sandbox, media) for media in post.media],
        "mentions": mastodon_text.mentions(post.text, sandbox.base_url),
    }


def _visibility(sandbox: Sandbox, post: Post) -> str:
    return sandbox.mastodon.visibility.get(post.id, "public")


def _links(call: Call, page: list[Post], limit: int) -> dict[str, str]:
    if not page:
        return {}
    here = f"{call.sandbox.base_url}{call.request.url.path}?limit={limit}"
    older, newer = f"<{here}&max_id={page[-1].id}>", f"<{here}&min_id={page[0].id}>"
    return {"link": f'{older}; rel="next", {newer}; rel="prev"'}


def _number(given: str | None, default: int) -> int:
    if not given:
        return default
    if not given.isdecimal() or len(given) > 19:
        missing()
    return int(given)
