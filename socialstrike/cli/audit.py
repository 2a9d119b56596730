"""``socialstrike audit``: what went out, where and when, and the proof of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from socialstrike.cli import output
from socialstrike.cli.context import Account, AsJson, moment, opened

if TYPE_CHECKING:
    from socialstrike.audit.chain import Verdict

app = typer.Typer(
    help="The append-only, hash-chained log: list it, export it, verify it.", no_args_is_help=True
)

Since = Annotated[str | None, typer.Option("--since", help="Entries from then on.")]
Until = Annotated[str | None, typer.Option("--until", help="Entries before then.")]
Kind = Annotated[
    str | None,
    typer.Option(
        "--kind", help="announcement, occupation, or an event: delivery.published, account, …"
    ),
]


@app.command("list")
def list_(
    context: typer.Context,
    since: Since = None,
    until: Until = None,
    account: Account = None,
    kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """List the entries, oldest first."""
    from socialstrike import accounts, audit
    from socialstrike.audit import chain

    with opened(context) as house, house.database.read() as session:
        if account:
            accounts.get(session, account)
        wanted = _filters(since, until, account, kind)
        entries = [chain.parse(line) for line in audit.entries(session, **wanted)]
    if as_json:
        output.as_json(entries)
        return
    output.table(
        ("no", "at (UTC)", "event", "by", "account", "delivery", "late", "detail"),
        (
            (
                entry["seq"],
                str(entry["at"])[:19].replace("T", " "),
                entry["event"],
                entry["actor"],
                entry.get("account"),
                entry.get("delivery"),
                _lateness(entry.get("lateness_ms")),
                entry.get("error") or entry.get("remote_url") or entry.get("reason"),
            )
            for entry in entries
        ),
        empty="Nothing is logged.",
    )


@app.command()
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
    wanted = _filters(since, until, account, kind)
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


@app.command()
def verify(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="An exported file; the home's own log by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that every entry stands as it was written. Exit 4 where one does not."""
    from socialstrike import audit
    from socialstrike.audit import export as exporting
    from socialstrike.exceptions import VerificationFailed

    if file is not None:
        verdict = exporting.verify_file(file)
        if not verdict.entries:
            raise VerificationFailed(f"{file} holds no entry, so it proves nothing")
    else:
        with opened(context) as house, house.database.read() as session:
            verdict = audit.verify(session)
    _tell(verdict, str(file or "the log of this home"), as_json)


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


def _tell(verdict: Verdict, what: str, as_json: bool) -> None:
    from socialstrike.exceptions import VerificationFailed

    if as_json:
        output.as_json(
            {
                "ok": verdict.ok,
                "entries": verdict.entries,
                "head": verdict.head,
                "breaks": [{"entry": b.place, "message": b.message} for b in verdict.breaks],
            }
        )
        if not verdict.ok:
            raise typer.Exit(VerificationFailed.exit_code)
        return
    if not verdict.ok:
        found = "\n".join(map(str, verdict.breaks))
        raise VerificationFailed(f"{what} does not verify:\n{found}")
    output.line(f"Verified: {verdict.entries} entries, unbroken. Head: {verdict.head}")


def _filters(
    since: str | None, until: str | None, account: str | None, kind: str | None
) -> dict[str, Any]:
    return {
        "since": moment(since),
        "until": moment(until),
        "account": account,
        "kind": kind,
    }


def _lateness(milliseconds: object) -> str:
    return f"{milliseconds / 1000:.1f} s" if isinstance(milliseconds, int) else ""
