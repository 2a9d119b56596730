"""``socialstrike key``: the key that seals the credentials. No key and no passphrase is shown."""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from socialstrike.cli import output
from socialstrike.cli.context import AsJson, opened

app = typer.Typer(
    help="The key that seals the credentials: where it is, move it, replace it.",
    no_args_is_help=True,
)

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
        output.line(f"Source: {shown.source} ({shown.place})")
        output.line(f"Key: {shown.id or 'none yet; the first account makes one'}")
        output.line(f"It seals the credentials of {shown.sealed} accounts.")
        if shown.signing:
            output.line("It seals the signing key of the audit log.")
    if missing:
        if not as_json:
            output.line("It is not there; put it back, or set SOCIALSTRIKE_KEY_FILE to a copy.")
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
    output.line(f"{file} is key {key}. Who has it and the database can post as your accounts.")


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
            raise InvalidInput("the key is not lost; see: socialstrike key show")
        if not yes:
            if not sys.stdin.isatty():
                raise InvalidInput("nobody is here to confirm; add --yes. Nothing was changed")
            if not typer.confirm(f"Wipe the credentials of {shown.sealed} accounts?", err=True):
                raise InvalidInput("nothing was changed")
        accounts = house.lose_key()
    output.line(f"The credentials of {', '.join(accounts)} are wiped.")
    output.line("Add them again with: socialstrike accounts add PLATFORM NAME")


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
        output.line(f"Key {done.new} is in force ({done.place}); {done.old} opens nothing here.")
        output.line(f"The credentials of {done.sealed} accounts are sealed with it.")
        output.line(
            "Backups made before open with the old key alone: keep a copy, or make a new one."
        )
        if done.source == "passphrase":
            output.line("A service needs it in the file of SOCIALSTRIKE_PASSPHRASE_FILE.")
    if done.left:
        if not as_json:
            output.line(f"The old key is still in {done.left}; remove it there.")
        raise typer.Exit(3)
