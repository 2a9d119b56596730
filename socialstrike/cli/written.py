"""``--output``: what would be printed, as a file that appears complete or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import IO, Annotated

import typer

from socialstrike.i18n import tr

To = Annotated[
    Path | None, typer.Option("--output", "-o", help="A file; standard output by default.")
]


@contextmanager
def written(path: Path | None) -> Iterator[IO[str]]:
    """Where a document goes, UTF-8 and its line ends as they are; what is printed goes there too.

    Raises InvalidInput where it cannot be written.
    """
    from socialstrike.audit import export as exporting
    from socialstrike.exceptions import InvalidInput

    if path is None:
        yield exporting.as_utf8(sys.stdout)
        sys.stdout.flush()
        return
    if path.exists() and not path.is_file():
        raise InvalidInput(
            tr("{path} is no file; name one, or leave -o out for standard output", path=path)
        )
    try:
        with exporting.written_whole(path) as file, redirect_stdout(file):
            yield file
    except OSError as error:
        raise InvalidInput(
            tr(
                "{path} cannot be written: {strerror}; name a file in a folder that you can write",
                path=path,
                strerror=error.strerror,
            )
        ) from None
