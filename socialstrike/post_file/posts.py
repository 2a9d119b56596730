"""One written post becomes one draft: its texts, its accounts, its limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from socialstrike import platforms
from socialstrike.content import with_hashtag
from socialstrike.drafts import CampaignSpec, Draft, DraftDelivery, DraftMedia
from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import tr
from socialstrike.platforms.base import Limits
from socialstrike.post_file import head
from socialstrike.post_file.nodes import (
    Fields,
    Items,
    Node,
    Report,
    Scalar,
    StopReading,
    check_names,
    clean_text,
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
    window,
)
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
)
MAX_TEXTS = 1_000
MAX_DELIVERIES = 200_000  # of one import
MAX_NAMES = 1_000
MAX_WRITTEN_NAMES = 200_000  # characters
NO_LINK = "none"


#: Limits of accounts that have their own, by name.
Told = Mapping[str, Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Setting:
    """All that surrounds the posts of one file. ``now`` is aware; None: times may be past.

    ``told`` are the limits of accounts that have their own, by name (Platform.limits_for).
    """

    calendar: Calendar
    campaign: CampaignSpec | None
    addressees: head.Addressees
    album: Album
    now: datetime | None
    late: bool = False
    told: Told = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Text:
    """A text ready to go out, and where it is written."""

    text: str
    field: str
    line: int | None


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a post, each without error."""

    kind: str
    accounts: tuple[str, ...]
    texts: tuple[_Text, ...]
    variants: Mapping[str, tuple[_Text, ...]]
    plan: Schedule
    limits: tuple[datetime, ...]
    media: tuple[DraftMedia, ...]
    link: str | None

    def text(self, account: str, platform: str, position: int, occurrence: int) -> _Text:
        """What ``account`` says: the account's variant, or its platform's, or the common text.

        Accounts of one platform begin at different texts, so that they never say the same at
        the same time while there are texts enough.
        """
        choice = self.variants.get(account) or self.variants.get(platform) or self.texts
        return choice[(occurrence + position) % len(choice)]


def draft(
    post: Fields, setting: Setting, report: Report, room: int = MAX_DELIVERIES
) -> Draft | None:
    """The draft ``post`` describes; None where something in it was reported as an error.

    ``room`` is how many deliveries it may come to. Raises StopReading where it comes to more.
    """
    before = len(report.errors)
    check_names(post, FIELDS, report)
    parts = _parts(post, setting, report)
    if parts is None or len(report.errors) > before:
        return None
    if len(parts.accounts) * len(parts.plan.moments) > room:
        # Before they are made: a few words can ask for millions.
        message = tr(
            "comes to more than {max_deliveries:,} deliveries; import fewer at a time",
            max_deliveries=MAX_DELIVERIES,
        )
        report.error(post.line, None, message)
        raise StopReading
    deliveries = _deliveries(parts, setting)
    _check_limits(parts, deliveries, setting, post.line, report)
    if len(report.errors) > before:
        return None
    _warn(parts, deliveries, setting, post.line, report)
    return Draft(
        kind=parts.kind,
        texts=tuple(text.text for text in parts.texts),
        link=parts.link,
        media=parts.media,
        where=report.where,
        line=post.line,
        deliveries=tuple(delivery for delivery, _ in deliveries),
        campaign=setting.campaign.name if setting.campaign else None,
        day=setting.campaign.day if setting.campaign else None,
        local_times=tuple(map(setting.calendar.to_local, parts.plan.moments)),
    )


def _parts(post: Fields, setting: Setting, report: Report) -> _Parts | None:
    kind = _kind(post, report)
    accounts = _accounts(post, setting, report)
    texts = _texts(post, kind, setting, report)
    variants = _variants(post, texts, accounts, setting, report)
    plan = schedule(post, kind, setting.calendar, setting.campaign, report)
    media = setting.album.pictures(items(post, "media", report) or (), report)
    address = _link(post, kind, setting, report)
    own = _lateness(post, report)
    if plan is None or not texts or not accounts:
        return None
    limits = late_after(plan, kind, own, setting.campaign)
    if setting.now is not None:
        check_past(plan, limits, setting.now, late=setting.late, report=report)
    return _Parts(kind, accounts, texts, variants, plan, limits, media, address)


