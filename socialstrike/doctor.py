"""Is everything ready for the strike day: one finding per check, and what to do where not.

Nothing is changed and nothing is posted; the platforms are only asked whose the credentials are.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import accounts, heartbeat, platforms, queue
from socialstrike.clock import Clock
from socialstrike.config import Settings
from socialstrike.db import migrate, private
from socialstrike.db.models import Account, Campaign
from socialstrike.db.session import Database, database_version
from socialstrike.exceptions import DatabaseError, SocialstrikeError, VaultError
from socialstrike.i18n import tr
from socialstrike.platforms.base import CredentialsRefused, PlatformError
from socialstrike.vault import Keys, Vault

Verdict = Literal["ok", "warn", "bad"]

#: Free space below which the database may not hold a day, and below which it will not, in bytes.
_LITTLE, _NO_ROOM = 500_000_000, 50_000_000
#: How far this machine's clock may be off: more is worth a word, much more is wrong, in seconds.
_OFF, _FAR_OFF = 2.0, 30.0
#: Credentials that end sooner than this may not last through the strike.
_SOON = timedelta(days=3)
#: A post that is due is picked up well within this time where a scheduler works.
_GRACE = timedelta(seconds=10)
#: Accounts asked at once.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; ``remedy`` is what to do about it, None where all is well."""

    check: str
    verdict: Verdict
    message: str
    remedy: str | None = None


