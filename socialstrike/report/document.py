"""A campaign's report: one HTML file that needs nothing else, to read, to print, to hand over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import IO, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row
from sqlalchemy.orm import Session

from socialstrike import __version__, audit, campaigns, queue
from socialstrike.audit import checkpoints
from socialstrike.audit.people import Names
from socialstrike.db.models import Campaign, Delivery, Post
from socialstrike.lifecycle import State
from socialstrike.page.html import CLOSING, Html, head, lines, link, opening, safe, said, tag
from socialstrike.redaction import redact
from socialstrike.report import facts
from socialstrike.report.words import Language, Words

#: Faults are named up to this number; the rest is for ``socialstrike audit verify``.
_MOST = 20


def write(
    session: Session,
    name: str,
    out: IO[str],
    *,
    language: Language,
    now: datetime,
    pseudonyms: bool = False,
) -> int:
    """Write the report of the campaign ``name``; return how many deliveries went out.

    ``now`` is aware; times are shown in the campaign's zone. ``pseudonyms`` withholds the names of
    people. Raises NotFound.
    """
    report = _Report(session, campaigns.get(session, name), Words(language), now, pseudonyms)
    for piece in report.pieces():
        out.write(piece)
    return report.published


class _Report:
    """One report, in the order it is read."""

    def __init__(
        self, session: Session, campaign: Campaign, words: Words, now: datetime, pseudonyms: bool
    ) -> None:
        self.published = 0
        self._session = session
        self._campaign = campaign
        self._words = words
        self._zone = ZoneInfo(campaign.timezone)
        self._now = now
        self._pseudonyms = pseudonyms
        self._names = Names(session, pseudonyms=pseudonyms)
        self._told = facts.told(session, campaign, self._names)

    def pieces(self) -> Iterator[str]:
        """The document, piece by piece."""
        words, name = self._words, self._campaign.name
        yield opening(words("What went out: {campaign}", campaign=name), words.language)
        yield self._intro()
        yield "<main>\n"
        yield self._section("The campaign", self._about())
        yield self._section("Summary", self._summary())
        yield from self._tables()
        yield self._section("The emergency stop", self._stops())
        yield self._section("The audit log", self._log())
        yield "</main>\n"
        yield CLOSING

    def _section(self, title: str, body: Html) -> str:
        return tag("section", tag("h2", self._words(title)), body) + "\n"

    def _intro(self) -> str:
        words = self._words
        when = words.moment(self._now.astimezone(self._zone))
        told = [
            words("Made on {when} by socialstrike {version}.", when=when, version=__version__),
            words("All times are those of {zone}.", zone=self._campaign.timezone),
        ]
        if self._pseudonyms:
            told.append(
                words("Names of people are replaced: the same words stand for the same person.")
            )
        told.append(
            words(
                "Characters that cannot be seen or that change the direction of writing are left"
                " out."
            )
        )
        title = words("Report of the campaign {campaign}", campaign=self._campaign.name)
        return tag("header", tag("h1", said(title)), *(tag("p", line) for line in told)) + "\n"

    def _about(self) -> Html:
        words, campaign = self._words, self._campaign
        start, end = facts.window(campaign)
        span = words(
            "from {start} to {end} ({hours} h)",
            start=words.minute(start),
            end=words.minute(end),
            hours=campaign.window_hours,
        )
        return self._pairs(
            {
                "Name": said(campaign.name),
                "Strike day": words.day(start),
                "Window": span,
                "Time zone": campaign.timezone,
                "Hashtag": campaign.hashtag and said(campaign.hashtag),
                "Mention": campaign.mention and said(campaign.mention),
                "Link": campaign.link and link(campaign.link),
            }
        )

    def _summary(self) -> Html:
        words = self._words
        shares = facts.shares(self._session, self._campaign, self._names)
        if not shares:
            return tag("p", words("Nothing."))
        total = facts.Share(words("Total"), "", None)
        for share in shares:
            total.add(share)
        states = [state for state in State if total.states[state]]
        columns = [
            words(column) for column in ("Account", "Platform", "Authorised by", "Planned", *states)
        ] + [words("Median lateness"), words("Longest lateness")]
        rows = [self._share(share, states) for share in shares]
        return _table(
            words("Deliveries by account"),
            columns,
            tag("tbody", *rows),
            tag("tfoot", self._share(total, states)),
        )

    def _share(self, share: facts.Share, states: list[State]) -> Html:
        numbers = [share.planned, *(share.states[state] for state in states)]
        late = (share.median_late, share.most_late)
        return tag(
            "tr",
            tag("th", said(share.account), scope="row"),
            tag("td", share.platform),
            tag("td", said(share.authorised_by)),
            *(tag("td", number, class_="number") for number in numbers),
            *(tag("td", self._duration(seconds), class_="number") for seconds in late),
        )

    def _tables(self) -> Iterator[str]:
        words = self._words
        for title, caption, columns, out in (
            (
                "What went out",
                "What went out, in the order it was published",
                ("Due", "Published", "Account", "Text", "Proof"),
                True,
            ),
            (
                "What did not go out",
                "What did not go out, in the order it was due",
                ("Due", "State", "Account", "Text", "Why"),
                False,
            ),
        ):
            yield f"<section>{tag('h2', words(title))}"
            opened = False
            for row in facts.deliveries(self._session, self._campaign, out=out):
                if not opened:
                    shown = head(words(column) for column in columns)
                    heading = tag("caption", words(caption))
                    yield f'<div class="wide"><table>{heading}{shown}<tbody>\n'
                    opened = True
                self.published += out
                yield self._delivery(row, out=out) + "\n"
            yield "</tbody></table></div>" if opened else tag("p", words("Nothing."))
            yield "</section>\n"

    def _delivery(self, row: Row[Delivery, Post, str, str], *, out: bool) -> Html:
        delivery, post, account, platform = row
        return tag(
            "tr",
            tag("th", self._time(delivery.due_at), scope="row"),
            tag("td", self._went(delivery) if out else self._words(delivery.state)),
            tag("td", lines([said(account), safe(platform)])),
            tag("td", said(delivery.text), self._beside(post), class_="text"),
            tag("td", self._proof(delivery, out=out), class_="proof"),
        )

    def _went(self, delivery: Delivery) -> Html:
        words = self._words
        if delivery.published_at is None:
            return safe(words("time not known"))
        seconds = (delivery.published_at - delivery.due_at).total_seconds()
        late = words("{lateness} late", lateness=words.duration(seconds))
        gone = words("retracted since") if delivery.state == State.RETRACTED else ""
        return lines([self._time(delivery.published_at), safe(late), safe(gone)])

    def _beside(self, post: Post) -> Html:
        words = self._words
        alts = (str(picture.get("alt") or words("without a description")) for picture in post.media)
        pictures = [said(words("picture: {alt}", alt=alt)) for alt in alts]
        return lines([*pictures, link(post.link) if post.link else Html()])

    def _proof(self, delivery: Delivery, *, out: bool) -> Html:
        told = self._told.get(delivery.id, facts.Told())
        named = {
            "remote id": delivery.remote_id,
            "scheduled by": told.scheduled_by,
            "approved by": ", ".join(told.approved_by),
            "resolved by": told.resolved_by,
            "log entry": told.entry or None,
        }
        first = [link(delivery.remote_url)] if out and delivery.remote_url else []
        why = [said(redact(delivery.error))] if not out and delivery.error else []
        return lines(
            [
                *first,
                *why,
                *(
                    Html(safe(self._words.named(name)) + said(value))
                    for name, value in named.items()
                    if value
                ),
            ]
        )

    def _stops(self) -> Html:
        words = self._words
        stops = facts.stops(self._session, self._campaign, self._names)
        if not stops:
            return tag("p", words("The emergency stop was not pulled."))
        rows = (
            tag(
                "tr",
                tag("th", self._time(at), scope="row"),
                tag("td", words("stopped") if pulled else words("started again")),
                tag("td", said(by)),
                tag("td", said(reason)),
            )
            for at, pulled, by, reason in stops
        )
        return _table(
            words("When the emergency stop was pulled and let go"),
            [words(column) for column in ("When", "What", "By", "Reason")],
            tag("tbody", *rows),
        )

    def _log(self) -> Html:
        words, session = self._words, self._session
        verdict = audit.verify(session)
        faults = list(islice(queue.disagreements(session), _MOST))
        breaks = "; ".join(map(str, verdict.breaks[:_MOST]))
        notes = checkpoints.notes(session)
        state = self._pairs(
            {
                "Entries": verdict.entries,
                "Head": tag("code", verdict.head),
                "Verified": words("no: {breaks}", breaks=breaks)
                if breaks
                else words("yes, when this was made"),
                "Log and tables": words("they disagree: {faults}", faults="; ".join(faults))
                if faults
                else words("they agree"),
                "Key": tag("code", checkpoints.verifier_key(session) or words("none")),
            }
        )
        return Html(
            tag(
                "p",
                words(
                    "This page is a view for people. The evidence is the audit log, in which every"
                    " entry is tied to the one before it."
                ),
            )
            + state
            + tag("h3", words("Newest checkpoint"))
            + (tag("pre", notes[-1]) if notes else tag("p", words("No checkpoint was made.")))
            + tag(
                "p",
                words(
                    "To verify, ask for the exported log, keep the checkpoint above in a file"
                    " called note.txt, and run this command. The chapter on the audit log in the"
                    " documents says how to do it without socialstrike."
                ),
            )
            + tag("pre", "socialstrike audit verify log.jsonl --head note.txt")
        )

    def _pairs(self, pairs: dict[str, Any]) -> Html:
        return tag(
            "dl",
            *(
                Html(tag("dt", self._words(name)) + tag("dd", value))
                for name, value in pairs.items()
                if value not in (None, "")
            ),
        )

    def _time(self, moment: datetime) -> Html:
        local = moment.astimezone(self._zone)
        return tag("time", self._words.moment(local), datetime=local.isoformat())

    def _duration(self, seconds: float | None) -> str:
        return "–" if seconds is None else self._words.duration(seconds)


def _table(caption: str, columns: list[str], *parts: Html) -> Html:
    table = tag("table", tag("caption", caption), head(columns), *parts)
    return tag("div", table, class_="wide")
