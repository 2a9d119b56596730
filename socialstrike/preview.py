"""A post as its platform will count, link and cut it, before anything is sent. Pure but for
``of_deliveries``, which reads the queue.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import content, platforms
from socialstrike.db.models import Account, Delivery, Post
from socialstrike.drafts import Draft
from socialstrike.exceptions import NotFound
from socialstrike.i18n import tr
from socialstrike.platforms.base import Limits

#: What a platform counts in.
_UNITS = {
    "x": "weighted characters",
    "facebook": "characters",
    "mastodon": "characters as a reader sees them",
    "bluesky": "characters as a reader sees them, or tenths of their bytes",
}
_HASHTAG = re.compile(r"(?<![\w&])[#＃]\w+")
#: Who is mentioned: 15 characters on X; with a server, or without, on Mastodon. The other two
#: find mentions by themselves: Facebook none, Bluesky's library those of its facets.
_MENTIONS = {
    "x": re.compile(r"(?<![\w@/])[@＠][A-Za-z0-9_]{1,15}(?![\w@])"),
    "mastodon": re.compile(r"(?<![=/\w])@[A-Za-z0-9_]++(?:@\w(?:[\w.-]*\w)?+)?+"),
}
#: So many deliveries are asked of the database at a time.
_TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Entity:
    """A part of a text that the platform makes something of: a link, a hashtag or a mention.

    ``counts`` is how much of the limit it takes.
    """

    kind: str
    text: str
    counts: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture by its file's name, and its description."""

    name: str
    alt: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What the platform refuses (``refused``), or a reader regrets; ``rule`` is a stable word."""

    rule: str
    message: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """One text on one platform, for all the accounts and times that carry it.

    ``text`` is what is sent; of it ``kept`` fits into ``limit``, in ``unit``, and ``beyond`` does
    not. ``deliveries`` are ids, none before an import; ``times`` are aware, UTC, in order, shown in
    ``timezone``. ``price`` is US dollars for one delivery. ``card`` is a link outside the text.
    """

    platform: str
    kind: str
    accounts: tuple[str, ...]
    deliveries: tuple[int, ...]
    times: tuple[datetime, ...]
    timezone: str
    text: str
    length: int
    limit: int
    unit: str
    kept: str
    beyond: str
    card: str | None
    entities: tuple[Entity, ...]
    pictures: tuple[Picture, ...]
    price: Decimal
    notices: tuple[Notice, ...]

    @property
    def refused(self) -> bool:
        """Whether the platform would not take it."""
        return any(notice.refused for notice in self.notices)


@dataclass(frozen=True, slots=True)
class _Said:
    """One delivery's words, stored or not."""

    platform: str
    account: str
    kind: str
    text: str
    link: str | None
    pictures: tuple[Picture, ...]
    due_at: datetime
    timezone: str
    delivery: int | None = None


def of_drafts(
    drafts: Iterable[Draft], told: Mapping[str, Mapping[str, Any] | None]
) -> list[Preview]:
    """The previews of posts as read; ``told`` are the accounts' own limits by name."""
    return _previews(_said(drafts), told)


def of_deliveries(session: Session, ids: Sequence[int]) -> list[Preview]:
    """The previews of deliveries in the queue. Raises NotFound for an id that is not there."""
    said: list[_Said] = []
    told: dict[str, Mapping[str, Any] | None] = {}
    for start in range(0, len(ids), _TOGETHER):
        wanted = ids[start : start + _TOGETHER]
        rows = session.execute(
            select(Delivery, Post, Account)
            .join(Post, Post.id == Delivery.post_id)
            .join(Account, Account.id == Delivery.account_id)
            .where(Delivery.id.in_(wanted))
        ).all()
        found = {row[0].id: row for row in rows}
        for number in wanted:
            if number not in found:
                raise NotFound(
                    tr("there is no delivery {number}; see: socialstrike posts list", number=number)
                )
            delivery, post, account = found[number]
            told[account.name] = account.told
            said.append(_stored(delivery, post, account))
    return _previews(said, told)