def examine(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Look at the home, the machine, the platforms and the queue; findings as they come.

    Raises InvalidInput where the settings name no place for the database.
    """
    location = settings.location
    if isinstance(location, Path) and not location.exists():
        yield Finding(
            "home",
            "bad",
            tr("there is no home in {absolute}", absolute=settings.home.absolute()),
            tr("name another with --home, or begin with: socialstrike accounts add x NAME"),
        )
        return
    yield from _home(settings)
    yield disk(settings.home)
    database = Database(location)
    try:
        found = _database(database)
        yield found
        if found.verdict != "bad":
            yield from _inside(database, settings, database.clock(clock))
    except DatabaseError as error:
        yield Finding("database", "bad", str(error), tr("look closer: socialstrike database check"))
    finally:
        database.dispose()


def _inside(database: Database, settings: Settings, clock: Clock) -> Iterator[Finding]:
    with database.read() as session:
        everyone = [a for a in accounts.every(session) if a.forgotten_at is None]
        yield _zones(session)
    vault, key = open_key(database, settings)
    yield key
    if vault is not None:
        yield from ask_platforms(database, vault, settings, clock, everyone)
    with database.read() as session:
        now = clock.now()
        for account in everyone:
            yield from _waiting(account, now)
        yield _stop(session)
        yield from _queue(session, now)


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home.absolute()
    if not os.access(home, os.W_OK | os.X_OK):
        yield Finding(
            "home",
            "bad",
            tr("{home} cannot be written", home=home),
            tr("run as its owner, or give it to this user with: chown"),
        )
        return
    exposed = private.exposures(settings.database)
    if exposed and exposed[0].how != "readable":
        # The next command would refuse it.
        yield Finding("home", "bad", str(exposed[0]), exposed[0].remedy)
    elif exposed:
        names = " ".join(str(exposure.path) for exposure in exposed)
        yield Finding(
            "home",
            "warn",
            tr("others can look into {names}", names=names),
            tr("chmod go= {names}", names=names),
        )
    elif not private.keeps_modes(home):
        yield Finding(
            "home",
            "warn",
            tr(
                "the disk of {home} knows no permissions: everyone on this machine may read it",
                home=home,
            ),
            tr("move the home to another disk, or mount this one with umask=077"),
        )
    else:
        yield Finding("home", "ok", tr("{home} is its owner's alone", home=home))


def disk(home: Path) -> Finding:
    """Whether the home's disk has room."""
    free = shutil.disk_usage(home).free
    message = tr("{free} MB are free where the home is", free=free // 1_000_000)
    if free >= _LITTLE:
        return Finding("disk", "ok", message)
    verdict: Verdict = "bad" if free < _NO_ROOM else "warn"
    return Finding(
        "disk", verdict, message, tr("free some space, or move the home to another disk")
    )


def _database(database: Database) -> Finding:
    version, needed = database_version(database), migrate.known_versions()[-1]
    if version == needed:
        return Finding(
            "database", "ok", tr("it answers, at version {version} of the tables", version=version)
        )
    return Finding(
        "database",
        "bad",
        tr(
            "it is at version {version} of the tables, and this socialstrike needs {needed}",
            version=version,
            needed=needed,
        ),
        tr(
            "stop the scheduler, then run: socialstrike database upgrade; or install the"
            " socialstrike that wrote it"
        ),
    )


def _zones(session: Session) -> Finding:
    names = {"Europe/Paris", *session.scalars(select(Campaign.timezone).distinct())}
    missing = []
    for name in sorted(names):
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            missing.append(name)
    if not missing:
        return Finding(
            tr("time zones"), "ok", tr("known here: {names}", names=", ".join(sorted(names)))
        )
    return Finding(
        tr("time zones"),
        "bad",
        tr("unknown on this machine: {missing}", missing=", ".join(missing)),
        tr("install the time zones anew: pip install --upgrade tzdata"),
    )


def open_key(database: Database, settings: Settings) -> tuple[Vault | None, Finding]:
    """The vault, where the home's key opens it, and what was found."""
    keys = Keys(database, settings)
    try:
        shown = keys.shown()
        if not shown.sealed and not shown.present:
            return None, Finding("key", "ok", tr("none yet: the first account makes it"))
        vault = keys.open()
    except VaultError as error:
        return None, Finding("key", "bad", *_told(error))
    return vault, Finding("key", "ok", tr("{place} opens what is sealed", place=shown.place))


@dataclass(frozen=True, slots=True)
class _Asked:
    """An account's answer; ``ahead`` is the platform's clock minus ours, in seconds."""

    finding: Finding
    platform: str
    ahead: float | None = None


def ask_platforms(
    database: Database, vault: Vault, settings: Settings, clock: Clock, asked: Sequence[Account]
) -> Iterator[Finding]:
    """Ask each account's platform whose its credentials are; then what the clocks there say."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(
            pool.map(lambda account: _ask(database, vault, settings, clock, account), asked)
        )
    yield from (answer.finding for answer in answers)
    yield _clock([answer for answer in answers if answer.ahead is not None])


def _ask(
    database: Database, vault: Vault, settings: Settings, clock: Clock, account: Account
) -> _Asked:
    """Ask the account's platform whose its credentials are, and what time it is there."""
    check = f"account {account.name}"
    try:
        with database.read() as session:
            access = accounts.access(session, vault, account)
        access = replace(access, renewed=accounts.keeper(database, vault, account.name))
        timeout = (settings.connect_timeout, settings.read_timeout)
        adapter = platforms.get(account.platform)(access, timeout=timeout)
    except SocialstrikeError as error:
        return _Asked(Finding(check, "bad", *_told(error)), account.platform)
    before = clock.now()
    try:
        identity = adapter.check()
        ends = identity.expires_at
        finding = Finding(check, "ok", f"{identity.name} on {adapter.label}")
        if ends is not None and ends - before < _SOON:
            finding = Finding(
                check,
                "warn",
                tr("its credentials end at {ends:%Y-%m-%d %H:%M} UTC", ends=ends),
                tr(
                    "socialstrike accounts add {platform} {name} --replace",
                    platform=account.platform,
                    name=account.name,
                ),
            )
        if identity.missing:
            finding = Finding(
                check,
                "bad",
                tr(
                    "its credentials lack what posting needs: {missing}",
                    missing=", ".join(identity.missing),
                ),
                tr(
                    "give it new ones with: socialstrike accounts add {platform} {name} --replace",
                    platform=account.platform,
                    name=account.name,
                ),
            )
    except PlatformError as error:
        verdict: Verdict = "bad" if isinstance(error, CredentialsRefused) else "warn"
        finding = Finding(check, verdict, *_told(error))
    middle = before + (clock.now() - before) / 2
    theirs = adapter.their_time()
    # A Date has whole seconds: on the average half a second was cut off.
    ahead = None if theirs is None else (theirs - middle).total_seconds() + 0.5
    return _Asked(finding, account.platform, ahead)


def _clock(answers: Sequence[_Asked]) -> Finding:
    if not answers:
        return Finding(
            "clock",
            "warn",
            tr("no platform answered, so nobody can say whether this machine's clock is right"),
            tr("see whether its time is synchronised: timedatectl"),
        )
    # Of many answers the middle one: a single platform may be wrong itself.
    by_size = sorted(answers, key=lambda answer: answer.ahead or 0.0)
    middle = by_size[len(by_size) // 2]
    ahead = middle.ahead or 0.0
    off = abs(ahead)
    where = tr("the clock of {label}", label=platforms.get(middle.platform).label)
    if off <= _OFF:
        return Finding(
            "clock", "ok", tr("it agrees with {where} within {off:g} s", where=where, off=_OFF)
        )
    side = "behind" if ahead > 0 else tr("ahead of")
    return Finding(
        "clock",
        "bad" if off > _FAR_OFF else "warn",
        tr(
            "it is about {off:.0f} s {side} {where}, and posts go out by it",
            off=off,
            side=side,
            where=where,
        ),
        tr("turn on time synchronisation: timedatectl set-ntp true"),
    )


def _waiting(account: Account, now: datetime) -> Iterator[Finding]:
    """Why an account's posts wait, where they do."""
    if account.paused_at is not None:
        yield Finding(
            f"account {account.name}",
            "warn",
            tr(
                "paused since {paused_at:%Y-%m-%d %H:%M} UTC: {pause_reason}",
                paused_at=account.paused_at,
                pause_reason=account.pause_reason,
            ),
            tr("socialstrike accounts resume {name}", name=account.name),
        )
    elif account.throttled_until is not None and account.throttled_until > now:
        yield Finding(
            f"account {account.name}",
            "ok",
            tr(
                "waits until {throttled_until:%Y-%m-%d %H:%M:%S} UTC, as its platform asked",
                throttled_until=account.throttled_until,
            ),
        )


def _stop(session: Session) -> Finding:
    halt = queue.stopped(session)
    if halt is None:
        return Finding(tr("emergency stop"), "ok", tr("not pulled"))
    why = f": {halt.reason}" if halt.reason else ""
    return Finding(
        tr("emergency stop"),
        "warn",
        tr("pulled by {by}{why}", by=halt.by, why=why),
        "socialstrike start",
    )


def _queue(session: Session, now: datetime) -> Iterator[Finding]:
    counts = queue.counts(session)
    waiting = counts.get("scheduled", 0) + counts.get("uncertain", 0)
    yield scheduler(session, now, waiting)
    told: list[tuple[int, Verdict, str, str]] = [
        (
            queue.overdue(session, now - _GRACE),
            "warn",
            tr("should have gone out by now"),
            tr("the findings above may say why: a stop, a pause, or no scheduler"),
        ),
        (
            counts.get("uncertain", 0),
            "warn",
            tr("uncertain, and being looked up by the scheduler"),
            tr("wait, and do not post them by hand"),
        ),
        (
            counts.get("parked", 0),
            "bad",
            tr("must be decided by you"),
            tr("socialstrike posts list --state parked, then: socialstrike posts resolve"),
        ),
    ]
    wrong = [Finding("deliveries", v, f"{n} {what}", do) for n, v, what, do in told if n]
    yield from wrong or [Finding("deliveries", "ok", tr("none overdue, uncertain or parked"))]


def scheduler(session: Session, now: datetime, waiting: int) -> Finding:
    """Whether one is alive, where so many deliveries wait for one."""
    beats = heartbeat.alive(session, now)
    if beats:
        return Finding(
            "scheduler",
            "ok",
            tr("alive, process {pid} on {host}", pid=beats[0].pid, host=beats[0].host),
        )
    if waiting:
        message = tr("none is running, and {waiting} deliveries wait for one", waiting=waiting)
        return Finding("scheduler", "warn", message, "socialstrike run")
    return Finding("scheduler", "ok", tr("none is running, and nothing waits for one"))


def _told(error: SocialstrikeError) -> tuple[str, str]:
    """The message of an error apart from the remedy it ends with."""
    what, _, remedy = str(error).partition("; ")
    return what, remedy or tr("try again in a moment")
