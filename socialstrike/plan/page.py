"""The plan as one page to print or to hang up: HTML that needs nothing else and runs nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from socialstrike import __version__, i18n, platforms
from socialstrike.i18n import tr, translated, trn
from socialstrike.page import words
from socialstrike.page.html import CLOSING, Html, head, link, opening, said, tag
from socialstrike.plan.simulation import Simulation
from socialstrike.plan.snapshot import Snapshot, Step, expected
from socialstrike.plan.trouble import Trouble


def as_page(
    snapshot: Snapshot,
    played: Simulation | None = None,
    *,
    names: bool = True,
) -> str:
    """The whole page, times in the campaign's zone; ``played`` adds what the simulation found.

    Without ``names`` accounts are counted only, texts are left out, and no finding names anybody.
    """
    return "".join(_Page(snapshot, played, names).pieces())


class _Page:
    """One plan, in the order it is read."""

    def __init__(self, snapshot: Snapshot, played: Simulation | None, names: bool) -> None:
        self._snapshot = snapshot
        self._played = played
        self._names = names
        self._zone = snapshot.zone

    def pieces(self) -> Iterator[str]:
        """The document, piece by piece."""
        campaigns = ", ".join(self._snapshot.campaigns)
        named = tr("The plan: {campaigns}", campaigns=campaigns)
        title = named if campaigns else tr("The plan")
        yield opening(title, i18n.language())
        yield self._intro(title)
        yield "<main>\n"
        yield self._section(tr("Expected actions"), *self._expected())
        if self._played is not None:
            yield self._section(tr("What the simulation found"), *self._found(self._played))
        if self._names:
            yield from self._timelines()
        yield "</main>\n"
        yield CLOSING

    def _section(self, title: str, *body: Html) -> str:
        return tag("section", tag("h2", said(title)), *body) + "\n"

    def _intro(self, title: str) -> str:
        when = words.minute(self._snapshot.now.astimezone(self._zone))
        told = [
            tr("Made on {when} by socialstrike {version}.", when=when, version=__version__),
            tr("All times are those of {zone}.", zone=self._zone.key),
        ]
        if self._snapshot.stopped:
            told.append(tr("The emergency stop is pulled: nothing goes out."))
        return tag("header", tag("h1", said(title)), *(tag("p", line) for line in told)) + "\n"

    def _expected(self) -> Iterator[Html]:
        counted = expected(self._snapshot)
        if not self._snapshot.steps:
            yield tag("p", tr("Nothing is queued."))
            return
        told = {"posts": counted.posts, "accounts": len(counted.accounts)}
        yield tag("p", tr("{posts} posts on {accounts} accounts", **told))
        labels = {platforms.get(name).label: n for name, n in counted.platforms.items()}
        yield self._counts(tr("Posts by platform"), tr("Platform"), labels)
        if self._names:
            yield self._counts(tr("Posts by account"), tr("Account"), counted.accounts)

    def _counts(self, caption: str, column: str, counts: Mapping[str, int]) -> Html:
        total = (tr("Total"), sum(counts.values()))
        return _table(
            caption,
            [column, tr("Posts")],
            tag("tbody", *(_count(name, count) for name, count in counts.items())),
            tag("tfoot", _count(*total)),
        )

    def _found(self, played: Simulation) -> Iterator[Html]:
        lateness = words.duration(played.latest.total_seconds())
        out = {"count": len(played.sent_at), "lateness": lateness}
        yield tag("p", tr("{count} would go out, {lateness} late at most.", **out))
        if played.costs:
            usd = words.decimal(f"{sum(played.costs.values()):.2f}")
            yield tag("p", tr("Cost in all: about {usd} USD.", usd=usd))
        if not played.problems:
            yield tag("p", tr("Nothing would go wrong."))
        for caption, troubles in (
            (tr("What would go wrong"), played.problems),
            (tr("What is odd, but allowed"), played.warnings),
        ):
            if troubles:
                yield self._troubles(caption, troubles)

    def _troubles(self, caption: str, troubles: Sequence[Trouble]) -> Html:
        columns = [tr("Rule"), tr("What")]
        rows = [
            tag(
                "tr",
                tag("th", translated(trouble.rule), scope="row"),
                tag("td", said(trouble.message if self._names else trouble.nameless)),
            )
            for trouble in troubles
        ]
        return _table(caption, columns, tag("tbody", *rows))

    def _timelines(self) -> Iterator[str]:
        """One table for each account: its own day."""
        of_account: dict[str, list[Step]] = defaultdict(list)
        for step in self._snapshot.steps:
            of_account[step.account].append(step)
        columns = [
            tr("Due"),
            *([tr("Would be sent")] if self._played else []),
            tr("Kind"),
            tr("Text"),
            tr("State"),
        ]
        for account, steps in sorted(of_account.items()):
            told = {"account": account, "platform": platforms.get(steps[0].platform).label}
            caption = tr("{account} on {platform}, in the order it is due", **told)
            body = tag("tbody", *map(self._step, steps))
            yield self._section(account, _table(caption, columns, body))

    def _step(self, step: Step) -> Html:
        cells = [tag("th", words.minute(step.due_at.astimezone(self._zone)), scope="row")]
        if self._played is not None:
            at = self._played.sent_at.get(step.delivery)
            sent = words.moment(at.astimezone(self._zone)) if at else tr("not sent")
            cells.append(tag("td", sent))
        beside: list[Html] = []
        if step.link and step.link not in step.text:
            beside.append(tag("div", link(step.link)))
        if step.pictures:
            many = trn("1 picture", "{count} pictures", step.pictures)
            beside.append(tag("div", many))
        if step.videos:
            beside.append(tag("div", trn("1 video", "{count} videos", step.videos)))
        for name, value in (step.options or {}).items():
            beside.append(tag("div", said(f"{name.replace('_', ' ')}: {value}")))
        cells += [
            tag("td", translated(step.kind)),
            tag("td", said(step.placed), *beside, class_="text"),
            tag("td", translated(step.state)),
        ]
        return tag("tr", *cells)


def _count(name: str, count: int) -> Html:
    return tag("tr", tag("th", said(name), scope="row"), tag("td", count, class_="number"))


def _table(caption: str, columns: Sequence[str], *parts: Html) -> Html:
    table = tag("table", tag("caption", said(caption)), head(columns), *parts)
    return tag("div", table, class_="wide")
