"""What a platform makes of a text: links, hashtags and mentions, and where it would be cut."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from socialstrike import content
from socialstrike.platforms.base import Limits

_HASHTAG = re.compile(r"(?<![\w&])[#＃]\w+")
#: Who is mentioned: 15 characters on X; with a server, or without, on Mastodon. The other two
#: find mentions by themselves: Facebook none, Bluesky's library those of its facets.
_MENTIONS = {
    "x": re.compile(r"(?<![\w@/])[@＠][A-Za-z0-9_]{1,15}(?![\w@])"),
    "mastodon": re.compile(r"(?<![=/\w])@[A-Za-z0-9_]++(?:@\w(?:[\w.-]*\w)?+)?+"),
}


def found(platform: str, text: str) -> Iterator[tuple[int, int, str]]:
    """What the platform makes links, hashtags and mentions of: (start, end, kind)."""
    if platform == "bluesky":
        yield from _facets(text)
        return
    links = list(_links(platform, text))
    yield from ((start, end, "link") for start, end in links)
    found = [(match.start(), match.end(), "hashtag") for match in _tags(text)]
    if mentions := _MENTIONS.get(platform):
        found += [(match.start(), match.end(), "mention") for match in mentions.finditer(text)]
    inside = iter(links)
    start, end = next(inside, (len(text), len(text)))
    for span in sorted(found):
        while end <= span[0]:
            start, end = next(inside, (len(text) + 1, len(text) + 1))
        if span[0] < start:  # what stands in an address is part of it
            yield span


def _links(platform: str, text: str) -> Iterator[tuple[int, int]]:
    for start, end in content.urls(text):
        written = text[start : start + 8].lower().startswith(("http://", "https://"))
        if written or platform != "mastodon":  # there, an address alone stays words
            yield start, end


def _tags(text: str) -> Iterator[re.Match[str]]:
    return (
        match
        for match in _HASHTAG.finditer(text)
        if content.is_hashtag(f"#{match[0][1:]}") and not text.startswith("://", match.end())
    )


def _facets(text: str) -> Iterator[tuple[int, int, str]]:
    """Bluesky shows as links what a post marks as such, so those marks are asked for."""
    from atproto_client.utils import facet_detection  # noqa: PLC0415  # 700 ms that others save

    octets = text.encode("utf-8", "replace")

    def index(offset: int) -> int:
        return len(octets[:offset].decode("utf-8"))

    for facet in facet_detection.detect_facets(text):
        kind = "link" if hasattr(facet.features[0], "uri") else "hashtag"
        yield index(facet.index.byte_start), index(facet.index.byte_end), kind
    for mention in facet_detection.detect_mentions(text):
        yield index(mention.byte_start), index(mention.byte_end), "mention"


def cut(text: str, limits: Limits, spans: Sequence[tuple[int, int, str]]) -> int:
    """Where the text would end: the last place within the limit that tears no character a reader
    sees, and no link, hashtag or mention.
    """
    places = _places(text, spans)
    low, high = 0, len(places) - 1
    while low < high:  # a longer beginning counts as much or more
        middle = (low + high + 1) // 2
        if limits.length(text[: places[middle]]) <= limits.text:
            low = middle
        else:
            high = middle - 1
    return places[low]


def _places(text: str, spans: Sequence[tuple[int, int, str]]) -> list[int]:
    import regex  # noqa: PLC0415  # 30 ms, and only a text that is too long needs it

    places = [0]
    inside = iter(spans)
    start, end = 0, 0
    for match in regex.finditer(r"\X", text):
        place = match.end()
        while end <= place and (span := next(inside, None)):
            start, end = span[0], span[1]
        if not start < place < end:
            places.append(place)
    return places
