"""The posts that a Mastodon instance publishes by itself when their time has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from socialstrike.sandbox.calls import Call
from socialstrike.sandbox.mastodon_answers import answer, attachment, invalid, missing, moment
from socialstrike.sandbox.mastodon_tokens import authenticate
from socialstrike.sandbox.state import Account, Post, Sandbox

_SOONEST = timedelta(minutes=5)
_PER_DAY, _IN_ALL = 25, 300
_MOST_LISTED = 40


def when(call: Call) -> datetime | None:
    """For when a post is scheduled; None where it is to be out at once, as one whose time passed.

    Raises Refused for a time that is too near or cannot be read.
    """
    given = call.fields.get("scheduled_at")
    if not given:
        return None
    try:
        at = datetime.fromisoformat(str(given))
    except ValueError:
        invalid("Scheduled at is not a time")
    at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    ahead = at - call.sandbox.now()
    if ahead <= timedelta():
        return None
    if ahead < _SOONEST:
        invalid("Scheduled at The scheduled date must be in the future")
    return at


def check_room(sandbox: Sandbox, account: Account, at: datetime) -> None:
    """Raise Refused where the account has scheduled as much as it may."""
    days = [post.at.date() for post in _waiting(sandbox, account).values()]
    if len(days) >= _IN_ALL:
        invalid(f"You have exceeded the limit of {_IN_ALL} scheduled posts")
    if days.count(at.date()) >= _PER_DAY:
        invalid(f"You have exceeded the limit of {_PER_DAY} scheduled posts for that day")


def hold(sandbox: Sandbox, post: Post) -> str:
    """Keep a post until its time; the id that it has while it waits."""
    number = sandbox.new_id()
    sandbox.mastodon.scheduled[number] = post.id
    return number


def shown(sandbox: Sandbox, account: Account, number: str) -> dict[str, Any]:
    """A waiting post as Mastodon shows it. Raises Refused (404) where it waits no more."""
    post = _waiting(sandbox, account).get(number)
    if post is None:
        missing()
    return {
        "id": number,
        "scheduled_at": moment(post.at),
        "params": {
            "text": post.text,
            "media_ids": [int(media.id) for media in post.media] or None,
            "visibility": sandbox.mastodon.visibility.get(post.id),
            "language": sandbox.mastodon.language.get(post.id),
            "spoiler_text": post.options.get("content_warning", ""),
            "in_reply_to_id": post.reply_to,
            "idempotency": None,
        },
        "media_attachments": [attachment(sandbox, media) for media in post.media],
    }


async def listing(call: Call) -> Response:
    """What waits, newest first, a page at a time."""
    account = authenticate(call)
    query = call.request.query_params
    limit = min(int(query.get("limit") or 20), _MOST_LISTED)
    before = int(query.get("max_id") or 0)

    def act() -> Response:
        numbers = sorted(_waiting(call.sandbox, account), key=int, reverse=True)
        page = [n for n in numbers if not before or int(n) < before][:limit]
        return answer([shown(call.sandbox, account, n) for n in page], call.sandbox.now())

    return await call.perform(account, "find", act)


async def show(call: Call) -> Response:
    """One that waits."""
    account = authenticate(call)
    number = call.request.path_params["id"]

    def act() -> Response:
        return answer(shown(call.sandbox, account, number), call.sandbox.now())

    return await call.perform(account, "find", act)


async def delete(call: Call) -> Response:
    """Take one that waits back; one that is out is not there any more."""
    account = authenticate(call)
    number = call.request.path_params["id"]

    def act() -> Response:
        post = _waiting(call.sandbox, account).get(number)
        if post is None:
            missing()
        post.deleted = True
        return answer({}, call.sandbox.now())

    return await call.perform(account, "retract", act)


def _waiting(sandbox: Sandbox, account: Account) -> dict[str, Post]:
    held = sandbox.mastodon.scheduled.items()
    found = {n: sandbox.posts[post] for n, post in held if post in sandbox.posts}
    now = sandbox.now()
    return {
        n: p for n, p in found.items() if p.account == account.name and p.at > now and not p.deleted
    }


#: The addresses of what waits, for the table of the API.
ROUTES = {
    "/api/v1/scheduled_statuses": {"GET": listing},
    "/api/v1/scheduled_statuses/{id}": {"GET": show, "DELETE": delete},
}
