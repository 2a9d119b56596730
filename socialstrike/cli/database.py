"""``socialstrike database``: the home's tables, whether they are sound, and copies of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from socialstrike.cli import output
from socialstrike.cli.context import AsJson, Options
from socialstrike.i18n import tr, translated

if TYPE_CHECKING:
    from socialstrike.config import Settings

app = typer.Typer()


@app.command()
def upgrade(context: typer.Context) -> None:
    """Bring the tables of an older socialstrike to this one's; stop the scheduler first."""
    from socialstrike import app as house
    from socialstrike.db import migrate
    from socialstrike.db.session import Database
    from socialstrike.exceptions import DatabaseOutdated

    options: Options = context.obj
    location = house.settings(home=options.home).location
    new = isinstance(location, Path) and not location.exists()
    try:
        migrate.open_database(location).dispose()
    except DatabaseOutdated:
        database = Database(location)
        try:
            before, after = migrate.upgrade(database)
        finally:
            database.dispose()
        output.line(tr("The tables went from {before} to {after}.", before=before, after=after))
    else:
        now = migrate.known_versions()[-1]
        output.line(
            tr("A new database: {location}", location=location)
            if new
            else tr("The tables are at {now} already.", now=now)
        )


@app.command()
def check(context: typer.Context, as_json: AsJson = False) -> None:
    """Check the file, the log, what waits against what was queued, and the log against the table.

    Exit 1 where the file is damaged, 4 where something in it was altered.
    """
    from socialstrike import app as house
    from socialstrike import storage
    from socialstrike.exceptions import DatabaseError, VerificationFailed

    options: Options = context.obj
    location = house.settings(home=options.home).location
    with output.busy(tr("Looking at every row …")):
        findings = storage.check(location)
    if as_json:
        output.as_json(
            [
                {"check": f.name, "ok": not f.faults, "message": f.message, "faults": f.faults}
                for f in findings
            ]
        )
    else:
        for finding in findings:
            for fault in finding.faults:
                output.line(tr("BAD  {name}: {fault}", name=translated(finding.name), fault=fault))
            if not finding.faults:
                output.line(
                    tr(
                        "ok   {name}: {message}",
                        name=translated(finding.name),
                        message=finding.message,
                    )
                )
    wrong = [finding for finding in findings if finding.faults]
    if any(finding.damage for finding in wrong):
        if not as_json:
            output.note(
                tr("Restore a backup into another home: socialstrike database restore FILE")
            )
        raise typer.Exit(DatabaseError.exit_code)
    if wrong:
        raise typer.Exit(VerificationFailed.exit_code)


@app.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The new file to write; nothing is overwritten.")],
) -> None:
    """Write a verified copy of the database, pictures included, while the scheduler may work.

    It holds the credentials, sealed, and not the key that opens them.
    """
    from socialstrike import app as house
    from socialstrike import storage

    options: Options = context.obj
    settings = house.settings(home=options.home)
    with output.busy(tr("Copying to {file} …", file=file)):
        made = storage.backup(settings.location, file)
    output.line(
        tr(
            "{file} holds {deliveries} deliveries and {entries} entries, verified.",
            file=file,
            deliveries=made.deliveries,
            entries=made.entries,
        )
    )
    output.line(tr("Head of its log: {head}", head=made.head))
    if made.sealed:
        where = {
            "file": tr(
                "Copy {absolute} too, to another place; see that it is key",
                absolute=settings.key.absolute(),
            ),
            "keyring": tr(
                "It is in this machine's system keyring; write a copy of it, to another"
                " place, with: socialstrike key export FILE. It is key"
            ),
            "passphrase": tr(
                "It comes from your passphrase, so there is nothing to copy, and nobody can"
                " give it back to you. It is key"
            ),
        }[made.key_source]
        output.line(
            tr(
                "The credentials of {sealed} accounts are in it, sealed; the key that opens"
                " them is not. {where} {key_id}.",
                sealed=made.sealed,
                where=where,
                key_id=made.key_id or tr("of this home"),
            )
        )
        output.line(tr("Each is useless without the other: keep both, and never in one place."))


@app.command()
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A backup made by: socialstrike database backup.")],
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Bring an older version's tables up to date.")
    ] = False,
) -> None:
    """Restore a backup into an empty home. What may have gone out since is looked up, not sent.

    Stop every scheduler of the old home first. Exit 4 where the backup does not verify.
    """
    from socialstrike import app as house
    from socialstrike import storage
    from socialstrike.clock import SystemClock
    from socialstrike.exceptions import InvalidInput

    options: Options = context.obj
    settings = house.settings(home=options.home)
    if not isinstance(settings.location, Path):
        raise InvalidInput(
            tr(
                "the database is on a PostgreSQL server; restore it with that server's own"
                " pg_restore"
            )
        )
    with output.busy(tr("Restoring {file} …", file=file)):
        done = storage.restore(
            file,
            settings.location,
            upgrade=upgrade,
            settle=settings.settle_after,
            clock=SystemClock(),
            actor=house.person(),
        )
    output.line(
        tr(
            "{absolute} has {deliveries} deliveries of the backup.",
            absolute=settings.home.absolute(),
            deliveries=done.deliveries,
        )
    )
    output.line(
        tr(
            "{waiting} are still to go out; {doubted} of them may have gone out since the"
            " backup, and are looked up on their platform before anything is sent.",
            waiting=done.waiting,
            doubted=done.doubted,
        )
    )
    output.line(
        tr(
            "What was cancelled, paused or stopped since the backup is not in it: look"
            " through socialstrike posts list before: socialstrike run"
        )
    )
    if done.sealed:
        _tell_key(settings)


def _tell_key(settings: Settings) -> None:
    """How the key of a restored home is brought here."""
    from socialstrike import app as house
    from socialstrike.exceptions import VaultError

    try:
        with house.App(settings) as restored:
            key = restored.keys.shown()
    except VaultError as error:
        output.warning(str(error))
        return
    if key.source == "passphrase":
        output.line(tr("The credentials open with the passphrase of the old home."))
    elif key.present:
        output.line(tr("The key is there: {place}.", place=key.place))
    elif key.source == "keyring":
        output.line(
            tr(
                "The key was in the system keyring of the old machine: set"
                " SOCIALSTRIKE_KEY_FILE to a copy that was made there with: socialstrike key"
                " export FILE"
            )
        )
    else:
        number = tr(" (key {id})", id=key.id) if key.id else ""
        output.line(
            tr(
                "The key is missing{number}: put the old home's at {absolute}",
                number=number,
                absolute=settings.key.absolute(),
            )
        )
