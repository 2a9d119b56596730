"""atproto's client over our own transport. Importing this costs 700 ms: import it on use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from atproto_client.client.raw import ClientRaw
from atproto_client.exceptions import RequestException
from atproto_client.request import RequestBase, Response

from socialstrike.platforms.transport import USER_AGENT, Session


def client(session: Session) -> ClientRaw:
    """A client of atproto's that makes each of its requests through ``session``, once."""
    return ClientRaw(request=_Wire(session))


class _Wire(RequestBase):  # type: ignore[misc]  # the library has no types
    """Takes the place of atproto's own HTTP client, which follows redirects."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def get(self, url: str, *, query: Any = None, headers: Any = None, **_: Any) -> Response:
        return self._answered(self._session.get(url, params=query, headers=self._all(headers)))

    def post(
        self, url: str, *, content: bytes | None = None, headers: Any = None, **_: Any
    ) -> Response:
        return self._answered(self._session.post(url, data=content, headers=self._all(headers)))

    def _all(self, given: Mapping[str, str] | None) -> dict[str, str]:
        headers: dict[str, str] = self.get_headers(dict(given or {}))
        return {name: text for name, text in headers.items() if name.lower() != "user-agent"} | {
            "User-Agent": USER_AGENT
        }

    @staticmethod
    def _answered(answer: Any) -> Response:
        """The answer in atproto's words. Raises RequestException where it is no success."""
        good = 200 <= answer.status_code < 300
        content = json.loads(answer.content) if good else answer.content
        told = Response(good, answer.status_code, content, dict(answer.headers))
        if not good:
            raise RequestException(told)
        return told
