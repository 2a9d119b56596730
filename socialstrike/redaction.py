"""Nothing secret and nothing that drives a terminal reaches a log, a message or a traceback.

Secrets are known in two ways: by value, once they were opened (``remember``), and by shape, for
the ones nobody told us about.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"

#: Shorter values would turn ordinary words into holes.
_SHORTEST = 6

_SHAPES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"""((?:oauth_\w{1,32}|access_token\w{0,16}|refresh_token|id_token|client_secret|consumer_secret"""
        r"""|appsecret_proof|app_password|api_key|code_verifier|password)["']?\s?[=:]\s?["']?)"""
        r"""[^\s"'&,;<>\[\](){}]+""",
        r"""(authorization["']?\s?[=:]\s?["']?(?:(?:OAuth|Bearer|Basic|Token)\s)?+)"""
        r"""[^\s"',;\[\](){}]+""",
        r"""(\b(?:Bearer|Basic)\s)[\w.~+/%=|-]{8,}""",
        r"""()\bEAA[a-z0-9]{20,}""",  # Facebook's tokens begin like this
        r"""()\b\d{5,20}-[a-z0-9]{30,}""",  # X's OAuth 1 access tokens: user id, dash, letters
    )
)

#: C0 but for tab and newline, DEL, C1, and the characters that reorder or hide text.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


class _Index:
    """Known spellings of secrets, found by their first letters, so that thousands cost little."""

    def __init__(self) -> None:
        self._by_start: dict[str, tuple[str, ...]] = {}
        self._secrets: set[str] = set()
        self._lock = threading.Lock()

    def add(self, secret: str) -> None:
        if secret in self._secrets:
            return
        with self._lock:
            self._secrets.add(secret)
            for spelling in _spellings(secret):
                start = spelling[:_SHORTEST]
                known = {*self._by_start.get(start, ()), spelling}
                self._by_start[start] = tuple(sorted(known, key=len, reverse=True))

    def replace(self, text: str) -> str:
        if not self._by_start:
            return text
        kept: list[str] = []
        begin = at = 0
        while at <= len(text) - _SHORTEST:
            for spelling in self._by_start.get(text[at : at + _SHORTEST], ()):
                if text.startswith(spelling, at):
                    kept += (text[begin:at], REDACTED)
                    begin = at = at + len(spelling)
                    break
            else:
                at += 1
        return "".join((*kept, text[begin:]))


_known = _Index()


def remember(secret: str) -> None:
    """Never show ``secret`` again in this process; values under six characters are ignored."""
    _known.add(secret)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` with every remembered or given secret, and all that looks like one, taken out.

    A secret is found plain, URL-encoded, in base64 (anywhere inside) and as JSON writes it.
    """
    own = _Index()
    for secret in secrets:
        own.add(secret)
    text = own.replace(_known.replace(text))
    for shape in _SHAPES:
        text = shape.sub(rf"\g<1>{REDACTED}", text)
    return text


def printable(text: str) -> str:
    """``text`` without the characters that move a cursor, change colours or reorder a line."""
    return _CONTROLS.sub("", text)


def escaped(text: str) -> str:
    """``text``, which is JSON, with those characters written as JSON escapes them."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class RedactingFilter(logging.Filter):
    """For every handler: the record's message, extras and traceback, redacted and printable."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean ``record`` in place and let it pass."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001  # whatever its arguments do, a record is shown, cleaned
            message = f"{record.msg} (its arguments do not fit)"
        record.msg, record.args = _clean(message), None
        if record.exc_info:
            record.exc_text = record.exc_text or _formatter.formatException(record.exc_info)
            record.exc_info = None
        for name in vars(record).keys() - _OWN_FIELDS:
            value = getattr(record, name)
            if isinstance(value, str):
                setattr(record, name, _clean(value))
        return True


def quiet_libraries() -> None:
    """Cap the loggers of the client libraries at WARNING: at DEBUG they write credentials."""
    for name in ("tweepy", "requests_oauthlib", "oauthlib", "urllib3"):
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)


_formatter = logging.Formatter()
#: What logging itself writes into every record, but for the three texts that can hold anything.
_OWN_FIELDS = vars(logging.makeLogRecord({})).keys() - {"msg", "exc_text", "stack_info"}


def _clean(text: str) -> str:
    return redact(printable(text))


def _spellings(secret: str) -> Iterator[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    texts = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], secret.strip()}
    texts |= {quote(raw, safe=""), quote(raw), quote_plus(raw), quote(quote(raw, safe=""), safe="")}
    for shift, start in ((0, 0), (1, 2), (2, 3)):
        # The same bytes look different in base64 by where they begin in a group of three; the
        # letters at the edges also depend on the neighbours and are left out.
        padded = b"\0" * shift + raw
        whole = len(padded) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            texts.add(encode(padded).decode("ascii")[start:whole])
    return (text for text in texts if len(text) >= _SHORTEST and len(secret) >= _SHORTEST)
