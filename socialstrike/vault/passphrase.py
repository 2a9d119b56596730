"""The master key from a passphrase: Argon2id, with a salt of its own for every key."""

from __future__ import annotations

import base64
import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from socialstrike.exceptions import VaultError
from socialstrike.i18n import tr
from socialstrike.vault.key_file import read_private
from socialstrike.vault.sealing import KEY

#: Twelve characters hold out for years against 7 guesses a second for each core, unless they are
#: a saying; four or five words are better and easier to keep.
SHORTEST = 12
_SALT = 16
_PARAMETERS = {"memory_kib": 64 * 1024, "iterations": 3, "lanes": 4}
#: What a database may ask for; it must neither weaken the key nor take all memory.
_BOUNDS = {"memory_kib": (64 * 1024, 1024 * 1024), "iterations": (3, 16), "lanes": (1, 16)}


class PassphraseError(VaultError):
    """The passphrase is not there or not the right one; nothing was changed."""

    exit_code = 2


def new_kdf() -> dict[str, Any]:
    """How a new passphrase becomes a key: for the database, which may be read by others."""
    salt = base64.b64encode(os.urandom(_SALT)).decode()
    return {"name": "argon2id", "salt": salt, **_PARAMETERS}


def derive(passphrase: str, kdf: Mapping[str, Any]) -> bytes:
    """The key; it takes a seventh of a second. Raises VaultError where ``kdf`` cannot be used."""
    try:
        salt = base64.b64decode(kdf["salt"], validate=True)
        given = {name: int(kdf[name]) for name in _BOUNDS}
        sound = kdf["name"] == "argon2id" and len(salt) >= _SALT
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound or any(not low <= given[name] <= high for name, (low, high) in _BOUNDS.items()):
        raise VaultError(
            tr("how the key comes from the passphrase is damaged in the database; restore a backup")
        )
    # Accents typed on one system may be other characters on the next.
    secret = unicodedata.normalize("NFC", passphrase).encode()
    return Argon2id(
        salt=salt,
        length=KEY,
        iterations=given["iterations"],
        lanes=given["lanes"],
        memory_cost=given["memory_kib"],
    ).derive(secret)


def from_file(path: Path) -> str:
    """The passphrase a file holds, without the end of its line. Raises PassphraseError."""
    try:
        content = read_private(path, tr("passphrase file")).decode("utf-8")
    except FileNotFoundError:
        raise PassphraseError(
            tr(
                "the passphrase file {path} is missing; put it there, or name another with"
                " SOCIALSTRIKE_PASSPHRASE_FILE",
                path=path,
            )
        ) from None
    except UnicodeDecodeError:
        raise PassphraseError(
            tr("the passphrase file {path} is no UTF-8 text; write it anew", path=path)
        ) from None
    return content.removesuffix("\n").removesuffix("\r")


def check_new(passphrase: str) -> None:
    """Raise PassphraseError for one that is too easy to guess."""
    if len(passphrase.strip()) < SHORTEST:
        raise PassphraseError(
            tr(
                "a passphrase needs {shortest} characters at least; take four or five words"
                " at random",
                shortest=SHORTEST,
            )
        )
