"""Post files: YAML, CSV and JSON Lines in, drafts out, or every error in one go.

The grammar is told in docs/post-files.md. Nothing here touches the database or a platform.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from msgspec import structs

from socialstrike import platforms
from socialstrike.drafts import CampaignSpec, Draft, DraftDelivery, DraftMedia, PostFile
from socialstrike.exceptions import InvalidFile, InvalidInput, Problem
from socialstrike.i18n import tr
from socialstrike.post_file import fed, fields, head, posts, rows, yaml
from socialstrike.post_file.nodes import (
    Fields,
    Items,
    Node,
    Report,
    Scalar,
    StopReading,
    check_names,
    items,
    refuse,
    words,
)
from socialstrike.post_file.pictures import Album
from socialstrike.post_file.pile import Pile
from socialstrike.post_file.times import DEFAULT_ZONE, Calendar, from_now, zone_of

__all__ = [
    "DEFAULT_ZONE",
    "CampaignSpec",
    "Draft",
    "DraftDelivery",
    "DraftMedia",
    "PostFile",
    "check_campaign",
    "declared_accounts",
    "drafts",
    "read",
]

MAX_POSTS = 10_000
MAX_ADDRESSED = 10_000  # accounts a rehearsal makes up at most


@dataclass
class _Source:
    """One file on its way: what stands above the posts, and the posts."""

    path: Path
    report: Report
    head: Fields
    posts: Iterable[Fields]
    campaign: CampaignSpec | None = None
    shift: timedelta = timedelta(0)
    astray: bool = False  # its campaign is wrong; that is one error, not one for each time


def read(
    paths: Sequence[Path],
    *,
    campaigns: Callable[[str], CampaignSpec | None],
    accounts: Mapping[str, str],
    now: datetime,
    campaign: str | None = None,
    day: date | None = None,
    late: bool = False,
    check_past: bool = True,
    check_lengths: bool = True,
    told: fields.Told | None = None,
    queued: fed.Queued | None = None,
) -> list[PostFile]:
    """Read post files, each in its own folder, against the known ``campaigns`` and ``accounts``.

    ``accounts`` maps names to platforms; ``now`` is aware. ``campaign`` names the campaign of
    files that have none of their own, and renames that of files that have one. ``day`` moves the
    campaign and every date in the files with it. A past time is an error unless ``late`` accepts
    it within its lateness limit, or ``check_past`` is off. ``told`` are the limits of accounts that
    have their own, by name. ``queued`` tells which posts an import before has queued with which
    links (queue.queued_links); feeds are read over the network. Without ``check_lengths`` a text
    may be longer than its platform takes.

    Raises InvalidFile with the problems of all files at once.
    """
    sources = [_open(path) for path in paths]
    _name_campaigns(sources, campaigns, campaign, day)
    files: list[PostFile] = []
    room = fields.MAX_DELIVERIES
    fetched: fed.Fetched = {}
    for source in sources:
        with suppress(StopReading):
            setting = fields.Setting(
                calendar=_calendar(source, day),
                campaign=source.campaign,
                addressees=head.addressees(source.head, accounts, source.report),
                album=Album(source.path.parent),
                now=now if check_past and not source.astray else None,
                late=late,
                told=told or {},
                feeds=fed.Feeds(source.path.parent, fetched, queued),
                check_lengths=check_lengths,
            )
            drafts = _drafts(source, setting, room)
            setting.album.tell(source.report)
            room -= drafts.deliveries
            warnings = tuple(source.report.warnings)
            files.append(PostFile(source.campaign, drafts, warnings, drafts.accounts))
    refuse(source.report for source in sources)
    return files


def drafts(
    *,
    text: str,
    at: str,
    to: Sequence[str],
    accounts: Mapping[str, str],
    now: datetime,
    kind: str = "announcement",
    media: Sequence[tuple[str | Path, str]] = (),
    link: str | None = None,
    asked: Mapping[str, str | None] | None = None,
    campaign: CampaignSpec | None = None,
    late: bool = False,
    warnings: list[Problem] | None = None,
    told: fields.Told | None = None,
) -> tuple[Draft, ...]:
    """One post from a command's arguments, checked as in a file; several where its text is a
    thread. ``now`` is aware.

    ``at`` may also be ``now`` or a delay such as ``+10m``; ``media`` are (path, alt text).
    ``asked`` is what the post asks its platforms for, by the fields of a post file.
    What is odd but allowed is added to ``warnings``; ``told`` as for ``read``.
    Raises InvalidFile, whose problems name the arguments.
    """
    report = Report(tr("posts add"))
    try:
        at = from_now(at.strip(), now)
    except InvalidInput as error:
        report.error(None, "at", str(error))
        at = now.isoformat(timespec="seconds")
    values: dict[str, Node] = {
        "kind": Scalar(kind),
        "text": Scalar(text),
        "to": Items(tuple(map(Scalar, to))),
        "at": Scalar(at),
        "media": Items(
            tuple(Fields({"file": Scalar(str(path)), "alt": Scalar(alt)}) for path, alt in media)
        ),
    }
    if link is not None:
        values["link"] = Scalar(link)
    values |= {name: Scalar(value) for name, value in (asked or {}).items() if value is not None}
    setting = fields.Setting(
        calendar=Calendar(
            zone_of(campaign.timezone if campaign else DEFAULT_ZONE),
            campaign.day if campaign else None,
        ),
        campaign=campaign,
        addressees=head.Addressees(accounts, everyone=tuple(accounts)),
        album=Album(None),
        now=now,
        late=late,
        told=told or {},
    )
    made: tuple[Draft, ...] = ()
    with suppress(StopReading):
        made = posts.draft(Fields(values), setting, report)
        setting.album.tell(report)
    refuse([report])
    if warnings is not None:
        warnings.extend(report.warnings)
    return made


def check_campaign(spec: CampaignSpec) -> None:
    """Hold a campaign made by a command to the rules of one in a file. Raises InvalidFile."""
    report = Report(tr("campaigns set"))
    minute = timedelta(minutes=1)
    occupation = spec.occupation_lateness
    said = {
        "name": spec.name,
        "day": spec.day.isoformat(),
        "timezone": spec.timezone,
        "hashtag": spec.hashtag,
        "mention": spec.mention,
        "link": spec.link,
        "window": f"{spec.window_hours}h",
        "announcement_lateness": f"{spec.announcement_lateness // minute}m",
        "occupation_lateness": None if occupation is None else f"{occupation // minute}m",
    }
    head.campaign(
        Fields({name: Scalar(value) for name, value in said.items() if value is not None}), report
    )
    refuse([report])


def declared_accounts(paths: Sequence[Path]) -> dict[str, str | None]:
    """Every account the files address, with its platform where a file declares it.

    Groups are resolved; a platform's name and ``all`` name nobody by themselves. Raises
    InvalidFile only where a file cannot be read at all.
    """
    found: dict[str, str | None] = {}
    sources = [_open(path) for path in paths]
    for source in sources:
        with suppress(StopReading):
            _declared(source, found)
    refuse(source.report for source in sources)
    return found


def _declared(source: _Source, found: dict[str, str | None]) -> None:
    quiet = Report(str(source.path))
    known = head.addressees(source.head, {}, quiet, strict=False)
    for name, platform in known.platform_of.items():
        found[name] = found.get(name) or platform
    for post in _each(source):
        for word in words(items(post, "to", quiet) or (), "to", quiet):
            for name in word.text[: fields.MAX_WRITTEN_NAMES].replace(",", " ").split():
                for account in known.groups.get(name, (name,)):
                    if account != head.ALL and account not in platforms.REGISTRY:
                        found.setdefault(account, None)
        if len(found) > MAX_ADDRESSED:
            message = tr(
                "addresses more than {max_addressed:,} accounts; split the file",
                max_addressed=MAX_ADDRESSED,
            )
            source.report.error(post.line, "to", message)
            return


def _open(path: Path) -> _Source:
    """What the file says, unchecked; a file that cannot be read has its errors in its report."""
    report = Report(str(path))
    source = _Source(path, report, Fields({}), ())
    match path.suffix.lower():
        case ".yaml" | ".yml":
            try:
                source.head = yaml.load(path)
            except InvalidFile as error:
                report.errors.extend(error.problems)
            else:
                with suppress(StopReading):
                    source.posts = _listed(source.head, report)
        case ".csv":
            source.posts = rows.read_csv(path, report)
        case ".jsonl" | ".ndjson":
            source.posts = rows.read_json_lines(path, report)
        case _:
            report.error(None, None, tr("a post file ends in .yaml, .csv or .jsonl; rename it"))
    return source


def _listed(top: Fields, report: Report) -> list[Fields]:
    check_names(top, head.FIELDS, report)
    listed = top.values.get("posts")
    if not isinstance(listed, Items) or not listed.values:
        line = listed.line if listed else top.line
        report.error(line, "posts", tr("holds no posts; write a list that begins with - kind:"))
        return []
    if len(listed.values) > MAX_POSTS:
        report.error(
            listed.line,
            "posts",
            tr("holds more than {max_posts:,} posts; split the file", max_posts=MAX_POSTS),
        )
        return []
    for node in listed.values:
        if not isinstance(node, Fields):
            report.error(node.line, "posts", tr("a post must have fields such as kind and text"))
    return [node for node in listed.values if isinstance(node, Fields)]


def _each(source: _Source) -> Iterator[Fields]:
    try:
        yield from source.posts
    except InvalidFile as error:
        source.report.errors.extend(error.problems)


def _name_campaigns(
    sources: Sequence[_Source],
    campaigns: Callable[[str], CampaignSpec | None],
    option: str | None,
    day: date | None,
) -> None:
    """Give each file its campaign: its own, or the one it or the option names."""
    written: dict[str, CampaignSpec] = {}
    for source in sources:
        node = source.head.values.get("campaign")
        if isinstance(node, Scalar) or node is None:
            continue
        spec = None
        with suppress(StopReading):
            spec = head.campaign(node, source.report)
        source.astray = spec is None
        if spec is not None:
            source.shift = day - spec.day if day else timedelta(0)
            source.campaign = head.moved(spec, option, day)
            written[spec.name] = written[source.campaign.name] = source.campaign
    for source in sources:
        node = source.head.values.get("campaign")
        own = node.text.strip() if isinstance(node, Scalar) and not node.empty else None
        name = option or own
        if isinstance(node, Fields | Items) or name is None:
            continue
        spec = written.get(name)
        if spec is None:
            known = campaigns(name)
            with suppress(StopReading):
                spec = head.find_campaign(name, known, node.line if node else None, source.report)
            source.astray = spec is None
            if spec is not None and day is not None:
                source.shift = day - spec.day
                spec = replace(spec, day=day)
        source.campaign = spec


def _calendar(source: _Source, day: date | None) -> Calendar:
    if source.campaign is None:
        anyday = date(2020, 1, 24) if source.astray else None
        return Calendar(zone_of(DEFAULT_ZONE), day or anyday)
    return Calendar(zone_of(source.campaign.timezone), source.campaign.day, source.shift)


def _drafts(source: _Source, setting: fields.Setting, room: int) -> Pile:
    made = Pile(source.report.where)
    places: dict[bytes, int] = {}
    for post in _each(source):
        for found in posts.draft(post, setting, source.report, room):
            room -= len(found.deliveries)
            place = places.setdefault(bytes.fromhex(found.key), len(made))
            if place == len(made):
                made.append(found)
            else:
                # Of a thread that stands twice, its first part says so.
                report = source.report if found.after is None else Report(source.report.where)
                made.change(place, partial(_merged, again=found, report=report))
    return made


def _merged(first: Draft, again: Draft, report: Report) -> Draft:
    """The same post written twice: one post, to the accounts of both."""
    addressed = {delivery.account for delivery in first.deliveries}
    new = tuple(item for item in again.deliveries if item.account not in addressed)
    if not new:
        report.warn(
            again.line, None, tr("is the same post as in line {line}; kept once", line=first.line)
        )
    said = {(item.platform, item.due_at, item.text) for item in first.deliveries}
    if twice := next((i for i in new if (i.platform, i.due_at, i.text) in said), None):
        report.warn(
            again.line,
            "to",
            tr(
                "{account} would say on {platform} what line {line} says at the same time,"
                " which X forbids; write another text",
                account=twice.account,
                platform=twice.platform,
                line=first.line,
            ),
        )
    return structs.replace(first, deliveries=first.deliveries + new)
