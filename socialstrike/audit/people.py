"""Who the log speaks of: tokens in the chain, names in a table beside it.

The chain cannot forget. So it holds a token instead of a person's name: the SHA-256 of a random
salt and the name. The name and the salt can be erased, and the chain stays whole. The ids of
schedulers count as names: they hold the name of a machine, which often is a person's.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    bindparam,
    func,
    insert,
    inspect,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from socialstrike.audit.chain import Fact
from socialstrike.db.models import Account, AuditEntry, Home, Person
from socialstrike.db.session import affected

#: The facts of an entry that name somebody, or somebody's machine.
FIELDS = ("actor", "approved_by", "authorised_by", "host", "person", "resolved_by")
#: The first version of the entries that holds tokens.
SINCE_VERSION = 2
#: Words of ours that stand where a name may stand, and name nobody.
_NOBODY = frozenset({"rehearsal", "socialstrike", "unknown"})
_PSEUDONYM = re.compile("person [0-9a-f]{8}")
#: Lookups of names that a reader remembers at the most.
_MOST_REMEMBERED = 10_000

_PEOPLE = inspect(Person).local_table
# Made once: making one takes as long as asking.
_BY_TOKEN, _BY_NAME = (
    select(_PEOPLE.c.name, _PEOPLE.c.token).where(
        column.in_(bindparam("values", expanding=True)), _PEOPLE.c.name.is_not(None)
    )
    for column in (_PEOPLE.c.token, _PEOPLE.c.name)
)
#: The tokens each database was found to hold. Only guesses: each is looked up before it is used.
_guesses: WeakKeyDictionary[Engine | Connection, dict[str, str]] = WeakKeyDictionary()


class Token(str):
    """A token where a name is expected: it is written down as it is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Named:
    """A person whose name is known, with the salt that ties the name to the token."""

    name: str
    salt: str


def token(name: str, salt: str) -> str:
    """What the chain holds instead of ``name``."""
    secret = f"{salt}\n{name}"
    return f"p:{hashlib.sha256(secret.encode()).hexdigest()}"


def pseudonym(token: str) -> str:
    """How a person without a name is shown: the first letters of the token tell people apart."""
    return f"person {token.removeprefix('p:')[:8]}"


def is_token(value: object) -> bool:
    """Whether a fact is a token."""
    return isinstance(value, str) and value.startswith("p:") and len(value) == 66


def hide(session: Session, entries: Iterable[dict[str, Fact]]) -> None:
    """Put tokens in the place of names, in ``entries`` themselves.

    To be called while no one else appends to the log (Database.serialise): one name gets one
    token. Costs a look-up by primary key for each transaction.
    """
    held = [(entry, field) for entry in entries for field in FIELDS if field in entry]
    names = {
        value
        for entry, field in held
        if isinstance(value := entry[field], str) and _is_somebody(value)
    }
    tokens = _tokens(session, names) if names else {}
    for entry, field in held:
        value = entry[field]
        if isinstance(value, Token):
            entry[field] = str(value)
        elif isinstance(value, str) and value in tokens:
            entry[field] = tokens[value]


def erase(session: Session, name: str) -> list[str]:
    """Forget the name and its salt, here and where accounts and the emergency stop hold it.

    The name of a machine takes the ids of its schedulers with it. Returns the tokens that stood
    for what was forgotten, none where nobody is called so. Without its salt a token cannot even be
    compared with a guess. Old entries that hold the name itself are not changed.
    """
    rows = session.execute(
        select(Person.name, Person.token)
        .where(or_(Person.name == name, Person.name.startswith(f"{name}-", autoescape=True)))
        .order_by(Person.name)
    )
    found = [
        token for other, token in rows if other and (other == name or _is_scheduler(other, name))
    ]
    if not found:
        return []
    # An empty salt marks the erased: it never was one.
    for batch in batched(found):
        affected(session, update(Person).where(Person.token.in_(batch)).values(name=None, salt=""))
    shown = pseudonym(found[0])
    affected(
        session, update(Account).where(Account.authorised_by == name).values(authorised_by=shown)
    )
    affected(session, update(Home).where(Home.stopped_by == name).values(stopped_by=shown))
    return [f"p:{token}" for token in found]


