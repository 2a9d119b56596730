"""The plan as one page to print or to hang up: HTML that needs nothing else and runs nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from socialstrike import __version__, platforms
from socialstrike.page.html import CLOSING, Html, head, link, opening, said, tag
from socialstrike.page.words import Language, Words
from socialstrike.plan.simulation import Simulation, Trouble
from socialstrike.plan.snapshot import Snapshot, Step, expected

_FRENCH = {
    "The plan: {campaigns}": "Le programme : {campaigns}",
    "The plan": "Le programme",
    "Made on {when} by socialstrike {version}.": "Établi le {when} par socialstrike {version}.",
    "All times are those of {zone}.": "Toutes les heures sont celles de {zone}.",
    "The emergency stop is pulled: nothing goes out.": (
        "L’arrêt d’urgence est déclenché : rien n’est publié."
    ),
    "Expected actions": "Actions attendues",
    "{posts} posts on {accounts} accounts": "{posts} publications sur {accounts} comptes",
    "Posts by platform": "Publications par plateforme",
    "Posts by account": "Publications par compte",
    "Platform": "Plateforme",
    "Account": "Compte",
    "Posts": "Publications",
    "Total": "Total",
    "What the simulation found": "Ce que montre la simulation",
    "What would go wrong": "Ce qui irait mal",
    "What is odd, but allowed": "Ce qui étonne, mais est permis",
    "Nothing would go wrong.": "Rien n’irait mal.",
    "{count} would go out, {lateness} late at most.": (
        "{count} seraient publiés, avec {lateness} de retard au plus."
    ),
    "Cost in all: about {usd} USD.": "Coût total : environ {usd} USD.",
    "Rule": "Règle",
    "What": "Quoi",
    "{account} on {platform}, in the order it is due": (
        "{account} sur {platform}, dans l’ordre prévu"
    ),
    "Due": "Prévu",
    "Would be sent": "Serait envoyé",
    "not sent": "pas envoyé",
    "Kind": "Genre",
    "Text": "Texte",
    "State": "État",
    "Nothing is queued.": "Rien n’est prévu.",
    "1 picture": "1 image",
    "{count} pictures": "{count} images",
    "announcement": "annonce",
    "occupation": "occupation",
    "scheduled": "en attente",
    "publishing": "en cours d’envoi",
    "handed_off": "confié à la plateforme",
    "published": "publié",
    "failed": "échoué",
    "uncertain": "incertain",
    "parked": "à trancher",
    "missed": "manqué",
    "cancelled": "annulé",
    "retracted": "retiré",
}


def as_page(
    snapshot: Snapshot,
    played: Simulation | None = None,
    *,
    language: Language,
    names: bool = True,
) -> str:
    """The whole page, times in the campaign's zone; ``played`` adds what the simulation found.

    Without ``names`` accounts are counted only, texts are left out, and no finding names anybody.
    """
    return "".join(_Page(snapshot, played, Words(language, _FRENCH), names).pieces())


class _Page:
    """One plan, in the order it is read."""

    def __init__(
        self, snapshot: Snapshot, played: Simulation | None, words: Words, names: bool
    ) -> None:
        self._snapshot = snapshot
        self._played = played
        self._words = words
        self._names = names
        self._zone = snapshot.zone

    def pieces(self) -> Iterator[str]:
        """The document, piece by piece."""
        words = self._words
        campaigns = ", ".join(self._snapshot.campaigns)
        named = words("The plan: {campaigns}", campaigns=campaigns)
        title = named if campaigns else words("The plan")
        yield opening(title, words.language)
        yield self._intro(title)
        yield "<main>\n"
        yield self._section(words("Expected actions"), *self._expected())
        if self._played is not None:
            yield self._section(words("What the simulation found"), *self._found(self._played))
        if self._names:
            yield from self._timelines()
        yield "</main>\n"
        yield CLOSING

    def _section(self, title: str, *body: Html) -> str:
        return tag("section", tag("h2", said(title)), *body) + "\n"

    def _intro(self, title: str) -> str:
        words = self._words
        when = words.minute(self._snapshot.now.astimezone(self._zone))
        told = [
            words("Made on {when} by socialstrike {version}.", when=when, version=__version__),
            words("All times are those of {zone}.", zone=self._zone.key),
        ]
        if self._snapshot.stopped:
            told.append(words("The emergency stop is pulled: nothing goes out."))
        return tag("header", tag("h1", said(title)), *(tag("p", line) for line in told)) + "\n"

    def _expected(self) -> Iterator[Html]:
        words, counted = self._words, expected(self._snapshot)
        if not self._snapshot.steps:
            yield tag("p", words("Nothing is queued."))
            return
        told = {"posts": counted.posts, "accounts": len(counted.accounts)}
        yield tag("p", words("{posts} posts on {accounts} accounts", **told))
        labels = {platforms.get(name).label: n for name, n in counted.platforms.items()}
        yield self._counts("Posts by platform", "Platform", labels)
        if self._names:
            yield self._counts("Posts by account", "Account", counted.accounts)

    def _counts(self, caption: str, column: str, counts: Mapping[str, int]) -> Html:
        words = self._words
        total = (words("Total"), sum(counts.values()))
        return _table(
            words(caption),
            [words(column), words("Posts")],
            tag("tbody", *(_count(name, count) for name, count in counts.items())),
            tag("tfoot", _count(*total)),
        )

    def _found(self, played: Simulation) -> Iterator[Html]:
        words = self._words
        lateness = words.duration(played.latest.total_seconds())
        out = {"count": len(played.sent_at), "lateness": lateness}
        yield tag("p", words("{count} would go out, {lateness} late at most.", **out))
        if played.costs:
            usd = words.decimal(f"{sum(played.costs.values()):.2f}")
            yield tag("p", words("Cost in all: about {usd} USD.", usd=usd))
        if not played.problems:
            yield tag("p", words("Nothing would go wrong."))
        for caption, troubles in (
            ("What would go wrong", played.problems),
            ("What is odd, but allowed", played.warnings),
        ):
            if troubles:
                yield self._troubles(caption, troubles)

    def _troubles(self, caption: str, troubles: Sequence[Trouble]) -> Html:
        words = self._words
        columns = [words("Rule"), words("What")]
        rows = [
            tag(
                "tr",
                tag("th", trouble.rule, scope="row"),
                tag("td", said(trouble.message if self._names else trouble.nameless), lang="en"),
            )
            for trouble in troubles
        ]
        return _table(words(caption), columns, tag("tbody", *rows))

    def _timelines(self) -> Iterator[str]:
        """One table for each account: its own day."""
        words = self._words
        of_account: dict[str, list[Step]] = defaultdict(list)
        for step in self._snapshot.steps:
            of_account[step.account].append(step)
        columns = ["Due", *(["Would be sent"] if self._played else []), "Kind", "Text", "State"]
        for account, steps in sorted(of_account.items()):
            told = {"account": account, "platform": platforms.get(steps[0].platform).label}
            caption = words("{account} on {platform}, in the order it is due", **told)
            body = tag("tbody", *map(self._step, steps))
            yield self._section(account, _table(caption, [words(c) for c in columns], body))

    def _step(self, step: Step) -> Html:
        words = self._words
        cells = [tag("th", words.minute(step.due_at.astimezone(self._zone)), scope="row")]
        if self._played is not None:
            at = self._played.sent_at.get(step.delivery)
            sent = words.moment(at.astimezone(self._zone)) if at else words("not sent")
            cells.append(tag("td", sent))
        beside: list[Html] = []
        if step.link and step.link not in step.text:
            beside.append(tag("div", link(step.link)))
        if step.pictures:
            many = words("{count} pictures", count=step.pictures)
            beside.append(tag("div", words("1 picture") if step.pictures == 1 else many))
        cells += [
            tag("td", words(step.kind)),
            tag("td", said(step.text), *beside, class_="text"),
            tag("td", words(step.state)),
        ]
        return tag("tr", *cells)


def _count(name: str, count: int) -> Html:
    return tag("tr", tag("th", said(name), scope="row"), tag("td", count, class_="number"))


def _table(caption: str, columns: Sequence[str], *parts: Html) -> Html:
    table = tag("table", tag("caption", said(caption)), head(columns), *parts)
    return tag("div", table, class_="wide")
