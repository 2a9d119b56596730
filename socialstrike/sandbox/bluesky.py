"""The part of a Bluesky server (a PDS) that publishing needs, under /xrpc."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import regex
from starlette.responses import Response
from starlette.routing import BaseRoute

from socialstrike.sandbox import bluesky_sessions as sessions
from socialstrike.sandbox import videos
from socialstrike.sandbox.bluesky_answers import DIALECT, PLATFORM, answer, cid, invalid, refuse
from socialstrike.sandbox.bluesky_sessions import account_at, authenticate
from socialstrike.sandbox.calls import Call, Handler, picture_type, route
from socialstrike.sandbox.state import Account, Media, Post, Sandbox

_COLLECTION = "app.bsky.feed.post"
_MOST_GRAPHEMES, _MOST_BYTES = 300, 3_000
_MOST_IMAGES, _MOST_IMAGE = 4, 2_000_000
_MOST_VIDEO = 100_000_000
_RAW, _CBOR = 0x55, 0x71
_POST_URI = re.compile(f"at://did:[a-z]+:[A-Za-z0-9._:%-]+/{re.escape(_COLLECTION)}/[a-z0-9]+")
_CID = re.compile("b[a-z2-7]{50,}")
_TID = re.compile("[234567abcdefghij][234567a-z]{12}")


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    """The addresses of the API."""
    table: dict[str, dict[str, Handler]] = {
        "com.atproto.server.describeServer": {"GET": describe},
        "com.atproto.server.createSession": {"POST": sessions.create},
        "com.atproto.server.refreshSession": {"POST": sessions.refresh},
        "com.atproto.server.getSession": {"GET": sessions.show},
        "com.atproto.identity.resolveHandle": {"GET": resolve},
        "com.atproto.repo.uploadBlob": {"POST": upload},
        "com.atproto.repo.putRecord": {"POST": put},
        "com.atproto.repo.getRecord": {"GET": show},
        "com.atproto.repo.listRecords": {"GET": listing},
        "com.atproto.repo.deleteRecord": {"POST": delete},
    }
    return [route(sandbox, DIALECT, f"/xrpc/{name}", acts) for name, acts in table.items()]


async def describe(_call: Call) -> Response:
    """What kind of server this is."""
    domains = [".sandbox.test"]
    return answer({"did": "did:web:sandbox.test", "availableUserDomains": domains})


async def resolve(call: Call) -> Response:
    """Whose handle this is."""
    account = account_at(call.sandbox, call.request.query_params.get("handle", ""))
    if account is None:
        invalid("Unable to resolve handle")
    return answer({"did": account.id})


async def upload(call: Call) -> Response:
    """Keep a picture for the record that will name it."""
    account = authenticate(call)

    def act() -> Response:
        if not call.body:
            invalid("The blob is empty")
        kind = call.request.headers.get("content-type", "application/octet-stream")
        media = call.sandbox.add_media(account, call.body, picture_type(call.body) or kind)
        return answer({"blob": _blob(media)})

    return await call.perform(account, "upload", act)


async def put(call: Call) -> Response:
    """Write a record: over another, or only where there is none, or where it is as expected."""
    account = authenticate(call)
    place = _own_place(call, account)
    record = call.fields.get("record")
    if not isinstance(record, dict):
        invalid("Input/record must be an object")
    text = record.get("text")

    def act() -> Response:
        media = _checked(call.sandbox, account, record)
        there = _existing(call.sandbox, place)
        new = cid(_canonical(record), codec=_CBOR)
        if there is not None and _cid(there) == new:
            return answer(_named(place, there))
        if "swapRecord" in call.fields:
            expected = call.fields["swapRecord"]
            if expected != (_cid(there) if there else None):
                refuse(400, "InvalidSwap", f"Record was at {_cid(there) if there else 'null'}")
        post = Post(
            id=place.rkey,
            platform=PLATFORM,
            account=account.name,
            text=record["text"],
            at=call.sandbox.now(),
            media=media,
            reply_to=_replied_to(record),
            record=record,
            options={"language": " ".join(map(str, record.get("langs") or ()))},
        )
        if there is not None:
            there.deleted = True
        call.sandbox.add_post(account, post, key=place.uri)
        return answer(_named(place, post) | {"validationStatus": "valid"})

    return await call.perform(account, "publish", act, text=text if isinstance(text, str) else "")


async def show(call: Call) -> Response:
    """One record; anyone may ask."""
    place, owner = _asked_place(call)

    def act() -> Response:
        there = _existing(call.sandbox, place)
        if there is None:
            refuse(400, "RecordNotFound", f"Could not locate record: {place.uri}")
        return answer(_named(place, there) | {"value": there.record})

    return await call.perform(owner, "find", act)


async def listing(call: Call) -> Response:
    """An account's records by their keys, the greatest first, a page at a time."""
    place, owner = _asked_place(call)
    query = call.request.query_params
    size = query.get("limit", "50")
    if not size.isdecimal() or not 1 <= int(size[:4]) <= 100:
        invalid("limit must be between 1 and 100")

    def act() -> Response:
        before = query.get("cursor")
        mine = (p for p in owner.posts if not p.deleted and (not before or p.id < before))
        found = sorted(mine, key=lambda post: post.id, reverse=True)[: int(size)]
        records = [
            _named(replace(place, rkey=post.id), post) | {"value": post.record} for post in found
        ]
        cursor = {"cursor": found[-1].id} if found else {}
        return answer({"records": records, **cursor})

    return await call.perform(owner, "find", act)


