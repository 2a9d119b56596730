"""A small strike in a real database, to move deliveries through."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from socialstrike import accounts, audit, queue
from socialstrike.clock import ManualClock
from socialstrike.config import RehearsalSettings, Settings
from socialstrike.db.models import Delivery
from socialstrike.db.session import Database
from socialstrike.drafts import Draft, DraftDelivery, DraftMedia
from socialstrike.queue import Job
from socialstrike.vault import Vault

NOON = datetime(2020, 1, 24, 11, 0, tzinfo=UTC)

CREDENTIALS = {
    "x": {
        "consumer_key": "consumer-key-of-x",
        "consumer_secret": "consumer-secret-of-x",
        "access_token": "4242-access-token-of-x",
        "access_token_secret": "access-token-secret-of-x",
    },
    "facebook": {"page_id": "4242", "access_token": "EAAaccesstokenoffacebookpage"},
}


@dataclass
class Strike:
    """Accounts and deliveries by short commands; every change goes through the product's own."""

    database: Database
    home: Path
    location: Path | str
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    vault: Vault = field(default_factory=lambda: Vault(b"k" * 32))

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def account(
        self,
        name: str,
        platform: str = "x",
        credentials: dict[str, str] | None = None,
        base_url: str | None = None,
    ) -> str:
        with self.database.write() as session:
            accounts.add(
                session,
                self.vault,
                name=name,
                platform=platform,
                credentials=credentials or CREDENTIALS[platform],
                base_url=base_url,
                now=self.now,
                actor="test",
            )
        return name

    def post(
        self,
        *names: str,
        text: str = "On bloque, on occupe",
        due: timedelta = timedelta(0),
        limit: timedelta = timedelta(hours=1),
        media: tuple[DraftMedia, ...] = (),
        link: str | None = None,
    ) -> list[int]:
        """Queue one post to the accounts named; the ids of its deliveries."""
        with self.database.write() as session:
            known = accounts.usable(session)
            at = self.now + due
            draft = Draft(
                kind="announcement",
                texts=(text,),
                link=link,
                media=media,
                where="test",
                line=None,
                deliveries=tuple(
                    DraftDelivery(
                        account=name,
                        platform=known[name],
                        occurrence=0,
                        text=text,
                        due_at=at,
                        local_time=at.strftime("%Y-%m-%dT%H:%M:%S"),
                        timezone="Europe/Paris",
                        late_after=at + limit,
                    )
                    for name in names
                ),
                local_times=(at.isoformat(),),
            )
            return list(queue.enqueue(session, [draft], None, now=self.now, actor="test").ids)

    def claim(self, most: int = 10, owner: str = "one", lease: float = 60) -> list[Job]:
        with self.database.write() as session:
            return queue.claim(session, now=self.now, owner=owner, lease=lease, most=most)

    def begin(self, job: Job, owner: str = "one") -> queue.Begun:
        with self.database.write() as session:
            return queue.begin(session, job, now=self.now, owner=owner)

    def do(self, change: Any, *arguments: Any, **named: Any) -> Any:
        """Run a function of the queue in a transaction of its own."""
        with self.database.write() as session:
            return change(session, *arguments, now=self.now, actor="one", **named)

    def row(self, delivery: int) -> Delivery:
        with self.database.read() as session:
            found = session.get(Delivery, delivery)
            assert found is not None
            return found

    def state(self, delivery: int) -> str:
        return self.row(delivery).state

    def states(self) -> dict[str, int]:
        with self.database.read() as session:
            return queue.counts(session)

    def log(self) -> list[dict[str, Any]]:
        with self.database.read() as session:
            return [dict(entry) for entry in audit.told(session)]

    def events(self) -> list[str]:
        return [entry["event"] for entry in self.log()]


@pytest.fixture
def strike(database: Database, home: Path, location: Path | str) -> Strike:
    return Strike(database, home, location)


@pytest.fixture
def quick(home: Path) -> Settings:
    """Settings for a platform that answers at once: nothing is waited for longer than needed."""
    return RehearsalSettings(
        home=home,
        # Never reached: whoever needs an answer that is lost has the sandbox lose it.
        connect_timeout=20,
        read_timeout=20,
        settle=0.1,
        lookup_every=0.1,
        retry_base=0.05,
        retry_most=0.2,
        lease=5,
        catch_up=0,
    )