def _kind(post: Fields, report: Report) -> str:
    """The post's kind; after an error the likelier one, so that its other errors are told too."""
    kind = scalar(post, "kind", report)
    if kind is not None and kind.text in (ANNOUNCEMENT, OCCUPATION):
        return kind.text
    written = f", not {shown(kind.text)}" if kind else ""
    message = tr("must be announcement or occupation{written}", written=written)
    report.error(kind.line if kind else post.line, "kind", message)
    return OCCUPATION if "every" in post.values else ANNOUNCEMENT


def _accounts(post: Fields, setting: Setting, report: Report) -> tuple[str, ...]:
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


def _texts(post: Fields, kind: str, setting: Setting, report: Report) -> tuple[_Text, ...]:
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
    if not isinstance(one, Scalar):
        report.error(one.line, "text", tr("must be one text"))
        return ()
    return _several(one, "text", setting, report)


def _several(node: Node, name: str, setting: Setting, report: Report) -> tuple[_Text, ...]:
    """The texts of a list, or the one text of a value, with the campaign's hashtag."""
    values = node.values if isinstance(node, Items) else (node,)
    if not values or len(values) > MAX_TEXTS:
        report.error(
            node.line, name, tr("must hold between 1 and {max_texts:,} texts", max_texts=MAX_TEXTS)
        )
        return ()
    hashtag = setting.campaign.hashtag if setting.campaign else None
    found = []
    for number, value in enumerate(values, 1):
        label = f"{name}[{number}]" if isinstance(node, Items) else name
        if not isinstance(value, Scalar):
            report.error(value.line, label, tr("must be a text; put quotes around it"))
            continue
        text = clean_text(value, label, report)
        if text is not None:
            final = with_hashtag(text, hashtag) if hashtag else text
            found.append(_Text(final, label, value.line))
    return tuple(found)


def _variants(
    post: Fields,
    texts: Sequence[_Text],
    accounts: Sequence[str],
    setting: Setting,
    report: Report,
) -> dict[str, tuple[_Text, ...]]:
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
            report.error(value.line, label, unknown("account or platform", name, known))
            continue
        if accounts and name not in addressed:
            report.warn(value.line, label, tr("is not addressed by this post; nobody will say it"))
        if isinstance(value, Items) and "every" not in post.values:
            report.error(value.line, label, tr("must be one text; several need every"))
            continue
        if variant := _several(value, label, setting, report):
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


def _deliveries(parts: _Parts, setting: Setting) -> list[tuple[DraftDelivery, _Text]]:
    calendar = setting.calendar
    positions: Counter[str] = Counter()
    made = []
    for account in parts.accounts:
        platform = setting.addressees.platform_of[account]
        position = positions[platform]
        positions[platform] += 1
        for occurrence, moment in enumerate(parts.plan.moments):
            said = parts.text(account, platform, position, occurrence)
            delivery = DraftDelivery(
                account=account,
                platform=platform,
                occurrence=occurrence,
                text=said.text,
                due_at=moment,
                local_time=calendar.to_local(moment),
                timezone=calendar.zone.key,
                late_after=parts.limits[occurrence],
            )
            made.append((delivery, said))
    return made


