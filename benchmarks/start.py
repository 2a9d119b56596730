"""How soon the command line answers.

The limit is a Typer application of two commands that do nothing.

    python -m benchmarks.start [--rounds 15]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import compare, product, run

BARE = '''
from typing import Annotated
import typer

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)

def said(wanted: bool) -> None:
    if wanted:
        print("bare 1")
        raise typer.Exit

@app.callback()
def root(version: Annotated[bool, typer.Option("--version", is_eager=True, callback=said)] = False):
    """Two commands that do nothing."""

@app.command()
def one(name: str = "x"):
    """The first."""

@app.command()
def two(name: str = "x"):
    """The second."""

app()
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        script, home = Path(folder, "bare.py"), Path(folder, "home")
        script.write_text(BARE, encoding="utf-8")
        run(product("--home", home, "posts", "list"))  # makes the home, which is not measured

        def bare(*words: str) -> list[str | Path]:
            return [sys.executable, script, *words]

        for word in ("--help", "--version"):
            turns = {
                "socialstrike": lambda word=word: run(product(word)),
                "a bare Typer application": lambda word=word: run(bare(word)),
            }
            compare(word, turns, limit="a bare Typer application", rounds=rounds)
        for words in (("posts", "list"), ("accounts", "list"), ("status",)):
            compare(
                f"{' '.join(words)}, of an empty home",
                {
                    "socialstrike": lambda words=words: run(product("--home", home, *words)),
                    "importing SQLAlchemy's ORM alone": lambda: run(
                        [sys.executable, "-c", "import sqlalchemy.orm, sqlalchemy.dialects.sqlite"]
                    ),
                    "a bare Typer application": lambda: run(bare("one")),
                },
                limit="a bare Typer application",
                rounds=rounds,
            )


if __name__ == "__main__":
    main()
