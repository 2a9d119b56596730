"""One written post becomes one draft, or several: those of its parts and of its links."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from socialstrike import platforms
from socialstrike.drafts import Draft, DraftDelivery
from socialstrike.i18n import tr
from socialstrike.post_file import checks, fed, fields, thread
from socialstrike.post_file.checks import Said
from socialstrike.post_file.fields import MAX_DELIVERIES, Asked, Setting
from socialstrike.post_file.jitter import moved
from socialstrike.post_file.nodes import Fields, Report, StopReading, check_names
from socialstrike.post_file.schedule import is_past
from socialstrike.post_file.thread import Thread

_FIELDS = frozenset(fields.FIELDS)


def draft(
    post: Fields, setting: Setting, report: Report, room: int = MAX_DELIVERIES
) -> tuple[Draft, ...]:
    """The draft ``post`` describes, or those of a thread's asked, or of each time of an occupation
    that carries links; none where something in it was reported as an error.

    ``room`` is how many deliveries it may come to. Raises StopReading where it comes to more.
    """
    before = len(report.errors)
    check_names(post, _FIELDS, report)
    asked = fields.read(post, setting, report)
    if asked is None or len(report.errors) > before:
        return ()
    if len(asked.accounts) * len(asked.plan.moments) * asked.longest() > room:
        # Before they are made: a few words can ask for millions.
        message = tr(
            "comes to more than {max_deliveries:,} deliveries; import fewer at a time",
            max_deliveries=MAX_DELIVERIES,
        )
        report.error(post.line, None, message)
        raise StopReading
    made: list[Draft] = []
    for one in _each(asked, setting, post.line, report):
        first = _bare(one, setting, post.line, report)
        said = _deliveries(one, first, setting)
        checks.check_limits(one, said, setting, post.line, report)
        if len(report.errors) > before:
            return ()
        if not made:
            begun = one if one is asked else replace(one, plan=asked.plan)
            checks.warn(
                begun, [deliveries[0] for _, deliveries in said], setting, post.line, report
            )
        made.extend(thread.drafts(first, said))
    return tuple(made)


def _each(asked: Asked, setting: Setting, line: int | None, report: Report) -> Iterator[Asked]:
    """What was asked itself, or that of each time which carries a link of its own."""
    found, plan = asked.source, asked.plan
    if found is None:
        yield asked
        return
    series = setting.feeds.series(_bare(replace(asked, link=found.name), setting, line, report).key)
    gone = [
        setting.now is not None and is_past(moment, limit, setting.now, late=setting.late)
        for moment, limit in zip(plan.moments, asked.limits, strict=True)
    ]
    titled = fed.check_texts(asked.written(), report)
    filled = fed.fill(found, series, gone, setting.feeds, report, titled=titled)
    for number, entry in filled.items():
        yield replace(
            asked,
            plan=replace(plan, moments=plan.moments[number : number + 1]),
            limits=asked.limits[number : number + 1],
            link=entry.link,
            slot=fed.Slot(series, number, entry.title),
        )


def _bare(asked: Asked, setting: Setting, line: int | None, report: Report) -> Draft:
    """The draft before its deliveries, which its key is needed for."""
    return Draft(
        kind=asked.kind,
        texts=tuple(map(thread.whole, asked.texts)),
        link=asked.link,
        media=asked.media,
        where=report.where,
        line=line,
        deliveries=(),
        campaign=setting.campaign.name if setting.campaign else None,
        day=setting.campaign.day if setting.campaign else None,
        local_times=tuple(map(setting.calendar.to_local, asked.plan.moments)),
        options=asked.options,
        fed=(asked.slot.series, asked.slot.number) if asked.slot else None,
    )


def _deliveries(asked: Asked, draft: Draft, setting: Setting) -> list[Said]:
    calendar = setting.calendar
    first = asked.slot.number if asked.slot else 0
    positions: dict[str, int] = {}
    made: list[Said] = []
    worn: dict[tuple[int, int, bool], Thread] = {}  # as often as it is said, one is made
    titled: dict[tuple[int, str, str], Thread] = {}
    for account in asked.accounts:
        platform = setting.addressees.platform_of[account]
        position = positions.get(platform, 0)
        positions[platform] = position + 1
        times, local_times = asked.plan.moments, draft.local_times
        if asked.jitter:
            times = moved(asked.plan, asked.jitter, draft.key, account, first=first)
            local_times = tuple(map(calendar.to_local, times))
        for occurrence, (moment, local) in enumerate(zip(times, local_times, strict=True), first):
            text, common = asked.text(account, platform, occurrence + position)
            replies = platforms.get(platform).replies
            said = worn.get((id(text), id(common), replies)) or thread.dressed(
                text, common, asked.media, replies=replies
            )
            worn[id(text), id(common), replies] = said
            if asked.slot is not None:
                room = (id(said), platform, str(setting.told.get(account)))
                said = titled.get(room) or _titled(said, account, asked, setting)
                titled[room] = said
            on_paper = asked.plan.moments[occurrence - first]
            deliveries = tuple(
                DraftDelivery(
                    account=account,
                    platform=platform,
                    occurrence=occurrence,
                    text=part.text,
                    due_at=moment,
                    local_time=local,
                    timezone=calendar.zone.key,
                    late_after=asked.limits[occurrence - first] + (moment - on_paper),
                    part=number,
                    parts=len(said),
                )
                for number, part in enumerate(said, 1)
            )
            made.append((said, deliveries))
    return made


def _titled(said: Thread, account: str, asked: Asked, setting: Setting) -> Thread:
    """The text with the title of what it links to, as much of it as the platform has room for."""
    adapter = platforms.get(setting.addressees.platform_of[account])
    limits = adapter.limits_for(setting.told.get(account))
    title = asked.slot.title if asked.slot else ""

    def fits(text: str) -> bool:
        return adapter.count(limits, text, asked.link, asked.options) <= limits.text

    return tuple(replace(part, text=fed.filled(part.text, title, fits)) for part in said)