def in_clear(session: Session, name: str | None = None) -> int:
    """How many old entries hold names themselves, or this ``name``; they cannot be changed."""
    statement = (
        select(func.count())
        .select_from(AuditEntry)
        .where(AuditEntry.line.endswith(f'"v":{SINCE_VERSION - 1}}}'))
    )
    if name is not None:
        written = json.dumps(name, ensure_ascii=False)
        statement = statement.where(AuditEntry.line.contains(f":{written}", autoescape=True))
    return session.scalars(statement).one()


def every(session: Session) -> list[tuple[str, str]]:
    """The name and the token of everyone whose name is known, by name."""
    rows = session.execute(
        select(Person.name, Person.token).where(Person.name.is_not(None)).order_by(Person.name)
    )
    return [(str(name), f"p:{token}") for name, token in rows]


class Names:
    """Who is behind a token: a reader's view, in bounded memory."""

    def __init__(self, session: Session, *, pseudonyms: bool = False) -> None:
        """With ``pseudonyms`` nobody's name is known."""
        self._session = session
        self._pseudonyms = pseudonyms
        self._seen: dict[str, Named | None] = {}
        self._withheld: dict[str, str] = {}
        # For the pseudonyms of names that have no token, for the life of this reader.
        self._salt = secrets.token_hex(16)

    def find(self, token: str) -> Named | None:
        """The person behind ``token``; None where the name is erased, unknown, or withheld."""
        if self._pseudonyms:
            return None
        if token not in self._seen:
            if len(self._seen) >= _MOST_REMEMBERED:
                self._seen.clear()
            self._seen[token] = self._look_up(token)
        return self._seen[token]

    def of(self, token: str) -> str:
        """The name behind ``token``, or how a person without a name is shown."""
        found = self.find(token)
        return found.name if found else pseudonym(token)

    def shown(self, entry: dict[str, Fact]) -> dict[str, Fact]:
        """The entry with names in the place of tokens."""
        return entry | {field: self.of(str(entry[field])) for field in tokens_in(entry)}

    def plain(self, name: str | None) -> str | None:
        """A name that a table holds, withheld where names are."""
        if name is None or not self._pseudonyms or not _is_somebody(name):
            return name
        if _PSEUDONYM.fullmatch(name):
            return name  # erased
        if name not in self._withheld:
            known = self._session.scalar(select(Person.token).where(Person.name == name))
            self._withheld[name] = pseudonym(known or token(name, self._salt))
        return self._withheld[name]

    def _look_up(self, token: str) -> Named | None:
        row = self._session.execute(
            select(Person.name, Person.salt).where(
                Person.token == token.removeprefix("p:"), Person.name.is_not(None)
            )
        ).first()
        return Named(row.name, row.salt) if row else None


def batched(items: Sequence[str], most: int = 500) -> Iterator[Sequence[str]]:
    """``items`` in pieces: a statement takes only so many values."""
    yield from (items[start : start + most] for start in range(0, len(items), most))


def tokens_in(entry: dict[str, Fact]) -> list[str]:
    """The fields of the entry that hold tokens."""
    version = entry.get("v")
    if not isinstance(version, int) or version < SINCE_VERSION:
        return []
    return [field for field in FIELDS if field in entry and is_token(entry[field])]


def _is_scheduler(name: str, host: str) -> bool:
    return re.fullmatch(rf"{re.escape(host)}-\d+-[0-9a-f]{{8}}", name) is not None


def _is_somebody(value: str) -> bool:
    return value not in _NOBODY and not isinstance(value, Token)


def _known(session: Session, statement: Select[Any], values: Iterable[str]) -> dict[str, str]:
    # Beside the session's own ways, which cost more than the look-up itself.
    rows = session.connection().execute(statement, {"values": list(values)})
    return {name: f"p:{token}" for name, token in rows}


def _tokens(session: Session, names: set[str]) -> dict[str, str]:
    guesses = _guesses.setdefault(session.get_bind(), {})
    likely = [guesses[name] for name in names if name in guesses]
    found: dict[str, str] = {}
    if likely:
        # A guess may have been rolled back, or erased by another process, since it was made.
        found = _known(session, _BY_TOKEN, likely)
    if names - found.keys():
        found |= _known(session, _BY_NAME, names - found.keys())
    if new := sorted(names - found.keys()):
        rows = []
        for name in new:
            salt = secrets.token_hex(32)
            found[name] = token(name, salt)
            rows.append({"token": found[name].removeprefix("p:"), "name": name, "salt": salt})
        session.execute(insert(Person), rows)
    guesses |= {name: found[name].removeprefix("p:") for name in names}
    return found
