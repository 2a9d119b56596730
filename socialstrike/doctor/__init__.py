"""Is everything ready for the strike day: one finding per check, and what to do where not.

Nothing is changed and nothing is posted; the platforms are only asked whose the credentials are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from socialstrike import accounts
from socialstrike.clock import Clock
from socialstrike.config import Settings
from socialstrike.db.session import Database
from socialstrike.doctor.asking import ask_platforms
from socialstrike.doctor.finding import Finding, Verdict
from socialstrike.doctor.machine import disk, home, open_key, tables, told_to, zones
from socialstrike.doctor.work import deliveries, scheduler, stop, waiting
from socialstrike.exceptions import DatabaseError
from socialstrike.i18n import tr

__all__ = [
    "Finding",
    "Verdict",
    "ask_platforms",
    "disk",
    "examine",
    "open_key",
    "scheduler",
    "told_to",
]


def examine(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Look at the home, the machine, the platforms and the queue; findings as they come.

    Raises InvalidInput where the settings name no place for the database.
    """
    location = settings.location
    if isinstance(location, Path) and not location.exists():
        yield Finding(
            tr("home"),
            "bad",
            tr("there is no home in {absolute}", absolute=settings.home.absolute()),
            tr("name another with --home, or begin with: socialstrike accounts add x NAME"),
        )
        return
    yield from home(settings)
    yield disk(settings.home)
    yield told_to(settings)
    database = Database(location)
    try:
        found = tables(database)
        yield found
        if found.verdict != "bad":
            yield from _inside(database, settings, database.clock(clock))
    except DatabaseError as error:
        yield Finding(
            tr("database"), "bad", str(error), tr("look closer: socialstrike database check")
        )
    finally:
        database.dispose()


def _inside(database: Database, settings: Settings, clock: Clock) -> Iterator[Finding]:
    with database.read() as session:
        everyone = [a for a in accounts.every(session) if a.forgotten_at is None]
        yield zones(session)
    vault, key = open_key(database, settings)
    yield key
    if vault is not None:
        yield from ask_platforms(database, vault, settings, clock, everyone)
    with database.read() as session:
        now = clock.now()
        for account in everyone:
            yield from waiting(account, now)
        yield stop(session)
        yield from deliveries(session, now)
