"""What a platform would refuse of a post, and what is allowed and yet likely to be regretted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from socialstrike import platforms
from socialstrike.drafts import DraftDelivery, DraftMedia
from socialstrike.i18n import tr
from socialstrike.platforms.base import Limits
from socialstrike.post_file import options, videos
from socialstrike.post_file.fields import Asked, Setting
from socialstrike.post_file.nodes import Report, shown
from socialstrike.post_file.schedule import OCCUPATION, window
from socialstrike.post_file.thread import Part, Thread

#: What an account says at one of its times, and the deliveries of its parts.
Said = tuple[Thread, Sequence[DraftDelivery]]


def check_limits(
    asked: Asked,
    made: Sequence[Said],
    setting: Setting,
    line: int | None,
    report: Report,
) -> None:
    """Report what a platform would refuse: once for each text and limits, naming the account."""
    checked: set[tuple[str, str, str, int | None]] = set()
    looked: dict[tuple[str, str, tuple[DraftMedia, ...]], tuple[DraftDelivery, Part]] = {}
    for delivery, said in (pair for one in made for pair in zip(one[1], one[0], strict=True)):
        told = setting.told.get(delivery.account)
        seen = (delivery.platform, str(told), said.field, said.line)
        if seen in checked:
            continue
        checked.add(seen)
        looked.setdefault((delivery.platform, str(told), said.media), (delivery, said))
        adapter = platforms.get(delivery.platform)
        limits = adapter.limits_for(told)
        limit = limits.text
        link = asked.link if delivery.part == 1 else None
        if setting.check_lengths and not adapter.fits(limits, said.text, link, asked.options):
            length = adapter.count(limits, said.text, link, asked.options)
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
    for media in {media: None for _, _, media in looked if media != asked.media}:
        videos.stands_alone(media, line, report)
    for (platform, _, media), (delivery, said) in looked.items():
        adapter = platforms.get(platform)
        limits = adapter.limits_for(setting.told.get(delivery.account))
        if delivery.part == 1:
            _check_media(media, adapter.label, limits, line, report)
        else:
            name = f"{said.field}.media"
            _check_media(media, adapter.label, limits, said.line, report, written=name)


def _check_media(
    media: Sequence[DraftMedia],
    label: str,
    limits: Limits,
    line: int | None,
    report: Report,
    *,
    written: str = "media",
) -> None:
    if len(media) > limits.media:
        report.error(
            line,
            written,
            tr(
                "names {count} pictures, and {label} takes {media}; drop some",
                count=len(media),
                label=label,
                media=limits.media,
            ),
        )
    for picture in media:
        name = shown(picture.path.name)
        if picture.is_video:
            videos.check(picture, label, limits, line, report)
            continue
        if picture.mime_type not in limits.media_types:
            kind = picture.mime_type.removeprefix("image/").upper()
            report.error(
                line,
                written,
                tr(
                    "{name} is {kind}; {label} wants PNG or JPEG", name=name, kind=kind, label=label
                ),
            )
        elif picture.size > limits.media_bytes:
            report.error(
                line,
                written,
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
                written,
                tr(
                    "the alt text of {name} has {count} characters, and {label} takes {alt};"
                    " shorten it",
                    name=name,
                    count=len(picture.alt),
                    label=label,
                    alt=limits.alt,
                ),
            )


def warn(
    asked: Asked,
    deliveries: Sequence[DraftDelivery],
    setting: Setting,
    line: int | None,
    report: Report,
) -> None:
    """Say what is allowed and yet likely to be refused or regretted."""
    if len(deliveries) > 1:
        _warn_repeated(asked, deliveries, line, report)
    addressed = {setting.addressees.platform_of[account] for account in asked.accounts}
    options.warn(asked.options, addressed, line, report)
    # Before the window, which takes as long as all the rest.
    bounds = (
        window(setting.campaign, setting.calendar)
        if setting.campaign and asked.kind == OCCUPATION
        else None
    )
    if bounds:
        first, last = asked.plan.moments[0], asked.plan.moments[-1]
        if first < bounds[0] or last >= bounds[1]:
            report.warn(
                asked.plan.line, None, tr("the occupation goes beyond the campaign's window")
            )


def _warn_repeated(
    asked: Asked, deliveries: Sequence[DraftDelivery], line: int | None, report: Report
) -> None:
    """Say so where an account repeats itself, or two say the same at the same time."""
    said = Counter((delivery.account, delivery.text) for delivery in deliveries)
    if repeated := next((account for (account, _), count in said.items() if count > 1), None):
        count = len(asked.plan.moments)
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
    together: dict[tuple[str, int, str], str] = {}
    for delivery in deliveries:
        moment = (delivery.platform, delivery.occurrence, delivery.text)
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
