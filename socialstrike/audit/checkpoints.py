"""Signed checkpoints: what makes a rewritten log visible to who has not its key.

Each says how many entries there are, the root of their Merkle tree and the last one's hash. The
next one is reckoned from the tree of the one before it, never from the entries under that: a log
that was rewritten is not signed anew, it stops fitting.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from socialstrike.audit import chain
from socialstrike.audit.log import append
from socialstrike.audit.merkle import Tree
from socialstrike.audit.note import Checkpoint, Key, read, sign
from socialstrike.db import models
from socialstrike.db.models import AuditEntry, Home
from socialstrike.db.session import Database, Deferred
from socialstrike.exceptions import VerificationFailed
from socialstrike.i18n import tr

#: A running scheduler signs again after so many entries,
EVERY = 256
#: and after this time, where there is anything new.
AT_LEAST = timedelta(hours=1)
#: Who the log says made the key: nobody's command asks for it.
ACTOR = "socialstrike"
#: Under which name the vault seals it.
_SEALED_AS = "signing key"


class Sealer(Protocol):
    """What is asked of the vault."""

    def seal_home(self, database_id: str, name: str, content: bytes) -> bytes:
        """Seal something that belongs to the whole home."""

    def open_home(self, database_id: str, name: str, sealed: bytes) -> bytes:
        """Open it again. Raises VaultError."""


def sign_now(database: Database, vault: Sealer, now: datetime) -> str:
    """Make one in a transaction of its own, which is short: what is new is reckoned before it.

    Raises what ``make`` raises, and DatabaseError.
    """
    with database.read() as session:
        ahead = reckoned(session)
    with database.write() as session:
        return make(session, vault, now, ahead)


def make(session: Session, vault: Sealer, now: datetime, ahead: Tree | None = None) -> str:
    """A checkpoint over every entry, this transaction's among them; the note of the newest one
    where that says it all already. In a session that writes, of ``Database.write``.

    The first one makes the home's key. ``ahead`` is what ``reckoned`` gave, to save the time.
    Raises VaultError where the key does not open, VerificationFailed where the log is no longer
    the one that was signed.
    """
    key, private, before = _signing_key(session, vault, now)
    Deferred.write_now(session)
    newest = _newest(session)
    tree = _trusted(session, newest, before)
    if ahead is not None and ahead.size >= tree.size:
        tree = ahead
    size, head = _end(session)
    if newest is not None and newest.size == size:
        return newest.note
    _grow(session, tree, size)
    checkpoint = Checkpoint(key.name, size, tree.root(), head)
    note = sign(checkpoint, key, private)
    row = {"root": checkpoint.root.hex(), "peaks": tree.peaks, "note": note, "at": now}
    with suppress(IntegrityError), session.begin_nested():
        # Refused where another scheduler was faster with the very same one.
        session.execute(insert(models.Checkpoint).values(size=size, **row))
    return note


def said(note: str) -> Checkpoint:
    """What a note of ``make`` says, without its signature."""
    return read(note).checkpoint


def reckoned(session: Session) -> Tree:
    """The tree over the entries so far, from that of the newest checkpoint; takes no lock."""
    tree = _tree(_newest(session))
    _grow(session, tree, _end(session)[0])
    return tree


def due(session: Session, now: datetime) -> bool:
    """Whether enough is new for another one: many entries, or some and time."""
    newest, (size, _) = _newest(session), _end(session)
    if newest is None or size >= newest.size + EVERY:
        return True
    return size > newest.size and now - newest.at >= AT_LEAST


def unsigned_since(session: Session) -> datetime | None:
    """When the newest checkpoint was made, if there are entries after it."""
    newest, (size, _) = _newest(session), _end(session)
    return newest.at if newest is not None and size > newest.size else None


def notes(session: Session) -> list[str]:
    """Every checkpoint's note, oldest first."""
    return list(session.scalars(select(models.Checkpoint.note).order_by(models.Checkpoint.size)))


