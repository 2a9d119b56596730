"""``socialstrike posts schema``: the grammar of post files, for editors."""

from __future__ import annotations

import typer

from socialstrike.cli import output


def register(app: typer.Typer) -> None:
    """Add the command to those of ``posts``."""
    app.command()(schema)


def schema() -> None:
    """Print the JSON Schema of post files, with which editors complete and check them."""
    from socialstrike.post_file.schema import schema

    output.as_json(schema())
