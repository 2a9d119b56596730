"""``socialstrike database``: the home's tables."""

from __future__ import annotations

from pathlib import Path

import typer

from socialstrike.cli import output
from socialstrike.cli.context import Options

app = typer.Typer(help="The home's database.")


@app.callback()
def _database() -> None:
    """The home's database."""


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
        output.line(f"The tables went from {before} to {after}.")
    else:
        now = migrate.known_versions()[-1]
        output.line(f"A new database: {location}" if new else f"The tables are at {now} already.")
