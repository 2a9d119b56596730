"""The adapters of accounts, made shortly before they are needed.

Opening credentials and making an adapter takes 0.3 ms, and a library's import up to 2 s. Of a
thousand posts at midnight the last would wait for all of that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from socialstrike import accounts, platforms, queue
from socialstrike.clock import Clock
from socialstrike.config import Settings
from socialstrike.db.session import Database
from socialstrike.exceptions import DatabaseError, InvalidInput, VaultError
from socialstrike.platforms.base import Platform, PlatformError
from socialstrike.queue import Job
from socialstrike.vault import Vault

#: So long before an account's post is due its adapter is made.
SOON = timedelta(seconds=30)
#: So many are kept ready; each is about 15 KB.
_MOST = 2048
#: Whatever is wrong with an account, its next delivery meets it too, and tells.
_MET_AGAIN = (InvalidInput, PlatformError, VaultError)


class Adapters:
    """Makes adapters for claimed deliveries. Safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        settings: Settings,
        clock: Clock,
        *,
        renewed: Callable[[str, Mapping[str, str]], None],
    ) -> None:
        """``renewed`` keeps the fields that an account's platform renewed."""
        self._database = database
        self._vault = vault
        self._timeout = (settings.connect_timeout, settings.read_timeout)
        self._clock = clock
        self._renewed = renewed
        self._sealed: dict[int, accounts.Sealed] = {}  # of deliveries that were claimed just now
        self._ready: dict[int, tuple[accounts.Sealed, Platform]] = {}  # by account

    def load(self) -> None:
        """Import what the accounts that exist will need."""
        with suppress(DatabaseError), self._database.read() as session:
            found = accounts.sealed(session, accounts.one_of_each_platform(session))
            for sealed in found.values():
                with suppress(*_MET_AGAIN):
                    self._made(sealed)

    def warm(self) -> None:
        """Make those of accounts that post soon."""
        until = self._clock.now() + SOON
        found: dict[int, accounts.Sealed] = {}
        with suppress(DatabaseError), self._database.read() as session:
            ids = set(queue.soon(session, until=until, most=_MOST))
            for key in self._ready.keys() - ids:
                self._ready.pop(key, None)
            found = accounts.sealed(session, ids - self._ready.keys())
        for key, sealed in found.items():
            with suppress(*_MET_AGAIN):
                self._ready[key] = sealed, self._made(sealed)

    def prepare(self, jobs: Collection[Job]) -> None:
        """Read at once what each of the jobs, which are claimed, will need of its account.

        One by one that is 1 ms each. Where it fails, each job reads for itself, and tells.
        """
        with suppress(DatabaseError), self._database.read() as session:
            found = accounts.sealed(session, [job.account_id for job in jobs])
            self._sealed.update({job.delivery: found[job.account_id] for job in jobs})

    def of(self, job: Job) -> Platform:
        """The adapter for one delivery. Raises VaultError, PlatformError or DatabaseError."""
        sealed = self._sealed.pop(job.delivery, None)
        if sealed is None:
            with self._database.read() as session:
                sealed = accounts.sealed(session, [job.account_id])[job.account_id]
        before, ready = self._ready.pop(job.account_id, (None, None))
        # With other credentials, or another server, since: a new one.
        return ready if ready is not None and before == sealed else self._made(sealed)

    def _made(self, sealed: accounts.Sealed) -> Platform:
        access = accounts.opened(self._vault, sealed)
        name = access.account
        access = replace(access, renewed=lambda fields: self._renewed(name, fields))
        return platforms.get(sealed.place.platform)(access, timeout=self._timeout)
