"""A campaign's report: one HTML file that needs nothing else, to read, to print, to hand over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import IO, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row
from sqlalchemy.orm import Session

from socialstrike import __version__, audit, campaigns, i18n, queue
from socialstrike.audit import checkpoints
from socialstrike.audit.people import Names
from socialstrike.db.models import Campaign, Delivery, Post
from socialstrike.i18n import tr, translated
from socialstrike.lifecycle import State
from socialstrike.page import words
from socialstrike.page.html import CLOSING, Html, head, lines, link, opening, safe, said, tag
from socialstrike.redaction import redact
from socialstrike.report import facts

#: Faults are named up to this number; the rest is for ``socialstrike audit verify``.
_MOST = 20


def write(
    session: Session,
    name: str,
    out: IO[str],
    *,
    now: datetime,
    pseudonyms: bool = False,
) -> int:
    """Write the report of the campaign ``name``; return how many deliveries went out.

    ``now`` is aware; times are shown in the campaign's zone. ``pseudonyms`` withholds the names of
    people. Raises NotFound.
    """
    report = _Report(session, campaigns.get(session, name), now, pseudonyms)
    for piece in report.pieces():
        out.write(piece)
    return report.published


class _Report:
    """One report, in the order it is read."""

    def __init__(
        self, session: Session, campaign: Campaign, now: datetime, pseudonyms: bool
    ) -> None:
        self.published = 0
        self._session = session
        self._campaign = campaign
        self._zone = ZoneInfo(campaign.timezone)
        self._now = now
        self._pseudonyms = pseudonyms
        self._names = Names(session, pseudonyms=pseudonyms)
        self._told = facts.told(session, campaign, self._names)
        self._places = queue.places(session)

    def pieces(self) -> Iterator[str]:
        """The document, piece by piece."""
        name = self._campaign.name
        yield opening(tr("What went out: {campaign}", campaign=name), i18n.language())
        yield self._intro()
        yield "<main>\n"
        yield self._section(tr("The campaign"), self._about())
        yield self._section(tr("Summary"), self._summary())
        yield from self._tables()
        yield self._section(tr("The emergency stop"), self._stops())
        yield self._section(tr("The audit log"), self._log())
        yield "</main>\n"
        yield CLOSING

    def _section(self, title: str, body: Html) -> str:
        return tag("section", tag("h2", title), body) + "\n"

    def _intro(self) -> str:
        when = words.moment(self._now.astimezone(self._zone))
        told = [
            tr("Made on {when} by socialstrike {version}.", when=when, version=__version__),
            tr("All times are those of {zone}.", zone=self._campaign.timezone),
        ]
        if self._pseudonyms:
            told.append(
                tr("Names of people are replaced: the same words stand for the same person.")
            )
        told.append(
            tr(
                "Characters that cannot be seen or that change the direction of writing are left"
                " out."
            )
        )
        title = tr("Report of the campaign {campaign}", campaign=self._campaign.name)
        return tag("header", tag("h1", said(title)), *(tag("p", line) for line in told)) + "\n"

    def _about(self) -> Html:
        campaign = self._campaign
        start, end = facts.window(campaign)
        span = tr(
            "from {start} to {end} ({hours} h)",
            start=words.minute(start),
            end=words.minute(end),
            hours=campaign.window_hours,
        )
        return self._pairs(
            {
                tr("Name"): said(campaign.name),
                tr("Strike day"): words.day(start),
                tr("Window"): span,
                tr("Time zone"): campaign.timezone,
                tr("Hashtag"): campaign.hashtag and said(campaign.hashtag),
                tr("Mention"): campaign.mention and said(campaign.mention),
                tr("Link"): campaign.link and link(campaign.link),
            }
        )

    def _summary(self) -> Html:
        shares = facts.shares(self._session, self._campaign, self._names)
        if not shares:
            return tag("p", tr("Nothing."))
        total = facts.Share(tr("Total"), "", None)
        for share in shares:
            total.add(share)
        states = [state for state in State if total.states[state]]
        columns = [
            tr("Account"),
            tr("Platform"),
            tr("Authorised by"),
            tr("Planned"),
            *map(translated, states),
            tr("Median lateness"),
            tr("Longest lateness"),
        ]
        rows = [self._share(share, states) for share in shares]
        return _table(
            tr("Deliveries by account"),
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
        for title, caption, columns, out in (
            (
                tr("What went out"),
                tr("What went out, in the order it was published"),
                (tr("Due"), tr("Published"), tr("Account"), tr("Text"), tr("Proof")),
                True,
            ),
            (
                tr("What did not go out"),
                tr("What did not go out, in the order it was due"),
                (tr("Due"), tr("State"), tr("Account"), tr("Text"), tr("Why")),
                False,
            ),
        ):
            yield f"<section>{tag('h2', title)}"
            opened = False
            for row in facts.deliveries(self._session, self._campaign, out=out):
                if not opened:
                    top = head(columns)
                    heading = tag("caption", caption)
                    yield f'<div class="wide"><table>{heading}{top}<tbody>\n'
                    opened = True
                self.published += out
                yield self._delivery(row, out=out) + "\n"
            yield "</tbody></table></div>" if opened else tag("p", tr("Nothing."))
            yield "</section>\n"

    def _delivery(self, row: Row[Delivery, Post, str, str], *, out: bool) -> Html:
        delivery, post, account, platform = row
        return tag(
            "tr",
            tag("th", self._time(delivery.due_at), scope="row"),
            tag("td", self._went(delivery) if out else translated(delivery.state)),
            tag("td", lines([said(account), safe(platform)])),
            tag("td", said(self._placed(delivery)), self._beside(post), class_="text"),
            tag("td", self._proof(delivery, out=out), class_="proof"),
        )

    def _placed(self, delivery: Delivery) -> str:
        place = self._places.get(delivery.id)
        return f"{place} {delivery.text}" if place else delivery.text

    def _went(self, delivery: Delivery) -> Html:
        if delivery.published_at is None:
            return safe(tr("time not known"))
        seconds = (delivery.published_at - delivery.due_at).total_seconds()
        late = tr("{lateness} late", lateness=words.duration(seconds))
        gone = tr("retracted since") if delivery.state == State.RETRACTED else ""
        if delivery.state == State.PUBLISHED and delivery.gone_at is not None:
            when = words.moment(delivery.gone_at.astimezone(self._zone))
            gone = tr("disappeared from the platform: found on {when}", when=when)
        return lines([self._time(delivery.published_at), safe(late), safe(gone)])

    def _beside(self, post: Post) -> Html:
        alts = (str(picture.get("alt") or tr("without a description")) for picture in post.media)
        pictures = [said(tr("picture: {alt}", alt=alt)) for alt in alts]
        return lines([*pictures, link(post.link) if post.link else Html()])

    def _proof(self, delivery: Delivery, *, out: bool) -> Html:
        told = self._told.get(delivery.id, facts.Told())
        named = {
            tr("remote id"): delivery.remote_id,
            tr("scheduled by"): told.scheduled_by,
            tr("approved by"): ", ".join(told.approved_by),
            tr("resolved by"): told.resolved_by,
            tr("log entry"): told.entry or None,
        }
        first = [link(delivery.remote_url)] if out and delivery.remote_url else []
        why = [said(redact(translated(delivery.error)))] if not out and delivery.error else []
        return lines(
            [
                *first,
                *why,
                *(
                    Html(safe(words.named(name)) + said(value))
                    for name, value in named.items()
                    if value
                ),
            ]
        )

    def _stops(self) -> Html:
        stops = facts.stops(self._session, self._campaign, self._names)
        if not stops:
            return tag("p", tr("The emergency stop was not pulled."))
        rows = (
            tag(
                "tr",
                tag("th", self._time(at), scope="row"),
                tag("td", tr("stopped") if pulled else tr("started again")),
                tag("td", said(by)),
                tag("td", said(reason)),
            )
            for at, pulled, by, reason in stops
        )
        return _table(
            tr("When the emergency stop was pulled and let go"),
            [tr("When"), tr("What"), tr("By"), tr("Reason")],
            tag("tbody", *rows),
        )

    def _log(self) -> Html:
        session = self._session
        verdict = audit.verify(session)
        faults = list(islice(queue.disagreements(session), _MOST))
        breaks = "; ".join(map(str, verdict.breaks[:_MOST]))
        notes = checkpoints.notes(session)
        state = self._pairs(
            {
                tr("Entries"): verdict.entries,
                tr("Head"): tag("code", verdict.head),
                tr("Verified"): tr("no: {breaks}", breaks=breaks)
                if breaks
                else tr("yes, when this was made"),
                tr("Log and tables"): tr("they disagree: {faults}", faults="; ".join(faults))
                if faults
                else tr("they agree"),
                tr("Key"): tag("code", checkpoints.verifier_key(session) or tr("none")),
            }
        )
        return Html(
            tag(
                "p",
                tr(
                    "This page is a view for people. The evidence is the audit log, in which every"
                    " entry is tied to the one before it."
                ),
            )
            + state
            + tag("h3", tr("Newest checkpoint"))
            + (tag("pre", notes[-1]) if notes else tag("p", tr("No checkpoint was made.")))
            + tag(
                "p",
                tr(
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
                Html(tag("dt", name) + tag("dd", value))
                for name, value in pairs.items()
                if value not in (None, "")
            ),
        )

    def _time(self, moment: datetime) -> Html:
        local = moment.astimezone(self._zone)
        return tag("time", words.moment(local), datetime=local.isoformat())

    def _duration(self, seconds: float | None) -> str:
        return "–" if seconds is None else words.duration(seconds)


def _table(caption: str, columns: list[str], *parts: Html) -> Html:
    table = tag("table", tag("caption", caption), head(columns), *parts)
    return tag("div", table, class_="wide")
