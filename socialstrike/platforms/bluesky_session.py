"""A session on Bluesky: opened with the app password, kept between jobs, renewed when it ends.

The server allows few logins a day, so a session is kept, sealed like any credential.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from socialstrike.i18n import stored
from socialstrike.platforms.base import CredentialsRefused, PlatformError
from socialstrike.platforms.consent import secret_told
from socialstrike.platforms.credentials import Access
from socialstrike.platforms.http import Answer, Exchange
from socialstrike.redaction import remember

if TYPE_CHECKING:
    from atproto_client.client.raw import ClientRaw

T = TypeVar("T")

#: What an answer calls a token that counts no longer.
EXPIRED = {"ExpiredToken", "InvalidToken"}
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,200}")


def did_told(given: object) -> str:
    """An account's id from an answer. Raises TypeError where it is none."""
    if not isinstance(given, str) or not _DID.fullmatch(given):
        raise TypeError(stored("the account's id is none"))
    return given


def error_told(answer: Answer) -> tuple[str, str]:
    """The name of an error and what is said of it; empty where an answer does not say."""
    problem = answer.json()
    name, message = (problem.get(part) for part in ("error", "message"))
    return (
        name if isinstance(name, str) else "",
        message if isinstance(message, str) else "",
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """Who is logged in, the token for calls (two hours), the token for the next session.

    ``opened_with`` marks the credentials that opened it. ``repr`` shows no token. From the moment
    it is made, no log record of this process shows one either.
    """

    did: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    opened_with: str = field(repr=False)

    def __post_init__(self) -> None:
        if not all(isinstance(getattr(self, part.name), str) for part in fields(self)):
            raise TypeError(stored("a session is made of texts"))
        remember(self.access)
        remember(self.refresh)

    @classmethod
    def read(cls, written: str, opened_with: str) -> Kept | None:
        """The session that ``written`` holds; None where other credentials opened it."""
        try:
            kept = cls(**json.loads(written))
        except (ValueError, TypeError):
            return None
        return kept if kept.opened_with == opened_with else None

    def written(self) -> str:
        """The session as one text, for the vault."""
        return json.dumps(asdict(self))


class Session:
    """One account's session, and the calls that are made in it.

    ``sort`` makes one of the platform errors out of what fails before a post.
    """

    def __init__(
        self,
        access: Access,
        exchange: Exchange,
        client: ClientRaw,
        sort: Callable[[Exception], PlatformError],
    ) -> None:
        self._access, self._exchange, self._client, self._sort = access, exchange, client, sort
        self._handle = access.credentials.get("handle", "").strip().removeprefix("@")
        self._password = access.credentials.get("app_password", "")
        self._kept = Kept.read(access.credentials.get("session", ""), self._opened_with())

    def did(self) -> str:
        """Whose session it is; where none is open yet, this opens it."""
        return self._opened().did

    def call(self, method: str, body: object = None, **request: Any) -> dict[str, Any]:
        """One call in the session; a session that ended is renewed, and the call made once more.

        A refused token proves that nothing was done, even for a post. Raises what the library
        raises, TypeError for an answer without sense, and what ``beforehand`` raises.
        """
        kept = self._opened()
        try:
            return self._request(method, body, token=kept.access, **request)
        except Exception:
            told = self._exchange.answer
            if told is None or told.status not in {400, 401} or error_told(told)[0] not in EXPIRED:
                raise
        kept = self._kept = self.beforehand(lambda: self._renewed(kept))
        return self._request(method, body, token=kept.access, **request)

    def beforehand(self, act: Callable[[], T]) -> T:
        """Do what comes before a post: where that fails, surely nothing was posted.

        Raises one of the platform errors, never OutcomeUnknown.
        """
        try:
            return act()
        except Exception as error:  # noqa: BLE001  # sorted like all that a library may raise
            trouble = self._sort(error)
        raise trouble

    def be_somebody(self) -> None:
        """Raise CredentialsRefused where the handle is nobody's: the login would not say which."""
        if "@" in self._handle or _DID.fullmatch(self._handle):
            return  # an e-mail address or an id is not resolved
        try:
            self._request("com.atproto.identity.resolveHandle", query={"handle": self._handle})
        except Exception:
            told = self._exchange.answer
            if told is None or told.status != 400:
                raise
        else:
            return
        raise CredentialsRefused(
            stored(
                "Bluesky knows no handle like the one given for account '{account}'; write it"
                " in full, such as name.bsky.social",
                account=self._access.account,
            )
        )

    def _opened(self) -> Kept:
        if self._kept is None:
            self._kept = self.beforehand(self._login)
        return self._kept

    def _login(self) -> Kept:
        """Open a session with the app password; the server allows few of these a day."""
        identity = {"identifier": self._handle, "password": self._password}
        return self._keep(self._request("com.atproto.server.createSession", identity))

    def _renewed(self, ended: Kept) -> Kept:
        """The next session. A refresh token counts once: another process may have used it up."""
        if self._access.renewed is None:
            return self._login()
        try:
            answer = self._request("com.atproto.server.refreshSession", token=ended.refresh)
        except Exception:
            told = self._exchange.answer
            if told is None or told.status not in {400, 401}:
                raise
            return self._login()
        return self._keep(answer)

    def _keep(self, answer: Mapping[str, Any]) -> Kept:
        kept = Kept(
            did_told(answer["did"]),
            secret_told(answer, "accessJwt"),
            secret_told(answer, "refreshJwt"),
            self._opened_with(),
        )
        if self._access.renewed:
            self._access.renewed({"session": kept.written()})
        return kept

    def _opened_with(self) -> str:
        """A mark of the credentials, so that a session never outlives their replacement."""
        return hashlib.sha256(f"{self._handle}\n{self._password}".encode()).hexdigest()[:16]

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
