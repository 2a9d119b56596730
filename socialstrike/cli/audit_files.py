"""``socialstrike audit export``: the log as files that can leave the house."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from socialstrike.cli import output
from socialstrike.cli.context import Account, moment, opened

Since = Annotated[str | None, typer.Option("--since", help="Entries from then on.")]
Until = Annotated[str | None, typer.Option("--until", help="Entries before then.")]
Kind = Annotated[
    str | None,
    typer.Option(
        "--kind", help="announcement, occupation, or an event: delivery.published, account, …"
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands that write files."""
    app.command()(export)


def export(
    context: typer.Context,
    form: Annotated[
        Literal["csv", "jsonl"],
        typer.Option("--format", help="jsonl is the evidence, csv a view for spreadsheets."),
    ] = "jsonl",
    to: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; standard output by default.")
    ] = None,
    since: Since = None,
    until: Until = None,
    account: Account = None,
    kind: Kind = None,
) -> None:
    """Export the log. A whole one can be checked anywhere with: socialstrike audit verify FILE."""
    from socialstrike import accounts, audit
    from socialstrike.audit import export as exporting

    write = exporting.write_csv if form == "csv" else exporting.write_jsonl
    wanted = filters(since, until, account, kind)
    with opened(context) as house, house.database.read() as session:
        if account:
            accounts.get(session, account)
        lines = audit.entries(session, **wanted)
        if to is None:
            count = write(lines, exporting.as_utf8(sys.stdout))
            sys.stdout.flush()
        else:
            with _writable(to), exporting.written_whole(to) as file:
                count = write(lines, file)
    if to is not None:
        output.note(f"{count} entries written to {to}.")
    if any(value is not None for value in wanted.values()):
        output.note("Only a part of the log was asked for; a part cannot be verified by itself.")


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    """Say in a sentence why ``path`` could not be written."""
    from socialstrike.exceptions import InvalidInput

    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is no file; name one, or leave -o out for standard output")
    try:
        yield
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}; name a file in a folder that you can"
            " write"
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
