"""The log as a file that leaves the house: its entries, and what they are checked with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.audit import checkpoints, export
from socialstrike.audit.export import Seen
from socialstrike.audit.people import Names
from socialstrike.report.contents import contents


def write_jsonl(
    session: Session,
    out: IO[str],
    *,
    pseudonyms: bool = False,
    texts: bool = False,
    **wanted: Any,
) -> Seen:
    """Write the entries that ``wanted`` asks for (as ``audit.entries``), then attachments.

    The whole log carries its checkpoints and the key. ``pseudonyms`` withholds who is behind the
    tokens; ``texts`` attaches what was said.
    """
    whole = is_whole(wanted)
    size = export.newest_checkpoint(session) if whole else 0
    seen = Seen(contents=texts)
    export.write_jsonl(seen.passing(audit.entries(session, **wanted)), out)
    export.write_jsonl(
        _attachments(session, seen, Names(session, pseudonyms=pseudonyms), size), out
    )
    if texts:
        export.write_jsonl(contents(session, seen), out)
    return seen


def write_csv(
    session: Session,
    out: IO[str],
    *,
    pseudonyms: bool = False,
    bom: bool = False,
    **wanted: Any,
) -> Seen:
    """Write the entries that ``wanted`` asks for as a table; ``bom`` for Excel."""
    seen = Seen(tokens=False)
    names = Names(session, pseudonyms=pseudonyms)
    export.write_csv(seen.passing(audit.entries(session, **wanted)), out, names, bom=bom)
    return seen


def is_whole(wanted: dict[str, Any]) -> bool:
    """Whether nothing narrows the log: only then it can be verified by itself."""
    return all(value is None for value in wanted.values())


def _attachments(session: Session, seen: Seen, names: Names, size: int) -> Iterator[str]:
    if size:
        yield from export.notes(session, size)
        key = checkpoints.verifier_key(session)
        if key is not None:
            yield export.attachment("key", key=key)
    yield from export.persons(names, seen.tokens)
