"""Occupations that carry links from a list or a feed: one with each time, none of them twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from socialstrike import files, i18n
from socialstrike.drafts import slot_key
from socialstrike.i18n import tr, trn
from socialstrike.post_file import feed, head
from socialstrike.post_file.feed import Entry
from socialstrike.post_file.nodes import (
    Fields,
    Items,
    Node,
    Report,
    Scalar,
    check_names,
    clean_text,
    items,
    scalar,
    shown,
)
from socialstrike.post_file.thread import Thread

FIELDS = ("links", "feed", "newest")
#: Where the title of what is linked goes in a text, and how often at most.
TITLE = "{title}"
MAX_TITLES = 3
MAX_LINKS = 2_000
MAX_FEEDS = 10  # of one import
#: Shorter than this a title says nothing any more.
_LEAST_TITLE = 20

#: What stands at an address or in a file: entries, the newest first, or why there are none.
Fetched = dict[str, list[Entry] | str]
#: Which of these keys are queued already, and with which link.
Queued = Callable[[Sequence[str]], Mapping[str, str | None]]


@dataclass(frozen=True, slots=True)
class Source:
    """What an occupation takes its links from.

    ``entries`` are the list's as written, or the feed's, newest first; of these ``newest`` at most
    are looked at. ``name`` stands for it in what makes two posts the same.
    """

    name: str
    field: str
    line: int | None
    entries: tuple[Entry, ...]
    newest: int | None = None

    @property
    def is_feed(self) -> bool:
        """Whether it is a feed and no list."""
        return self.field == "feed"


@dataclass(frozen=True, slots=True)
class Slot:
    """One time of an occupation that carries links: the whole's key, which time, its title."""

    series: str
    number: int
    title: str


@dataclass
class Feeds:
    """Reads the feeds of one file, each once. ``folder`` None: only those on the web.

    ``fetched`` may be shared by several files; ``queued`` tells what an import before has queued.
    """

    folder: Path | None
    fetched: Fetched = field(default_factory=dict)
    queued: Queued | None = None
    _series: Counter[str] = field(default_factory=Counter)

    def entries(self, written: str) -> list[Entry] | str:
        """The entries of the feed at an address or in a file, newest first; or why there are none.

        A sentence without its subject, as a problem in a field is told.
        """
        web = written.lower().startswith(("http://", "https://"))
        where = written if web else str(self.folder / written) if self.folder else written
        if where not in self.fetched:
            if len(self.fetched) >= MAX_FEEDS:
                return tr("is one feed too many; import at most {most} at a time", most=MAX_FEEDS)
            self.fetched[where] = self._read(written, web=web)
        return self.fetched[where]

    def _read(self, written: str, *, web: bool) -> list[Entry] | str:
        from socialstrike.platforms.documents import (  # noqa: PLC0415  # 60 ms; few files name a feed
            UnavailableError,
            fetch,
        )

        try:
            if web:
                found = fetch(written)
                return feed.entries(found.content, found.url)
            return feed.entries(_local(written, self.folder), "")
        except UnavailableError as error:
            return tr(
                "cannot be read ({why}); check the feed's address, or try again later",
                why=i18n.translated(str(error)),
            )
        except feed.NoFeed as error:
            return str(error)

    def series(self, key: str) -> str:
        """The same ``key``, or a further one for a like occupation further down in the file."""
        self._series[key] += 1
        return key if self._series[key] == 1 else f"{key}-{self._series[key]}"


