"""OAuth 1.0a signatures (RFC 5849, HMAC-SHA1), from the server's side."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, unquote

_PAIR = re.compile(r'(\w+)="([^"]*)"')


def parse_header(value: str) -> dict[str, str]:
    """The parameters of an ``Authorization: OAuth …`` header, decoded."""
    return {name: unquote(quoted) for name, quoted in _PAIR.findall(value)}


def is_signed(
    parameters: dict[str, str],
    *,
    method: str,
    base_urls: Iterable[str],
    query: str,
    form: str,
    consumer_secret: str,
    token_secret: str,
) -> bool:
    """Whether the signature fits the request under any of the addresses it may have been sent to.

    ``form`` is the body when it is form-encoded, else empty: other bodies are not signed.
    """
    signed = [(k, v) for k, v in parameters.items() if k not in {"oauth_signature", "realm"}]
    signed += parse_qsl(query, keep_blank_values=True) + parse_qsl(form, keep_blank_values=True)
    normal = "&".join(f"{k}={v}" for k, v in sorted((_escape(k), _escape(v)) for k, v in signed))
    key = f"{_escape(consumer_secret)}&{_escape(token_secret)}".encode()
    given = parameters.get("oauth_signature", "").encode()
    return any(
        hmac.compare_digest(_sign(key, f"{method}&{_escape(url)}&{_escape(normal)}"), given)
        for url in base_urls
    )


def _sign(key: bytes, text: str) -> bytes:
    return base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha1))


def _escape(value: str) -> str:
    return quote(value, safe="-._~")
