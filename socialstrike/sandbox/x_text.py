"""What X makes of a text: its length, and its links wrapped as t.co."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata

MAX_LENGTH = 280
URL_LENGTH = 23

_TOP_LEVEL = "com|org|net|info|eu|fr|be|ch|ca|uk|de|es|it|io|tech|app|dev|social|coop|paris"
_URL = re.compile(
    rf"https?://[^\s<>\"]+|(?<![@#\w./-])(?:[a-z0-9-]+\.)+(?:{_TOP_LEVEL})\b(?:/[^\s<>\"]*)?",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?…'’»)]}"
_ONE_EMOJI = "(?:[←-⯿〰〽㊗㊙\U0001f000-\U0001faff][\ufe0f\U0001f3fb-\U0001f3ff]*)"
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"  # a flag
    "|[0-9#*]\ufe0f?\u20e3"  # a keycap
    f"|{_ONE_EMOJI}(?:\u200d(?:{_ONE_EMOJI}|[♀♂⚕]\ufe0f?))*[\U000e0020-\U000e007f]*"
)


def length(text: str) -> int:
    """The text's length in X's units: 23 for a link, 2 for an emoji or an ideograph, else 1."""
    text = unicodedata.normalize("NFC", text)
    links = len(_spans(text))
    text = _EMOJI.sub("字", _without_links(text))
    return links * URL_LENGTH + sum(1 if _is_light(ord(c)) else 2 for c in text)


def wrap(text: str, *, picture_url: str | None = None) -> tuple[str, list[dict[str, object]]]:
    """The text as X gives it back, and its ``entities.urls``.

    Links become t.co, a post with pictures ends with one more, and &, < and > are escaped.
    """
    pieces: list[str] = []
    urls: list[dict[str, object]] = []
    end = 0
    for first, last in _spans(text):
        pieces.append(html.escape(text[end:first], quote=False))
        pieces.append(_entity(urls, text[first:last], sum(map(len, pieces))))
        end = last
    pieces.append(html.escape(text[end:], quote=False))
    if picture_url:
        pieces.append(" " if text else "")
        pieces.append(_entity(urls, picture_url, sum(map(len, pieces))))
    return "".join(pieces), urls


def _entity(urls: list[dict[str, object]], shown: str, start: int) -> str:
    expanded = shown if re.match("https?://", shown, re.IGNORECASE) else f"http://{shown}"
    short = f"https://t.co/{hashlib.sha256(expanded.encode()).hexdigest()[:10]}"
    display = expanded.partition("://")[2]
    urls.append(
        {
            "start": start,
            "end": start + len(short),
            "url": short,
            "expanded_url": expanded,
            "display_url": display if len(display) <= 27 else f"{display[:26]}…",
        }
    )
    return short


def _spans(text: str) -> list[tuple[int, int]]:
    return [
        (match.start(), match.start() + len(match.group().rstrip(_TRAILING)))
        for match in _URL.finditer(text)
    ]


def _without_links(text: str) -> str:
    pieces, end = [], 0
    for first, last in _spans(text):
        pieces.append(text[end:first])
        end = last
    return "".join([*pieces, text[end:]])


def _is_light(code: int) -> bool:
    return code <= 4351 or 8192 <= code <= 8205 or 8208 <= code <= 8223 or 8242 <= code <= 8247
