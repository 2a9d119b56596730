"""The home's database as a whole: is it sound, a copy of it while it works, and a copy's return."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from socialstrike import audit, queue
from socialstrike.audit import chain
from socialstrike.clock import Clock
from socialstrike.db import backup as files
from socialstrike.db import migrate
from socialstrike.db.models import Account, Delivery
from socialstrike.db.session import Database, database_version
from socialstrike.exceptions import (
    DatabaseError,
    DatabaseOutdated,
    InvalidInput,
    VaultError,
    VerificationFailed,
)
from socialstrike.i18n import tr
from socialstrike.vault import Record

#: Faults told of one check at the most.
_MOST = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: what it says if all is well, and the faults if not.

    ``damage`` is a fault of the file; anything else was altered in a sound one.
    """

    name: str
    message: str
    faults: tuple[str, ...] = ()
    damage: bool = False


@dataclass(frozen=True, slots=True)
class Copied:
    """What a backup holds: ``sealed`` accounts with credentials, ``entries`` of the log.

    ``key_source`` and ``key_id`` say where the key is that opens them, which is not in the backup.
    """

    deliveries: int
    sealed: int
    entries: int
    head: str
    key_source: str
    key_id: str | None


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: deliveries in all, those still to go out, and of these the doubted ones."""

    deliveries: int
    waiting: int
    doubted: int
    sealed: int
    head: str


def check(location: Path | str) -> list[Finding]:
    """Look over the whole database, a file or a server's; what is wrong is told, not raised.

    Raises DatabaseError where there is none or it cannot be reached.
    """
    findings: list[Finding] = []
    if isinstance(location, Path):
        if not location.is_file():
            raise DatabaseError(
                tr(
                    "there is no database at {location}; name its home with --home",
                    location=location,
                )
            )
        found = tuple(files.damage(location))
        findings.append(
            Finding(tr("file"), tr("whole, every reference leads somewhere"), found, True)
        )
    database = Database(location)
    try:
        findings.append(_of(lambda: _tables(database), "tables", damage=True))
        if not findings[-1].faults:
            with database.read() as session:
                findings += [
                    _of(lambda: _log(session), "log"),
                    _of(lambda: _contents(session), "content"),
                    _of(lambda: _replay(session), "replay"),
                ]
    finally:
        database.dispose()
    return findings


def backup(location: Path | str, to: Path) -> Copied:
    """Write a copy of the database, as it is at this moment, to the new file ``to``.

    A scheduler may be at work meanwhile. The copy is verified before it gets its name. Raises
    InvalidInput where ``to`` exists or cannot be written, or the database is a server's;
    DatabaseError where the database is damaged, VerificationFailed where its log is.
    """
    if not isinstance(location, Path):
        raise InvalidInput(
            tr("the database is on a PostgreSQL server; back it up with that server's own pg_dump")
        )
    if not location.is_file():
        raise DatabaseError(
            tr("there is no database at {location}; name its home with --home", location=location)
        )
    with files.written_whole(to, tr("the backup")) as partial:
        files.copy(location, partial)
        if found := files.damage(partial, quick=True):
            raise DatabaseError(
                tr(
                    "{location} is damaged ({found}); see: socialstrike database check",
                    location=location,
                    found=found[0],
                )
            )
        _known_version(partial, location)
        verdict = chain.check(files.log_lines(partial))
        if not verdict.ok:
            raise VerificationFailed(
                tr(
                    "the log of {location} does not verify ({breaks}), so no backup was kept;"
                    " see: socialstrike database check",
                    location=location,
                    breaks=verdict.breaks[0],
                )
            )
        deliveries, sealed = files.counted(partial)
        source, key = _key_of(partial)
    return Copied(deliveries, sealed, verdict.entries, verdict.head, source, key)


def restore(
    file: Path, to: Path, *, upgrade: bool, settle: float, clock: Clock, actor: str
) -> Restored:
    """Make a backup the database ``to`` of an empty home, without sending anything twice.

    What may have gone out since the backup is in doubt from then on, and looked up ``settle``
    seconds from now. An older version's is upgraded only with ``upgrade``. Raises InvalidInput
    where ``to`` exists or ``file`` cannot be read, DatabaseError and its kinds where it is damaged
    or of another version, VerificationFailed where it was altered.
    """
    if to.exists():
        raise InvalidInput(
            tr(
                "{parent} has a database already, which stays as it is; restore into an empty"
                " folder with --home",
                parent=to.parent,
            )
        )
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with files.written_whole(to, tr("the database")) as partial:
        files.duplicate(file, partial)
        if found := files.damage(partial):
            words = found[0].partition(";")[0].replace(str(partial), "it")
            raise DatabaseError(
                tr(
                    "{file} cannot be restored ({words}); use another backup",
                    file=file,
                    words=words,
                )
            )
        version = _known_version(partial, file)
        database = Database(partial)
        try:
            if version != migrate.known_versions()[-1]:
                if not upgrade:
                    raise DatabaseOutdated(
                        tr(
                            "{file} is from an older socialstrike (version {version} of the"
                            " tables); to bring it up to date on the way, add --upgrade",
                            file=file,
                            version=version,
                        )
                    )
                migrate.upgrade(database)
            _refuse_altered(partial, file)
            restored = _doubt(database, settle=settle, now=clock.now(), actor=actor)
        finally:
            database.dispose()  # which folds the write-ahead log into the file
    return restored


def _doubt(database: Database, *, settle: float, now: datetime, actor: str) -> Restored:
    with database.write() as session:
        doubted, waiting = queue.doubt_after_restore(
            session, look_at=now + timedelta(seconds=settle), now=now, actor=actor
        )
        deliveries = session.scalars(select(func.count()).select_from(Delivery)).one()
        sealed = session.scalars(select(func.count(Account.credentials))).one()
    with database.read() as session:
        head = audit.verify(session).head
    return Restored(deliveries, waiting, doubted, sealed, head)


def _key_of(file: Path) -> tuple[str, str | None]:
    """Where the key of a copy comes from, and its id if the copy knows it."""
    record = None
    address = f"{file.absolute().as_uri()}?mode=ro"
    # Older tables have no such column, and a damaged record must not keep anyone from a backup.
    with (
        suppress(sqlite3.Error, ValueError, VaultError),
        closing(sqlite3.connect(address, uri=True)) as copy,
    ):
        [told] = copy.execute("SELECT master_key FROM home").fetchone()
        record = Record.read(json.loads(told or "null"))
    return (record.source, record.id) if record else ("file", None)


def _refuse_altered(file: Path, name: Path) -> None:
    faults = [fault for finding in check(file) for fault in finding.faults]
    if faults:
        raise VerificationFailed(
            tr(
                "{name} does not verify ({faults}), so nothing was restored; use another backup",
                name=name,
                faults=faults[0],
            )
        )


def _known_version(file: Path, name: Path) -> str:
    version, known = files.version(file), migrate.known_versions()
    if version is None:
        raise DatabaseError(
            tr("{name} is no database of socialstrike; name a backup of one", name=name)
        )
    if version not in known:
        raise migrate.too_new(name, version)
    return version


def _of(look: Callable[[], Finding], name: str, *, damage: bool = False) -> Finding:
    try:
        return look()
    except Exception as error:  # noqa: BLE001  (whatever a damaged row does to its reader is the finding)
        return Finding(name, "", (tr("cannot be read: {error}", error=error),), damage)


def _tables(database: Database) -> Finding:
    version, needed = database_version(database), migrate.known_versions()[-1]
    faults = []
    if version != needed:
        faults.append(
            tr(
                "at version {version}, and this socialstrike needs {needed}; an older one is"
                " brought up to date by: socialstrike database upgrade",
                version=version,
                needed=needed,
            )
        )
    return Finding(
        tr("tables"),
        tr("at version {needed}, as this socialstrike needs", needed=needed),
        tuple(faults),
        True,
    )


def _log(session: Session) -> Finding:
    verdict = audit.verify(session)
    faults = tuple(str(found) for found in verdict.breaks[:_MOST])
    return Finding(
        tr("log"),
        tr("{entries} entries, unbroken; head: {head}", entries=verdict.entries, head=verdict.head),
        faults,
    )


def _contents(session: Session) -> Finding:
    faults = _some(
        tr(
            "delivery {delivery} does not say what was queued; it will not be sent:"
            " cancel it and import its post again",
            delivery=delivery,
        )
        for delivery in queue.altered(session)
    )
    return Finding(tr("content"), tr("what waits says what was queued"), faults)


def _replay(session: Session) -> Finding:
    faults = _some(queue.disagreements(session))
    return Finding(tr("replay"), tr("every delivery stands where the log says"), faults)


def _some(faults: Iterable[str]) -> tuple[str, ...]:
    return tuple(islice(faults, _MOST))
