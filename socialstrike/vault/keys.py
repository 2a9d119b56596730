"""The master key of a home, found wherever it is kept.

The database says which key is in force, by an id. A wrong key is told before anything is opened.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from socialstrike.config import Settings
from socialstrike.db.models import Home
from socialstrike.db.session import Database
from socialstrike.exceptions import InvalidInput, KeyMissing, VaultError
from socialstrike.i18n import tr, translated
from socialstrike.vault import changing, passphrase
from socialstrike.vault.changing import Changed, Store
from socialstrike.vault.key_file import FileStore, load_key, write_key
from socialstrike.vault.passphrase import PassphraseError
from socialstrike.vault.record import (
    DEFAULT,
    PASSPHRASE,
    Record,
    every_sealed,
    home_of,
    open_signing_key,
    place_of,
    sealed_accounts,
)
from socialstrike.vault.sealing import KEY, Vault, key_id

if TYPE_CHECKING:
    from socialstrike.vault.ring import Backend

#: Asks a person for a passphrase, unseen; None where there is nobody to ask.
Ask = Callable[[str], str | None]

_TRIES = 3
_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """What can be told of a key without asking for it.

    ``present``: whether it is in its place, None where that is somebody's memory. ``sealed``
    accounts have credentials under it; ``signing``: the signing key of the log is under it too.
    """

    source: str
    place: str
    id: str | None
    present: bool | None
    sealed: int
    signing: bool


class Keys:
    """The key of one home. Its ``repr`` shows nothing of it."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        ask: Ask | None = None,
        backends: Sequence[Backend] | None = None,
    ) -> None:
        """``backends`` are those of the keyring that may be used, by default the safe ones."""
        self._database = database
        self._settings = settings
        self._ask = ask
        self._backends = backends
        self._derived: dict[
            str, bytes
        ] = {}  # by id: one key costs 64 MiB and a seventh of a second

    def open(self) -> Vault:
        """A vault with the key in force; a home that has sealed nothing yet gets a new key file.

        Should another key be put in force later, the vault finds it by itself. Raises KeyMissing
        where the key is not to be found, VaultError where it is another database's or unreadable.
        """
        return Vault(self._in_force(self._ask), reload=lambda: self._in_force(None))

    def shown(self) -> Shown:
        """What can be told without asking anybody. Raises VaultError."""
        with self._database.read() as session:
            home, sealed = home_of(session), sealed_accounts(session)
        record = Record.of(home)
        signing = home.signing_key is not None
        if record is not None and record.source == PASSPHRASE:
            return Shown(PASSPHRASE, "a passphrase", record.id, None, sealed, signing)
        store = self.store(record.source if record else DEFAULT, home)
        if record is not None:
            present = _works(lambda: self._in_force(None))
            return Shown(store.source, store.place, record.id, present, sealed, signing)
        # Nothing was sealed yet, or by an older version.
        key = store.read()
        present = key is not None and (not sealed or _works(lambda: self._in_force(None)))
        shown = key_id(key) if key is not None and present else None
        return Shown(store.source, store.place, shown, present, sealed, signing)

    def change(
        self,
        to: str | None,
        *,
        deep: bool,
        passphrase_file: Path | None = None,
        tell: Callable[[Session, Changed], None],
    ) -> Changed:
        """Put a new key in force, kept at the source ``to``, or where the old one is.

        Whatever is sealed opens with the new one from then on, and not with the old: in one
        transaction, in which ``tell`` writes the log. ``deep`` also encrypts every field anew.
        Raises InvalidInput where the new key cannot be kept there, VaultError where the old one
        does not open everything; nothing is changed then.
        """
        vault = self.open()
        with self._database.read() as session:
            home = home_of(session)
        before = Record.of(home) or Record(vault.key_id)
        if to == before.source:
            raise InvalidInput(
                tr(
                    "the key is at that place already ({to}); to replace it: socialstrike key"
                    " rotate",
                    to=to,
                )
            )
        store = None
        if (to or before.source) != PASSPHRASE:
            store = self.store(to or before.source, home)
            store.check()
            key, kdf = secrets.token_bytes(KEY), None
        else:
            kdf = passphrase.new_kdf()
            key = passphrase.derive(self._new_passphrase(before, passphrase_file), kdf)
            self._derived[key_id(key)] = key
        record = Record(key_id(key), to or before.source, kdf)
        leaving = self.store(before.source, home) if to and before.source != PASSPHRASE else None
        return changing.change(
            self._database,
            changing.Plan(before, record, vault, Vault(key), key, store, leaving),
            deep=deep,
            tell=tell,
            finish=self._finish,
        )

    def export(self, to: Path) -> str:
        """Write a copy of the key in force to the new key file ``to``; its id.

        Raises InvalidInput where ``to`` exists, and what ``open`` raises.
        """
        if to.exists():
            raise InvalidInput(
                tr("{to} is there already; name a new file for the copy of the key", to=to)
            )
        key = self._in_force(self._ask)
        write_key(to, key)
        return key_id(key)

    def lose(self, session: Session) -> list[str]:
        """Give up a key that is lost, so that a new one may follow: what it sealed stays shut.

        The home's signing key goes at once. The caller wipes the credentials of the accounts that
        are named, in the same transaction.
        """
        home = home_of(session, lock=True)
        home.master_key = home.signing_key = None
        return [account.name for account, _ in every_sealed(session)]

    def store(self, source: str, home: Home) -> Store:
        """Where a key that is no passphrase is kept."""
        if source == DEFAULT:
            return self._file
        from socialstrike.vault.ring import RingStore  # noqa: PLC0415  (most homes need no keyring)

        return RingStore(home.database_id, self._backends)

    @property
    def _file(self) -> FileStore:
        return FileStore(self._settings.key, self._settings.home)

    def _in_force(self, ask: Ask | None) -> bytes:
        for _ in range(_LOOKS - 1):
            try:
                return self._look(ask)
            except PassphraseError:
                raise
            except VaultError:
                # Between two of our looks another may have put a new key in force: look anew.
                continue
        return self._look(ask)

    def _look(self, ask: Ask | None) -> bytes:
        with self._database.read() as session:
            home = home_of(session)
            record = Record.of(home)
            untidy = self._file.followed or (record is not None and record.left is not None)
            if record is None:
                key = self._unrecorded(session, home)
        if record is not None:
            key, second = self._found(home, record, ask)
            untidy = untidy or second
        if untidy:
            self._tidy()
        return key

    def _found(self, home: Home, record: Record, ask: Ask | None) -> tuple[bytes, bool]:
        """The key that ``record`` tells of; and whether it is not in its own place yet."""
        brought = self._brought(record)
        if brought is not None:
            return brought, False
        if record.source == PASSPHRASE:
            return self._from_passphrase(record, ask), False
        return _kept(self.store(record.source, home), record)

    def _unrecorded(self, session: Session, home: Home) -> bytes:
        """The key of a home that has sealed nothing yet, or was sealed by an older version."""
        sealed = every_sealed(session)
        path = self._settings.key
        if not sealed and home.signing_key is None:
            return load_key(path, create=True)
        key = load_key(path, create=False)
        vault = Vault(key)
        tries: list[Callable[[], object]] = [
            partial(vault.open, place_of(home, account), content) for account, content in sealed
        ]
        # One is enough: what else does not open is damaged.
        if not any(_works(attempt) for attempt in (*tries, lambda: open_signing_key(home, vault))):
            raise VaultError(
                tr(
                    "the key file {path} is not the key of this database; {remedy}",
                    path=path,
                    remedy=translated(self._file.remedy),
                )
            )
        return key

    def _brought(self, record: Record) -> bytes | None:
        """The key from a key file that was named on purpose, though it is kept elsewhere."""
        if self._settings.key_file is None or record.source == DEFAULT:
            return None
        try:
            key = load_key(self._settings.key_file, create=False)
        except KeyMissing:
            return None
        return key if key_id(key) == record.id else None

    def _from_passphrase(self, record: Record, ask: Ask | None) -> bytes:
        if record.id in self._derived:
            return self._derived[record.id]
        file = self._settings.passphrase_file
        question = "Passphrase: "
        for _ in range(_TRIES):
            given = passphrase.from_file(file) if file else ask(question) if ask else None
            if given is None:
                raise PassphraseError(
                    tr(
                        "the credentials are sealed with a passphrase and nobody is here to"
                        " type it; set SOCIALSTRIKE_PASSPHRASE_FILE to a file with mode 0600 that"
                        " holds it"
                    )
                )
            key = passphrase.derive(given, record.kdf or {})
            if key_id(key) == record.id:
                self._derived[record.id] = key
                return key
            if file:
                raise PassphraseError(
                    tr(
                        "the passphrase in {file} is not the one of this database; write the right"
                        " one into it",
                        file=file,
                    )
                )
            question = tr("That is not the passphrase. Try again: ")
        raise PassphraseError(
            tr(
                "that is not the passphrase of this database; nothing was changed, run the"
                " command again"
            )
        )

    def _new_passphrase(self, before: Record, file: Path | None) -> str:
        if file is None and before.source != PASSPHRASE:
            file = self._settings.passphrase_file
        if file is not None:
            given: str | None = passphrase.from_file(file)
        else:
            given = self._ask(tr("New passphrase: ")) if self._ask else None
        if given is None:
            raise PassphraseError(
                tr(
                    "nobody is here to type the new passphrase; give it with --passphrase-file"
                    " FILE, a file with mode 0600"
                )
            )
        passphrase.check_new(given)
        if file is None and self._ask is not None and self._ask(tr("Once more: ")) != given:
            raise PassphraseError(tr("the two passphrases differ; nothing was changed"))
        return given

    def _tidy(self) -> None:
        """Finish what an interrupted change left, unless somebody writes just now.

        Through a connection of its own: the caller may be inside a transaction that writes.
        """
        brief = Database(self._settings.location, busy_timeout=changing.BRIEFLY)
        try:
            changing.tidy(brief, self._finish, wait=False)
        finally:
            brief.dispose()

    def _finish(self, home: Home) -> None:
        record = Record.of(home)
        if record is None:
            self._file.drop_following()  # the change that wrote it was not committed
            return
        stores: list[Store] = [self._file]
        if record.source not in {DEFAULT, PASSPHRASE}:
            stores.append(self.store(record.source, home))
        for store in stores:
            changing.settle(store, record)
        if record.left is not None:
            source, left = record.left
            changing.leave(self.store(source, home), left)
            home.master_key = record.settled().told()


def _kept(store: Store, record: Record) -> tuple[bytes, bool]:
    """The key in force from where it is kept; and whether a second one is beside it."""
    key = store.read()
    if key is not None and key_id(key) == record.id:
        return key, False
    following = store.read(following=True)
    if following is not None and key_id(following) == record.id:
        return following, True
    if key is None:
        raise KeyMissing(
            tr(
                "{place} is missing (key {id}); without it the stored credentials cannot be"
                " opened. {remedy}",
                place=translated(store.place),
                id=record.id,
                remedy=translated(store.remedy),
            )
        )
    raise VaultError(
        tr(
            "{place} is not the key of this database: it is key {key_id}, and {id} is"
            " needed. {remedy}",
            place=translated(store.place),
            key_id=key_id(key),
            id=record.id,
            remedy=translated(store.remedy),
        )
    )


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except VaultError:
        return False
    return True
