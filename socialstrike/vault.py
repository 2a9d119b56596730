"""Credentials, sealed: AES-256-GCM under a key that is kept outside the database.

Each account has a data key of its own, wrapped by the master key. Every box is bound to its place
(database, account, platform, field) by its associated data, so a row copied onto another account
does not open.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from socialstrike.exceptions import KeyMissing, VaultError

_VERSION = 1
_NONCE = 12  # bytes, as NIST SP 800-38D recommends for GCM
_KEY = 32


@dataclass(frozen=True, slots=True)
class Place:
    """Where a credential belongs; a sealed one opens nowhere else."""

    database: str
    platform: str
    account: str

    def bind(self, part: str) -> bytes:
        """The associated data for one part of what is sealed here."""
        return "\x1f".join(
            (f"socialstrike-{_VERSION}", self.database, self.platform, self.account, part)
        ).encode()


class Vault:
    """Seals and opens with one master key. Its ``repr`` shows nothing."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY:
            raise VaultError(f"the key must be {_KEY} bytes long, this one has {len(key)}")
        self._master = AESGCM(key)

    def seal(self, place: Place, credentials: Mapping[str, str]) -> bytes:
        """Seal every field of ``credentials`` for ``place``."""
        data_key = AESGCM.generate_key(bit_length=256)
        box = AESGCM(data_key)
        sealed = {
            "v": _VERSION,
            "key": _shut(self._master, data_key, place.bind("data key")),
            "fields": {
                name: _shut(box, value.encode(), place.bind(f"field {name}"))
                for name, value in credentials.items()
            },
        }
        return json.dumps(sealed).encode()

    def open(self, place: Place, sealed: bytes) -> dict[str, str]:
        """Open what was sealed for ``place``.

        Raises VaultError where the key, the place or the bytes are not those of the sealing.
        """
        try:
            parts = json.loads(sealed)
            data_key = _unshut(self._master, parts["key"], place.bind("data key"))
            box = AESGCM(data_key)
            return {
                name: _unshut(box, value, place.bind(f"field {name}")).decode()
                for name, value in parts["fields"].items()
            }
        except (InvalidTag, ValueError, KeyError, TypeError, AttributeError):
            raise VaultError(
                f"the credentials of {place.account} do not open with this key; use the key file"
                " they were sealed with, or add them again with: socialstrike accounts add"
                f" {place.platform} {place.account} --replace"
            ) from None


def load_key(path: Path, *, create: bool) -> bytes:
    """Read the master key from ``path``; ``create`` makes one where there is none.

    Raises KeyMissing, or VaultError where the file is not a key or others can read it.
    """
    if create and not path.exists():
        _create_key(path)
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(4096)
    except FileNotFoundError:
        raise KeyMissing(
            f"the key file {path} is missing; without it the stored credentials cannot be opened."
            " Put it back, or set SOCIALSTRIKE_KEY_FILE to where it is"
        ) from None
    except OSError as error:
        raise VaultError(f"the key file {path} cannot be read: {error.strerror}") from None
    if os.name == "posix" and mode & 0o077 and not _from_systemd(path):
        raise VaultError(f"others can read the key file {path}; run: chmod 600 {path}")
    try:
        key = base64.b64decode(content.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY:
        raise VaultError(f"{path} is not a key file of socialstrike")
    return key


def _from_systemd(path: Path) -> bool:
    """Whether systemd passed the file to this service alone: the folder is private, and the
    access list it may use shows as a group's permission.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and path.parent == Path(folder)


def _create_key(path: Path) -> None:
    """Write a new key so that it appears whole or not at all, and never over another."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(_KEY)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process was first; its key is the key
        finally:
            temporary.unlink()
    except OSError as error:
        raise VaultError(f"the key file {path} cannot be written: {error.strerror}") from None


def _shut(box: AESGCM, content: bytes, bound: bytes) -> str:
    nonce = os.urandom(_NONCE)
    return base64.b64encode(nonce + box.encrypt(nonce, content, bound)).decode()


def _unshut(box: AESGCM, sealed: str, bound: bytes) -> bytes:
    content = base64.b64decode(sealed, validate=True)
    return box.decrypt(content[:_NONCE], content[_NONCE:], bound)
