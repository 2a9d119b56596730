"""Checkpoints while a scheduler runs, beside its work: never in its way, and never its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from socialstrike.audit import checkpoints
from socialstrike.audit.checkpoints import Sealer
from socialstrike.clock import Clock
from socialstrike.db.session import Database
from socialstrike.exceptions import SocialstrikeError

log = logging.getLogger(__name__)


class Keeper:
    """Makes a checkpoint when one is due. Its methods may be called from any thread."""

    def __init__(
        self,
        database: Database,
        vault: Sealer,
        clock: Clock,
        ended: Callable[[Session, datetime, datetime], bool],
    ) -> None:
        """``ended`` tells whether a campaign came to its end between two moments."""
        self._database = database
        self._vault = vault
        self._clock = clock
        self._ended = ended
        self._one_at_a_time = threading.Lock()
        self._unconditional = True  # at the beginning and at the end of a run
        self._closed = False
        self._told: str | None = None

    @property
    def busy(self) -> bool:
        """Whether one is being made."""
        return self._one_at_a_time.locked()

    def look(self) -> None:
        """Make one if it is due. Never raises: what went wrong is logged, once, and the next look
        tries again.
        """
        with self._one_at_a_time:
            if not self._closed:
                self._look()

    def close(self) -> None:
        """Make the last one, if anything is new; a look that comes later does nothing."""
        with self._one_at_a_time:
            self._unconditional = True
            self._look()
            self._closed = True

    def _look(self) -> None:
        try:
            now = self._clock.now()
            with self._database.read() as session:
                if not (self._unconditional or self._due(session, now)):
                    return
            checkpoints.sign_now(self._database, self._vault, now)
            self._unconditional, self._told = False, None
        except SocialstrikeError as error:
            self._tell(str(error))
        except Exception as error:  # noqa: BLE001  (posts go out even where nothing can be signed)
            self._tell(f"{type(error).__name__}: {error}")

    def _due(self, session: Session, now: datetime) -> bool:
        if checkpoints.due(session, now):
            return True
        since = checkpoints.unsigned_since(session)
        return since is not None and self._ended(session, since, now)

    def _tell(self, what: str) -> None:
        if what != self._told:
            log.error("no checkpoint of the audit log was made: %s", what)
            self._told = what