def _said(drafts: Iterable[Draft]) -> Iterator[_Said]:
    for draft in drafts:
        pictures = tuple(Picture(picture.path.name, picture.alt) for picture in draft.media)
        for item in draft.deliveries:
            yield _Said(
                platform=item.platform,
                account=item.account,
                kind=draft.kind,
                text=item.text,
                link=draft.link,
                pictures=pictures,
                due_at=item.due_at,
                timezone=item.timezone,
            )


def _stored(delivery: Delivery, post: Post, account: Account) -> _Said:
    return _Said(
        platform=account.platform,
        account=account.name,
        kind=post.kind,
        text=delivery.text,
        link=post.link,
        pictures=tuple(Picture(picture["name"], picture["alt"]) for picture in post.media),
        due_at=delivery.due_at,
        timezone=delivery.timezone,
        delivery=delivery.id,
    )


def _previews(said: Iterable[_Said], told: Mapping[str, Mapping[str, Any] | None]) -> list[Preview]:
    """One preview for everything that looks the same, in the order it is first due."""
    groups: dict[tuple[object, ...], Preview] = {}
    for one in sorted(said, key=lambda one: one.due_at):
        limits = platforms.get(one.platform).limits_for(told.get(one.account))
        # A text that counts the same of the same limit is the same to its platform.
        length = limits.length(platforms.get(one.platform).compose(one.text, one.link))
        bounds = (length, limits.text, limits.media, limits.alt)
        key = (one.platform, one.kind, one.text, one.link, one.pictures, *bounds)
        before = groups.get(key)
        groups[key] = _with(before, one) if before else _preview(one, limits, length)
    return list(groups.values())


def _with(preview: Preview, one: _Said) -> Preview:
    return replace(
        preview,
        accounts=tuple(dict.fromkeys((*preview.accounts, one.account))),
        deliveries=(*preview.deliveries, *_ids(one)),
        times=tuple(dict.fromkeys((*preview.times, one.due_at))),
    )


def _ids(one: _Said) -> tuple[int, ...]:
    return () if one.delivery is None else (one.delivery,)


def _preview(one: _Said, limits: Limits, length: int) -> Preview:
    adapter = platforms.get(one.platform)
    text = adapter.compose(one.text, one.link)
    spans = sorted(_spans(one.platform, text))
    cut = len(text) if length <= limits.text else _cut(text, limits, spans)
    return Preview(
        platform=one.platform,
        kind=one.kind,
        accounts=(one.account,),
        deliveries=_ids(one),
        times=(one.due_at,),
        timezone=one.timezone,
        text=text,
        length=length,
        limit=limits.text,
        unit=_UNITS[one.platform],
        kept=text[:cut],
        beyond=text[cut:],
        card=one.link if one.link and one.link not in text else None,
        entities=tuple(
            Entity(kind, text[start:end], limits.length(text[start:end]))
            for start, end, kind in spans
        ),
        pictures=one.pictures,
        price=adapter.price(one.text, one.link, len(one.pictures)),
        notices=tuple(_notices(one, limits, length)),
    )


def _spans(platform: str, text: str) -> Iterator[tuple[int, int, str]]:
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


def _cut(text: str, limits: Limits, spans: Sequence[tuple[int, int, str]]) -> int:
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


def _notices(one: _Said, limits: Limits, length: int) -> Iterator[Notice]:
    label = platforms.get(one.platform).label
    if length > limits.text:
        yield Notice(
            "length",
            tr(
                "{length} too many for {label}; shorten it, or write variants: {{{platform}: …}}",
                length=length - limits.text,
                label=label,
                platform=one.platform,
            ),
            refused=True,
        )
    if len(one.pictures) > limits.media:
        yield Notice(
            "pictures",
            tr(
                "{label} takes {media} pictures in a post; drop some",
                label=label,
                media=limits.media,
            ),
            refused=True,
        )
    for picture in one.pictures:
        if len(picture.alt) > limits.alt:
            yield Notice(
                "alt-length",
                tr(
                    "the alt text of {name} has {count} characters, and {label} takes {alt};"
                    " shorten it",
                    name=picture.name,
                    count=len(picture.alt),
                    label=label,
                    alt=limits.alt,
                ),
                refused=True,
            )
        if not picture.alt.strip():
            yield Notice(
                "no-alt",
                tr(
                    "{name} has no alt text, so who cannot see it is left out; give it one",
                    name=picture.name,
                ),
                refused=False,
            )
