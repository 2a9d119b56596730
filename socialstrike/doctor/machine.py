"""This machine: the home and its disk, the key, the tables, the time zones, who is told."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import alerts
from socialstrike.config import Settings
from socialstrike.db import migrate, private
from socialstrike.db.models import Campaign
from socialstrike.db.session import Database, database_version
from socialstrike.doctor.finding import Finding, Verdict, told
from socialstrike.exceptions import SocialstrikeError, VaultError
from socialstrike.i18n import tr, translated
from socialstrike.vault import Keys, Vault

#: Free space below which the database may not hold a day, and below which it will not, in bytes.
_LITTLE, _NO_ROOM = 500_000_000, 50_000_000


def home(settings: Settings) -> Iterator[Finding]:
    """Whether the home can be written, and by its owner alone."""
    folder = settings.home.absolute()
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(
            tr("home"),
            "bad",
            tr("{home} cannot be written", home=folder),
            tr("run as its owner, or give it to this user with: chown"),
        )
        return
    exposed = private.exposures(settings.database)
    if exposed and exposed[0].how != "readable":
        # The next command would refuse it.
        yield Finding(tr("home"), "bad", str(exposed[0]), exposed[0].remedy)
    elif exposed:
        names = " ".join(str(exposure.path) for exposure in exposed)
        yield Finding(
            tr("home"),
            "warn",
            tr("others can look into {names}", names=names),
            tr("chmod go= {names}", names=names),
        )
    elif not private.keeps_modes(folder):
        yield Finding(
            tr("home"),
            "warn",
            tr(
                "the disk of {home} knows no permissions: everyone on this machine may read it",
                home=folder,
            ),
            tr("move the home to another disk, or mount this one with umask=077"),
        )
    else:
        yield Finding(tr("home"), "ok", tr("{home} is its owner's alone", home=folder))


def disk(home: Path) -> Finding:
    """Whether the home's disk has room."""
    free = shutil.disk_usage(home).free
    message = tr("{free} MB are free where the home is", free=free // 1_000_000)
    if free >= _LITTLE:
        return Finding(tr("disk"), "ok", message)
    verdict: Verdict = "bad" if free < _NO_ROOM else "warn"
    return Finding(
        tr("disk"), verdict, message, tr("free some space, or move the home to another disk")
    )


def told_to(settings: Settings) -> Finding:
    """Whether anybody is told when something needs a person; it is well too where nobody is."""
    try:
        written = alerts.written(settings)
    except SocialstrikeError as error:
        return Finding(tr("alerts"), "warn", *told(error))
    if written:
        message = tr("addresses are written down; try them: socialstrike alerts test")
    else:
        message = tr("nobody is told when something needs a person; how to: docs/alerts.md")
    return Finding(tr("alerts"), "ok", message)


def tables(database: Database) -> Finding:
    """Whether the database is at the version that this program needs."""
    version, needed = database_version(database), migrate.known_versions()[-1]
    if version == needed:
        return Finding(
            tr("database"),
            "ok",
            tr("it answers, at version {version} of the tables", version=version),
        )
    return Finding(
        tr("database"),
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


def zones(session: Session) -> Finding:
    """Whether this machine knows the campaigns' time zones."""
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
            return None, Finding(tr("key"), "ok", tr("none yet: the first account makes it"))
        vault = keys.open()
    except VaultError as error:
        return None, Finding(tr("key"), "bad", *told(error))
    return vault, Finding(
        tr("key"), "ok", tr("{place} opens what is sealed", place=translated(shown.place))
    )
