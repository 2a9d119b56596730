"""``socialstrike doctor``: is everything ready for the day."""

from __future__ import annotations

from typing import Annotated

import typer

from socialstrike.cli import output
from socialstrike.cli.context import AsJson, Options, opened
from socialstrike.i18n import tr


def register(app: typer.Typer) -> None:
    """Put the command at the top level."""
    app.command()(doctor)


def doctor(
    context: typer.Context,
    campaign: Annotated[
        str | None,
        typer.Option("--campaign", help="Whether this campaign can go out as it is planned."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the home, the key, the disk, the clock, the accounts and the queue; post nothing.

    With --campaign: its accounts, pictures, texts, limits and credentials up to its last post, and
    whether a scheduler runs. Exit 3 where something is to be done.
    """
    import logging

    from socialstrike import app as house
    from socialstrike import doctor as examination
    from socialstrike import preflight
    from socialstrike.clock import SystemClock

    findings: list[examination.Finding]
    if campaign is not None:
        with opened(context) as home, output.busy(tr("Asking the platforms …")):
            findings = list(preflight.examine(home.database, home.settings, home.clock, campaign))
    else:
        options: Options = context.obj
        house.log_to_stderr(logging.DEBUG if options.verbose else logging.WARNING)
        settings = house.settings(home=options.home)
        with output.busy(tr("Asking the platforms …")):
            findings = list(examination.examine(settings, SystemClock()))
    if as_json:
        output.as_json(
            [
                {"check": f.check, "verdict": f.verdict, "message": f.message, "remedy": f.remedy}
                for f in findings
            ]
        )
    else:
        for found in findings:
            remedy = f" → {found.remedy}" if found.remedy else ""
            output.line(f"{found.verdict:<4} {found.check}: {found.message}{remedy}")
    if any(found.verdict != "ok" for found in findings):
        raise typer.Exit(3)