def verifier_key(session: Session) -> str | None:
    """The key that checks the checkpoints' signatures, on one line; None where none was made.

    Raises VerificationFailed where it was altered.
    """
    row = session.execute(select(Home.database_id, Home.signing_public)).one()
    if row.signing_public is None:
        return None
    try:
        public = base64.b64decode(row.signing_public, validate=True)
        return str(Key.parse(str(Key(_name(row.database_id), public))))
    except ValueError:
        raise _altered(tr("the home's public key is none")) from None


def _name(database: str) -> str:
    return f"socialstrike/{database}"


def _signing_key(
    session: Session, vault: Sealer, now: datetime
) -> tuple[Key, Ed25519PrivateKey, Key | None]:
    """The home's key, made where there is none, and the one that signed the newest checkpoint."""
    home = session.scalars(select(Home)).one()
    if home.signing_key is None:
        # Locked, as two at once would make two; not before, as tickets read this row.
        session.refresh(home, with_for_update=True)
    name = _name(home.database_id)
    if home.signing_key is not None:
        sealed = vault.open_home(home.database_id, _SEALED_AS, home.signing_key)
        private = Ed25519PrivateKey.from_private_bytes(sealed)
        key = Key(name, private.public_key().public_bytes_raw())
        return key, private, key
    before = verifier_key(session)
    private = Ed25519PrivateKey.generate()
    key = Key(name, private.public_key().public_bytes_raw())
    home.signing_key = vault.seal_home(home.database_id, _SEALED_AS, private.private_bytes_raw())
    home.signing_public = base64.b64encode(key.public).decode()
    session.flush()
    append(session, now, "log.key", ACTOR, key=str(key))
    return key, private, Key.parse(before) if before else None


def _newest(session: Session) -> models.Checkpoint | None:
    return session.scalar(
        select(models.Checkpoint).order_by(models.Checkpoint.size.desc()).limit(1)
    )


def _end(session: Session) -> tuple[int, str]:
    last = session.execute(
        select(AuditEntry.seq, AuditEntry.hash).order_by(AuditEntry.seq.desc()).limit(1)
    ).first()
    return (last.seq, last.hash) if last else (0, chain.GENESIS)


def _tree(newest: models.Checkpoint | None) -> Tree:
    if newest is None:
        return Tree()
    try:
        return Tree(newest.size, [bytes.fromhex(peak) for peak in newest.peaks])
    except (TypeError, ValueError):
        raise _altered(tr("the checkpoint {size} cannot be read", size=newest.size)) from None


def _grow(session: Session, tree: Tree, size: int) -> None:
    wanted = AuditEntry.seq.between(tree.size + 1, size)
    statement = select(AuditEntry.line).where(wanted).order_by(AuditEntry.seq)
    for lines in session.scalars(statement.execution_options(yield_per=1000)).partitions():
        tree.add_all(map(str.encode, lines))


def _trusted(session: Session, newest: models.Checkpoint | None, key: Key | None) -> Tree:
    """The tree of the newest checkpoint, if ``key`` signed it and its last entry still stands.

    Without this look, who can write the database but has not the key would only have to replace
    the checkpoints, and the next one would sign what they wrote.
    """
    tree = _tree(newest)
    if newest is None:
        if key is not None:  # the first checkpoint comes with the key, in one transaction
            raise _altered(tr("its checkpoints are gone"))
        return tree
    try:
        note = read(newest.note)
    except ValueError:
        raise _altered(tr("the checkpoint {size} cannot be read", size=newest.size)) from None
    signed = key is not None and note.signed_by(key)
    if not signed or (note.checkpoint.size, note.checkpoint.root) != (tree.size, tree.root()):
        raise _altered(tr("the checkpoint {size} is not what this home signed", size=newest.size))
    last = session.scalar(select(AuditEntry.hash).where(AuditEntry.seq == tree.size))
    if last != note.checkpoint.head:
        raise _altered(tr("entry {size} is not the one that was signed", size=tree.size))
    return tree


def _altered(what: str) -> VerificationFailed:
    return VerificationFailed(
        tr(
            "the audit log was altered: {what}, so nothing new is signed; see:"
            " socialstrike audit verify",
            what=what,
        )
    )
