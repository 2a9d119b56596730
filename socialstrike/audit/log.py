"""Writing to the log and reading it back from the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain as flattening
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, insert, or_, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

from socialstrike.audit import chain, people
from socialstrike.audit.chain import Fact
from socialstrike.db.models import AuditEntry
from socialstrike.db.session import Deferred
from socialstrike.exceptions import NotFound
from socialstrike.i18n import tr

_TABLE = AuditEntry.__table__
_LAST = select(_TABLE.c.seq, _TABLE.c.hash).order_by(_TABLE.c.seq.desc()).limit(1)
_INSERT = insert(AuditEntry)
_SQLITE_INSERT = str(_INSERT.compile(dialect=sqlite.dialect(paramstyle="named")))
_encode = msgspec.json.Encoder().encode
#: The length of a moment as the encoder writes it, with its quotation marks; it leaves out zeros.
_WITH_MICROSECONDS = 29


def stamp(moment: datetime) -> str:
    """An aware moment as the log writes it: UTC, microseconds, a Z at the end.

    Raises ValueError where it has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment!r} given where a zone is needed")
    # A fifth of what isoformat takes, and three of them are in each entry of a delivery.
    text = _encode(moment.astimezone(UTC)).decode()
    return text[1:-1] if len(text) == _WITH_MICROSECONDS else f"{text[1:20]}.000000Z"


def append(
    session: Session, at: datetime, event: str, actor: str, **facts: Fact | datetime
) -> None:
    """Tell one entry, which the commit of the caller's transaction (Database.write) appends.

    Facts that are None are left out. Names of people become tokens (``people``).
    """
    entry: dict[str, Fact] = {
        name: stamp(value) if isinstance(value, datetime) else value
        for name, value in facts.items()
        if value is not None
    }
    entry |= {"v": chain.VERSION, "at": stamp(at), "event": event, "actor": actor}
    Deferred.of(session).add((at, entry), _write)


def _write(session: Session, told: list[tuple[datetime, dict[str, Fact]]]) -> None:
    """Put the entries at the end of the chain. No one else appends meanwhile (serialise); if
    someone did, the unique ``prev`` refuses the fork.
    """
    session.flush()
    people.hide(session, [entry for _, entry in told])
    # Beside the session's own ways, which take twice as long for one entry.
    connection = session.connection()
    last = connection.execute(_LAST).first()
    seq, prev = (last.seq, last.hash) if last else (0, chain.GENESIS)
    # On SQLite by the driver's own way, which saves an eighth.
    by_driver = connection.dialect.name == "sqlite"
    rows = []
    for at, entry in told:
        seq += 1
        line = chain.written({**entry, "seq": seq, "prev": prev})
        digest = chain.digest(line)
        rows.append(
            {
                "seq": seq,
                "line": line,
                "hash": digest,
                "prev": prev,
                "at": str(entry["at"])[:-1].replace("T", " ") if by_driver else at,
                "event": entry["event"],
                "account": entry.get("account"),
                "kind": entry.get("kind"),
                "delivery": entry.get("delivery"),
            }
        )
        prev = digest
    if by_driver:
        connection.exec_driver_sql(_SQLITE_INSERT, rows)
    else:
        connection.execute(_INSERT, rows)


def entries(
    session: Session,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    account: str | None = None,
    kind: str | None = None,
    delivery: int | None = None,
    campaign: str | None = None,
) -> Iterator[str]:
    """The lines, oldest first, in constant memory.

    ``since`` is included and ``until`` is not (both aware). ``kind`` is a kind of post, an event,
    or the first word of several events (``delivery`` for ``delivery.published`` and so on).
    """
    wanted: list[ColumnElement[bool]] = []
    if since is not None:
        wanted.append(AuditEntry.at >= since)
    if until is not None:
        wanted.append(AuditEntry.at < until)
    if account is not None:
        wanted.append(AuditEntry.account == account)
    if delivery is not None:
        wanted.append(AuditEntry.delivery == delivery)
    if kind is not None:
        wanted.append(
            or_(
                AuditEntry.kind == kind,
                AuditEntry.event == kind,
                AuditEntry.event.startswith(f"{kind}.", autoescape=True),
            )
        )
    if campaign is not None:
        named = f'"campaign":{json.dumps(campaign, ensure_ascii=False)}'
        wanted.append(AuditEntry.line.contains(named, autoescape=True))
    statement = select(AuditEntry.line).where(*wanted).order_by(AuditEntry.seq)
    # Beside the session's own ways, which cost 0.7 us a line.
    found = session.connection().execute(statement.execution_options(yield_per=1000)).scalars()
    lines = flattening.from_iterable(found.partitions())
    if campaign is None:
        return lines
    # LIKE is not sure of the letters' case, nor of where in the line they stand.
    return (line for line in lines if chain.facts(line).get("campaign") == campaign)


def told(session: Session, *, pseudonyms: bool = False, **wanted: Any) -> Iterator[dict[str, Fact]]:
    """The entries that ``entries`` would give, for people: with names in the place of tokens."""
    names = people.Names(session, pseudonyms=pseudonyms)
    yield from (names.shown(chain.facts(line)) for line in entries(session, **wanted))


def forget_person(session: Session, name: str, *, now: datetime, actor: str) -> int:
    """Erase a name from the home, and tell so. Returns how many old entries still hold it.

    Those were written before the log held tokens. Raises NotFound where nobody is called so.
    """
    erased = people.erase(session, name)
    if not erased:
        raise NotFound(
            tr("the log knows nobody called {name!r}; see: socialstrike audit people", name=name)
        )
    # Whoever forgets themselves must not come back with the entry that tells it.
    by = people.Token(erased[0]) if actor == name else actor
    append(session, now, "person.forgotten", by, person=people.Token(erased[0]))
    return people.in_clear(session, name)
