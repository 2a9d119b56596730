"""Another master key, in a way that can be interrupted anywhere.

The new key is put beside the old one, the transaction that seals everything with it says that it
is in force, and only then does it replace the old one. So at every moment one of the two is the
key, and the record says which. Whoever opens the home next takes that one and finishes the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from socialstrike.db.models import Home
from socialstrike.db.session import Database
from socialstrike.exceptions import DatabaseError, InvalidInput, VaultError
from socialstrike.i18n import tr, translated
from socialstrike.vault.record import (
    SIGNING_KEY,
    Record,
    every_sealed,
    home_of,
    place_of,
)
from socialstrike.vault.sealing import Vault, key_id

log = logging.getLogger(__name__)

#: How long tidying up waits for somebody's write, in seconds: it can as well be done next time.
BRIEFLY = 0.2


class Store(Protocol):
    """A place that keeps a key, and for a while the one that follows it. Raises VaultError."""

    @property
    def source(self) -> str:
        """Which kind of place it is."""

    @property
    def place(self) -> str:
        """Where that is, for people."""

    @property
    def remedy(self) -> str:
        """How to bring a key that is not there."""

    def read(self, *, following: bool = False) -> bytes | None:
        """The key, or the one that follows; None where there is none."""

    def check(self) -> None:
        """Raise InvalidInput where a new key cannot be kept here."""

    def prepare(self, key: bytes) -> None:
        """Keep ``key`` durably beside the one in force."""

    def take(self) -> None:
        """Let the following key replace the other."""

    def drop_following(self) -> None:
        """Remove the following key."""

    def drop(self) -> None:
        """Remove the key."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did. ``left``: where the old key still is, and has to be removed by hand."""

    source: str
    place: str
    old: str
    new: str
    sealed: int
    left: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Plan:
    """From which key to which. ``store`` keeps the new one, None where it is a passphrase;
    ``leaving`` kept the old one, where that is another place.
    """

    before: Record
    after: Record
    old: Vault
    new: Vault
    key: bytes
    store: Store | None
    leaving: Store | None


def change(
    database: Database,
    plan: Plan,
    *,
    deep: bool,
    tell: Callable[[Session, Changed], None],
    finish: Callable[[Home], None],
) -> Changed:
    """Carry the plan out. Raises VaultError or InvalidInput with nothing changed."""
    record, stuck = plan.after, None
    if plan.leaving is not None:
        try:
            if plan.leaving.read() is not None:
                record = replace(record, left=(plan.before.source, plan.before.id))
        except VaultError:
            stuck = plan.leaving.place  # a keyring that is gone: it is never waited for
    with database.write() as session:
        home = home_of(session, lock=True)
        now = Record.of(home)
        if now is not None and (now.id, now.source) != (plan.old.key_id, plan.before.source):
            raise InvalidInput(
                tr("another command changed the key meanwhile; see: socialstrike key show")
            )
        if plan.store is not None:
            _make_room(plan.store, now or plan.before)
        sealed = _reseal(session, home, plan, deep=deep)
        home.master_key = record.told()
        place = plan.store.place if plan.store else tr("a passphrase")
        done = Changed(record.source, place, plan.before.id, record.id, sealed, stuck)
        tell(session, done)
        session.flush()
        # Last of all, so that what fails before this leaves nothing behind.
        if plan.store is not None:
            plan.store.prepare(plan.key)
    tidy(database, finish, wait=True)
    with database.read() as session:
        after = Record.of(home_of(session))
    if plan.leaving is not None and after is not None and after.left is not None:
        done = replace(done, left=plan.leaving.place)
    return done


def tidy(database: Database, finish: Callable[[Home], None], *, wait: bool) -> None:
    """Call ``finish`` while nobody else changes the key; what it cannot do is left for later."""
    try:
        with database.write() as session:
            finish(home_of(session, lock=True, wait=wait))
    except (DatabaseError, VaultError, SQLAlchemyError) as error:
        log.debug("what a change of the key left is still there: %s", error)


def settle(store: Store, record: Record) -> None:
    """Leave in ``store`` the key in force alone. A key that may be needed is never dropped."""
    following = store.read(following=True)
    if following is None:
        store.drop_following()  # what was not written to its end
        return
    ours = store.source == record.source
    key = store.read() if ours else None
    kept = key is not None and key_id(key) == record.id
    if ours and not kept and key_id(following) == record.id:
        store.take()
    elif kept or not ours:
        store.drop_following()


def leave(store: Store, left: str) -> None:
    """Remove the key called ``left``, and no other."""
    key = store.read()
    if key is not None and key_id(key) == left:
        store.drop()


def _make_room(store: Store, now: Record) -> None:
    """See that putting a key beside what ``store`` has, and then over it, loses nothing."""
    if store.source == now.source:
        settle(store, now)
        return
    key = store.read()
    if key is not None and key_id(key) != now.id:
        raise InvalidInput(
            tr(
                "{place} has another key already, which another copy of this home may need;"
                " move it away first",
                place=translated(store.place),
            )
        )


def _reseal(session: Session, home: Home, plan: Plan, *, deep: bool) -> int:
    sealed = every_sealed(session)
    for account, content in sealed:
        account.credentials = plan.old.rewrap(place_of(home, account), content, plan.new, deep=deep)
    if home.signing_key is not None:
        home.signing_key = plan.old.rewrap_home(
            home.database_id, SIGNING_KEY, home.signing_key, plan.new, deep=deep
        )
    return len(sealed)
