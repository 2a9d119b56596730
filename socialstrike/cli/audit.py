"""``socialstrike audit``: what went out, where and when, and the proof of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from socialstrike.cli import audit_files, output
from socialstrike.cli.audit_files import Kind, Since, Until, filters
from socialstrike.cli.context import Account, AsJson, opened

if TYPE_CHECKING:
    from socialstrike.audit.chain import Verdict

app = typer.Typer(
    help="The append-only, hash-chained log: list it, export it, verify it.", no_args_is_help=True
)
audit_files.register(app)


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
        wanted = filters(since, until, account, kind)
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
def verify(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="An exported file; the home's own log by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that every entry stands as it was written. Exit 4 where one does not."""
    from socialstrike import audit
    from socialstrike.audit import verify_file
    from socialstrike.exceptions import VerificationFailed

    if file is not None:
        verdict = verify_file(file)
        if not verdict.entries:
            raise VerificationFailed(f"{file} holds no entry, so it proves nothing")
    else:
        with opened(context) as house, house.database.read() as session:
            verdict = audit.verify(session)
    _tell(verdict, str(file or "the log of this home"), as_json)


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


def _lateness(milliseconds: object) -> str:
    return f"{milliseconds / 1000:.1f} s" if isinstance(milliseconds, int) else ""