async def delete(call: Call) -> Response:
    """Delete a record; one that is not there is as good as deleted."""
    account = authenticate(call)
    place = _own_place(call, account)
    there = _existing(call.sandbox, place)

    def act() -> Response:
        if there is None:
            return answer({})
        there.deleted = True
        return answer({"commit": _commit(place)})

    return await call.perform(account, "retract", act, text=there.text if there else "")


@dataclass(frozen=True, slots=True)
class _Place:
    did: str
    rkey: str

    @property
    def uri(self) -> str:
        return f"at://{self.did}/{_COLLECTION}/{self.rkey}"


def _own_place(call: Call, account: Account) -> _Place:
    """The place that a writer means. Raises Refused for another's, or a key that is no TID."""
    fields = call.fields
    if account_at(call.sandbox, str(fields.get("repo", ""))) is not account:
        refuse(401, "AuthenticationRequired", "Authentication Required")
    return _Place(account.id, _key(fields))


def _asked_place(call: Call) -> tuple[_Place, Account]:
    query = dict(call.request.query_params)
    owner = account_at(call.sandbox, query.get("repo", ""))
    if owner is None:
        invalid(f"Could not find repo: {query.get('repo')}")
    wants_one = call.request.url.path.endswith("getRecord")
    rkey = _key(query) if wants_one else ""
    return _Place(owner.id, rkey), owner


def _key(fields: Mapping[str, Any]) -> str:
    if fields.get("collection") != _COLLECTION:
        invalid(f"The sandbox knows the collection {_COLLECTION} alone")
    rkey = fields.get("rkey")
    if not isinstance(rkey, str) or not _TID.fullmatch(rkey):
        invalid("Input/rkey must be a valid TID")
    return rkey


def _existing(sandbox: Sandbox, place: _Place) -> Post | None:
    post = sandbox.posts.get(place.uri)
    return None if post is None or post.deleted else post


def _checked(sandbox: Sandbox, account: Account, record: Mapping[str, Any]) -> tuple[Media, ...]:
    """The record's pictures. Raises Refused where the record breaks a rule of its schema."""
    text = record.get("text")
    if record.get("$type") != _COLLECTION or not isinstance(text, str):
        invalid(f"Invalid {_COLLECTION} record: Record must have the property text")
    if len(text.encode()) > _MOST_BYTES or len(regex.findall(r"\X", text)) > _MOST_GRAPHEMES:
        most = f"{_MOST_GRAPHEMES} graphemes and {_MOST_BYTES} bytes"
        invalid(f"Invalid {_COLLECTION} record: Record/text must not be longer than {most}")
    _check_time(record.get("createdAt"))
    embed = record.get("embed") or {}
    if isinstance(embed, dict) and embed.get("$type") == "app.bsky.embed.video":
        return (_shown_video(sandbox, account, embed),)
    images = embed.get("images", []) if isinstance(embed, dict) else None
    if not isinstance(images, list) or len(images) > _MOST_IMAGES:
        invalid(f"Invalid {_COLLECTION} record: Record/embed/images must be at most four")
    return tuple(_shown(sandbox, account, image) for image in images)


