"""The command line in the language of who types: which one, and the command tree's own texts.

Typer prints its headings and its refusals in English; here they go through our catalogue too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import LANGUAGES, Language, from_environment, stored, tr, translated

#: What Typer and its parser say by themselves.
THEIRS = (
    stored("Usage: {usage}"),
    stored("Options"),
    stored("Commands"),
    stored("Arguments"),
    stored("default: {default}"),
    stored("required"),
    stored("Show this message and exit."),
    stored("Install completion for the current shell."),
    stored("Show completion for the current shell, to copy it or customize the installation."),
    stored("Invalid value: {message}"),
    stored("Invalid value for {name}: {message}"),
    stored("Missing argument {name}."),
    stored("Missing argument {name}. {more}"),
    stored("Missing option {name}."),
    stored("Missing option {name}. {more}"),
    stored("No such command {name}."),
    stored("No such command {name}. Did you mean {other}?"),
    stored("No such option: {name}"),
    stored("No such option: {name} Did you mean {other}?"),
    stored("No such option: {name} (Possible options: {other})"),
    stored("Got unexpected extra argument ({names})"),
    stored("Got unexpected extra arguments ({names})"),
    stored("Option {name} requires an argument."),
    stored("Option {name} does not take a value."),
    stored("Missing command."),
    stored("{value} is not a valid integer."),
    stored("{value} is not a valid float."),
    stored("{value} is not one of {choices}."),
    stored("{value} is not in the range {range}."),
    stored("Path {path} does not exist."),
    stored("File {path} does not exist."),
)


def choose(arguments: Sequence[str]) -> Language:
    """``--lang``, then SOCIALSTRIKE_LANG, then the person's settings; English for machines.

    Raises InvalidInput for a language that is not here.
    """
    said = _value(arguments, "--lang") or os.environ.get("SOCIALSTRIKE_LANG")
    if said and said not in LANGUAGES:
        raise InvalidInput(
            tr(
                "there is no language {said!r} here; give one of {known}",
                said=said,
                known=", ".join(LANGUAGES),
            )
        )
    # What programs read never depends on who runs them.
    if "--json" in arguments or _value(arguments, "--format") == "json":
        return "en"
    return next((known for known in LANGUAGES if known == said), None) or from_environment()


def translate(command: Any) -> None:
    """Put the help of a command, its parameters and all commands below into the language spoken."""
    for holder in (command, *command.params):
        for name in ("help", "short_help", "epilog"):
            text = getattr(holder, name, None)
            if isinstance(text, str):
                setattr(holder, name, "\n\n".join(map(translated, paragraphs(text))))
    command.context_class = _context(command.context_class)
    # Not those of a noun, which are translated when they are imported (nouns.py).
    for inner in vars(command).get("commands", {}).values():
        translate(inner)


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a help text, each on one line, as the catalogue has them."""
    return [" ".join(part.split()) for part in text.split("\n\n")]


def refusal(error: Any) -> str:
    """What Typer would print about wrong usage, in the language spoken."""
    if type(error).__name__ == "NoArgsIsHelpError":  # it is the help, and no message
        return str(error.format_message())
    lines = []
    if error.ctx is not None:
        lines.append(error.ctx.get_usage())
        path, option = error.ctx.command_path, error.ctx.help_option_names[0]
        lines += [tr("Try '{path} {option}' for help.", path=path, option=option), ""]
    return "\n".join([*lines, tr("Error: {message}", message=translated(error.format_message()))])


def _value(arguments: Sequence[str], name: str) -> str | None:
    """The value of an option, wherever it stands before ``--``; the last one counts."""
    found = None
    words = list(arguments)
    words = words[: words.index("--")] if "--" in words else words
    for word, following in zip_longest(words, words[1:]):
        if word == name:
            found = following
        elif word.startswith(f"{name}="):
            found = word.removeprefix(f"{name}=")
    return found


def _context(base: Any) -> Any:
    class Formatter(base.formatter_class):  # type: ignore[misc]
        def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
            super().write_usage(prog, args, prefix or tr("Usage: {usage}", usage=""))

        def write_heading(self, heading: str) -> None:
            super().write_heading(translated(heading))

        def write_dl(self, rows: Any, *rest: Any, **named: Any) -> None:
            told = [(first, _extras(second)) for first, second in rows]
            super().write_dl(told, *rest, **named)

    class Context(base):  # type: ignore[misc]
        formatter_class = Formatter

    return Context


def _extras(text: str) -> str:
    """What stands in brackets after an option's help: its default, and that it is required."""
    before, bracket, extras = text.rpartition("[")
    if not bracket or not extras.endswith("]"):
        return translated(text)
    parts = [translated(part) for part in extras.removesuffix("]").split("; ")]
    return f"{before}[{'; '.join(parts)}]"
