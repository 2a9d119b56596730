"""A document that stands on the web for everybody, read once, over the transport's own rules.

Such as a feed: its address comes from a file that somebody else may have written. No credentials
go there, and nothing that is read from there is believed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests

from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import stored
from socialstrike.platforms import connections, transport
from socialstrike.platforms.addresses import Reach, checked_base_url, reach

#: Redirects that are followed, each to an address that is checked again.
MOST_REDIRECTS = 5
#: Seconds that a document may take in all, with its redirects.
LONGEST = 20.0
_CONNECT = 5.0


class UnavailableError(Exception):
    """The document cannot be had; the message is a few words of ours, in English, that say why."""


@dataclass(frozen=True, slots=True)
class Document:
    """What stood there: ``url`` is where it was found in the end."""

    url: str
    content: bytes


def fetch(url: str, *, seconds: float = LONGEST) -> Document:
    """What stands at ``url``: https, or http to this machine; never in a private network.

    Raises UnavailableError where it cannot be had within ``seconds``, or is larger than any answer
    may be (connections.MOST_BYTES, before and after decompression).
    """
    until = time.monotonic() + seconds
    where, by = url, None
    for _ in range(MOST_REDIRECTS + 1):
        found = _reach(where, by)
        response, content = _get(where, until - time.monotonic(), found)
        if response.status_code == requests.codes.ok:
            return Document(where, content)
        onward = response.headers.get("location")
        if not response.is_redirect or not onward:
            raise UnavailableError(
                stored("the server answered {status}", status=response.status_code)
            )
        where, by = urljoin(where, onward), where
    raise UnavailableError(stored("it redirects too often"))


def _reach(url: str, by: str | None) -> Reach:
    """How far a request to ``url`` may lead; ``by`` is the address that redirected to it."""
    try:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        checked_base_url(origin, allow_local=True)
    except (InvalidInput, ValueError):
        raise UnavailableError(
            stored("the address must begin with https:// (http:// is only for this machine)")
            if by is None
            else stored("it redirects to an address that is not https://")
        ) from None
    try:
        checked_base_url(origin)
    except InvalidInput:
        raise _private(by) from None
    found = reach(origin)
    if found is Reach.LOOPBACK and by is not None and reach(by) is not Reach.LOOPBACK:
        raise UnavailableError(stored("it redirects to this machine"))
    return found


def _get(url: str, seconds: float, where: Reach) -> tuple[requests.Response, bytes]:
    if seconds <= 0:
        raise UnavailableError(stored("no answer in time"))
    headers = {
        "User-Agent": transport.USER_AGENT,
        "Accept-Encoding": "gzip, deflate",
        "Accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.1",
    }
    connect = min(_CONNECT, seconds / 2)
    try:
        request = requests.Request("GET", url, headers=headers).prepare()
        return connections.carry(request, (connect, seconds - connect), where)
    except connections.FAILURES as error:
        why = connections.reason(error)
    # Outside the handler: a library's error holds the whole request.
    raise _private(None) if why == connections.ELSEWHERE else UnavailableError(why)


def _private(by: str | None) -> UnavailableError:
    return UnavailableError(
        stored("it leads into a private network")
        if by is None
        else stored("it redirects into a private network")
    )
