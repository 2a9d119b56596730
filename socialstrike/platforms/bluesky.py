"""Bluesky, through atproto: a post has an address of its own, which the delivery decides.

That address is why nothing goes out twice: a post is put there only if nothing is there yet, and
whether it arrived is asked at that address. atproto is imported on use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from socialstrike.i18n import stored
from socialstrike.platforms import video
from socialstrike.platforms.base import (
    CredentialsRefused,
    Limits,
    Media,
    OutcomeUnknown,
    Payload,
    PlatformError,
    Publication,
    RateLimited,
    Rejected,
    ReplyTo,
)
from socialstrike.platforms.bluesky_pictures import fitted
from socialstrike.platforms.bluesky_record import (
    MOST_VIDEO,
    blob_told,
    embed,
    entry,
    iso,
    record_key,
    text_length,
    video_entry,
)
from socialstrike.platforms.bluesky_session import EXPIRED, Session, did_told, error_told
from socialstrike.platforms.credentials import Access, Consent, CredentialField, Grant, Identity
from socialstrike.platforms.http import (
    Answer,
    Diagnosis,
    Exchange,
    HttpPlatform,
    by_status,
    guarded,
    identifier,
    moment_told,
    name_told,
    read_media,
    shown,
)

_HOST = "https://bsky.social"
_COLLECTION = "app.bsky.feed.post"
_APP_PASSWORD = re.compile(r"[a-z0-9]{4}(?:-[a-z0-9]{4}){3}", re.IGNORECASE)

#: As many different names are looked up for one post; further ones stay plain text, because the
#: post itself is waiting.
_MOST_MENTIONS = 10

_CLOSED = {
    "AccountTakedown", "AccountSuspended", "AccountDeactivated", "RepoTakendown", "RepoSuspended",
    "RepoDeactivated",
}  # fmt: skip
_TOO_LARGE = {"PayloadTooLarge", "BlobTooLarge"}


class Bluesky(HttpPlatform):
    """One Bluesky account, with an app password and the session that it opened."""

    name: ClassVar[str] = "bluesky"
    label: ClassVar[str] = "Bluesky"
    limits: ClassVar[Limits] = Limits(
        text=300,
        length=text_length,
        at_most=len,
        media=4,
        media_bytes=20_000_000,
        # No GIF: it would stand still there.
        media_types=frozenset({"image/jpeg", "image/png", "image/webp"}),
        # The protocol knows no limit; this is what Bluesky's own apps allow.
        alt=2_000,
        video_bytes=MOST_VIDEO,
        video_seconds=180,
        video_alt=1_000,
    )
    options: ClassVar[frozenset[str]] = frozenset({"language"})
    credential_fields: ClassVar[Sequence[CredentialField]] = (
        CredentialField("handle", stored("Handle, such as name.bsky.social"), secret=False),
        CredentialField("app_password", stored("App password")),
        CredentialField(
            "language", stored("Language of the posts, such as fr"), secret=False, required=False
        ),
        CredentialField("session", stored("Session"), required=False, asked=False),
    )

    def __init__(self, access: Access, *, timeout: tuple[float, float] = (5.0, 20.0)) -> None:
        # The limits alone must cost nothing: here come requests, and atproto with 700 ms.
        from socialstrike.platforms import transport  # noqa: PLC0415  # as said above
        from socialstrike.platforms.bluesky_wire import client  # noqa: PLC0415  # as said above

        self.access, self.exchange = access, Exchange()
        session = transport.session(
            access,
            hosts=(_HOST,),
            secrets=self.secrets(access),
            timeout=timeout,
            exchange=self.exchange,
        )
        sort = partial(self.trouble, "check")
        self._session = Session(access, self.exchange, client(session), sort)

    @classmethod
    def caution(cls, given: Mapping[str, str]) -> str | None:
        """Say so where what is given as an app password is none; see Platform."""
        if _APP_PASSWORD.fullmatch(given.get("app_password", "").strip()):
            return None
        return stored(
            "this does not look like an app password (xxxx-xxxx-xxxx-xxxx); the account's"
            " own password opens far more than posting, so make an app password in"
            " Bluesky's settings"
        )

    @classmethod
    def redeem(
        cls, access: Access, consent: Consent | None, answer: Mapping[str, str]
    ) -> list[Grant]:
        """The app password itself, once its handle is somebody's; see Platform."""
        cls(access)._be_somebody()
        return super().redeem(access, consent, answer)

    @guarded("check")
    def check(self) -> Identity:
        """Ask Bluesky whose session this is; see Platform."""
        found = self._session.call("com.atproto.server.getSession")
        handle, did = name_told(found["handle"]), did_told(found["did"])
        if found.get("active") is False:
            raise CredentialsRefused(
                stored(
                    "Bluesky says that account '{account}' is not active ({found}); settle that"
                    " there, then run: socialstrike accounts resume {account}",
                    account=self.access.account,
                    found=shown(str(found.get("status") or "no reason given")),
                )
            )
        told = self.exchange.answer
        return Identity(
            did,
            handle,
            f"https://bsky.app/profile/{did}",
            remaining=told.remaining() if told else None,
        )

    @guarded("upload")
    def upload(self, media: Media) -> str:
        """Hand over one picture, made smaller where it must be, or a video; see Platform.

        What is returned is its whole entry in a post, its description included.
        """
        if media.is_video:
            return self._upload_video(media)
        content, mime_type, (width, height) = fitted(media, read_media(media, self.limits))
        answer = self._session.call(
            "com.atproto.repo.uploadBlob", content=content, headers={"Content-Type": mime_type}
        )
        ratio = {"width": width, "height": height}
        image = blob_told(answer["blob"])
        return json.dumps({"alt": media.alt, "image": image, "aspectRatio": ratio})

    def _upload_video(self, media: Media) -> str:
        """A video as a blob of the account's server; Bluesky works on it once it is posted."""
        with video.whole(media, self.limits) as content:
            answer = self._session.call(
                "com.atproto.repo.uploadBlob",
                content=content,
                headers={"Content-Type": media.mime_type},
            )
        return json.dumps(video_entry(media, answer["blob"]))

    @guarded("publish")
    def publish(self, payload: Payload, media_ids: Sequence[str]) -> Publication:
        """Put the post at its own address, if nothing is there yet; see Platform."""
        text = self.compose(payload.text, payload.link)
        now = datetime.now(UTC)
        record: dict[str, Any] = {"$type": _COLLECTION, "text": text, "createdAt": iso(now)}
        chosen = payload.language or self.access.credentials.get("language", "")
        if languages := re.findall(r"[A-Za-z0-9-]+", chosen):
            record["langs"] = languages[:3]
        if found := self._session.beforehand(lambda: self._facets(text)):
            record["facets"] = found
        if media_ids:
            record["embed"] = embed([entry(media_id) for media_id in media_ids])
        if (under := payload.reply_to) is not None:
            record["reply"] = self._reply(under)
        key = record_key(payload.key)
        # Raw, because the library leaves out a null, and the null is what says: only if absent.
        answer = self._session.call(
            "com.atproto.repo.putRecord",
            {**self._place(key), "swapRecord": None, "record": record},
        )
        told = self.exchange.answer
        return replace(
            self._publication(key, answer),
            throttled_until=_in_usual_words(told).used_up_until() if told else None,
        )

    @guarded("find")
    def find(
        self, payload: Payload, since: datetime, known: Collection[str] = ()
    ) -> Publication | None:
        """Look at the post's own address, whenever it was put there; see Platform."""
        del since
        key = record_key(payload.key)
        if key in known:
            return None
        answer = self._record(key)
        if answer is None:
            return None
        there = answer["value"]
        found = self._publication(key, answer, moment_told(there["createdAt"]))
        if not isinstance(there["text"], str):
            raise TypeError(stored("the text is none"))
        return found if there["text"] == self.compose(payload.text, payload.link) else None

    @guarded("find")
    def exists(self, remote_id: str) -> bool:
        """Ask for the post at its own address; see Platform."""
        answer = self._record(remote_id)
        return answer is not None and bool(self._publication(remote_id, answer))

    @guarded("retract")
    def retract(self, remote_id: str) -> None:
        """Delete a post; the server itself takes one that is gone for deleted."""
        self._session.call("com.atproto.repo.deleteRecord", self._place(remote_id))

    def diagnose(self, answer: Answer) -> Diagnosis:
        """Sort by the error's name, else by status: a bad token is a 400 here."""
        name, message = error_told(answer)
        words = ": ".join(part for part in (name, message) if part)
        kind, remedy = by_status(answer.status), None
        if not 400 <= answer.status < 500:
            name = ""  # a server in trouble proves nothing, whatever it calls it
        if name == "InvalidSwap":
            kind = OutcomeUnknown
            remedy = stored("it says that this was posted already, so it is looked up there first")
        elif name == "RateLimitExceeded":
            kind = RateLimited
        elif name in _CLOSED:
            kind = CredentialsRefused
            remedy = stored("settle that there, then run: socialstrike accounts resume {account}")
        elif name == "AuthFactorTokenRequired":
            kind = CredentialsRefused
            remedy = stored(
                "make an app password in Bluesky's settings and give it with: socialstrike"
                " accounts add {platform} {account} --replace"
            )
        elif name in EXPIRED:
            kind = CredentialsRefused
        elif name in _TOO_LARGE:
            kind = Rejected
        return Diagnosis(kind, words, remedy, _in_usual_words(answer).retry_at())

    def _record(self, key: str) -> dict[str, Any] | None:
        """What is at a post's address; None where nothing is."""
        try:
            return self._session.call("com.atproto.repo.getRecord", query=self._place(key))
        except PlatformError:
            raise  # about a login before it, which says nothing of the post
        except Exception:
            told = self.exchange.answer
            if told and told.status in {400, 404} and error_told(told)[0] == "RecordNotFound":
                return None
            raise

    def _reply(self, under: ReplyTo) -> dict[str, Any]:
        """A later part's place in its thread. Raises Rejected where that is gone."""
        keys = {under.root, under.parent}
        named = self._session.beforehand(lambda: {key: self._named(key) for key in keys})
        if None in named.values():
            # The server would take it all the same, and show it torn off.
            raise Rejected(
                stored("a part before it is on Bluesky no more; queue what is left as a new thread")
            )
        return {"root": named[under.root], "parent": named[under.parent]}

    def _named(self, key: str) -> dict[str, str] | None:
        """The account's own post by its address and content; None where it is gone."""
        answer = self._record(key)
        if answer is None:
            return None
        self._publication(key, answer)
        return {"uri": answer["uri"], "cid": identifier(answer["cid"])}

    def _place(self, key: str) -> dict[str, Any]:
        return {"repo": self._session.did(), "collection": _COLLECTION, "rkey": key}

    def _publication(
        self, key: str, answer: Mapping[str, Any], made: datetime | None = None
    ) -> Publication:
        did = self._session.did()
        if answer["uri"] != f"at://{did}/{_COLLECTION}/{key}":
            raise TypeError(stored("the answer is about another post"))
        return Publication(key, f"https://bsky.app/profile/{did}/post/{key}", made)

    def _facets(self, text: str) -> list[dict[str, Any]]:
        """What of the text can be clicked, by Bluesky's own rules, in UTF-8 bytes."""
        from atproto_client.utils import facet_detection  # noqa: PLC0415  # on use, as everywhere

        facets = [
            facet.model_dump(mode="json", by_alias=True, exclude_none=True)
            for facet in facet_detection.detect_facets(text)
        ]
        known: dict[str, str | None] = {}
        for mention in facet_detection.detect_mentions(text):
            handle = mention.handle.lower()
            if handle not in known and len(known) < _MOST_MENTIONS:
                known[handle] = self._resolved(handle)
            if did := known.get(handle):
                feature = {"$type": "app.bsky.richtext.facet#mention", "did": did}
                index = {"byteStart": mention.byte_start, "byteEnd": mention.byte_end}
                facets.append({"index": index, "features": [feature]})
        return sorted(facets, key=lambda facet: int(facet["index"]["byteStart"]))

    def _resolved(self, handle: str) -> str | None:
        """Whose handle this is; None where it is nobody's, so that it stays plain text."""
        try:
            asked = {"handle": handle}
            told = self._session.call("com.atproto.identity.resolveHandle", query=asked)
            return did_told(told["did"])
        except PlatformError:
            raise  # about a login before it, which says nothing of the handle
        except Exception:
            answer = self.exchange.answer
            if answer and answer.status == 400 and error_told(answer)[0] not in EXPIRED:
                return None
            raise

    @guarded("check")
    def _be_somebody(self) -> None:
        self._session.be_somebody()


def _in_usual_words(answer: Answer) -> Answer:
    """``answer`` with its limit headers under the names that most platforms give them."""
    given = answer.headers
    usual = {f"x-{name}": given[name] for name in given if name.startswith("ratelimit-")}
    usual = {name.replace("ratelimit", "rate-limit"): value for name, value in usual.items()}
    return replace(answer, headers={**given, **usual})
