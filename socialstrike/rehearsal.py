"""A rehearsal: the real scheduler, client libraries and HTTP against the sandbox, in a minute.

The day is compressed by moving the due times, not the clock: what was planned over three days is
spread over one minute in the same order, so that lateness is still measured in real seconds.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles
from types import TracebackType
from typing import Any

import requests
from msgspec import structs

from socialstrike import accounts, audit, campaigns, media, post_file, queue
from socialstrike.app import App, settings
from socialstrike.audit.chain import Verdict
from socialstrike.config import RehearsalSettings
from socialstrike.drafts import CampaignSpec, Draft, PostFile
from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import tr
from socialstrike.platforms import REGISTRY
from socialstrike.sandbox.process import SandboxProcess
from socialstrike.scheduler import Scheduler

#: Seconds kept free before the first post, for the scheduler to start.
_LEAD = 1.0
#: What a part of an account's name says about its platform, where the file does not.
_HINTS = {
    "fb": "facebook",
    "page": "facebook",
    "twitter": "x",
    "masto": "mastodon",
    "toot": "mastodon",
    "bsky": "bluesky",
}
#: The sandbox answers at once, so doubts need not wait for minutes.
_PATIENCE = {
    "settle": 2.0,
    "lookup_every": 1.0,
    "retry_base": 0.2,
    "retry_most": 2.0,
    "catch_up": 0.0,
}


@dataclass(frozen=True, slots=True)
class AccountReport:
    """How one account's day went; lateness in seconds, None where nothing went out."""

    account: str
    platform: str
    planned: int
    published: int
    failed: int
    missed: int
    uncertain: int
    lateness_p50: float | None
    lateness_p95: float | None
    lateness_max: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """How the whole rehearsal went."""

    accounts: tuple[AccountReport, ...]
    audit: Verdict
    seconds: float
    seen: int
    home: Path
    timelines: Path
    sandbox: str

    @property
    def ok(self) -> bool:
        """Whether everything planned went out, once, as the sandbox itself saw."""
        planned = sum(account.planned for account in self.accounts)
        published = sum(account.published for account in self.accounts)
        return planned == published == self.seen


class Rehearsal:
    """A sandbox, a home of its own, and the day in it. Use as a context manager."""

    def __init__(self, paths: Sequence[Path], *, duration: float, home: Path) -> None:
        """``duration`` is in seconds. Raises InvalidInput where ``home`` is a real one."""
        self._paths = paths
        self._duration = duration
        options = settings(RehearsalSettings, home=home, key_file=home / "vault.key", **_PATIENCE)
        if options.database.exists():
            raise InvalidInput(
                tr(
                    "{home} holds a home already, and a rehearsal must not touch it; name an"
                    " empty folder, or leave --home out",
                    home=home,
                )
            )
        self.guessed: list[str] = []
        # No limit: a quarter of an hour of the real day passes in less than a second.
        self._sandbox = SandboxProcess(limit=0)
        self._options = options
        self.files: list[PostFile] = []

    def __enter__(self) -> Rehearsal:
        self._sandbox.__enter__()
        try:
            self._app = App(self._options)
            try:
                self._prepare()
            except BaseException:
                self._app.close()
                raise
        except BaseException:
            self._sandbox.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._app.close()
        self._sandbox.__exit__(kind, error, traceback)

    @property
    def sandbox(self) -> str:
        """The sandbox's address, while the rehearsal is open."""
        return self._sandbox.base_url

    def run(self, progress: Callable[[list[dict[str, Any]]], None]) -> Report:
        """Let the day happen; ``progress`` gets the deliveries several times a second."""
        began = time.monotonic()
        self._queue()
        house = self._app
        scheduler = Scheduler(house.database, house.vault, house.settings, house.clock)
        faults: list[BaseException] = []

        def work() -> None:
            try:
                scheduler.run(until_idle=True)
            except BaseException as fault:  # noqa: BLE001  (raised again below)
                faults.append(fault)

        thread = threading.Thread(target=work, name="scheduler")
        thread.start()
        try:
            while thread.is_alive():
                progress(self._deliveries())
                thread.join(0.2)
        finally:
            scheduler.stop()
            thread.join()
        if faults:
            raise faults[0]
        progress(self._deliveries())
        return self._report(time.monotonic() - began)

    def _prepare(self) -> None:
        """Make every account that the files address, in the sandbox and in the home."""
        house = self._app
        now = house.clock.now()
        known: dict[str, str] = {}
        for name, declared in post_file.declared_accounts(self._paths).items():
            platform = declared or self._guess(name)
            made = self._sandbox.add_account(platform, name)
            known[name] = platform
            with house.database.write() as session:
                accounts.add(
                    session,
                    house.vault,
                    name=name,
                    platform=platform,
                    credentials=made["credentials"],
                    base_url=self._sandbox.base_url,
                    authorised_by="rehearsal",
                    now=now,
                    actor=house.actor,
                )
        # A file without a campaign of its own is rehearsed as if its strike were today.
        today = CampaignSpec(name="rehearsal", day=now.date(), timezone=post_file.DEFAULT_ZONE)
        self.files = post_file.read(
            self._paths,
            campaigns=lambda name: replace(today, name=name),
            campaign=None if any(map(_brings_a_campaign, self._paths)) else today.name,
            accounts=known,
            now=now,
            check_past=False,
        )
        if not any(draft.deliveries for file in self.files for draft in file.drafts):
            raise InvalidInput(tr("there is no post in it to rehearse"))

    def _guess(self, name: str) -> str:
        self.guessed.append(name)
        for part in re.split(r"[^a-z0-9]+", name.lower()):
            if part in REGISTRY or part in _HINTS:
                return _HINTS.get(part, part)
        return "x"

    def _queue(self) -> None:
        house = self._app
        now = house.clock.now()
        drafts = squeeze(
            [draft for file in self.files for draft in file.drafts],
            start=now + timedelta(seconds=_LEAD),
            seconds=max(self._duration - 2 * _LEAD, 1.0),
        )
        with house.database.write() as session:
            media.keep(session, (m for draft in drafts for m in draft.media))
            position = 0
            for file in self.files:
                its_own = drafts[position : position + len(file.drafts)]
                position += len(file.drafts)
                campaign = (
                    campaigns.store(session, file.campaign, now=now, actor=house.actor)
                    if file.campaign
                    else None
                )
                queue.enqueue(session, its_own, campaign, now=now, actor=house.actor)

    def _deliveries(self) -> list[dict[str, Any]]:
        with self._app.database.read() as session:
            return list(queue.deliveries(session))

    def _report(self, seconds: float) -> Report:
        rows = self._deliveries()
        with self._app.database.read() as session:
            verdict = audit.verify(session)
        timelines = self._app.settings.home / "timelines.html"
        timelines.write_text(_page(self._sandbox.base_url), encoding="utf-8")
        return Report(
            accounts=tuple(
                _account([row for row in rows if row["account"] == name])
                for name in sorted({row["account"] for row in rows})
            ),
            audit=verdict,
            seconds=seconds,
            seen=len(self._sandbox.posts()),
            home=self._app.settings.home,
            timelines=timelines,
            sandbox=self._sandbox.base_url,
        )


