"""Reading files nobody has vouched for: ordinary ones alone, never more than was asked for."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from socialstrike.i18n import tr

# A pipe put in a file's place would hang the one who opens it; these flags do not wait for it.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_FLAGS |= getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)
# Windows opens nothing relative to a folder; there the path was checked, and that is all.
_STEPWISE = os.open in os.supports_dir_fd


class NotOrdinaryError(OSError):
    """This is a folder, a pipe or a device, not an ordinary file."""


class TooBigError(OSError):
    """The file has more bytes than were asked for: ``size``, as far as it is known."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size


def read(path: Path, limit: int, *, inside: Path | None = None) -> bytes:
    """The whole content of the ordinary file at ``path``, at most ``limit`` bytes.

    ``inside``: a resolved folder above a resolved ``path``. A link put anywhere between the two
    since they were resolved is not followed.
    Raises NotOrdinaryError, TooBigError, or the OSError the system gave.
    """
    descriptor = _open(path, inside)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise NotOrdinaryError(tr("{name} is no ordinary file", name=path.name))
        if found.st_size > limit:
            raise TooBigError(found.st_size)
        content = file.read(limit + 1)
    # Files that grow meanwhile, and those of /proc, which claim to be empty.
    if len(content) > limit:
        raise TooBigError(len(content))
    return content


def _open(path: Path, inside: Path | None) -> int:
    if inside is None or not _STEPWISE:
        return os.open(path, _FLAGS)
    *folders, name = path.relative_to(inside).parts
    above = os.open(inside, _FLAGS | _FOLDER)
    try:
        for folder in folders:
            below = os.open(folder, _FLAGS | _FOLDER | _NO_FOLLOW, dir_fd=above)
            os.close(above)
            above = below
        return os.open(name, _FLAGS | _NO_FOLLOW, dir_fd=above)
    finally:
        os.close(above)
