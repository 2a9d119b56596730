"""What the database says of its key: which is in force and from where, never the key itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from socialstrike.db.models import Account, Home
from socialstrike.exceptions import VaultError
from socialstrike.i18n import tr
from socialstrike.vault.sealing import Place, Vault

PASSPHRASE = "passphrase"  # noqa: S105  (the name of a source, not a secret)
#: Where a key can come from, the safest first.
SOURCES = ("keyring", PASSPHRASE, "file")
#: Where it comes from as long as nobody chose.
DEFAULT = "file"
#: Under this name the home's signing key is sealed.
SIGNING_KEY = "signing key"


@dataclass(frozen=True, slots=True)
class Record:
    """Which key is in force. ``left`` is the source and the id of one that is to be removed."""

    id: str
    source: str = DEFAULT
    kdf: Mapping[str, Any] | None = None
    left: tuple[str, str] | None = None

    @classmethod
    def of(cls, home: Home) -> Record | None:
        """That of a home; None where an older version sealed, or nothing was sealed yet.

        Raises VaultError where it is damaged.
        """
        return cls.read(home.master_key)

    @classmethod
    def read(cls, told: Mapping[str, Any] | None) -> Record | None:
        """That which ``told`` was made from. Raises VaultError."""
        if told is None:
            return None
        try:
            left = told.get("left")
            record = cls(
                str(told["id"]),
                str(told["source"]),
                told.get("kdf"),
                (str(left["source"]), str(left["id"])) if left else None,
            )
        except (KeyError, TypeError, AttributeError):
            record = None
        if record is None or {record.source, *(record.left or ())[:1]} - set(SOURCES):
            raise VaultError(
                tr(
                    "what the database says of its key is damaged or from a newer socialstrike;"
                    " see: socialstrike database check"
                )
            )
        return record

    def settled(self) -> Record:
        """The same with nothing left to remove."""
        return replace(self, left=None)

    def told(self) -> dict[str, Any]:
        """As the database keeps it."""
        told: dict[str, Any] = {"id": self.id, "source": self.source}
        if self.kdf is not None:
            told["kdf"] = dict(self.kdf)
        if self.left is not None:
            told["left"] = dict(zip(("source", "id"), self.left, strict=True))
        return told


def home_of(session: Session, *, lock: bool = False, wait: bool = True) -> Home:
    """The home's row as it is now; ``lock`` keeps every other change of the key out meanwhile."""
    statement = select(Home).execution_options(populate_existing=True)
    if lock:
        # On SQLite a write has locked everything already, and this says nothing.
        statement = statement.with_for_update(nowait=not wait)
    return session.scalars(statement).one()


def for_sealing(session: Session, vault: Vault) -> Home:
    """The home's row, once it is sure that ``vault`` holds the key in force until the commit.

    A home whose key is not on record yet gets it there. Raises VaultError.
    """
    home = home_of(session, lock=True)
    record = Record.of(home)
    if record is None:
        home.master_key = Record(vault.key_id).told()
    elif not vault.follow(record.id):
        raise VaultError(
            tr(
                "key {key_id} is not the key of this database, which needs {id}; see:"
                " socialstrike key show",
                key_id=vault.key_id,
                id=record.id,
            )
        )
    return home


def sealed_accounts(session: Session) -> int:
    """How many accounts have credentials."""
    return session.scalars(select(func.count(Account.credentials))).one()


def place_of(home: Home, account: Account) -> Place:
    """Where the credentials of an account belong."""
    return Place(
        database=home.database_id,
        platform=account.platform,
        account=account.name,
        server=account.base_url,
    )


def every_sealed(session: Session) -> list[tuple[Account, bytes]]:
    """The accounts with credentials, and these."""
    statement = select(Account).where(Account.credentials.is_not(None)).order_by(Account.id)
    return [(a, a.credentials) for a in session.scalars(statement) if a.credentials is not None]


def open_signing_key(home: Home, vault: Vault) -> bytes:
    """The home's signing key. Raises VaultError where it does not open, or there is none."""
    return vault.open_home(home.database_id, SIGNING_KEY, home.signing_key or b"")