def squeeze(drafts: Sequence[Draft], *, start: datetime, seconds: float) -> list[Draft]:
    """The same drafts with their due times spread over ``seconds`` from ``start``, in proportion.

    The lateness limits keep their real length; the typed local times stay as they are.
    """
    times = [delivery.due_at for draft in drafts for delivery in draft.deliveries]
    first, span = min(times), max(times) - min(times)

    def moved(moment: datetime) -> datetime:
        return start + (moment - first) / span * timedelta(seconds=seconds) if span else start

    return [
        structs.replace(
            draft,
            deliveries=tuple(
                structs.replace(
                    delivery,
                    due_at=moved(delivery.due_at),
                    late_after=moved(delivery.due_at) + (delivery.late_after - delivery.due_at),
                )
                for delivery in draft.deliveries
            ),
        )
        for draft in drafts
    ]


def _brings_a_campaign(path: Path) -> bool:
    return path.suffix.lower() in {".yaml", ".yml"}


def _account(rows: Sequence[Mapping[str, Any]]) -> AccountReport:
    states = [row["state"] for row in rows]
    late = sorted(row["lateness_s"] for row in rows if row["lateness_s"] is not None)
    cuts = quantiles(late, n=20, method="inclusive") if len(late) > 1 else late * 19
    return AccountReport(
        account=rows[0]["account"],
        platform=rows[0]["platform"],
        planned=len(rows),
        published=states.count("published"),
        failed=states.count("failed"),
        missed=states.count("missed"),
        uncertain=states.count("uncertain") + states.count("parked"),
        lateness_p50=cuts[9] if late else None,
        lateness_p95=cuts[18] if late else None,
        lateness_max=late[-1] if late else None,
    )


def _page(base_url: str) -> str:
    """The sandbox's timelines as one file that needs no server: its pictures are put inside."""

    def inside(match: re.Match[str]) -> str:
        picture = requests.get(f"{base_url}{match[1]}", timeout=10)
        kind = picture.headers.get("content-type", "image/png")
        return f'src="data:{kind};base64,{base64.b64encode(picture.content).decode()}"'

    page = requests.get(base_url, timeout=10).text
    return re.sub(r'src="(/sandbox/media/[^"]+)"', inside, page)
