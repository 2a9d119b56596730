"""Texts as Mastodon counts them and as it shows them, without its library."""

from __future__ import annotations

import html
import re
import unicodedata

from socialstrike.content import graphemes, urls
from socialstrike.i18n import stored

#: What any link counts, unless the instance says otherwise.
URL_LENGTH = 23

#: A mention of somebody on another server. No part backtracks, so long texts cost no more.
_MENTION = re.compile(r"(?<![=/\w])@([A-Za-z0-9_][A-Za-z0-9_.-]*+)@(\w[\w.-]*+)")


def length(text: str, url_length: int = URL_LENGTH) -> int:
    """The length Mastodon counts: graphemes, a link always the same, a mention without its server.

    Only what Mastodon makes a link of is shortened: an address with its http:// or https://.
    """
    entities = [
        (start, end, "x" * url_length)
        for start, end in urls(text)
        if text[start : start + 8].lower().startswith(("http://", "https://"))
    ]
    for mention in _MENTION.finditer(text):
        end = mention.start() + len(mention[0].rstrip(".-"))
        if mention[1][-1] not in ".-" and not text.startswith(("@", "＠", "://"), end):
            entities.append((mention.start(), end, f"@{mention[1]}"))
    counted: list[str] = []
    position = 0
    for start, end, instead in sorted(entities):
        if start >= position:  # of two that overlap, Mastodon takes the first
            counted += text[position:start], instead
            position = end
    return graphemes("".join(counted) + text[position:])


def at_most(text: str, url_length: int = URL_LENGTH) -> int:
    """Never less than ``length``: no link is without a dot, and all else only becomes shorter."""
    return len(text) + url_length * text.count(".")


def shown(content: str) -> str:
    """What a reader sees of a post's HTML; in linear time, because servers send anything."""
    apart = re.sub(r"<(?:br|/?p)\b[^<>]*>", "\n", content)
    return html.unescape(re.sub(r"<[^<>]*>", "", apart))


def same(seen: str, text: str) -> bool:
    """Whether ``seen``, as a server told it, says ``text``. Raises TypeError for what is no text.

    Nothing much longer can: normalizing takes the square of the time where marks pile up.
    """
    if not isinstance(seen, str):
        raise TypeError(stored("the text is none"))
    return len(seen) <= 4 * len(text) + 1_000 and comparable(seen) == comparable(text)


def comparable(text: str) -> str:
    """``text`` without what Mastodon shows otherwise: spaces, and the server of a mention."""

    def local(mention: re.Match[str]) -> str:
        return f"@{mention[1]}{mention[0][len(mention[0].rstrip('.-')) :]}"

    return "".join(_MENTION.sub(local, unicodedata.normalize("NFC", text)).split())


def alike(one: str, other: str) -> bool:
    """Whether at least half of the words of ``one`` stand in ``other`` too."""
    words = set(one.casefold().split())
    return 2 * len(words & set(other.casefold().split())) >= len(words)
