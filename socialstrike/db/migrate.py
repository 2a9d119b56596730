"""Migrations: a new home gets them all by itself, an old one on request, a newer one is refused."""

from __future__ import annotations

from pathlib import Path

from socialstrike.db.session import Database, database_version
from socialstrike.db.sqlite import create_private
from socialstrike.exceptions import DatabaseOutdated, DatabaseTooNew
from socialstrike.i18n import tr

_HERE = Path(__file__).resolve().parent


def folder() -> Path:
    """Where the migrations are: inside the installed package, or at the top of a checkout."""
    installed = _HERE.parent / "migrations"
    return installed if installed.is_dir() else _HERE.parents[1] / "migrations"


def known_versions() -> list[str]:
    """Every migration this socialstrike knows, oldest first: the numbers the files begin with.

    Read from the file names, because importing Alembic costs every command half a second.
    """
    return sorted(file.name.split("_")[0] for file in (folder() / "versions").glob("[0-9]*.py"))


def open_database(location: Path | str) -> Database:
    """Open the database, making a new one complete first; a file, or a server's URL.

    Raises DatabaseTooNew, DatabaseOutdated, DatabaseReadOnly or DatabaseLocked.
    """
    if isinstance(location, Path):
        create_private(location)
    database = Database(location)
    name = location if isinstance(location, Path) else tr("the database")
    try:
        version, known = database_version(database), known_versions()
        if version is None:
            upgrade(database)
        elif version not in known:
            raise too_new(name, version)
        elif version != known[-1]:
            raise DatabaseOutdated(
                tr(
                    "{name} is from an older socialstrike (version {version} of the tables, this"
                    " one needs {known}); stop the scheduler, then run: socialstrike database"
                    " upgrade",
                    name=name,
                    version=version,
                    known=known[-1],
                )
            )
    except BaseException:
        database.dispose()
        raise
    return database


def upgrade(database: Database, target: str = "head") -> tuple[str | None, str | None]:
    """Bring the tables to ``target`` in one transaction; return the versions before and after."""
    return _run(database, target, down=False)


def downgrade(database: Database, target: str) -> tuple[str | None, str | None]:
    """Take the tables back to ``target`` (``base`` for none); return the versions before, after."""
    return _run(database, target, down=True)


def _run(database: Database, target: str, *, down: bool) -> tuple[str | None, str | None]:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    before = database_version(database)
    # One write transaction around everything: a second process that opens the same new home
    # waits here, then finds nothing left to do; a kill in the middle leaves the old tables.
    with database.write() as session:
        database.serialise(session)
        config.attributes["connection"] = session.connection()
        (command.downgrade if down else command.upgrade)(config, target)
    return before, database_version(database)


def too_new(name: object, version: str) -> DatabaseTooNew:
    """What to raise over tables of a ``version`` that is not known here."""
    return DatabaseTooNew(
        tr(
            "{name} was written by a newer socialstrike (version {version} of the tables,"
            " this one knows up to {known}); install the newer socialstrike",
            name=name,
            version=version,
            known=known_versions()[-1],
        )
    )
