"""The course: a home, accounts in the sandbox, and deliveries whose texts are all different."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from verdict import Row, Verdict, judge

from socialstrike import accounts, audit, queue
from socialstrike.app import App
from socialstrike.audit import chain
from socialstrike.config import RehearsalSettings
from socialstrike.db.models import Delivery
from socialstrike.drafts import Draft, DraftDelivery
from socialstrike.sandbox.process import SandboxProcess

#: Patience for the gauntlet, in seconds: what waits for minutes in a strike waits for moments.
#: The settling time still outlives every request, as the product's own does.
HASTE: Mapping[str, object] = {
    "connect_timeout": 1,
    "read_timeout": 3,
    "settle": 1.5,
    "lookup_every": 0.3,
    "lookups": 1000,
    "retry_base": 0.1,
    "retry_most": 0.4,
    "lease": 6,
    # Half a minute between late posts, as in a strike, would be hours here.
    "catch_up": 0,
    "workers": 16,
}
#: The share of the calls that each of the random faults hits.
SHARE = 0.05


class Course:
    """What the runners of one test work on."""

    def __init__(
        self,
        home: Path,
        location: Path | str,
        sandbox: SandboxProcess,
        seed: int,
        *,
        size: int = 8,
        platforms: tuple[str, ...] = ("x", "facebook"),
        base_url: str | None = None,
        **patience: object,
    ) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.home = home
        self.sandbox = sandbox
        self.patience = {**HASTE, **patience}
        self._url = None if isinstance(location, Path) else location
        self.app = App(RehearsalSettings(home=home, database_url=self._url, **self.patience))  # type: ignore[arg-type]  # pydantic checks them
        self.offset = 0.0
        self._texts = 0
        sandbox.seed(seed)
        self._accounts = [
            self._account(platform, f"{platform}-{number}", base_url or sandbox.base_url)
            for number in range(-(-size // len(platforms)))
            for platform in platforms
        ][:size]

    @property
    def env(self) -> dict[str, str]:
        """The environment in which a scheduler, or a command, works on this home."""
        given = {"home": self.home, **self.patience}
        if self._url:
            given["database_url"] = self._url
        return os.environ | {f"SOCIALSTRIKE_{name.upper()}": str(v) for name, v in given.items()}

    @property
    def log(self) -> Path:
        """What the runners say on standard error."""
        return self.home / "runners.log"

    def now(self) -> datetime:
        """The time by the runners' clock."""
        return self.app.clock.now() + timedelta(seconds=self.offset)

    def deliver(
        self, count: int, *, within: float = 0.0, after: float = 0.0, limit: float = 3600.0
    ) -> list[int]:
        """Queue ``count`` deliveries, spread over the accounts; the ids.

        They are due at random moments ``within`` so many seconds, beginning ``after`` so many
        from now, and may be ``limit`` seconds late.
        """
        now = self.now()
        drafts = []
        for _ in range(count):
            self._texts += 1
            name, platform = self._accounts[self._texts % len(self._accounts)]
            due = now + timedelta(seconds=after + self.dice.uniform(0, within))
            drafts.append(_draft(f"On bloque, on occupe {self._texts}", name, platform, due, limit))
        with self.app.database.write() as session:
            return list(queue.enqueue(session, drafts, None, now=now, actor="course").ids)

    def faults(self) -> None:
        """The random faults: answers lost on both sides of the post, refusals, delays."""
        for fault, options in (
            ("drop_after", {}),
            ("error_after", {}),
            ("drop_before", {}),
            ("rate_limited", {"reset_in": 1, "platform": "x"}),
            # Facebook counts in minutes: one that says nothing costs no minute of waiting.
            ("rate_limited", {"reset_in": None, "platform": "facebook"}),
            ("slow", {"seconds": 0.5}),
        ):
            self.sandbox.add_fault(fault, times=None, probability=SHARE, **options)

    def do(self, change: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Run a function of the queue as a person's command would."""
        with self.app.database.write() as session:
            return change(session, *arguments, now=self.now(), actor="course", **named)

    def states(self) -> dict[str, int]:
        """How many deliveries are in each state."""
        with self.app.database.read() as session:
            return queue.counts(session)

    def rows(self) -> list[Delivery]:
        """The deliveries as they stand."""
        with self.app.database.read() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))

    def open_calls(self) -> int:
        """How many deliveries are between their claim and their outcome."""
        with self.app.database.read() as session:
            return len(queue.in_flight(session))

    def verdict(self) -> Verdict:
        """What became of everything."""
        with self.app.database.read() as session:
            breaks = len(audit.verify(session).breaks)
            log = [chain.parse(line) for line in audit.entries(session)]
        rows = [Row(row.id, row.text, row.state, row.attempts) for row in self.rows()]
        return judge(rows, [post["text"] for post in self.sandbox.posts()], log, breaks=breaks)

    def close(self) -> None:
        """Close the database."""
        self.app.close()

    def _account(self, platform: str, name: str, base_url: str) -> tuple[str, str]:
        made = self.sandbox.add_account(platform, name, limit=None)
        with self.app.database.write() as session:
            accounts.add(
                session,
                self.app.vault,
                name=name,
                platform=platform,
                credentials=made["credentials"],
                base_url=base_url,
                now=self.now(),
                actor="course",
            )
        return name, platform


def _draft(text: str, account: str, platform: str, due: datetime, limit: float) -> Draft:
    delivery = DraftDelivery(
        account=account,
        platform=platform,
        occurrence=0,
        text=text,
        due_at=due,
        local_time=due.strftime("%Y-%m-%dT%H:%M:%S"),
        timezone="UTC",
        late_after=due + timedelta(seconds=limit),
    )
    return Draft(
        kind="announcement",
        texts=(text,),
        link=None,
        media=(),
        where="course",
        line=None,
        deliveries=(delivery,),
        local_times=(due.isoformat(),),
    )
