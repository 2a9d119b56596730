"""Bluesky, through atproto: a post has an address of its own, which the delivery decides.

That address is why nothing goes out twice: a post is put there only if nothing is there yet, and
whether it arrived is asked at that address. atproto is imported on use.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from socialstrike.i18n import stored
from socialstrike.platforms.base import (
    Access,
    Consent,
    CredentialField,
    CredentialsRefused,
    Grant,
    Identity,
    Limits,
    Media,
    OutcomeUnknown,
    Payload,
    PlatformError,
    Publication,
    RateLimited,
    Rejected,
)
from socialstrike.platforms.bluesky_pictures import fitted
from socialstrike.platforms.bluesky_record import blob_told, entry, iso, record_key, text_length
from socialstrike.platforms.bluesky_session import Kept
from socialstrike.platforms.consent import secret_told
from socialstrike.platforms.http import (
    Answer,
    Diagnosis,
    Exchange,
    HttpPlatform,
    by_status,
    guarded,
    moment_told,
    name_told,
    read_media,
    shown,
)

T = TypeVar("T")

_HOST = "https://bsky.social"
_COLLECTION = "app.bsky.feed.post"
_APP_PASSWORD = re.compile(r"[a-z0-9]{4}(?:-[a-z0-9]{4}){3}", re.IGNORECASE)
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,200}")


#: As many different names are looked up for one post; further ones stay plain text, because the
#: post itself is waiting.
_MOST_MENTIONS = 10

_EXPIRED = {"ExpiredToken", "InvalidToken"}
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
        media=4,
        media_bytes=20_000_000,
        # No GIF: it would stand still there.
        media_types=frozenset({"image/jpeg", "image/png", "image/webp"}),
        # The protocol knows no limit; this is what Bluesky's own apps allow.
        alt=2_000,
    )
    credential_fields: ClassVar[Sequence[CredentialField]] = (
        CredentialField("handle", "Handle, such as name.bsky.social", secret=False),
        CredentialField("app_password", "App password"),
        CredentialField(
            "language", "Language of the posts, such as fr", secret=False, required=False
        ),
        CredentialField("session", "Session", required=False, asked=False),
    )

    def __init__(self, access: Access, *, timeout: tuple[float, float] = (5.0, 20.0)) -> None:
        # The limits alone must cost nothing: here come requests, and atproto with 700 ms.
        from socialstrike.platforms import transport  # noqa: PLC0415  # as said above
        from socialstrike.platforms.bluesky_wire import client  # noqa: PLC0415  # as said above

        self.access, self.exchange = access, Exchange()
        self._handle = access.credentials.get("handle", "").strip().removeprefix("@")
        self._password = access.credentials.get("app_password", "")
        self._session = Kept.read(access.credentials.get("session", ""), self._opened_with())
        self._client = client(
            transport.session(
                access,
                hosts=(_HOST,),
                secrets=self.secrets(access),
                timeout=timeout,
                exchange=self.exchange,
            )
        )

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
        found = self._call("com.atproto.server.getSession")
        handle, did = name_told(found["handle"]), _did(found["did"])
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
        """Hand over one picture, made smaller where it must be; see Platform.

        What is returned is the picture's whole entry in a post, its description included.
        """
        content, mime_type, (width, height) = fitted(media, read_media(media, self.limits))
        answer = self._call(
            "com.atproto.repo.uploadBlob", content=content, headers={"Content-Type": mime_type}
        )
        ratio = {"width": width, "height": height}
        image = blob_told(answer["blob"])
        return json.dumps({"alt": media.alt, "image": image, "aspectRatio": ratio})

    @guarded("publish")
    def publish(self, payload: Payload, media_ids: Sequence[str]) -> Publication:
        """Put the post at its own address, if nothing is there yet; see Platform."""
        text = self.compose(payload.text, payload.link)
        now = datetime.now(UTC)
        record: dict[str, Any] = {"$type": _COLLECTION, "text": text, "createdAt": iso(now)}
        if languages := re.findall(r"[A-Za-z0-9-]+", self.access.credentials.get("language", "")):
            record["langs"] = languages[:3]
        if found := self._beforehand(lambda: self._facets(text)):
            record["facets"] = found
        if media_ids:
            images = [entry(media_id) for media_id in media_ids]
            record["embed"] = {"$type": "app.bsky.embed.images", "images": images}
        key = record_key(payload.key)
        # Raw, because the library leaves out a null, and the null is what says: only if absent.
        answer = self._call(
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
        try:
            answer = self._call("com.atproto.repo.getRecord", query=self._place(key))
        except PlatformError:
            raise  # about a login before it, which says nothing of the post
        except Exception:
            told = self.exchange.answer
            if told and told.status in {400, 404} and _error(told)[0] == "RecordNotFound":
                return None
            raise
        there = answer["value"]
        found = self._publication(key, answer, moment_told(there["createdAt"]))
        if not isinstance(there["text"], str):
            raise TypeError(stored("the text is none"))
        return found if there["text"] == self.compose(payload.text, payload.link) else None

    @guarded("retract")
    def retract(self, remote_id: str) -> None:
        """Delete a post; the server itself takes one that is gone for deleted."""
        self._call("com.atproto.repo.deleteRecord", self._place(remote_id))

    def diagnose(self, answer: Answer) -> Diagnosis:
        """Sort by the error's name, else by status: a bad token is a 400 here."""
        name, message = _error(answer)
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
        elif name in _EXPIRED:
            kind = CredentialsRefused
        elif name in _TOO_LARGE:
            kind = Rejected
        return Diagnosis(kind, words, remedy, _in_usual_words(answer).retry_at())

    def _place(self, key: str) -> dict[str, Any]:
        return {"repo": self._opened().did, "collection": _COLLECTION, "rkey": key}

    def _publication(
        self, key: str, answer: Mapping[str, Any], made: datetime | None = None
    ) -> Publication:
        did = self._opened().did
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
            return _did(
                self._call("com.atproto.identity.resolveHandle", query={"handle": handle})["did"]
            )
        except PlatformError:
            raise  # about a login before it, which says nothing of the handle
        except Exception:
            told = self.exchange.answer
            if told and told.status == 400 and _error(told)[0] not in _EXPIRED:
                return None
            raise

    @guarded("check")
    def _be_somebody(self) -> None:
        """Raise CredentialsRefused where the handle is nobody's: the login would not say which."""
        if "@" in self._handle or _DID.fullmatch(self._handle):
            return  # an e-mail address or an id is not resolved
        try:
            self._request("com.atproto.identity.resolveHandle", query={"handle": self._handle})
        except Exception:
            told = self.exchange.answer
            if told is None or told.status != 400:
                raise
        else:
            return
        raise CredentialsRefused(
            stored(
                "Bluesky knows no handle like the one given for account '{account}'; write it"
                " in full, such as name.bsky.social",
                account=self.access.account,
            )
        )

    def _call(self, method: str, body: object = None, **request: Any) -> dict[str, Any]:
        """One call in the session; a session that ended is renewed, and the call made once more.

        A refused token proves that nothing was done, even for a post.
        """
        session = self._opened()
        try:
            return self._request(method, body, token=session.access, **request)
        except Exception:
            told = self.exchange.answer
            if told is None or told.status not in {400, 401} or _error(told)[0] not in _EXPIRED:
                raise
        session = self._session = self._beforehand(lambda: self._renewed(session))
        return self._request(method, body, token=session.access, **request)

    def _opened(self) -> Kept:
        if self._session is None:
            self._session = self._beforehand(self._login)
        return self._session

    def _login(self) -> Kept:
        """Open a session with the app password; the server allows few of these a day."""
        identity = {"identifier": self._handle, "password": self._password}
        return self._keep(self._request("com.atproto.server.createSession", identity))

    def _renewed(self, ended: Kept) -> Kept:
        """The next session. A refresh token counts once: another process may have used it up."""
        if self.access.renewed is None:
            return self._login()
        try:
            answer = self._request("com.atproto.server.refreshSession", token=ended.refresh)
        except Exception:
            told = self.exchange.answer
            if told is None or told.status not in {400, 401}:
                raise
            return self._login()
        return self._keep(answer)

    def _keep(self, answer: Mapping[str, Any]) -> Kept:
        session = Kept(
            _did(answer["did"]),
            secret_told(answer, "accessJwt"),
            secret_told(answer, "refreshJwt"),
            self._opened_with(),
        )
        if self.access.renewed:
            self.access.renewed({"session": session.written()})
        return session

    def _opened_with(self) -> str:
        """A mark of the credentials, so that a session never outlives their replacement."""
        return hashlib.sha256(f"{self._handle}\n{self._password}".encode()).hexdigest()[:16]

    def _beforehand(self, act: Callable[[], T]) -> T:
        """Do what comes before a post: where that fails, surely nothing was posted."""
        try:
            return act()
        except Exception as error:  # noqa: BLE001  # sorted like all that a library may raise
            trouble = self.trouble("check", error)
        raise trouble

    def _request(
        self,
        method: str,
        body: object = None,
        *,
        token: str | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> dict[str, Any]:
        """One request and its answer, a JSON object; the method's name tells whether it asks."""
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            content = json.dumps(body, ensure_ascii=False).encode()
            sent["Content-Type"] = "application/json"
        if method.rpartition(".")[2].startswith(("get", "resolve")):
            answer = self._client.invoke_query(method, query=query, headers=sent)
        else:
            answer = self._client.invoke_procedure(method, content=content, headers=sent)
        if not isinstance(answer.content, dict):
            raise TypeError(stored("the answer is no object"))
        return answer.content


def _error(answer: Answer) -> tuple[str, str]:
    problem = answer.json()
    name, message = (problem.get(part) for part in ("error", "message"))
    return (
        name if isinstance(name, str) else "",
        message if isinstance(message, str) else "",
    )


def _in_usual_words(answer: Answer) -> Answer:
    """``answer`` with its limit headers under the names that most platforms give them."""
    given = answer.headers
    usual = {f"x-{name}": given[name] for name in given if name.startswith("ratelimit-")}
    usual = {name.replace("ratelimit", "rate-limit"): value for name, value in usual.items()}
    return replace(answer, headers={**given, **usual})


def _did(given: object) -> str:
    if not isinstance(given, str) or not _DID.fullmatch(given):
        raise TypeError(stored("the account's id is none"))
    return given
