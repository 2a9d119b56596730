"""The command line: hands, no rules. Here alone errors become exit codes.

Modules import what they need inside the commands: ``--help`` must load neither the database nor a
client library.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

from socialstrike import garbage, i18n
from socialstrike.cli import doctor, nouns, output, plan, rehearse, service, speech
from socialstrike.cli.context import root
from socialstrike.exceptions import InvalidInput, SocialstrikeError
from socialstrike.i18n import tr
from socialstrike.redaction import guard_process, redact

app = typer.Typer(
    name="socialstrike",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(root)
rehearse.register(app)
nouns.add(app, "accounts", "accounts:app", "The accounts you manage, and their sealed credentials.")
nouns.add(app, "posts", "posts:app", "The posts of a strike: queue them, list them, cancel them.")
nouns.add(
    app,
    "campaigns",
    "campaigns:app",
    "The strikes: their day, their hashtag, how late their posts may go out.",
)
nouns.add(app, "approvers", "approvals:approvers", "The people who may approve what goes out.")
nouns.add(app, "approvals", "approvals:app", "Approvals by signature, made on another machine.")
plan.register(app)
service.register(app)
nouns.add(
    app, "audit", "audit:app", "The append-only, hash-chained log: list it, export it, verify it."
)
nouns.add(app, "alerts", "alerts:app", "Whom the scheduler tells when something needs a person.")
nouns.add(
    app, "key", "key:app", "The key that seals the credentials: where it is, move it, replace it."
)
nouns.add(
    app,
    "database",
    "database:app",
    "The home's database: upgrade it, check it, back it up, restore it.",
)
doctor.register(app)

#: Options of the whole command, which may stand anywhere on the line; True where a value follows.
_GLOBAL = {"--home": True, "--lang": True, "--verbose": False, "-v": False}


#: What Typer raises for wrong usage; it exports the subclasses only.
_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 failed, 2 wrong input, 3 a person is needed, 4 forged."""
    if arguments is None:  # the process is ours, and not a test's or another program's
        guard_process()
    _open_streams()
    given = _hoisted(list(sys.argv[1:] if arguments is None else arguments))
    try:
        i18n.use(speech.choose(given))
        command = typer.main.get_command(app)
        if i18n.language() != "en":
            speech.translate(command)
        with garbage.collected_seldom():  # of a command's start collecting is an eighth
            code = command.main(args=given, prog_name="socialstrike", standalone_mode=False)
        sys.exit(code or 0)
    except _USAGE_ERROR as error:
        output.note(speech.refusal(error))
        sys.exit(InvalidInput.exit_code)
    except typer.Abort:
        output.note(tr("Aborted!"))
        sys.exit(1)
    except SocialstrikeError as error:
        output.error(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader went away (``| head``); leave without a word, and without Python's own.
        _drop_output()
        sys.exit(1)
    except OSError as error:
        _drop_what_cannot_be_written()
        place = error.filename or tr("a file or the output")
        output.error(
            tr(
                "{place} cannot be used: {strerror}",
                place=place,
                strerror=error.strerror or type(error).__name__,
            )
        )
        sys.exit(1)
    except UnicodeEncodeError:
        output.error(
            tr(
                "an argument holds bytes that are no text; set the terminal to UTF-8 and type"
                " it again"
            )
        )
        sys.exit(InvalidInput.exit_code)
    except Exception as error:  # noqa: BLE001  (the last door: a fault of ours, said in one line)
        output.error(
            tr(
                "a fault of socialstrike itself: {kind}: {error}. Nothing is lost; run the"
                " command again, with --verbose to see where, and report it",
                kind=type(error).__name__,
                error=error,
            )
        )
        if "--verbose" in given or "-v" in given:
            from traceback import format_exc

            output.note(redact(format_exc()))
        sys.exit(1)


def _open_streams() -> None:
    """Three streams that work, whatever the caller closed, and that any character may be sent to.

    Without this the next file to be opened, the database perhaps, would become standard output.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it takes the lowest free number, which is this one
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if descriptor else "r"
            stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115  # it lives as long as the process, and a descriptor is no path
            setattr(sys, name, stream)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal in an old encoding must not stop a strike: what it lacks becomes "?".
            stream.reconfigure(errors="replace")


def _drop_output() -> None:
    """What is still to be written to standard output goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _drop_what_cannot_be_written() -> None:
    """Python tries once more at its end; where that fails too, it changes our exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()


def _hoisted(given: list[str]) -> list[str]:
    """The line with the options of the whole command moved to its front."""
    front: list[str] = []
    rest: list[str] = []
    while given:
        word = given.pop(0)
        name, _, _ = word.partition("=")
        if word == "--":
            rest += [word, *given]
            break
        if _GLOBAL.get(name) is None:
            rest.append(word)
        elif _GLOBAL[name] and "=" not in word and given:
            front += [word, given.pop(0)]
        else:
            front.append(word)
    return front + rest
