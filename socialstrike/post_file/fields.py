"""What one written post asks for, field by field: whom, when, which words and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from socialstrike import platforms
from socialstrike.drafts import CampaignSpec, DraftMedia
from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import tr
from socialstrike.post_file import fed, head, options, thread, videos
from socialstrike.post_file.jitter import jitter
from socialstrike.post_file.nodes import (
    Fields,
    Items,
    Node,
    Report,
    Scalar,
    items,
    scalar,
    shown,
    unknown,
    words,
)
from socialstrike.post_file.pictures import Album
from socialstrike.post_file.schedule import (
    ANNOUNCEMENT,
    OCCUPATION,
    Schedule,
    check_past,
    late_after,
    schedule,
)
from socialstrike.post_file.thread import Thread
from socialstrike.post_file.times import Calendar, duration

FIELDS = (
    "kind",
    "at",
    "every",
    "from",
    "until",
    "to",
    "text",
    "texts",
    "media",
    "variants",
    "link",
    "lateness",
    "jitter",
    *fed.FIELDS,
    *options.FIELDS,
)
MAX_TEXTS = 1_000
MAX_DELIVERIES = 200_000  # of one import
MAX_NAMES = 1_000
MAX_WRITTEN_NAMES = 200_000  # characters
NO_LINK = "none"
_MOST_RESOLVED = 1_000

#: Limits of accounts that have their own, by name.
Told = Mapping[str, Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Setting:
    """All that surrounds the posts of one file. ``now`` is aware; None: times may be past.

    ``told`` are the limits of accounts that have their own, by name (Platform.limits_for). Without
    ``check_lengths`` a text may be too long. ``resolved`` remembers whom a value of ``to`` names:
    the rows of a file address the same few again and again.
    """

    calendar: Calendar
    campaign: CampaignSpec | None
    addressees: head.Addressees
    album: Album
    now: datetime | None
    late: bool = False
    told: Told = field(default_factory=dict)
    resolved: dict[str, tuple[str, ...]] = field(default_factory=dict)
    feeds: fed.Feeds = field(default_factory=lambda: fed.Feeds(None))
    check_lengths: bool = True


class Asked(Struct, frozen=True):
    """All that a post asks for, each without error.

    ``slot`` is the time of an occupation that carries links, with its link's title.
    """

    kind: str
    accounts: tuple[str, ...]
    texts: tuple[Thread, ...]
    variants: Mapping[str, tuple[Thread, ...]]
    plan: Schedule
    limits: tuple[datetime, ...]
    media: tuple[DraftMedia, ...]
    link: str | None
    options: Mapping[str, str] | None
    jitter: timedelta = timedelta(0)
    source: fed.Source | None = None
    slot: fed.Slot | None = None

    def text(self, account: str, platform: str, turn: int) -> tuple[Thread, Thread]:
        """What ``account`` says: its variant, or its platform's, or the common text; and that one.

        Accounts of one platform begin at different texts, so that they never say the same at
        the same time while there are texts enough.
        """
        choice = self.variants.get(account) or self.variants.get(platform) or self.texts
        return choice[turn % len(choice)], self.texts[turn % len(self.texts)]

    def written(self) -> tuple[Thread, ...]:
        """Every text, whoever says it."""
        return (*self.texts, *(text for several in self.variants.values() for text in several))

    def longest(self) -> int:
        """The most parts that a text has."""
        return max(map(len, self.written()))


def read(post: Fields, setting: Setting, report: Report) -> Asked | None:
    """What ``post`` asks for; None where too much of it is missing or wrong to go on."""
    kind = _kind(post, report)
    accounts = _accounts(post, setting, report)
    texts = _texts(post, kind, setting, report)
    variants = _variants(post, texts, accounts, setting, report)
    plan = schedule(post, kind, setting.calendar, setting.campaign, report)
    media = setting.album.pictures(items(post, "media", report) or (), report)
    videos.stands_alone(media, post.line, report)
    address = _link(post, kind, setting, report)
    asked = options.read(post, report)
    own = _lateness(post, report)
    most = jitter(post, plan, report)
    fed_by = not post.values.keys().isdisjoint(fed.FIELDS)
    source = fed.source(post, setting.feeds, report) if fed_by else None
    if plan is None or not texts or not accounts:
        return None
    limits = late_after(plan, kind, own, setting.campaign)
    if setting.now is not None and source is None:
        check_past(plan, limits, setting.now, late=setting.late, report=report)
    return Asked(kind, accounts, texts, variants, plan, limits, media, address, asked, most, source)


def _kind(post: Fields, report: Report) -> str:
    """The post's kind; after an error the likelier one, so that its other errors are told too."""
    kind = scalar(post, "kind", report)
    if kind is not None and kind.text in (ANNOUNCEMENT, OCCUPATION):
        return kind.text
    written = tr(", not {kind}", kind=shown(kind.text)) if kind else ""
    message = tr("must be announcement or occupation{written}", written=written)
    report.error(kind.line if kind else post.line, "kind", message)
    return OCCUPATION if "every" in post.values else ANNOUNCEMENT


