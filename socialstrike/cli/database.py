"""``socialstrike database``: the home's tables."""

from __future__ import annotations

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

    options: Options = context.obj
    settings = house.settings(home=options.home)
    if not settings.database.exists():
        migrate.open_database(settings.database).dispose()
        output.line(f"A new database: {settings.database}")
        return
    database = Database(settings.database)
    try:
        before, after = migrate.upgrade(database)
    finally:
        database.dispose()
    output.line(
        f"The tables are at {after} already." if before == after else f"From {before} to {after}."
    )
