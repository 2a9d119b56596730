"""A key file: the master key in base64, readable by its owner alone."""

from __future__ import annotations

import base64
import os
import secrets
import stat
from pathlib import Path

from socialstrike.exceptions import InvalidInput, KeyMissing, VaultError
from socialstrike.i18n import tr
from socialstrike.vault.sealing import KEY

#: No key and no passphrase is longer than this, in bytes.
_MOST = 4096


class FileStore:
    """The key file of a home, and beside it the next one while the key is being rotated."""

    source = "file"

    def __init__(self, path: Path, home: Path) -> None:
        self._path = path
        self._home = home

    @property
    def place(self) -> str:
        """Where the key is, for people."""
        return tr("the key file {absolute}", absolute=self._path.absolute())

    @property
    def remedy(self) -> str:
        """How to bring a key that is not here."""
        return tr("Put it back, or set SOCIALSTRIKE_KEY_FILE to where it is")

    def read(self, *, following: bool = False) -> bytes | None:
        """The key, or the ``following`` one; None where there is none. Raises VaultError."""
        try:
            return load_key(self._next if following else self._path, create=False)
        except KeyMissing:
            return None

    def check(self) -> None:
        """Raise InvalidInput where a new key that is written here would not last."""
        real = self._path.resolve()
        passed = os.environ.get("CREDENTIALS_DIRECTORY")
        fleeting = [Path("/run"), *([Path(passed).resolve()] if passed else [])]
        if any(real.is_relative_to(at) for at in fleeting) and not real.is_relative_to(
            self._home.resolve()
        ):
            raise InvalidInput(
                tr(
                    "{path} is a copy of the key file that is gone after a restart; set"
                    " SOCIALSTRIKE_KEY_FILE to the key file itself, in a folder that you can write",
                    path=self._path,
                )
            )

    def prepare(self, key: bytes) -> None:
        """Put ``key`` onto the disk beside the one in force. Raises VaultError."""
        self.drop_following()
        write_key(self._next, key, by_way_of=_part(self._next))

    def take(self) -> None:
        """Let the following key replace the other. Raises VaultError."""
        try:
            self._next.replace(self._path.resolve())
            _sync(self._next.parent)
        except OSError as error:
            raise _unwritable(self._path, error) from None

    def drop_following(self) -> None:
        """Remove the following key, and what may have been written of it. Raises VaultError."""
        if self.followed:
            self._remove(_part(self._next))
            self._remove(self._next)

    def drop(self) -> None:
        """Remove the key. Raises VaultError."""
        self._remove(self._path.resolve())

    @property
    def followed(self) -> bool:
        """Whether a key was put beside this one, by a change that was interrupted or goes on."""
        return self._next.exists() or _part(self._next).exists()

    @property
    def _next(self) -> Path:
        real = self._path.resolve()
        return real.with_name(f"{real.name}.next")

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
            _sync(path.parent)
        except OSError as error:
            raise _unwritable(path, error) from None


def load_key(path: Path, *, create: bool) -> bytes:
    """Read the master key from ``path``; ``create`` makes one where there is none.

    Raises KeyMissing, or VaultError where the file is not a key or others can read it.
    """
    if create and not path.exists():
        write_key(path, secrets.token_bytes(KEY))
    try:
        content = read_private(path, tr("key file"))
    except FileNotFoundError:
        raise KeyMissing(
            tr(
                "the key file {path} is missing; without it the stored credentials cannot be"
                " opened. Put it back, or set SOCIALSTRIKE_KEY_FILE to where it is",
                path=path,
            )
        ) from None
    try:
        key = base64.b64decode(content.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY:
        raise VaultError(tr("{path} is not a key file of socialstrike", path=path))
    return key


def write_key(path: Path, key: bytes, *, by_way_of: Path | None = None) -> None:
    """Write a key file so that it appears whole or not at all, and is on the disk afterwards.

    What is there already stays. ``by_way_of`` is the name it has until it is whole. Raises
    VaultError.
    """
    temporary = by_way_of or path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(key) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            _give_name(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None


def read_private(path: Path, what: str, *, most: int = _MOST) -> bytes:
    """The content of a small file that its owner alone may read, ``most`` bytes of it.

    Raises FileNotFoundError, or VaultError where others can read it or nobody can.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(most)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise VaultError(
            tr(
                "the {what} {path} cannot be read: {strerror}",
                what=what,
                path=path,
                strerror=error.strerror,
            )
        ) from None
    if os.name == "posix" and mode & 0o077 and not _from_systemd(path):
        raise VaultError(
            tr("others can read the {what} {path}; run: chmod 600 {path}", what=what, path=path)
        )
    return content


def _give_name(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass  # another process was first; its key is the key
    except OSError:
        # A file system without hard links, such as a USB stick's.
        if not path.exists():
            temporary.replace(path)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _from_systemd(path: Path) -> bool:
    """Whether systemd passed the file to this service alone: the folder is private, and the
    access list it may use shows as a group's permission.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and path.parent == Path(folder)


def _sync(folder: Path) -> None:
    """Have the names in a folder on the disk; Windows has no such call and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> VaultError:
    return VaultError(
        tr(
            "the key file {path} cannot be written ({strerror}); check the owner and the"
            " permissions of its folder, and the room on its disk",
            path=path,
            strerror=error.strerror,
        )
    )