def _replied_to(record: Mapping[str, Any]) -> str | None:
    """The key of the post it stands under. As the real one, this looks at the form alone: readers
    see a reply to nothing as one to a post that was deleted.
    """
    if "reply" not in record:
        return None
    reply = record["reply"] if isinstance(record["reply"], dict) else {}
    for name in ("root", "parent"):
        ref = reply.get(name)
        if not isinstance(ref, dict) or not _is_ref(ref.get("uri"), ref.get("cid")):
            invalid(f"Invalid {_COLLECTION} record: Record/reply/{name} must be a strong reference")
    return str(reply["parent"]["uri"]).rpartition("/")[2]


def _is_ref(uri: object, cid: object) -> bool:
    named = isinstance(uri, str) and _POST_URI.fullmatch(uri)
    return bool(named) and isinstance(cid, str) and _CID.fullmatch(cid) is not None


def _check_time(given: object) -> None:
    try:
        aware = isinstance(given, str) and datetime.fromisoformat(given).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        invalid(f"Invalid {_COLLECTION} record: Record/createdAt must be an valid atproto datetime")


def _shown(sandbox: Sandbox, account: Account, image: object) -> Media:
    """A picture of its own for this record: the same blob may be described differently."""
    entry = image if isinstance(image, dict) else {}
    kept = _kept(sandbox, account, entry.get("image"))
    if not isinstance(entry.get("alt"), str):
        invalid("Record/embed/images must have the property alt")
    if len(kept.content) > _MOST_IMAGE or not kept.mime_type.startswith("image/"):
        refuse(400, "BlobTooLarge", "This file is too large, or no picture")
    return sandbox.add_media(account, kept.content, kept.mime_type, entry["alt"])


def _shown_video(sandbox: Sandbox, account: Account, embed: Mapping[str, Any]) -> Media:
    """The video of a record."""
    kept = _kept(sandbox, account, embed.get("video"))
    ratio = embed.get("aspectRatio", {"width": 1, "height": 1})
    if not isinstance(ratio, dict) or set(map(type, ratio.values())) != {int}:
        invalid("Record/embed/aspectRatio must have whole numbers")
    if len(kept.content) > _MOST_VIDEO or kept.mime_type != videos.TYPE:
        refuse(400, "BlobTooLarge", "This file is too large, or no video")
    return sandbox.add_media(account, kept.content, kept.mime_type, str(embed.get("alt", "")))


def _kept(sandbox: Sandbox, account: Account, blob: object) -> Media:
    """The blob of this account that a record names. Raises Refused where there is none."""
    ref = blob.get("ref") if isinstance(blob, dict) else None
    wanted = ref.get("$link") if isinstance(ref, dict) else None
    mine = (
        m for m in sandbox.media.values() if (m.platform, m.account) == (PLATFORM, account.name)
    )
    kept = next((m for m in mine if cid(m.content, codec=_RAW) == wanted), None)
    if kept is None:
        refuse(400, "InvalidRequest", f"Could not find blob: {wanted}")
    return kept


def _blob(media: Media) -> dict[str, object]:
    ref = {"$link": cid(media.content, codec=_RAW)}
    size = len(media.content)
    return {"$type": "blob", "ref": ref, "mimeType": media.mime_type, "size": size}


def _canonical(record: Mapping[str, Any] | None) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode()


def _cid(post: Post) -> str:
    return cid(_canonical(post.record), codec=_CBOR)


def _named(place: _Place, post: Post) -> dict[str, Any]:
    return {"uri": place.uri, "cid": _cid(post)}


def _commit(place: _Place) -> dict[str, str]:
    return {"cid": cid(place.uri.encode(), codec=_CBOR), "rev": place.rkey}
