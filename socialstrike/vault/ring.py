"""The system keyring: Secret Service, KWallet, macOS Keychain, Windows Credential Locker.

The library would take any backend that a variable, a configuration file or an installed package
names, a plaintext file among them. So it is not asked: the classes are named here, and no others
are ever used.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from importlib import import_module

from keyring.backend import KeyringBackend
from keyring.errors import KeyringError

from socialstrike.exceptions import InvalidInput, VaultError
from socialstrike.i18n import stored, tr, translated
from socialstrike.vault.sealing import KEY

#: The backends that are trusted: ``module:class``, in the order they are tried.
ALLOWED = (
    "keyring.backends.macOS:Keyring",
    "keyring.backends.Windows:WinVaultKeyring",
    "keyring.backends.SecretService:Keyring",
    "keyring.backends.kwallet:DBusKeyring",
    "keyring.backends.kwallet:DBusKeyringKWallet4",
)
#: A backend: ``module:class``, or the class.
Backend = str | type[KeyringBackend]
_SERVICE = "socialstrike"
_NONE = stored(
    "this machine has no system keyring that can be used here (Secret Service, KWallet, macOS"
    " Keychain or Windows Credential Locker)"
)


class RingStore:
    """The key of one database in the system keyring, and beside it the next one."""

    source = "keyring"
    place = stored("the system keyring")
    remedy = stored(
        "Use the keyring that holds it, or set SOCIALSTRIKE_KEY_FILE to a copy made with:"
        " socialstrike key export"
    )

    def __init__(self, database_id: str, backends: Sequence[Backend] | None = None) -> None:
        self._name = database_id
        self._backends: Sequence[Backend] = ALLOWED if backends is None else backends
        self._found: KeyringBackend | None = None

    def read(self, *, following: bool = False) -> bytes | None:
        """The key, or the ``following`` one; None where there is none. Raises VaultError."""
        try:
            kept = self._ring.get_password(_SERVICE, self._entry(following))
        except Exception as error:  # noqa: BLE001  (each backend raises what its system does)
            raise _refused(error) from None
        if kept is None:
            return None
        try:
            key = base64.b64decode(kept, validate=True)
        except ValueError:
            key = b""
        if len(key) != KEY:
            raise VaultError(
                tr(
                    "what the system keyring has for {service} is no key; remove that entry, and"
                    " set SOCIALSTRIKE_KEY_FILE to a copy of the key",
                    service=_SERVICE,
                )
            )
        return key

    def check(self) -> None:
        """Raise InvalidInput where no new key can be kept here."""
        if self._find() is None:
            raise InvalidInput(
                tr(
                    "{none}; nothing was changed: run this in a desktop session, or choose --to"
                    " passphrase or --to file",
                    none=_NONE,
                )
            )

    def prepare(self, key: bytes) -> None:
        """Keep ``key`` beside the one in force. Raises VaultError."""
        self._set(key, following=True)

    def take(self) -> None:
        """Let the following key replace the other. Raises VaultError."""
        key = self.read(following=True)
        if key is not None:
            self._set(key, following=False)
            self.drop_following()

    def drop_following(self) -> None:
        """Remove the following key. Raises VaultError."""
        self._delete(following=True)

    def drop(self) -> None:
        """Remove the key. Raises VaultError."""
        self._delete(following=False)

    def _entry(self, following: bool) -> str:
        return f"{self._name} next" if following else self._name

    def _set(self, key: bytes, *, following: bool) -> None:
        content = base64.b64encode(key).decode()
        try:
            self._ring.set_password(_SERVICE, self._entry(following), content)
        except Exception as error:  # noqa: BLE001  (each backend raises what its system does)
            raise _refused(error) from None
        if self.read(following=following) != key:
            raise VaultError(
                tr("the system keyring did not keep the key; choose another place for it")
            )

    def _delete(self, *, following: bool) -> None:
        if self.read(following=following) is None:
            return
        try:
            self._ring.delete_password(_SERVICE, self._entry(following))
        except Exception as error:  # noqa: BLE001  (each backend raises what its system does)
            raise _refused(error) from None

    @property
    def _ring(self) -> KeyringBackend:
        found = self._find()
        if found is None:
            raise VaultError(
                tr(
                    "the key is in the system keyring, and {none}. {remedy}",
                    none=_NONE,
                    remedy=translated(self.remedy),
                )
            )
        return found

    def _find(self) -> KeyringBackend | None:
        if self._found is None:
            usable = (backend for name in self._backends if (backend := _backend(name)))
            self._found = next(usable, None)
        return self._found


def _backend(wanted: Backend) -> KeyringBackend | None:
    """One backend, ready; None where it is not for this machine or cannot be reached."""
    try:
        if isinstance(wanted, str):
            module, _, name = wanted.partition(":")
            found = getattr(import_module(module), name)
        else:
            found = wanted
        if found.priority <= 0:
            return None
        backend: KeyringBackend = found()
    except Exception:  # noqa: BLE001  (a missing library, bus or session: it is not usable here)
        return None
    for variable in os.environ:
        # The library lets variables set a backend's properties: another keychain, say.
        prefix, _, given = variable.partition("KEYRING_PROPERTY_")
        if not prefix and given:
            vars(backend).pop(given.lower(), None)
    return backend


def _refused(error: Exception) -> VaultError:
    if isinstance(error, VaultError):
        return error
    said = str(error) if isinstance(error, KeyringError) else type(error).__name__
    return VaultError(
        tr(
            "the system keyring refused ({said}); unlock it, then run the command again",
            said=said or type(error).__name__,
        )
    )