def source(post: Fields, feeds: Feeds, report: Report) -> Source | None:
    """What the occupation takes its links from; None where it has no such thing, or an error."""
    named = [name for name in ("links", "feed") if name in post.values]
    newest = _newest(post, report)
    if not named:
        return None
    node = post.values[named[0]]
    before = len(report.errors)
    for name in (*named[1:], *(("link",) if "link" in post.values else ())):
        report.error(
            post.values[name].line,
            name,
            tr("stands beside {other}; keep one of them", other=named[0]),
        )
    if "every" not in post.values:
        report.error(node.line, named[0], tr("goes with every; for a single post write link"))
    if len(report.errors) > before:
        return None
    if named[0] == "links":
        listed = _listed(items(post, "links", report) or (), node.line, report)
        return Source("links", "links", node.line, listed) if listed else None
    written = scalar(post, "feed", report)
    if written is None or not written.text.strip():
        report.error(node.line, "feed", tr("names no feed; write its address"))
        return None
    found = feeds.entries(written.text.strip())
    if isinstance(found, str):
        report.error(written.line, "feed", found)
        return None
    return Source(f"feed {written.text.strip()}", "feed", written.line, tuple(found), newest)


def check_texts(texts: Iterable[Thread], report: Report) -> bool:
    """Whether any of the texts names the title; a thread, and naming it too often, is an error."""
    says = False
    for text in texts:
        said = text[0]
        count = said.text.count(TITLE)
        says = says or count > 0
        if len(text) > 1 or said.media:
            report.error(
                said.line,
                said.field,
                tr(
                    "is a thread or has pictures of its own, and carries a link each time; write"
                    " one text"
                ),
            )
        if count > MAX_TITLES:
            report.error(
                said.line,
                said.field,
                tr(
                    "names the title {count} times; {most} are enough",
                    count=count,
                    most=MAX_TITLES,
                ),
            )
    return says


def fill(
    found: Source,
    series: str,
    past: Sequence[bool],
    feeds: Feeds,
    report: Report,
    *,
    titled: bool,
) -> dict[int, Entry]:
    """Which entry each time of the occupation carries; a time that gets none is left out.

    ``past`` says of each time whether it has passed. What was queued before stays where it is, a
    new entry takes a time that is free: the newest entries of a feed in the order they were
    published, those of a list in its own. With ``titled`` each needs a title.
    """
    keys = {slot_key(series, number): number for number in range(len(past))}
    queued = feeds.queued([*keys]) if feeds.queued else {}
    taken = {keys[key]: link for key, link in queued.items()}
    looked = found.entries[: found.newest or len(past)] if found.is_feed else found.entries
    usable = _with_titles(found, looked, report) if titled else looked
    used = {*taken.values()}
    fresh = [entry for entry in usable if entry.link not in used]
    free = [number for number, gone in enumerate(past) if not gone and number not in taken]
    chosen = fresh[: len(free)]
    if not taken and any(past):
        _warn_past(found, past, report)
    _warn(found, len(free) - len(chosen), len(fresh) - len(chosen), report)
    by_link = {entry.link: entry for entry in found.entries if entry.title or not titled}
    filled = {
        number: by_link[link]
        for number, link in taken.items()
        if link is not None and link in by_link and not past[number]
    }
    if found.is_feed:
        chosen.reverse()
    return dict(sorted({**filled, **dict(zip(free, chosen, strict=False))}.items()))


def filled(template: str, title: str, fits: Callable[[str], bool]) -> str:
    """``template`` with the title in its place, shortened until the whole text ``fits``."""
    if TITLE not in template:
        return template
    low, high = min(_LEAST_TITLE, len(title)), len(title)
    if fits(whole := template.replace(TITLE, title)):
        return whole
    while low < high:
        middle = (low + high + 1) // 2
        if fits(template.replace(TITLE, feed.shortened(title, middle))):
            low = middle
        else:
            high = middle - 1
    return template.replace(TITLE, feed.shortened(title, low))


def _newest(post: Fields, report: Report) -> int | None:
    written = scalar(post, "newest", report)
    if written is None:
        return None
    text = written.text.strip()
    if "feed" not in post.values:
        report.error(written.line, "newest", tr("goes with feed; drop it"))
    elif not (re.fullmatch("[0-9]{1,5}", text) and 1 <= int(text) <= MAX_LINKS):
        report.error(
            written.line, "newest", tr("must be a number from 1 to {most}", most=MAX_LINKS)
        )
    else:
        return int(text)
    return None


