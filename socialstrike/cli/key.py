"""``socialstrike key``: the key that seals the credentials. No key and no passphrase is shown."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from socialstrike.cli import output
from socialstrike.cli.context import AsJson, opened
from socialstrike.i18n import tr, translated

app = typer.Typer()

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help="A file (mode 0600) with the new passphrase; asked for otherwise."
    ),
]


class _Source(StrEnum):
    """Where a key can be kept."""

    KEYRING = "keyring"
    PASSPHRASE = "passphrase"  # noqa: S105  (the name of a place, not a secret)
    FILE = "file"


@app.command()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Say where the key comes from, which one it is, what it seals. Exit 3 where it is missing."""
    with opened(context) as house:
        shown = house.keys.shown()
    missing = shown.present is False and bool(shown.sealed or shown.signing)
    if as_json:
        output.as_json(asdict(shown))
    else:
        output.line(
            tr("Source: {source} ({place})", source=shown.source, place=translated(shown.place))
        )
        output.line(tr("Key: {id}", id=shown.id or tr("none yet; the first account makes one")))
        output.line(tr("It seals the credentials of {sealed} accounts.", sealed=shown.sealed))
        if shown.signing:
            output.line(tr("It seals the signing key of the audit log."))
    if missing:
        if not as_json:
            output.line(tr("It is not there; put it back, or set SOCIALSTRIKE_KEY_FILE to a copy."))
        raise typer.Exit(3)


@app.command()
def rotate(
    context: typer.Context,
    deep: Annotated[
        bool, typer.Option("--deep", help="Encrypt every field anew, with new data keys.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Replace the key by a new one where it is; the old one opens nothing any more.

    It can be interrupted anywhere. Exit 3 where the old key has to be removed by hand.
    """
    _change(context, None, deep=deep, passphrase_file=passphrase_file, as_json=as_json)


@app.command()
def move(
    context: typer.Context,
    to: Annotated[_Source, typer.Option("--to", help="Where a new key is kept from now on.")],
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Replace the key by a new one in another place. Stop the scheduler first.

    Exit 3 where the old key has to be removed by hand.
    """
    _change(context, to.value, deep=False, passphrase_file=passphrase_file, as_json=as_json)


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The new key file to write.")],
) -> None:
    """Write a copy of the key to a file, to be kept away from the database and its backups."""
    with opened(context) as house:
        key = house.keys.export(file)
    output.line(
        tr(
            "{file} is key {key}. Who has it and the database can post as your accounts.",
            file=file,
            key=key,
        )
    )


@app.command()
def lost(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """The key is lost: wipe the credentials that it alone could open. The history stays."""
    from socialstrike.exceptions import InvalidInput

    with opened(context) as house:
        shown = house.keys.shown()
        if shown.present or not shown.sealed:
            raise InvalidInput(tr("the key is not lost; see: socialstrike key show"))
        if not yes:
            output.confirm(tr("Wipe the credentials of {sealed} accounts?", sealed=shown.sealed))
        accounts = house.lose_key()
    output.line(tr("The credentials of {accounts} are wiped.", accounts=", ".join(accounts)))
    output.line(tr("Add them again with: socialstrike accounts add PLATFORM NAME"))


def _change(
    context: typer.Context,
    to: str | None,
    *,
    deep: bool,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    with opened(context) as house:
        done = house.change_key(to, deep=deep, passphrase_file=passphrase_file)
    if as_json:
        output.as_json(asdict(done))
    else:
        output.line(
            tr(
                "Key {new} is in force ({place}); {old} opens nothing here.",
                new=done.new,
                place=translated(done.place),
                old=done.old,
            )
        )
        output.line(
            tr("The credentials of {sealed} accounts are sealed with it.", sealed=done.sealed)
        )
        output.line(
            tr("Backups made before open with the old key alone: keep a copy, or make a new one.")
        )
        if done.source == "passphrase":
            output.line(tr("A service needs it in the file of SOCIALSTRIKE_PASSPHRASE_FILE."))
    if done.left:
        if not as_json:
            output.line(tr("The old key is still in {left}; remove it there.", left=done.left))
        raise typer.Exit(3)
