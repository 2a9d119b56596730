"""What the documents tell people to type exists, with the options they are told to give."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from socialstrike.cli import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
_SEPARATORS = {"|", "||", "&", "&&", ";"}


def _commands(document: Path) -> Iterator[list[str]]:
    """Each command after a ``$``, cut at pipes, without its assignments and redirections."""
    for block in _CONSOLE.findall(document.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            if not line.startswith("$ "):
                continue
            lexer = shlex.shlex(line[2:], posix=True, punctuation_chars=True)
            lexer.commenters = "#"
            lexer.whitespace_split = True
            command: list[str] = []
            for word in [*lexer, ";"]:
                if word not in _SEPARATORS:
                    command.append(word)
                elif command:
                    yield _without_assignments(command)
                    command = []


def _without_assignments(command: list[str]) -> list[str]:
    while command and re.fullmatch(r"\w+=.*", command[0]):
        command = command[1:]
    return command


def _trouble(words: list[str]) -> str | None:
    """What the command line would not understand in ``words``, which follow ``socialstrike``."""
    command = get_command(app)
    options = _options(command.params)
    rest = iter(words)
    for word in rest:
        name, _, value = word.partition("=")
        if name.startswith("-"):
            if name not in options:
                return f"{command.name or 'socialstrike'} has no {name}"
            if options[name] and not value:
                next(rest, None)
        elif isinstance(command, TyperGroup):
            if word not in command.commands:
                return f"{command.name or 'socialstrike'} has no command {word}"
            command = command.commands[word]
            options |= _options(command.params)
    return None


def _options(parameters: Sequence[Any]) -> dict[str, bool]:
    """The names of the options, and whether a word follows each as its value."""
    takes_value = {
        name: not getattr(option, "is_flag", False)
        for option in parameters
        for name in (*option.opts, *option.secondary_opts)
    }
    return {"--help": False, "-h": False, **takes_value}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_command_in_the_documents_exists(document: Path) -> None:
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    for command in _commands(document):
        program, *words = command
        if Path(program).name == "socialstrike":
            assert (trouble := _trouble(words)) is None, f"{shlex.join(command)}: {trouble}"
        elif program == "make":
            asked = {word for word in words if "=" not in word and not word.startswith("-")}
            assert asked <= targets, f"{shlex.join(command)}: the Makefile lacks {asked - targets}"


def test_the_readme_shows_how_to_rehearse_and_how_to_test() -> None:
    commands = list(_commands(ROOT / "README.md"))
    assert ["make", "rehearse"] in commands
    assert ["make", "test"] in commands


@pytest.mark.parametrize(
    "words", [["frobnicate"], ["rehearse", "x.yaml", "--frobnicate"]], ids=["command", "option"]
)
def test_a_command_that_does_not_exist_is_noticed(words: list[str]) -> None:
    assert _trouble(words)