def _listed(nodes: Sequence[Node], line: int | None, report: Report) -> tuple[Entry, ...]:
    """The entries of a list of links."""
    if not nodes or len(nodes) > MAX_LINKS:
        report.error(line, "links", tr("must hold between 1 and {most} links", most=MAX_LINKS))
        return ()
    seen: dict[str, Entry] = {}
    for number, node in enumerate(nodes, 1):
        label = f"links[{number}]"
        address, title = _link_and_title(node, label, report)
        if address is None:
            continue
        if address in seen:
            report.warn(node.line, label, tr("stands in the list before; it goes out once"))
        seen.setdefault(address, Entry(address, title))
    return tuple(seen.values())


def _link_and_title(node: Node, label: str, report: Report) -> tuple[str | None, str]:
    if isinstance(node, Scalar) and not node.empty:
        return head.link(node, label, report), ""
    if isinstance(node, Items | Scalar):
        report.error(node.line, label, tr('must be a web address, or {link: …, title: "…"}'))
        return None, ""
    check_names(node, ("link", "title"), report, f"{label}.")
    address = scalar(node, "link", report, f"{label}.link")
    title = scalar(node, "title", report, f"{label}.title")
    if address is None:
        report.error(node.line, f"{label}.link", tr("is missing; write a web address"))
        return None, ""
    said = clean_text(title, f"{label}.title", report) if title is not None else None
    return head.link(address, f"{label}.link", report), feed.plain_title(said or "")


def _with_titles(found: Source, entries: Sequence[Entry], report: Report) -> list[Entry]:
    """The entries that have a title; a list's must have them all."""
    usable = [entry for entry in entries if entry.title]
    lacking = len(entries) - len(usable)
    if lacking and found.is_feed:
        report.warn(
            found.line,
            found.field,
            trn(
                "one entry has no title and is left out",
                "{count} entries have no title and are left out",
                lacking,
            ),
        )
    elif lacking:
        first = next(entry.link for entry in entries if not entry.title)
        report.error(
            found.line,
            found.field,
            tr(
                "{link} has no title, and a text asks for it; write {example}",
                link=shown(first),
                example='{link: …, title: "…"}',
            ),
        )
    return usable


def _warn_past(found: Source, past: Sequence[bool], report: Report) -> None:
    say = report.error if all(past) else report.warn
    say(
        found.line,
        found.field,
        tr(
            "{count} of its {all} times have passed and carry nothing",
            count=sum(past),
            all=len(past),
        ),
    )


def _warn(found: Source, empty: int, left: int, report: Report) -> None:
    """Say where links and times do not come out even."""
    if empty:
        report.warn(
            found.line,
            found.field,
            trn(
                "one time has no link yet; import the file again when there are more",
                "{count} times have no link yet; import the file again when there are more",
                empty,
            ),
        )
    if left and not found.is_feed:
        report.warn(
            found.line,
            found.field,
            trn(
                "one link finds no free time and is left out; write a shorter every",
                "{count} links find no free time and are left out; write a shorter every",
                left,
            ),
        )


def _local(written: str, folder: Path | None) -> bytes:
    """The file's bytes, from the post file's own folder. Raises feed.NoFeed."""
    try:
        home = folder.resolve() if folder else None
        named = PureWindowsPath(written)  # knows both kinds of separators, and drives
        if home is None or named.anchor or ".." in named.parts or written.startswith("~"):
            raise feed.NoFeed(
                tr("is neither a web address nor a file beside this one; write https://…")
            )
        path = (home / written).resolve()
        if not path.is_relative_to(home):
            raise feed.NoFeed(tr("is a link out of the file's folder; put the feed itself there"))
        return files.read(path, feed.MAX_BYTES, inside=home)
    except files.TooBigError:
        raise feed.NoFeed(
            tr("is larger than the {most} MB a feed may have", most=feed.MAX_BYTES // 1_000_000)
        ) from None
    except FileNotFoundError:
        raise feed.NoFeed(
            tr("there is no such file beside this one; check its name, or write https://…")
        ) from None
    except (OSError, ValueError, RuntimeError):
        raise feed.NoFeed(tr("the file cannot be read; check its name and permissions")) from None
