"""``socialstrike audit``: what went out, where and when, and the proof of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from socialstrike.cli import audit_files, output
from socialstrike.cli.audit_files import Kind, Since, Until, filters
from socialstrike.cli.context import Account, AsJson, opened
from socialstrike.i18n import tr

if TYPE_CHECKING:
    from socialstrike.audit.chain import Verdict

app = typer.Typer()
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

    with opened(context) as house, house.database.read() as session:
        if account:
            accounts.get(session, account)
        wanted = filters(since, until, account, kind)
        entries = list(audit.told(session, **wanted))
    if as_json:
        output.as_json(entries)
        return
    output.table(
        (
            tr("number"),
            tr("at (UTC)"),
            tr("event"),
            tr("by"),
            tr("account"),
            tr("delivery"),
            tr("late"),
            tr("detail"),
        ),
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
        empty=tr("Nothing is logged."),
    )


@app.command()
def head(
    context: typer.Context,
    note: Annotated[
        bool, typer.Option("--note", help="The whole checkpoint, with its signature.")
    ] = False,
    key: Annotated[
        bool, typer.Option("--key", help="The public key that the signatures are checked with.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign the log as it stands, and print a line to note down, to give away or to publish.

    Whoever has noted it can check later, with audit verify --head, that nothing up to it was
    changed or cut off.
    """
    from socialstrike.audit import checkpoints

    if note + key + as_json > 1:
        raise typer.BadParameter(tr("--note, --key and --json exclude one another"))
    with opened(context) as house:
        signed = checkpoints.sign_now(house.database, house.vault, house.clock.now())
        with house.database.read() as session:
            verifier = checkpoints.verifier_key(session)
    said = checkpoints.said(signed)
    if as_json:
        output.as_json(
            {
                "size": said.size,
                "root": said.root.hex(),
                "head": said.head,
                "note": signed,
                "key": verifier,
            }
        )
    elif key:
        output.line(verifier or "")
    else:
        output.line(signed.rstrip("\n") if note else f"{said.size} {said.root.hex()}")


@app.command()
def verify(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="An exported file; the home's own log by default.")
    ] = None,
    noted: Annotated[
        str | None,
        typer.Option(
            "--head",
            metavar="LINE|FILE",
            help="A head that was noted earlier: what audit head printed, or a file with it.",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="KEY|FILE", help="A key noted earlier: what audit head --key printed."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that every entry and every checkpoint stands as written. Exit 4 where one does not."""
    from socialstrike import audit
    from socialstrike.audit.proof import noted_head, noted_key
    from socialstrike.exceptions import VerificationFailed

    mark = noted_head(noted) if noted is not None else None
    public = noted_key(key) if key is not None else None
    if file is not None:
        verdict = audit.verify_file(file, head=mark, key=public)
        if not verdict.entries:
            raise VerificationFailed(tr("{file} holds no entry, so it proves nothing", file=file))
    else:
        with opened(context) as house, house.database.read() as session:
            verdict = audit.verify(session, head=mark, key=public)
    _tell(verdict, str(file or tr("the log of this home")), as_json)


def _tell(verdict: Verdict, what: str, as_json: bool) -> None:
    from socialstrike.exceptions import VerificationFailed

    if as_json:
        output.as_json(
            {
                "ok": verdict.ok,
                "entries": verdict.entries,
                "head": verdict.head,
                "root": verdict.root,
                "signed": verdict.signed,
                "key": verdict.key,
                "breaks": [
                    {"kind": b.kind, "entry": b.place, "message": b.message} for b in verdict.breaks
                ],
            }
        )
        if not verdict.ok:
            raise typer.Exit(VerificationFailed.exit_code)
        return
    if not verdict.ok:
        found = "\n".join(map(str, verdict.breaks))
        raise VerificationFailed(tr("{what} does not verify:\n{found}", what=what, found=found))
    output.line(
        tr(
            "Verified: {entries} entries, unbroken. Head: {head}",
            entries=verdict.entries,
            head=verdict.head,
        )
    )
    if verdict.key:
        output.line(
            tr("Signed up to entry {signed} by {key}", signed=verdict.signed, key=verdict.key)
        )
        if verdict.signed < verdict.entries:
            first = verdict.signed + 1
            output.line(
                tr(
                    "Entries {first} to {entries} are chained, not signed yet.",
                    first=first,
                    entries=verdict.entries,
                )
            )
    else:
        output.line(tr("No checkpoint signs it; note a head with: socialstrike audit head"))


def _lateness(milliseconds: object) -> str:
    return f"{milliseconds / 1000:.1f} s" if isinstance(milliseconds, int) else ""
