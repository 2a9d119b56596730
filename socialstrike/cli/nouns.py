"""The nouns of the command line: their modules are imported once one of their commands is wanted.

Importing all of them and reading every signature takes longer than Typer's own start: ``--help``
took 2.2 times what a bare Typer application takes.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from socialstrike import i18n
from socialstrike.cli import speech


def add(app: typer.Typer, name: str, place: str, text: str) -> None:
    """Add the noun ``name`` to ``app``, with ``text`` as its help.

    ``place`` is ``module:attribute`` in this package: the Typer application with its commands.
    """
    kind = type(f"Noun_{name}", (_Noun,), {"place": place})
    app.add_typer(typer.Typer(no_args_is_help=True), name=name, help=text, cls=kind)


class _Noun(TyperGroup):
    """A group whose commands are those of the application at ``place``."""

    place: str
    _commands: MutableMapping[str, Any] | None

    @property
    def commands(self) -> MutableMapping[str, Any]:
        """The commands, imported now if they were not yet, in the language spoken."""
        if self._commands is None:
            module, _, attribute = self.place.partition(":")
            application = getattr(import_module(f"socialstrike.cli.{module}"), attribute)
            self._commands = get_group(application).commands
            if i18n.language() != "en":
                for command in self._commands.values():
                    speech.translate(command)
        return self._commands

    @commands.setter
    def commands(self, _: object) -> None:
        self._commands = None  # Typer gives an empty dictionary, which is none of ours
