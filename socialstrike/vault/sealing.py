"""Sealing and opening: AES-256-GCM in two steps, each box bound to its place.

What is sealed together has a data key of its own, which the master key wraps. The associated data
names the database, the account, its platform and server, the field, the key's id and the version:
a row copied onto another account, or a field onto another, does not open.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from socialstrike.exceptions import VaultError
from socialstrike.i18n import tr

#: Version 1 knew no key ids; it is read, and no longer written.
_VERSION = 2
_NONCE = 12  # bytes, as NIST SP 800-38D recommends for GCM
KEY = 32
_WRAP = "data key"
_CONTENT = "content"
_FAULTS = (InvalidTag, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a credential belongs; a sealed one opens nowhere else.

    ``server`` is the account's own base URL: whoever writes another into the database must not
    have the credentials sent there.
    """

    database: str
    platform: str
    account: str
    server: str | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """What the associated data names of it."""
        return ("account", self.database, self.account, self.platform, self.server or "")


@dataclass(frozen=True, slots=True)
class _HomePlace:
    """Where bytes that are the home's own belong."""

    database: str
    name: str

    @property
    def parts(self) -> tuple[str, ...]:
        return ("home", self.database, self.name)


class Vault:
    """Seals and opens with one master key. Safe to use from many threads; ``repr`` shows nothing.

    ``reload`` is asked for the key in force, once, when something is met that another key sealed:
    a key that was rotated meanwhile replaces this one.
    """

    def __init__(self, key: bytes, *, reload: Callable[[], bytes] | None = None) -> None:
        self._master = _Master(key)
        self._reload = reload
        self._lock = threading.Lock()

    @property
    def key_id(self) -> str:
        """Which key this is: derived from it, one way."""
        return self._master.id

    def follow(self, wanted: str) -> bool:
        """Take the key called ``wanted`` in hand, if it can be had; whether it is now.

        Raises VaultError where the key in force cannot be read.
        """
        with self._lock:
            if self._master.id != wanted and self._reload is not None:
                self._master = _Master(self._reload())
            return self._master.id == wanted

    def seal(self, place: Place, credentials: Mapping[str, str]) -> bytes:
        """Seal every field of ``credentials`` for ``place``."""
        fields = {name: value.encode() for name, value in credentials.items()}
        return _seal(self._master, place.parts, fields)

    def open(self, place: Place, sealed: bytes) -> dict[str, str]:
        """Open what was sealed for ``place``.

        Raises VaultError where the key, the place or the bytes are not those of the sealing.
        """
        try:
            parts = json.loads(sealed)
            if parts["v"] == 1:
                return _open_first(self._master, place, parts)
            fields = _open(self._master_of(parts), place.parts, parts)
            return {name: content.decode() for name, content in fields.items()}
        except _FAULTS:
            raise VaultError(
                tr(
                    "the credentials of {account} do not open with this key; use the key they"
                    " were sealed with, or add them again with: socialstrike accounts add"
                    " {platform} {account} --replace",
                    account=place.account,
                    platform=place.platform,
                )
            ) from None

    def seal_home(self, database_id: str, name: str, content: bytes) -> bytes:
        """Seal bytes that are the home's own, under the ``name`` they have there.

        With the key that is in force now: it may have been rotated since this vault was opened.
        Raises VaultError where that cannot be had.
        """
        with self._lock:
            if self._reload is not None:
                self._master = _Master(self._reload())
        return _seal(self._master, _HomePlace(database_id, name).parts, {_CONTENT: content})

    def open_home(self, database_id: str, name: str, sealed: bytes) -> bytes:
        """Open what ``seal_home`` sealed for this database under this name. Raises VaultError."""
        try:
            parts = json.loads(sealed)
            return _open(self._master_of(parts), _HomePlace(database_id, name).parts, parts)[
                _CONTENT
            ]
        except _FAULTS:
            raise VaultError(
                tr(
                    "the {name} of this home does not open with this key; use the key it was"
                    " sealed with, see: socialstrike key show",
                    name=name,
                )
            ) from None

    def rewrap(self, place: Place, sealed: bytes, to: Vault, *, deep: bool) -> bytes:
        """The same credentials, sealed by the vault ``to``. Raises VaultError as ``open`` does.

        Their data key is wrapped anew; ``deep`` makes a new one and encrypts every field again,
        as happens in any case to what an older version sealed.
        """
        opened = self.open(place, sealed)  # what is damaged must be found now, not after
        if deep or json.loads(sealed)["v"] == 1:
            return to.seal(place, opened)
        return _rewrap(self._master, to._master, place.parts, sealed)

    def rewrap_home(
        self, database_id: str, name: str, sealed: bytes, to: Vault, *, deep: bool
    ) -> bytes:
        """The same for what ``seal_home`` sealed."""
        content = self.open_home(database_id, name, sealed)
        if deep:
            return to.seal_home(database_id, name, content)
        parts = _HomePlace(database_id, name).parts
        return _rewrap(self._master, to._master, parts, sealed)

    def _master_of(self, parts: Mapping[str, Any]) -> _Master:
        self.follow(parts["key_id"])
        return self._master


