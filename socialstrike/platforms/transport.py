"""The one way out: every HTTP request of every adapter goes through a session made here.

Each account's session adds its own address, credentials and bounds to the connections that the
process shares. Nothing is retried and no redirect is followed, so one call is one request. When a
request fails, it is known exactly whether a byte of it may have left.

Proxy and netrc settings of the environment are not used: they could carry credentials elsewhere.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter

from socialstrike import __version__
from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import stored
from socialstrike.platforms.addresses import checked_base_url, reach
from socialstrike.platforms.base import (
    CredentialsRefused,
    OutcomeUnknown,
    PlatformError,
    TemporarilyUnavailable,
)
from socialstrike.platforms.connections import ELSEWHERE, FAILURES, carry, reason
from socialstrike.platforms.credentials import Access
from socialstrike.platforms.http import Answer, Exchange
from socialstrike.redaction import quiet_libraries, remember

__all__ = ["USER_AGENT", "Session", "checked_base_url", "session"]

USER_AGENT = f"socialstrike/{__version__}"


class Session(requests.Session):
    """A session for one account; ``exchange`` tells how far its current request came."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange
        self.trust_env = False
        self.headers["User-Agent"] = USER_AGENT
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Nowhere: a redirect could repeat a post, or carry the credentials to another host."""
        return None


def session(
    access: Access,
    *,
    hosts: Collection[str],
    secrets: Iterable[str],
    timeout: tuple[float, float] = (5.0, 20.0),
    exchange: Exchange | None = None,
) -> Session:
    """A session that acts for one account and reaches only ``hosts`` (such as https://api.x.com).

    Requests to them go to the account's ``base_url`` where it has one. ``secrets`` never appear
    in this process's logs again. ``timeout`` is (connect, read) in seconds; their sum bounds the
    whole exchange, and an upload gets more by its size. Failures are raised as
    TemporarilyUnavailable where surely nothing was sent, else as OutcomeUnknown.

    Raises CredentialsRefused, which pauses the account, where the base URL or a host is one that
    its credentials must not go to.
    """
    quiet_libraries()
    for secret in secrets:
        remember(secret)
    try:
        base, *_ = (
            checked_base_url(url, allow_local=access.allow_local) if url else None
            for url in (access.base_url, *hosts)
        )
    except InvalidInput as error:
        refused = CredentialsRefused(
            stored(
                "the credentials of account '{account}' are sent nowhere: {error}; mend it"
                " with: socialstrike accounts add PLATFORM {account} --replace --base-url URL",
                account=access.account,
                error=error,
            )
        )
    else:
        made = Session(exchange or Exchange())
        made.adapters.clear()
        made.mount("", _AccountAdapter(access, base, hosts, timeout, made.exchange))
        return made
    raise refused


class _AccountAdapter(BaseAdapter):
    """Sends one account's requests through the shared pool, rewritten, bounded and recorded."""

    def __init__(
        self,
        access: Access,
        base: str | None,
        hosts: Collection[str],
        timeout: tuple[float, float],
        exchange: Exchange,
    ) -> None:
        super().__init__()
        self._account, self._base, self._hosts = access.account, base, frozenset(hosts)
        self._allow_local = access.allow_local
        self._timeout, self._exchange = timeout, exchange

    def send(  # noqa: PLR0917  # the signature is that of requests' adapters
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: object = None,
        verify: bool | str = True,
        cert: object = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send once and read the whole answer; ``timeout`` and ``proxies`` are our own, always."""
        self._exchange.begin()
        sent = self._rewritten(request)
        where = reach(sent.url or "", allow_local=self._allow_local)
        try:
            response, body = carry(sent, self._timeout, where, self._exchange)
        except FAILURES as error:
            trouble = self._trouble(error)
        else:
            headers = {name.lower(): value for name, value in response.headers.items()}
            self._exchange.answer = Answer(response.status_code, headers, body)
            response.raw = io.BytesIO(body)
            # Never guessed and never the server's choice: both can take minutes on a large body.
            response.encoding = "utf-8"
            response.request = request
            return response
        trouble.__cause__ = trouble.__context__ = None
        raise trouble

    def close(self) -> None:
        """Nothing: the pool belongs to the process."""

    def _rewritten(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        parts = urlsplit(request.url or "")
        if f"{parts.scheme}://{parts.netloc}" not in self._hosts:
            raise TemporarilyUnavailable(
                stored(
                    "a request of account '{account}' to a foreign host was stopped; nothing was"
                    " sent, check the account's platform",
                    account=self._account,
                )
            )
        if self._base is None:
            return request
        rewritten = request.copy()
        rewritten.url = self._base + request.path_url
        return rewritten

    def _trouble(self, error: Exception) -> PlatformError:
        where = urlsplit(self._base).netloc if self._base else stored("the platform")
        why = reason(error)
        if why == ELSEWHERE and not self._exchange.sent:
            mine = (
                ""
                if self._allow_local
                else stored(", or add it with --allow-local if that is yours")
            )
            return TemporarilyUnavailable(
                stored(
                    "the name of {where} leads to {why}, so nothing was sent for account"
                    " '{account}'; check this machine's DNS{mine}, it is tried again by itself",
                    where=where,
                    why=why,
                    account=self._account,
                    mine=mine,
                )
            )
        if self._exchange.sent:
            return OutcomeUnknown(
                stored(
                    "the answer of {where} to account '{account}' was lost ({why}); it is looked"
                    " up there before anything is sent again",
                    where=where,
                    account=self._account,
                    why=why,
                )
            )
        return TemporarilyUnavailable(
            stored(
                "{where} could not be reached for account '{account}' ({why}); nothing was"
                " sent, check the connection, it is tried again by itself",
                where=where,
                account=self._account,
                why=why,
            )
        )
