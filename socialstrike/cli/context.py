"""What every command shares: the options of the whole command, and the house opened for one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from socialstrike import __version__
from socialstrike.cli import output
from socialstrike.i18n import Language, tr

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from socialstrike.app import App

#: The zone of times that carry none and belong to no campaign.
ZONE = "Europe/Paris"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with stable names.")]
Campaign = Annotated[str | None, typer.Option("--campaign", help="Only this campaign.")]
Account = Annotated[str | None, typer.Option("--account", help="Only this account.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the whole command."""

    home: Path | None
    verbose: bool


def _version(wanted: bool) -> None:
    if wanted:
        output.line(f"socialstrike {__version__}")
        raise typer.Exit


def root(
    context: typer.Context,
    home: Annotated[
        str | None,
        typer.Option(
            "--home",
            metavar="DIR",
            help="The folder of the database, the key and the pictures"
            " (or SOCIALSTRIKE_HOME; your data folder by default).",
        ),
    ] = None,
    lang: Annotated[  # read by cli.speech, before the command line is parsed
        Language | None,
        typer.Option(
            "--lang",
            help="The language of everything said to people (or SOCIALSTRIKE_LANG; your system's"
            " by default). --json is the same in each.",
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what happens, on standard error.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """The strike-day scheduler for social media: queue the posts, publish them on time, prove it.

    Exit codes: 0 done; 1 it ran and something failed; 2 wrong usage or input, nothing changed;
    3 done, but something needs a person; 4 verification failed.
    """
    if home is not None and not home.strip():
        raise typer.BadParameter(tr("--home is empty; name a folder, or leave it out"))
    context.obj = Options(Path(home) if home else None, verbose)


@contextmanager
def opened(context: typer.Context, level: int = logging.WARNING, **given: Any) -> Iterator[App]:
    """The house, opened on the home that was asked for; closed again afterwards."""
    from socialstrike import app

    options: Options = context.obj
    app.log_to_stderr(logging.DEBUG if options.verbose else level)
    settings = app.settings(home=options.home, **given)
    new = settings.location == settings.database and not settings.database.exists()
    with app.App(settings) as house:
        if new:
            output.note(tr("A new home: {absolute}", absolute=settings.home.absolute()))
        yield house


class _DryRunError(Exception):
    """Ends a dry run's transaction without a commit."""


@contextmanager
def writing(house: App, *, dry_run: bool) -> Iterator[Session]:
    """A session that writes; a dry run's is taken back, after it met every refusal."""
    with suppress(_DryRunError), house.database.write() as session:
        yield session
        if dry_run:
            raise _DryRunError


def moment(text: str | None) -> datetime | None:
    """A time given to a filter: ISO 8601, in Europe/Paris where it carries no offset."""
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            tr("{text!r} is no time; write it like 2020-01-24T09:00 or 2020-01-24", text=text)
        ) from None
    if value.tzinfo:
        return value
    from zoneinfo import ZoneInfo

    return value.replace(tzinfo=ZoneInfo(ZONE))
