"""Presence: whether what went out is still on its platform, for a person who asks and by itself.

A platform, an author or a court can take a post away. A look-up that fails is no absence, and
nothing is ever sent again because a post has disappeared.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from socialstrike import campaigns, platforms, queue
from socialstrike.clock import Clock
from socialstrike.config import Settings
from socialstrike.db.session import Database
from socialstrike.exceptions import DatabaseError, SocialstrikeError, VaultError
from socialstrike.i18n import tr, translated
from socialstrike.platforms.base import CredentialsRefused, RateLimited
from socialstrike.publisher import Publisher, Writes
from socialstrike.queue import Out
from socialstrike.vault import Vault

log = logging.getLogger(__name__)

#: Accounts that a command asks at once; each is asked for one post after the other.
_AT_ONCE = 8
#: A scheduler looks at so many posts at most, then pauses so many seconds.
_MOST, _PAUSE = 50, 30.0
#: What went out, or ended, longer ago is not looked at by itself any more.
_LONG_AGO = timedelta(days=2)
#: An account that has something due within this time is left in peace.
_SOON = timedelta(seconds=30)
#: After a look-up that failed its account is left alone for so long, longer each time, in seconds.
_FIRST_WAIT, _LONGEST_WAIT = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found: the post is ``there``, or is not, or (None) nobody knows, and ``why``.

    ``news``: it disappeared since the last look, or came back. ``ends``: nothing more of its
    account is worth asking for now; ``until`` (aware, UTC) where its platform said until when.
    """

    delivery: int
    account: str
    platform: str
    there: bool | None
    news: bool = False
    why: str | None = None
    ends: bool = False
    until: datetime | None = None


class Presence(Publisher):
    """Looks for published posts on their platforms. Neither a stop nor a pause hinders it."""

    def verify(self, ids: Sequence[int]) -> list[Look]:
        """Look for these published deliveries' posts; what was found of each, by due time.

        Raises NotFound, and IllegalTransition where one is not published; then nothing was done.
        """
        with self._database.read() as session:
            wanted = queue.out(session, ids)
        accounts: dict[str, list[Out]] = defaultdict(list)
        for one in wanted:
            accounts[one.job.account].append(one)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="verify") as pool:
            looks = [look for theirs in pool.map(self._all, accounts.values()) for look in theirs]
        found = {look.delivery: look for look in looks}
        return [found[one.job.delivery] for one in wanted]

    def look(self, one: Out) -> Look:
        """Look for one, and write down what is seen."""
        job = one.job
        if one.remote_id is None:
            why = tr("its id on the platform is not known; look there yourself")
            return Look(job.delivery, job.account, job.platform, None, why=why)
        try:
            there = self._platform(job).exists(one.remote_id)
            settle = queue.seen if there else queue.disappeared
            news = self._writer.run(
                lambda session: settle(session, one, now=self._clock.now(), actor=self._owner)
            )
        except SocialstrikeError as error:
            what = str(error).partition("; ")[0]
            return Look(
                job.delivery,
                job.account,
                job.platform,
                None,
                why=tr(
                    "{what}; it may be there all the same, ask again later", what=translated(what)
                ),
                ends=isinstance(error, RateLimited | CredentialsRefused | VaultError),
                until=error.retry_at if isinstance(error, RateLimited) else None,
            )
        return Look(job.delivery, job.account, job.platform, there, news)

    def _all(self, theirs: Sequence[Out]) -> list[Look]:
        looks: list[Look] = []
        for one in theirs:
            job = one.job
            if looks and looks[-1].ends:
                why = looks[-1].why
                looks.append(
                    Look(job.delivery, job.account, job.platform, None, why=why, ends=True)
                )
            else:
                looks.append(self.look(one))
        return looks


class Patrol(Presence):
    """Looks by itself while a scheduler runs, in a thread of its own: once some time after each
    post went out, once more when its campaign is over, where asking costs nothing.

    It begins no call while the emergency stop is pulled.
    """

    def __init__(
        self,
        database: Database,
        writer: Writes,
        vault: Vault,
        settings: Settings,
        clock: Clock,
        *,
        owner: str,
        done: Callable[[], None],
    ) -> None:
        """``done`` is called after each look."""
        super().__init__(database, writer, vault, settings, clock, owner=owner)
        self._done = done
        self._free = [name for name in platforms.REGISTRY if platforms.get(name).free_to_read]
        self._waits: dict[str, tuple[float, float]] = {}  # account → until (boot clock), how long
        self._calling = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="patrol", daemon=True)

    @property
    def busy(self) -> bool:
        """Whether a call to a platform is, or may just be, under way."""
        return self._calling.is_set()

    def start(self) -> None:
        """Begin, unless the settings say that it is never time."""
        if self._settings.verify_after:
            self._thread.start()

    def close(self) -> None:
        """Finish the look that has begun."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()

    def round(self) -> int:
        """Look at what it is time to look at; at how many. Never raises."""
        looked = 0
        try:
            for one in self._due():
                if self._ending.is_set() or looked >= _MOST:
                    break
                looked += self._try(one)
        except DatabaseError as error:
            log.error("posts could not be looked for: %s", error)
        except Exception:  # a fault of ours must not end the thread
            log.exception("posts could not be looked for")
        return looked

    def _work(self) -> None:
        pause = min(_PAUSE, max(self._settings.verify_after / 2, 0.1))
        while not self._ending.wait(pause):
            self.round()

    def _due(self) -> list[Out]:
        now = self._clock.now()
        until = now - timedelta(seconds=self._settings.verify_after)
        with self._database.read() as session:
            ends = {one.id: campaigns.over(one) for one in campaigns.every(session)}
            return queue.to_verify(
                session,
                self._free,
                published=(now - _LONG_AGO, until),
                over={id: end for id, end in ends.items() if now - _LONG_AGO < end <= now},
                most=10 * _MOST,  # some of them have to wait
            )

    def _try(self, one: Out) -> bool:
        """Look for one, if nothing speaks against it; whether it was."""
        account = one.job.account
        until, waited = self._waits.get(account, (0.0, 0.0))
        if self._clock.boottime() < until:
            return False
        # Before the stop is read: whoever pulled it then sees that a call may be under way.
        self._calling.set()
        try:
            now = self._clock.now()
            with self._database.read() as session:
                if queue.stopped(session) or queue.has_work(session, one.job, now + _SOON):
                    return False
            look = self.look(one)
        finally:
            self._calling.clear()
            self._done()
        if look.there is None:
            wait = min(2 * waited or _FIRST_WAIT, _LONGEST_WAIT)
            told = (look.until - now).total_seconds() if look.until else 0.0
            self._waits[account] = self._clock.boottime() + max(wait, told), wait
            if not waited:
                log.warning("posts of %s could not be looked for: %s", account, look.why)
        else:
            self._waits.pop(account, None)
        if look.news and not look.there:
            log.warning("delivery %s has disappeared from %s", look.delivery, account)
        return True
