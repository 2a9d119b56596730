"""``socialstrike audit export`` and ``report``: the log as files that can leave the house."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal

import typer

from socialstrike.cli import output
from socialstrike.cli.context import Account, AsJson, Campaign, moment, opened
from socialstrike.i18n import tr, trn

if TYPE_CHECKING:
    from socialstrike.app import App
    from socialstrike.audit.export import Seen

Since = Annotated[str | None, typer.Option("--since", help="Entries from then on.")]
Until = Annotated[str | None, typer.Option("--until", help="Entries before then.")]
Kind = Annotated[
    str | None,
    typer.Option(
        "--kind", help="announcement, occupation, or an event: delivery.published, account, …"
    ),
]
To = Annotated[
    Path | None, typer.Option("--output", "-o", help="A file; standard output by default.")
]
Pseudonyms = Annotated[
    bool, typer.Option("--pseudonyms", help="Withhold the names of people; it still verifies.")
]


def register(app: typer.Typer) -> None:
    """Add the commands that write files, and those about the people in them."""
    app.command()(export)
    app.command()(report)
    app.command()(people)
    app.command("forget-person")(forget_person)


def export(
    context: typer.Context,
    form: Annotated[
        Literal["csv", "jsonl"],
        typer.Option("--format", help="jsonl is the evidence, csv a view for spreadsheets."),
    ] = "jsonl",
    to: To = None,
    since: Since = None,
    until: Until = None,
    account: Account = None,
    kind: Kind = None,
    campaign: Campaign = None,
    pseudonyms: Pseudonyms = False,
    texts: Annotated[
        bool, typer.Option("--texts", help="Attach what was said, so that it can be checked.")
    ] = False,
    bom: Annotated[
        bool, typer.Option("--bom", help="Begin a csv with the mark by which Excel knows UTF-8.")
    ] = False,
) -> None:
    """Export the log. A whole one can be checked anywhere with: socialstrike audit verify FILE."""
    from socialstrike import accounts, campaigns, report

    if texts and form == "csv":
        raise typer.BadParameter(tr("--texts needs --format jsonl: a csv has no place for them"))
    if bom and form == "jsonl":
        raise typer.BadParameter(tr("--bom is for --format csv; leave it out"))
    wanted = filters(since, until, account, kind) | {"campaign": campaign}
    whole = report.is_whole(wanted)
    _refuse_folder(to)
    with opened(context) as house:
        with house.database.read() as session:
            if account:
                accounts.get(session, account)
            if campaign:
                campaigns.get(session, campaign)
        if whole:
            _sign(house)
        with house.database.read() as session, _out(to) as out:
            if form == "csv":
                seen = report.write_csv(session, out, pseudonyms=pseudonyms, bom=bom, **wanted)
            else:
                seen = report.write_jsonl(
                    session, out, pseudonyms=pseudonyms, texts=texts, **wanted
                )
    _say_what_it_is(seen, to, whole=whole, pseudonyms=pseudonyms)


def _say_what_it_is(seen: Seen, to: Path | None, *, whole: bool, pseudonyms: bool) -> None:
    if to is not None:
        output.note(
            trn(
                "{count} entry written to {to}.",
                "{count} entries written to {to}.",
                seen.entries,
                to=to,
            )
        )
    if not whole:
        output.note(
            tr("Only a part of the log was asked for; a part cannot be verified by itself.")
        )
    if pseudonyms and seen.in_clear:
        output.warning(
            tr(
                "{in_clear} old entries hold names as they are; no pseudonym can replace those",
                in_clear=seen.in_clear,
            )
        )


def report(
    context: typer.Context,
    campaign: Annotated[str, typer.Argument(help="The campaign's name.")],
    to: To = None,
    pseudonyms: Pseudonyms = False,
) -> None:
    """Write a campaign's report for people: one HTML file to read, to print, to hand over."""
    from socialstrike import campaigns
    from socialstrike import report as reporting

    _refuse_folder(to)
    with opened(context) as house:
        with house.database.read() as session:
            campaigns.get(session, campaign)
        _sign(house)
        with (
            house.database.read() as session,
            _out(to) as out,
            output.busy(tr("Writing the report")),
        ):
            published = reporting.write(
                session,
                campaign,
                out,
                now=house.clock.now(),
                pseudonyms=pseudonyms,
            )
    if to is not None:
        output.note(
            tr(
                "The report of {campaign} is in {to}: {published} published.",
                campaign=campaign,
                to=to,
                published=published,
            )
        )


def people(context: typer.Context, as_json: AsJson = False) -> None:
    """List whose names the log's tokens stand for: people, machines, and their schedulers."""
    from socialstrike.audit import people as tokens

    with opened(context) as house, house.database.read() as session:
        known = tokens.every(session)
    if as_json:
        output.as_json([{"name": name, "token": token} for name, token in known])
        return
    output.table(
        (tr("name"), tr("without it")),
        ((name, tokens.pseudonym(token)) for name, token in known),
        empty=tr("The log names nobody."),
    )


def forget_person(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="As socialstrike audit people shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a name from this home for good; the log stays whole, and still verifies."""
    from socialstrike import audit

    with opened(context) as house:
        if not yes:
            output.confirm(tr("Erase the name {name} from this home for good?", name=name))
        with house.database.write() as session:
            left = audit.forget_person(session, name, now=house.clock.now(), actor=house.actor)
        house.database.scrub()
    output.line(
        tr(
            "The name {name} is erased here. Backups and files made before still hold it.",
            name=name,
        )
    )
    if left:
        output.warning(
            tr(
                "{left} old entries of the log hold the name itself and cannot be changed",
                left=left,
            )
        )


def _sign(house: App) -> None:
    """Have the newest entries under a checkpoint. What cannot be signed is exported all the same:
    it may be wanted because something is wrong.
    """
    from socialstrike.audit import checkpoints
    from socialstrike.exceptions import DatabaseError, VaultError, VerificationFailed

    try:
        checkpoints.sign_now(house.database, house.vault, house.clock.now())
    except (DatabaseError, VaultError, VerificationFailed) as error:
        output.warning(tr("no new checkpoint was made: {error}", error=error))


def _refuse_folder(path: Path | None) -> None:
    from socialstrike.exceptions import InvalidInput

    if path is None:
        return
    if path.exists() and not path.is_file():
        raise InvalidInput(
            tr("{path} is no file; name one, or leave -o out for standard output", path=path)
        )
    if not path.parent.is_dir():
        raise InvalidInput(
            tr(
                "{path} cannot be written: there is no folder {parent}; make it, or name another",
                path=path,
                parent=path.parent,
            )
        )


@contextmanager
def _out(path: Path | None) -> Iterator[IO[str]]:
    """Where a file goes; in a sentence, why ``path`` could not be written."""
    from socialstrike.audit import export as exporting
    from socialstrike.exceptions import InvalidInput

    if path is None:
        yield exporting.as_utf8(sys.stdout)
        sys.stdout.flush()
        return
    try:
        with exporting.written_whole(path) as file:
            yield file
    except OSError as error:
        raise InvalidInput(
            tr(
                "{path} cannot be written: {strerror}; name a file in a folder that you can write",
                path=path,
                strerror=error.strerror,
            )
        ) from None


def filters(
    since: str | None, until: str | None, account: str | None, kind: str | None
) -> dict[str, Any]:
    """The options above as what ``audit.entries`` takes."""
    return {
        "since": moment(since),
        "until": moment(until),
        "account": account,
        "kind": kind,
    }
