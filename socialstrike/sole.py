"""One scheduler at a time on a home whose database is a file, and who takes over from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from socialstrike import heartbeat
from socialstrike.clock import Clock
from socialstrike.db.session import Database
from socialstrike.exceptions import AnotherScheduler, DatabaseReadOnly
from socialstrike.i18n import tr

#: Who waits for another one to end looks this often, in seconds.
_EVERY = 0.1


def hold(
    lock: FileLock,
    database: Database,
    clock: Clock,
    *,
    standby: bool,
    given_up: Callable[[], bool],
) -> bool:
    """Hold the home's lock for life: the system frees it when this process is gone.

    False where it was ``given_up`` while waiting for another one to end. Raises AnotherScheduler
    where one works on this home and this is no ``standby``, and DatabaseReadOnly.
    """
    home = Path(lock.lock_file).parent
    while not given_up():
        try:
            lock.acquire(timeout=_EVERY if standby else 0)
        except Timeout:
            if not standby:
                raise AnotherScheduler(_who_holds_it(home, database, clock)) from None
        except OSError as error:
            raise DatabaseReadOnly(
                tr(
                    "{home} cannot be written ({strerror}); check the folder's owner and"
                    " permissions and the room on its disk",
                    home=home,
                    strerror=error.strerror,
                )
            ) from None
        else:
            return True
    return False


def _who_holds_it(home: Path, database: Database, clock: Clock) -> str:
    with database.read() as session:
        beats = heartbeat.alive(session, clock.now())
    who = tr("another process")
    if beats:
        since = beats[0].started_at.strftime("%Y-%m-%d %H:%M UTC")
        who = tr(
            "process {pid} on {host}, since {since}",
            pid=beats[0].pid,
            host=beats[0].host,
            since=since,
        )
    return tr(
        "a scheduler already works on {home}: {who}; stop that one first, or use"
        " --standby to take over when it ends",
        home=home,
        who=who,
    )
