"""The database's place on the disk is its owner's alone: made so, mended, or refused.

Who can write a home can make its scheduler do what they like, so that is refused, as ssh refuses
keys that others could have put there. What others can only read is mended where it is a file of
ours. A disk that knows no permissions locks nobody out: it is warned of.
"""

from __future__ import annotations

import logging
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from socialstrike.exceptions import DatabaseError, DatabaseReadOnly
from socialstrike.i18n import tr

log = logging.getLogger(__name__)

#: What SQLite puts beside a file that is open.
BESIDE = ("-wal", "-shm", "-journal")
#: No SQLite database is smaller, in bytes.
_SMALLEST = 512
#: What a home has once it was used; beside these an empty database is a loss, not a beginning.
_USED = ("vault.key", "scheduler.lock", "media")


@dataclass(frozen=True, slots=True)
class Exposure:
    """A part of the home that is not its owner's alone: whom it belongs to, or who can do what."""

    path: Path
    how: Literal["foreign", "writable", "readable"]

    def __str__(self) -> str:
        if self.how == "foreign":
            return tr("{path} belongs to another user", path=self.path)
        verb = tr("write to") if self.how == "writable" else tr("look into")
        return tr("others can {verb} {path}", verb=verb, path=self.path)

    @property
    def remedy(self) -> str:
        """What to type, or to do."""
        if self.how == "foreign":
            return tr(
                "run as that user, or take it over with: chown -R {geteuid} {path}; or choose"
                " another home with --home",
                geteuid=os.geteuid(),
                path=self.path,
            )
        if self.path.is_dir() and self.path.stat().st_mode & stat.S_ISVTX:
            return tr("choose a folder of your own with --home")
        return f"chmod go{'-w' if self.how == 'writable' else '='} {self.path}"


def exposures(database: Path) -> list[Exposure]:
    """What of the home of ``database`` is not its owner's alone, the worst first.

    Empty where the system or the disk knows no permissions (see ``keeps_modes``).
    """
    if os.name != "posix":
        return []
    found = [exposure for path in _parts(database) if (exposure := _exposure(path))]
    if not found or not keeps_modes(database.resolve().parent):
        return []
    order = ("foreign", "writable", "readable")
    return sorted(found, key=lambda exposure: order.index(exposure.how))


def keeps_modes(folder: Path) -> bool:
    """Whether a file in ``folder`` can be its owner's alone: on FAT and the like it cannot.

    True too where that cannot be tried.
    """
    probe = folder / f".socialstrike-{secrets.token_hex(4)}"
    try:
        descriptor = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError:
        return True
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
        probe.unlink()
    return status.st_uid == os.geteuid() and not status.st_mode & 0o077


def create_private(path: Path) -> None:
    """Create an empty file that its owner alone can read, and its folder likewise.

    One that is there is looked at, and mended where others can read it. Raises DatabaseReadOnly
    where the folder cannot be made or written, DatabaseError where others can write the home or
    where ``path`` is no file, or was emptied.
    """
    try:
        _make_folders(path.parent)
        _refuse_what_is_no_file(path)
        _refuse_what_others_write(path)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        _mend(path)
        _refuse_a_stump(path)
    except OSError as error:
        raise DatabaseReadOnly(
            tr(
                "{path} cannot be written ({strerror}); check the folder's owner and"
                " permissions, or choose another with --home",
                path=path,
                strerror=error.strerror,
            )
        ) from None


def refuse_what_is_no_file(path: Path) -> None:
    """Raise DatabaseError where ``path`` is a folder, a pipe or a device: reading could block."""
    try:
        _refuse_what_is_no_file(path)
    except OSError:
        return  # SQLite says what is wrong with it


def _refuse_what_is_no_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        kind = tr("a folder") if stat.S_ISDIR(mode) else tr("a pipe or a device")
        raise DatabaseError(
            tr(
                "{path} is {kind} and no database; take it away, or choose another home with"
                " --home",
                path=path,
                kind=kind,
            )
        )


def _refuse_what_others_write(path: Path) -> None:
    worst = next((e for e in exposures(path) if e.how != "readable"), None)
    if worst is not None:
        raise DatabaseError(
            tr(
                "{worst}, so what is in there may not be yours and is not used; {remedy}",
                worst=worst,
                remedy=worst.remedy,
            )
        )


def _refuse_a_stump(path: Path) -> None:
    """SQLite takes what is left of a file for an empty database, and the day would be lost."""
    size = path.stat().st_size
    used = any((path.parent / name).exists() for name in _USED)
    if size < _SMALLEST and (size or used):
        raise DatabaseError(
            tr(
                "{path} is empty or damaged, though this home was in use; restore a backup,"
                " or take the file away to begin anew",
                path=path,
            )
        )


def _mend(path: Path) -> None:
    if os.name != "posix":
        return
    real = path.resolve()
    for file in (real, *_beside(real)):
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            file.chmod(mode & 0o700)
            if keeps_modes(real.parent):
                log.warning("others could read %s; it is its owner's alone again", file)
            else:
                log.warning(
                    "the disk of %s knows no permissions: everyone on this machine may read the"
                    " home; move it to another disk, or mount this one with umask=077",
                    file,
                )
                return


def _make_folders(folder: Path) -> None:
    """Make what is missing of ``folder``, parents too, for its owner alone whatever the umask."""
    missing = [folder]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def _parts(database: Path) -> Iterator[Path]:
    real = database.resolve()
    folders = {database.parent.absolute(): None, real.parent: None}
    yield from folders
    yield from (path for path in (real, *_beside(real)) if path.exists())


def _beside(database: Path) -> list[Path]:
    found = (database.with_name(database.name + suffix) for suffix in BESIDE)
    return [path for path in found if path.exists()]


def _exposure(path: Path) -> Exposure | None:
    try:
        status = path.stat()
    except OSError:
        return None  # gone meanwhile, or nothing that we could use
    if status.st_uid not in {os.geteuid(), 0}:
        return Exposure(path, "foreign")
    if status.st_mode & 0o022:
        return Exposure(path, "writable")
    return Exposure(path, "readable") if status.st_mode & 0o077 else None
