"""The command line as Markdown, for docs/cli.md: read from the command tree, the same everywhere.

Completion options are left out: which ones there are depends on the shell and the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from typer.core import TyperGroup
from typer.main import get_command

from socialstrike.cli import app

_WORDS: dict[object, str] = {
    str: "TEXT",
    int: "N",
    float: "NUMBER",
    Path: "PATH",
    datetime: "DAY",
}
_ELSEWHERE = {"--install-completion", "--show-completion"}


def markdown() -> str:
    """The whole reference: the options of the whole command, then each command in its order."""
    root = get_command(app)
    return "\n".join([*_section(root, "socialstrike", 2), ""])


def _section(command: Any, path: str, level: int) -> Iterator[str]:
    yield f"{'#' * level} {path}"
    yield ""
    if not isinstance(command, TyperGroup):
        yield from ("```text", _usage(command, path), "```", "")
    yield from _paragraphs(command.help or "")
    rows = [_row(parameter) for parameter in command.params if _is_shown(parameter)]
    if rows:
        yield from ("| | meaning |", "|---|---|", *rows, "")
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from _section(inner, f"{path} {name}", level + 1 if level < 3 else level)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield " ".join(paragraph.split())
        yield ""


def _usage(command: Any, path: str) -> str:
    arguments = [_argument(p) for p in command.params if p.param_type_name == "argument"]
    return " ".join([path, "[OPTIONS]", *arguments])


def _argument(parameter: Any) -> str:
    word = parameter.name.upper() + ("..." if parameter.nargs == -1 else "")
    return word if parameter.required else f"[{word}]"


def _is_shown(parameter: Any) -> bool:
    return not parameter.hidden and not _ELSEWHERE.intersection(parameter.opts)


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name, notes = _argument(parameter), [parameter.help or ""]
        if choices := _choices(parameter):
            notes.append(f"One of: {', '.join(choices)}.")
    else:
        name, notes = ", ".join(parameter.opts), [parameter.help or ""]
        if not parameter.is_flag:
            word = parameter.metavar or "|".join(_choices(parameter)) or _WORDS[_kind(parameter)]
            name += f" {word}"
            notes += ["Required."] if parameter.required else []
            notes += ["May be given several times."] if parameter.multiple else []
            if isinstance(parameter.default, str | int):
                notes.append(f"Default: `{parameter.default}`.")
    meaning = " ".join(note for note in notes if note)
    return f"| `{_cell(name)}` | {_cell(meaning)} |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _choices(parameter: Any) -> list[str]:
    kind = _kind(parameter)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return list(kind)
    return list(get_args(kind)) if get_origin(kind) is Literal else []


def _kind(parameter: Any) -> Any:
    """The type of one value: without the ``| None`` and without the list around it."""
    kind = parameter.type_descriptor.annotation
    if get_origin(kind) in {Union, UnionType}:
        [kind] = [inner for inner in get_args(kind) if inner is not type(None)]
    return get_args(kind)[0] if get_origin(kind) is list else kind
