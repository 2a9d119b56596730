"""Nothing secret and nothing that drives a terminal reaches a log, a message or a traceback.

Secrets are known in two ways: by value, once they were opened (``remember``), and by shape, for
the ones nobody told us about.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Iterable, Iterator
from itertools import takewhile
from types import TracebackType
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote, quote_plus

from socialstrike.i18n import tr

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

REDACTED = "[redacted]"

#: Shorter values would turn ordinary words into holes.
_SHORTEST = 6
#: The beginning of a secret that was cut off is taken out from this length on.
_BEGINNING = 12

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
    """Known spellings of secrets, found by their first letters, so that thousands cost little.

    By as many letters as a beginning has, where there are so many: tokens of one platform often
    begin alike.
    """

    def __init__(self) -> None:
        self._by_start: dict[str, set[str]] = {}
        self._secrets: set[str] = set()
        self._lock = threading.Lock()

    def add(self, secret: str) -> None:
        if secret in self._secrets:
            return
        with self._lock:
            self._secrets.add(secret)
            for spelling in _spellings(secret):
                length = _BEGINNING if len(spelling) >= _BEGINNING else _SHORTEST
                start = spelling[:length]
                # A new set each time: another thread may be reading the old one.
                self._by_start[start] = {*self._by_start.get(start, ()), spelling}

    def replace(self, text: str) -> str:
        if not self._by_start:
            return text
        kept: list[str] = []
        begin = at = 0
        while at <= len(text) - _SHORTEST:
            length = 0
            for start in (text[at : at + _BEGINNING], text[at : at + _SHORTEST]):
                if known := self._by_start.get(start):
                    length = max(length, _found(known, text, at))
            if length:
                kept += (text[begin:at], REDACTED)
                begin = at = at + length
            else:
                at += 1
        return "".join((*kept, text[begin:]))


_known = _Index()


def remember(secret: str) -> None:
    """Never show ``secret`` again in this process; values under six characters are ignored."""
    _known.add(secret)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` with every remembered or given secret, and all that looks like one, taken out.

    A secret is found plain, URL-encoded, in base64 (anywhere inside), in hexadecimal, as JSON
    writes it and backwards; and its first twelve characters or more where it was cut off.
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
            words = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
            message = tr("{words} (its arguments do not fit)", words=words)
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
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)


def guard_process() -> None:
    """Let nothing secret leave this process when something breaks: for the start of a program.

    What Python writes of an error or a warning that nobody caught is redacted like the log. No
    core file is made, and no other program of the same user may read this one's memory or
    environment (Linux); root still can.
    """
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable
    warnings.showwarning = _warned
    if not logging.getLogger().handlers:
        # Until the program says where its log goes: Python would make a handler without a filter.
        handler = logging.StreamHandler()
        handler.setLevel(logging.WARNING)
        handler.addFilter(RedactingFilter())
        logging.getLogger().addHandler(handler)
    _keep_memory_private()


#: By the names of their loggers; those below them follow.
_LIBRARIES = (
    "PIL", "atproto", "atproto_client", "atproto_core", "facebook", "httpcore", "httpx", "keyring",
    "mastodon", "oauthlib", "requests", "requests_oauthlib", "tweepy", "urllib3", "websockets",
)  # fmt: skip
#: The number that Linux gives to this wish in prctl().
_PR_SET_DUMPABLE = 4

_formatter = logging.Formatter()
#: What logging itself writes into every record, but for the three texts that can hold anything.
_OWN_FIELDS = vars(logging.makeLogRecord({})).keys() - {"msg", "exc_text", "stack_info"}


def _clean(text: str) -> str:
    return redact(printable(text))


def _found(spellings: Iterable[str], text: str, at: int) -> int:
    """How much of ``text`` from ``at`` on is one of ``spellings``, or a long beginning of one."""
    longest = 0
    for spelling in spellings:
        pairs = zip(text[at : at + len(spelling)], spelling, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        if same == len(spelling) or (same >= _BEGINNING and "://" not in spelling[:same]):
            longest = max(longest, same)
    return longest


def _spellings(secret: str) -> Iterator[str]:
    import base64  # noqa: PLC0415  # a command that opens no secret starts without it

    raw = secret.encode("utf-8", "surrogatepass")
    texts = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], secret.strip()}
    texts |= {quote(raw, safe=""), quote(raw), quote_plus(raw), quote(quote(raw, safe=""), safe="")}
    texts |= {_ESCAPE.sub(lambda found: found[0].lower(), text) for text in texts}
    texts |= {raw.hex(), raw.hex().upper(), secret[::-1]}
    for shift, start in ((0, 0), (1, 2), (2, 3)):
        # The same bytes look different in base64 by where they begin in a group of three; the
        # letters at the edges also depend on the neighbours and are left out.
        padded = b"\0" * shift + raw
        whole = len(padded) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            texts.add(encode(padded).decode("ascii")[start:whole])
    return (text for text in texts if len(text) >= _SHORTEST and len(secret) >= _SHORTEST)


#: One byte as an address writes it.
_ESCAPE = re.compile("%[0-9A-F]{2}")


def _tell(text: str) -> None:
    """Write to standard error what Python would have written, cleaned."""
    if sys.stderr is not None:
        sys.stderr.write(_clean(text))


def _uncaught(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    _tell("".join(traceback.format_exception(kind, error, where)))


def _uncaught_in_thread(given: threading.ExceptHookArgs) -> None:
    if given.exc_type is not SystemExit and given.exc_value is not None:
        name = given.thread.name if given.thread else "unknown"
        _tell(tr("in the thread {name}:\n", name=name))
        _uncaught(given.exc_type, given.exc_value, given.exc_traceback)


def _unraisable(given: UnraisableHookArgs) -> None:
    # The object itself is left out: its representation could be anything.
    if given.exc_value is not None:
        _tell(f"{given.err_msg or 'ignored'}:\n")
        _uncaught(given.exc_type, given.exc_value, given.exc_traceback)


def _warned(  # noqa: PLR0917  # the signature is that of warnings.showwarning
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    _tell(warnings.formatwarning(message, category, filename, lineno, line))


def _keep_memory_private() -> None:
    if os.name != "posix":
        return
    import resource  # noqa: PLC0415  # Windows has none

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415  # needed on Linux alone

        # The limit alone would not do: a program that core files are piped to gets them all the
        # same. Where the system knows no such call there is nothing to make up for.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