class _Master:
    """A master key and its id."""

    def __init__(self, key: bytes) -> None:
        self.id = key_id(key)
        self.box = AESGCM(key)


def key_id(key: bytes) -> str:
    """Which key this is, without telling anything of it. Raises VaultError for what is none."""
    if len(key) != KEY:
        raise VaultError(
            tr("the key must be {key} bytes long, this one has {count}", key=KEY, count=len(key))
        )
    return hmac.new(key, b"socialstrike key id", hashlib.sha256).hexdigest()[:16]


def _seal(master: _Master, place: tuple[str, ...], fields: Mapping[str, bytes]) -> bytes:
    data_key = AESGCM.generate_key(bit_length=256)
    box, name = AESGCM(data_key), key_id(data_key)
    sealed = {
        "v": _VERSION,
        "key_id": master.id,
        "data_key_id": name,
        "key": _shut(master.box, data_key, _bind(place, _WRAP, master.id)),
        "fields": {
            field: _shut(box, content, _bind(place, f"field {field}", name))
            for field, content in fields.items()
        },
    }
    return json.dumps(sealed).encode()


def _open(master: _Master, place: tuple[str, ...], parts: Mapping[str, Any]) -> dict[str, bytes]:
    box, name = AESGCM(_unwrap(master, place, parts)), parts["data_key_id"]
    return {
        field: _unshut(box, content, _bind(place, f"field {field}", name))
        for field, content in parts["fields"].items()
    }


def _rewrap(old: _Master, new: _Master, place: tuple[str, ...], sealed: bytes) -> bytes:
    parts = json.loads(sealed)
    data_key = _unwrap(old, place, parts)
    parts["key"] = _shut(new.box, data_key, _bind(place, _WRAP, new.id))
    parts["key_id"] = new.id
    return json.dumps(parts).encode()


def _unwrap(master: _Master, place: tuple[str, ...], parts: Mapping[str, Any]) -> bytes:
    return _unshut(master.box, parts["key"], _bind(place, _WRAP, parts["key_id"]))


def _bind(place: tuple[str, ...], part: str, key: str) -> bytes:
    # As JSON, so that no name can run into the next.
    return json.dumps(["socialstrike", *place, part, key, _VERSION]).encode()


def _open_first(master: _Master, place: Place, parts: Mapping[str, Any]) -> dict[str, str]:
    """Open what version 1 sealed."""

    def bound(part: str) -> bytes:
        names = ("socialstrike-1", place.database, place.platform, place.account, part)
        return "\x1f".join(names).encode()

    box = AESGCM(_unshut(master.box, parts["key"], bound(_WRAP)))
    return {
        name: _unshut(box, value, bound(f"field {name}")).decode()
        for name, value in parts["fields"].items()
    }


def _shut(box: AESGCM, content: bytes, bound: bytes) -> str:
    nonce = os.urandom(_NONCE)
    return base64.b64encode(nonce + box.encrypt(nonce, content, bound)).decode()


def _unshut(box: AESGCM, sealed: str, bound: bytes) -> bytes:
    content = base64.b64decode(sealed, validate=True)
    return box.decrypt(content[:_NONCE], content[_NONCE:], bound)