def _check_limits(
    parts: _Parts,
    deliveries: Sequence[tuple[DraftDelivery, _Text]],
    setting: Setting,
    line: int | None,
    report: Report,
) -> None:
    """Report what a platform would refuse: once for each text and limits, naming the account."""
    checked: set[tuple[str, str, str, int | None]] = set()
    for delivery, said in deliveries:
        told = setting.told.get(delivery.account)
        seen = (delivery.platform, str(told), said.field, said.line)
        if seen in checked:
            continue
        checked.add(seen)
        adapter = platforms.get(delivery.platform)
        limits = adapter.limits_for(told)
        limit, length = limits.text, limits.length(adapter.compose(said.text, parts.link))
        if length > limit:
            report.error(
                said.line,
                said.field,
                tr(
                    "counts {length} of {limit} on {label} (for {account}), {length2} too many"
                    " with its hashtag and link; shorten it, or write variants: {{{platform}: …}}",
                    length=length,
                    limit=limit,
                    label=adapter.label,
                    account=delivery.account,
                    length2=length - limit,
                    platform=delivery.platform,
                ),
            )
    looked: dict[tuple[str, str], Mapping[str, Any] | None] = {}
    for name in parts.accounts:
        told = setting.told.get(name)
        looked.setdefault((setting.addressees.platform_of[name], str(told)), told)
    for (platform, _), told in looked.items():
        adapter = platforms.get(platform)
        _check_media(parts.media, adapter.label, adapter.limits_for(told), line, report)


def _check_media(
    media: Sequence[DraftMedia], label: str, limits: Limits, line: int | None, report: Report
) -> None:
    if len(media) > limits.media:
        report.error(
            line,
            "media",
            tr(
                "names {count} pictures, and {label} takes {media}; drop some",
                count=len(media),
                label=label,
                media=limits.media,
            ),
        )
    for picture in media:
        name = shown(picture.path.name)
        if picture.mime_type not in limits.media_types:
            kind = picture.mime_type.removeprefix("image/").upper()
            report.error(
                line,
                "media",
                tr(
                    "{name} is {kind}; {label} wants PNG or JPEG", name=name, kind=kind, label=label
                ),
            )
        elif picture.size > limits.media_bytes:
            report.error(
                line,
                "media",
                tr(
                    "{name} has {size:.1f} MB, and {label} takes {media_bytes:.1f} MB; make it"
                    " smaller",
                    name=name,
                    size=picture.size / 1e6,
                    label=label,
                    media_bytes=limits.media_bytes / 1e6,
                ),
            )
        if len(picture.alt) > limits.alt:
            report.error(
                line,
                "media",
                tr(
                    "the alt text of {name} has {count} characters, and {label} takes {alt};"
                    " shorten it",
                    name=name,
                    count=len(picture.alt),
                    label=label,
                    alt=limits.alt,
                ),
            )


def _warn(
    parts: _Parts,
    deliveries: Sequence[tuple[DraftDelivery, _Text]],
    setting: Setting,
    line: int | None,
    report: Report,
) -> None:
    """Say what is allowed and yet likely to be refused or regretted."""
    said = Counter((delivery.account, delivery.text) for delivery, _ in deliveries)
    if repeated := next((account for (account, _), count in said.items() if count > 1), None):
        count = len(parts.plan.moments)
        report.warn(
            line,
            "texts",
            tr(
                "{repeated} would repeat itself: {count} times and too few texts; write"
                " {count} different ones, because platforms refuse the same text twice",
                repeated=repeated,
                count=count,
            ),
        )
    together: dict[tuple[str, datetime, str], str] = {}
    for delivery, _ in deliveries:
        moment = (delivery.platform, delivery.due_at, delivery.text)
        other = together.setdefault(moment, delivery.account)
        if other != delivery.account:
            report.warn(
                line,
                "to",
                tr(
                    "{other} and {account} would say the same on {platform} at the same time,"
                    " which X forbids; write variants",
                    other=other,
                    account=delivery.account,
                    platform=delivery.platform,
                ),
            )
            break
    bounds = window(setting.campaign, setting.calendar) if setting.campaign else None
    if bounds and parts.kind == OCCUPATION:
        first, last = parts.plan.moments[0], parts.plan.moments[-1]
        if first < bounds[0] or last >= bounds[1]:
            report.warn(
                parts.plan.line, None, tr("the occupation goes beyond the campaign's window")
            )
