"""Mastodon's own view of a text: how long it is, and the HTML that it becomes."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

import regex

MAX_LENGTH = 500
URL_LENGTH = 23

#: An address with its protocol and a host with a dot, up to what ends a sentence.
_URL = re.compile(r"https?://[^\s<>\"]+\.[^\s<>\"]+", re.IGNORECASE)
_URL_END = ".,;:!?…'’»)]}"
_MENTION = re.compile(r"(?<![=/\w])@([A-Za-z0-9_]+)(?:@(\w[\w.-]*\w))?")
_HASHTAG = re.compile(r"(?<![\w/&=])#(\w*[^\W\d_]\w*)")


def length(text: str) -> int:
    """How long Mastodon finds a text: graphemes, a link 23, a mention without its server."""
    short = _URL.sub(lambda m: "x" * URL_LENGTH + m[0][len(m[0].rstrip(_URL_END)) :], text)
    return len(regex.findall(r"\X", _MENTION.sub(r"@\1", short)))


def render(text: str, base_url: str) -> str:
    """The HTML of a post: paragraphs, links cut for the eye, mentions and hashtags as links."""
    pieces: list[str] = []
    position = 0
    for url in _URL.finditer(text):
        address = url[0].rstrip(_URL_END)
        pieces += _words(text[position : url.start()], base_url), _link(address)
        position = url.start() + len(address)
    pieces.append(_words(text[position:], base_url))
    paragraphs = re.split(r"\n\n+", "".join(pieces))
    return "".join(f"<p>{p.replace(chr(10), '<br />')}</p>" for p in paragraphs)


def mentions(text: str, base_url: str) -> list[dict[str, str]]:
    """The people a text calls, as a post lists them."""
    return [
        {"username": m[1], "acct": m[0][1:], "url": f"{base_url}/@{quote(m[0][1:])}", "id": "0"}
        for m in _MENTION.finditer(_URL.sub("", text))
    ]


def _words(text: str, base_url: str) -> str:
    escaped = html.escape(text, quote=True)
    called = _MENTION.sub(
        lambda m: (
            f'<span class="h-card" translate="no"><a href="{base_url}/@{m[0][1:]}" '
            f'class="u-url mention">@<span>{m[1]}</span></a></span>'
        ),
        escaped,
    )
    # Not inside the tags that were just made, nor the numbers of escaped characters.
    return _HASHTAG.sub(
        lambda m: (
            f'<a href="{base_url}/tags/{quote(m[1])}" class="mention hashtag" rel="tag">'
            f"#<span>{m[1]}</span></a>"
        ),
        called,
    )


def _link(url: str) -> str:
    scheme, _, rest = url.partition("://")
    seen, hidden = rest[:30], rest[30:]
    return (
        f'<a href="{html.escape(url)}" target="_blank" rel="nofollow noopener" translate="no">'
        f'<span class="invisible">{scheme}://</span>'
        f'<span class="{"ellipsis" if hidden else ""}">{html.escape(seen)}</span>'
        f'<span class="invisible">{html.escape(hidden)}</span></a>'
    )