def _accounts(post: Fields, setting: Setting, report: Report) -> tuple[str, ...]:
    to, before = post.values.get("to"), len(report.errors)
    if isinstance(to, Scalar) and (known := setting.resolved.get(to.text)):
        return known
    found = _named(post, setting, report)
    if isinstance(to, Scalar) and not to.empty and len(report.errors) == before:
        if len(setting.resolved) >= _MOST_RESOLVED:
            setting.resolved.clear()
        setting.resolved[to.text] = found
    return found


def _named(post: Fields, setting: Setting, report: Report) -> tuple[str, ...]:
    named = words(items(post, "to", report) or (), "to", report)
    if len(named) > MAX_NAMES or sum(len(word.text) for word in named) > MAX_WRITTEN_NAMES:
        report.error(
            named[0].line,
            "to",
            tr("names more than {max_names:,} accounts; use a group", max_names=MAX_NAMES),
        )
        return ()
    written = tuple(
        Scalar(name, word.line) for word in named for name in word.text.replace(",", " ").split()
    )
    if not written:
        node = post.values.get("to")
        line = node.line if node else post.line
        report.error(line, "to", tr("is empty; name accounts, groups, a platform, or all"))
        return ()
    if len(written) > MAX_NAMES:
        report.error(
            written[0].line,
            "to",
            tr("names more than {max_names:,} accounts; use a group", max_names=MAX_NAMES),
        )
        return ()
    return setting.addressees.resolve(written, report)


def _texts(post: Fields, kind: str, setting: Setting, report: Report) -> tuple[Thread, ...]:
    one, several = post.values.get("text"), post.values.get("texts")
    if one is not None and several is not None:
        report.error(several.line, "texts", tr("stands beside text; keep one of them"))
        return ()
    if several is not None:
        if kind != OCCUPATION or "every" not in post.values:
            report.error(several.line, "texts", tr("is for an occupation with every; write text"))
            return ()
        return _several(several, "texts", setting, report)
    if one is None or (isinstance(one, Scalar) and one.empty):
        report.error(one.line if one else post.line, "text", tr("is missing; write what to say"))
        return ()
    return _one(one, "text", setting, report)


def _several(node: Node, name: str, setting: Setting, report: Report) -> tuple[Thread, ...]:
    """The texts of a list, or the one text of a value, with the campaign's hashtag."""
    values = node.values if isinstance(node, Items) else (node,)
    if not values or len(values) > MAX_TEXTS:
        report.error(
            node.line, name, tr("must hold between 1 and {max_texts:,} texts", max_texts=MAX_TEXTS)
        )
        return ()
    listed = isinstance(node, Items)
    return tuple(
        text
        for number, value in enumerate(values, 1)
        for text in _one(value, f"{name}[{number}]" if listed else name, setting, report)
    )


def _one(node: Node, name: str, setting: Setting, report: Report) -> tuple[Thread, ...]:
    """The one text, which may be a thread; none where something in it is an error."""
    hashtag = setting.campaign.hashtag if setting.campaign else None
    found = thread.read(node, name, hashtag, setting.album, report)
    return (found,) if found else ()


def _variants(
    post: Fields,
    texts: Sequence[Thread],
    accounts: Sequence[str],
    setting: Setting,
    report: Report,
) -> dict[str, tuple[Thread, ...]]:
    node = post.values.get("variants")
    if node is None or (isinstance(node, Scalar) and node.empty):
        return {}
    if not isinstance(node, Fields):
        report.error(node.line, "variants", tr('must name platforms or accounts, as in {x: "…"}'))
        return {}
    found = {}
    platform_of = setting.addressees.platform_of
    addressed = {*accounts, *(platform_of[account] for account in accounts)}
    for name, value in node.values.items():
        label = f"variants.{shown(name)}"
        known = {*platform_of, *platforms.REGISTRY}
        if name not in known:
            report.error(value.line, label, unknown(tr("account or platform"), name, known))
            continue
        if accounts and name not in addressed:
            report.warn(value.line, label, tr("is not addressed by this post; nobody will say it"))
        read = _several if "every" in post.values else _one
        if variant := read(value, label, setting, report):
            found[name] = variant
    return found


def _link(post: Fields, kind: str, setting: Setting, report: Report) -> str | None:
    written = scalar(post, "link", report)
    if written is not None and written.text.strip().lower() == NO_LINK:
        return None
    if written is not None:
        return head.link(written, "link", report)
    # The strike's own text goes with what announces it; an occupation repeats itself enough.
    campaign = setting.campaign if kind == ANNOUNCEMENT else None
    return campaign.link if campaign else None


def _lateness(post: Fields, report: Report) -> timedelta | None:
    written = scalar(post, "lateness", report)
    try:
        return duration(written.text) if written else None
    except InvalidInput as error:
        report.error(written.line if written else None, "lateness", str(error))
        return None
