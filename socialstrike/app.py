"""The composition root: settings in, a working house out."""

from __future__ import annotations

import getpass
import logging
from functools import cached_property
from types import TracebackType
from typing import Any

from pydantic import ValidationError

from socialstrike import redaction
from socialstrike.clock import Clock, SystemClock
from socialstrike.config import Settings
from socialstrike.db.migrate import open_database
from socialstrike.db.session import Database
from socialstrike.exceptions import InvalidInput
from socialstrike.vault import Vault, load_key


class App:
    """One home, opened: its database, its vault, its settings. Use as a context manager.

    Raises DatabaseError and its kinds where the home cannot be used.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.database: Database = open_database(settings.location)
        self.clock = self.database.clock(clock or SystemClock())

    @cached_property
    def vault(self) -> Vault:
        """The vault with the home's key; a home that has sealed nothing yet gets a new key.

        Raises KeyMissing where credentials are stored and their key is not to be found.
        """
        from socialstrike import accounts

        with self.database.read() as session:
            empty = all(account.credentials is None for account in accounts.every(session))
        return Vault(load_key(self.settings.key, create=empty))

    @cached_property
    def actor(self) -> str:
        """Who the audit log says gave a command."""
        return person()

    def close(self) -> None:
        """Close the database."""
        self.database.dispose()

    def __enter__(self) -> App:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def person() -> str:
    """The name that this machine knows by whom the command was given."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def settings(kind: type[Settings] = Settings, **given: Any) -> Settings:
    """The settings from the environment, with what was given on the command line over them.

    A rehearsal asks for the ``kind`` RehearsalSettings. Raises InvalidInput naming every setting
    that cannot be used.
    """
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = "; ".join(
            f"SOCIALSTRIKE_{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise InvalidInput(f"a setting cannot be used: {wrong}") from None


def log_to_stderr(level: int) -> None:
    """Send log records to standard error, redacted and without terminal control characters."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
    )
    handler.addFilter(redaction.RedactingFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    redaction.quiet_libraries()
    # It tells of its timers, which are no news to anyone.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
