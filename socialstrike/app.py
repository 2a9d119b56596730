"""The composition root: settings in, a working house out."""

from __future__ import annotations

import getpass
import logging
import sys
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from socialstrike import redaction
from socialstrike.clock import Clock, SystemClock
from socialstrike.config import Settings
from socialstrike.db.migrate import open_database
from socialstrike.db.session import Database
from socialstrike.exceptions import DatabaseError, InvalidInput
from socialstrike.i18n import tr
from socialstrike.vault import Changed, Keys, Vault

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)


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

        Asks for the passphrase where the key comes from one, so open it outside a transaction.
        Raises KeyMissing where credentials are stored and their key is not to be found.
        """
        return self.keys.open()

    @cached_property
    def keys(self) -> Keys:
        """The home's master key: where it is, and how it is changed."""
        return Keys(self.database, self.settings, ask=ask_unseen)

    def change_key(
        self, to: str | None = None, *, deep: bool = False, passphrase_file: Path | None = None
    ) -> Changed:
        """Put a new master key in force, and leave no trace of what the old one sealed.

        A scheduler on the same file finds a new key by itself where the old one was. In every
        other case InvalidInput is raised while one is alive; else what ``Keys.change`` raises.
        """
        from socialstrike import audit, heartbeat

        with self.database.read() as session:
            alive = heartbeat.alive(session, self.clock.now())
        found_again = to is None and self.keys.shown().source != "passphrase"
        if alive and not (found_again and self.database.sole):
            raise InvalidInput(
                tr(
                    "a scheduler works on this home (process {pid} on {host}) and could not find"
                    " the new key; end it, then run this again",
                    pid=alive[0].pid,
                    host=alive[0].host,
                )
            )

        def tell(session: Session, changed: Changed) -> None:
            audit.append(
                session,
                self.clock.now(),
                "key.moved" if to else "key.rotated",
                self.actor,
                source=changed.source,
                key_id=changed.new,
                previous_key_id=changed.old,
                accounts=changed.sealed,
                deep=deep,
            )

        changed = self.keys.change(to, deep=deep, passphrase_file=passphrase_file, tell=tell)
        self.__dict__.pop("vault", None)
        try:
            self.database.scrub()
        except DatabaseError as error:
            # The new key is in force all the same; this must not look like a failed change.
            log.warning(
                "what the old key sealed is still in free pages of the database (%s); once nobody"
                " else uses it, run: socialstrike key rotate",
                error,
            )
        return changed

    def lose_key(self) -> list[str]:
        """Give up a key that is lost, and wipe all that it sealed; the accounts that need new
        credentials.
        """
        from socialstrike import accounts, audit

        now = self.clock.now()
        with self.database.write() as session:
            lost = self.keys.lose(session)
            audit.append(session, now, "key.lost", self.actor, accounts=len(lost))
            for name in lost:
                accounts.forget(session, accounts.get(session, name), now=now, actor=self.actor)
        self.__dict__.pop("vault", None)
        self.database.scrub()
        return lost

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


def ask_unseen(question: str) -> str | None:
    """What is typed on the terminal, which does not show it; None where nobody is there."""
    try:
        return getpass.getpass(question) if sys.stdin.isatty() else None
    except EOFError:
        return None


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
        raise InvalidInput(tr("a setting cannot be used: {wrong}", wrong=wrong)) from None


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
