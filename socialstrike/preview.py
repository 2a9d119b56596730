"""A post as its platform will count, link and cut it, before anything is sent. Pure but for
``of_deliveries``, which reads the queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import platforms, queue, spans
from socialstrike.db.models import Account, Delivery, Post
from socialstrike.drafts import Draft
from socialstrike.exceptions import NotFound
from socialstrike.i18n import stored, tr
from socialstrike.platforms.base import Limits

#: What a platform counts in.
_UNITS = {
    "x": stored("weighted characters"),
    "facebook": stored("characters"),
    "mastodon": stored("characters as a reader sees them"),
    "bluesky": stored("characters as a reader sees them, or tenths of their bytes"),
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
    """One picture or ``video`` by its file's name, and its description."""

    name: str
    alt: str
    video: bool = False


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
    ``asked`` is what the post asks for and this platform knows (Payload), as pairs. ``place`` is
    which part of a thread it is, and of how many.
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
    asked: tuple[tuple[str, str], ...] = ()
    place: tuple[int, int] | None = None

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
    asked: tuple[tuple[str, str], ...] = ()
    place: tuple[int, int] | None = None


def of_drafts(
    drafts: Iterable[Draft], told: Mapping[str, Mapping[str, Any] | None]
) -> list[Preview]:
    """The previews of posts as read; ``told`` are the accounts' own limits by name."""
    return _previews(_said(drafts), told)


def of_deliveries(session: Session, ids: Sequence[int]) -> list[Preview]:
    """The previews of deliveries in the queue. Raises NotFound for an id that is not there."""
    said: list[_Said] = []
    places = queue.places(session)
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
            place = places.get(number)
            parts = (place.part, place.parts) if place else None
            said.append(replace(_stored(delivery, post, account), place=parts))
    return _previews(said, told)


def _said(drafts: Iterable[Draft]) -> Iterator[_Said]:
    for draft in drafts:
        pictures = tuple(Picture(one.path.name, one.alt, one.is_video) for one in draft.media)
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
                asked=_asked(item.platform, draft.options),
                place=(item.part, item.parts) if item.parts > 1 else None,
            )


def _stored(delivery: Delivery, post: Post, account: Account) -> _Said:
    return _Said(
        platform=account.platform,
        account=account.name,
        kind=post.kind,
        text=delivery.text,
        link=post.link,
        pictures=tuple(
            Picture(one["name"], one["alt"], one["mime_type"].startswith("video/"))
            for one in post.media
        ),
        due_at=delivery.due_at,
        timezone=delivery.timezone,
        delivery=delivery.id,
        asked=_asked(account.platform, post.options),
    )


def _asked(platform: str, options: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    known = platforms.get(platform).options
    return tuple((name, value) for name, value in (options or {}).items() if name in known)


def _previews(said: Iterable[_Said], told: Mapping[str, Mapping[str, Any] | None]) -> list[Preview]:
    """One preview for everything that looks the same, in the order it is first due."""
    groups: dict[tuple[object, ...], Preview] = {}
    for one in sorted(said, key=lambda one: one.due_at):
        limits = platforms.get(one.platform).limits_for(told.get(one.account))
        # A text that counts the same of the same limit is the same to its platform.
        adapter = platforms.get(one.platform)
        length = adapter.count(limits, one.text, one.link, dict(one.asked))
        bounds = (length, limits.text, limits.media, limits.alt)
        looks = (one.kind, one.place, one.text, one.link, one.pictures, one.asked)
        key = (one.platform, *looks, *bounds)
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
    marks = sorted(spans.found(one.platform, text))
    # A content warning has taken its part already.
    room = replace(limits, text=limits.text - (length - limits.length(text)))
    cut = len(text) if length <= limits.text else spans.cut(text, room, marks)
    return Preview(
        platform=one.platform,
        kind=one.kind,
        place=one.place,
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
            for start, end, kind in marks
        ),
        pictures=one.pictures,
        price=adapter.price(one.text, one.link, sum(not picture.video for picture in one.pictures)),
        notices=tuple(_notices(one, limits, length)),
        asked=one.asked,
    )


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
    if any(picture.video for picture in one.pictures) and not limits.video_bytes:
        yield Notice(
            "pictures",
            tr("{label} takes no video from here; send pictures there", label=label),
            refused=True,
        )
    for picture in one.pictures:
        own = picture.video and limits.video_alt is not None
        most = (limits.video_alt or 0) if own else limits.alt
        if picture.alt and not most:
            yield Notice(
                "no-alt",
                tr(
                    "{label} shows no alt text with a video; say in the text what it shows",
                    label=label,
                ),
                refused=False,
            )
        elif len(picture.alt) > most:
            yield Notice(
                "alt-length",
                tr(
                    "the alt text of {name} has {count} characters, and {label} takes {alt};"
                    " shorten it",
                    name=picture.name,
                    count=len(picture.alt),
                    label=label,
                    alt=most,
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
