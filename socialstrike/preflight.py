"""Can this campaign go out as it is planned: one finding per check, before its first delivery.

Nothing is changed and nothing is posted; the platforms are only asked whose the credentials are.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from socialstrike import accounts, audit, campaigns, plan, queue
from socialstrike.clock import Clock
from socialstrike.config import Settings
from socialstrike.db.models import Campaign, Delivery, Picture, Post
from socialstrike.db.session import Database
from socialstrike.doctor import Finding, ask_platforms, disk, open_key, scheduler, told_to
from socialstrike.exceptions import SocialstrikeError
from socialstrike.i18n import tr
from socialstrike.lifecycle import State
from socialstrike.plan import Simulation, Snapshot, Step
from socialstrike.vault import Vault

log = logging.getLogger(__name__)

#: Still to go out.
_AHEAD = frozenset({State.SCHEDULED, State.HANDED_OFF})
#: Of findings of one kind so many are told one by one.
_MOST = 10
#: So many hours before a campaign's first delivery a scheduler looks by itself.
_HOURS = (24, 1)
#: Between two looks at which campaigns those are, in seconds.
_EVERY = 30.0
#: A scheduler that was away for no longer than this makes up for what it missed.
_AWAY = timedelta(minutes=5)


class Lookout:
    """Looks at each campaign a day and an hour before its first delivery, while a scheduler runs.

    Its methods may be called from any thread.
    """

    def __init__(
        self, database: Database, vault: Vault, settings: Settings, clock: Clock, *, actor: str
    ) -> None:
        """``actor`` is the scheduler's id, which the log names."""
        self._database = database
        self._vault = vault
        self._settings = settings
        self._clock = clock
        self._actor = actor
        self._one_at_a_time = threading.Lock()
        self._closed = False
        self._seen = clock.now() - _AWAY
        self._looked_at = clock.boottime() - _EVERY

    @property
    def busy(self) -> bool:
        """Whether it is looking."""
        return self._one_at_a_time.locked()

    def look(self) -> None:
        """Examine the campaigns whose time has come. Never raises: posts go out all the same."""
        with self._one_at_a_time:
            if self._closed or self._clock.boottime() - self._looked_at < _EVERY:
                return
            self._looked_at = self._clock.boottime()
            now = self._clock.now()
            try:
                if self._stopped():
                    return  # a look asks the platforms; what is missed is made up after the start
                for name, hours in self._due(now):
                    self._examine(name, hours)
            except SocialstrikeError as error:
                log.error("a campaign could not be examined: %s", error)
            except Exception:  # a fault of ours must not end the timer's thread
                log.exception("a campaign could not be examined")
            self._seen = now

    def close(self) -> None:
        """Finish what has begun; a look that comes later does nothing."""
        with self._one_at_a_time:
            self._closed = True

    def _stopped(self) -> bool:
        with self._database.read() as session:
            return queue.stopped(session) is not None

    def _due(self, now: datetime) -> list[tuple[str, int]]:
        first = (
            select(Campaign.name, func.min(Delivery.due_at))
            .join(Post, Post.campaign_id == Campaign.id)
            .join(Delivery, Delivery.post_id == Post.id)
            .where(Campaign.closed_at.is_(None), Delivery.state != State.CANCELLED)
            .group_by(Campaign.name)
            .having(func.min(Delivery.due_at) > now)
        )
        found = []
        with self._database.read() as session:
            for name, due_at in session.execute(first).all():
                marks = [due_at - timedelta(hours=hours) for hours in _HOURS]
                for hours, mark in zip(_HOURS, marks, strict=True):
                    if self._seen < mark <= now and not _told(session, name, mark):
                        found.append((name, hours))
        return found

    def _examine(self, name: str, hours: int) -> None:
        found = list(examine(self._database, self._settings, self._clock, name, vault=self._vault))
        counts = Counter[str](finding.verdict for finding in found)
        with self._database.write() as session:
            audit.append(
                session,
                self._clock.now(),
                "campaign.preflight",
                self._actor,
                campaign=name,
                hours_before=hours,
                ok=counts["ok"],
                warn=counts["warn"],
                bad=counts["bad"],
            )
        log.info("campaign %s, %d h before its first post: %s", name, hours, dict(counts))
        for finding in found:
            if finding.verdict != "ok":
                where = f"campaign {name}, {finding.check}"
                log.warning("%s: %s → %s", where, finding.message, finding.remedy)


def examine(
    database: Database,
    settings: Settings,
    clock: Clock,
    campaign: str,
    *,
    vault: Vault | None = None,
) -> Iterator[Finding]:
    """Look at everything the campaign needs; findings as they come.

    ``vault`` is the open one, where the caller has it. Raises NotFound where there is no such
    campaign, and DatabaseError.
    """
    now = clock.now()
    with database.read() as session:
        row = campaigns.get(session, campaign)
        found = plan.snapshot(session, now, campaign)
        ahead = [step for step in found.steps if step.state in _AHEAD]
        yield _itself(row, ahead)
        if not ahead:
            return
        yield from _contents(session, row)
        alive = scheduler(session, now, len(ahead))
        names = {step.account for step in ahead}
        asked = [one for one in accounts.every(session) if one.name in names]
    yield alive
    yield disk(settings.home)
    yield told_to(settings)
    if vault is None:
        vault, key = open_key(database, settings)
        yield key
    if vault is not None:
        yield from ask_platforms(database, vault, settings, clock, asked)
    yield from _credentials(found, ahead)
    yield from _played(plan.simulate(found, catch_up=settings.catch_up))


def _told(session: Session, campaign: str, since: datetime) -> bool:
    """Whether another scheduler did it already."""
    entries = audit.entries(session, kind="campaign.preflight", campaign=campaign, since=since)
    return next(entries, None) is not None


def _itself(campaign: Campaign, ahead: Sequence[Step]) -> Finding:
    if campaign.closed_at is not None:
        return Finding(
            tr("campaign"),
            "warn",
            tr("{name} is closed", name=campaign.name),
            tr("socialstrike campaigns reopen {name}", name=campaign.name),
        )
    if not ahead:
        return Finding(
            tr("campaign"),
            "warn",
            tr("nothing of {name} is still to go out", name=campaign.name),
            tr("queue its posts with: socialstrike posts import FILE"),
        )
    over = len({step.account for step in ahead})
    return Finding(
        tr("campaign"),
        "ok",
        tr(
            "{count} deliveries over {over} accounts, from {utc} to {utc2}",
            count=len(ahead),
            over=over,
            utc=_utc(ahead[0].due_at),
            utc2=_utc(ahead[-1].due_at),
        ),
    )


def _contents(session: Session, campaign: Campaign) -> Iterator[Finding]:
    """Whether the texts and the pictures are still those that were queued."""
    ahead = select(Delivery.id, Delivery.post_id).join(Post, Post.id == Delivery.post_id)
    rows = session.execute(
        ahead.where(Post.campaign_id == campaign.id, Delivery.state.in_(_AHEAD))
    ).all()
    ours = {row.id for row in rows}
    altered = [delivery for delivery in queue.altered(session) if delivery in ours]
    if altered:
        yield Finding(
            tr("texts"),
            "bad",
            tr(
                "not what was queued any more: deliveries {map}",
                map=", ".join(map(str, altered[:_MOST])),
            ),
            tr("look closer: socialstrike database check"),
        )
    else:
        yield Finding(tr("texts"), "ok", tr("all are what was queued"))
    posts = {row.post_id for row in rows}
    names: dict[str, str] = {}
    for post in session.scalars(select(Post).where(Post.campaign_id == campaign.id)):
        if post.id in posts:
            names |= {picture["sha256"]: picture["name"] for picture in post.media}
    damaged = [name for digest, name in names.items() if not _is_kept(session, digest)]
    if damaged:
        yield Finding(
            tr("pictures"),
            "bad",
            tr(
                "missing from the database or changed there: {damaged}",
                damaged=", ".join(sorted(damaged)[:_MOST]),
            ),
            tr("cancel their posts and import them again"),
        )
    else:
        yield Finding(
            tr("pictures"), "ok", tr("{count}, all there and unchanged", count=len(names))
        )


def _is_kept(session: Session, digest: str) -> bool:
    content = session.scalar(select(Picture.content).where(Picture.sha256 == digest))
    return content is not None and hashlib.sha256(content).hexdigest() == digest


def _credentials(found: Snapshot, ahead: Sequence[Step]) -> Iterator[Finding]:
    """Whether what is known of the credentials lasts until each account's last delivery."""
    last = {step.account: step.due_at for step in ahead}  # by due time: the last one stays
    for name, needed in sorted(last.items()):
        voice = found.voices[name]
        if voice.expires_at is not None and voice.expires_at <= needed:
            yield Finding(
                tr("account {name}", name=name),
                "bad",
                tr(
                    "its credentials end at {utc}, before its last delivery at {utc2}",
                    utc=_utc(voice.expires_at),
                    utc2=_utc(needed),
                ),
                tr(
                    "socialstrike accounts add {platform} {name} --replace",
                    platform=voice.platform,
                    name=name,
                ),
            )


def _played(played: Simulation) -> Iterator[Finding]:
    """What the plan on paper says of limits, budgets, pauses and the emergency stop."""
    told = [("bad", trouble) for trouble in played.problems]
    told += [("warn", trouble) for trouble in played.warnings]
    for verdict, trouble in told[:_MOST]:
        what, _, remedy = trouble.message.rpartition(": ")
        if not remedy.startswith("socialstrike "):
            what, remedy = trouble.message, tr("see all of it: socialstrike plan --simulate")
        yield Finding(tr("plan"), "bad" if verdict == "bad" else "warn", what, remedy)
    if len(told) > _MOST:
        message = tr("{count} more things would go wrong or are odd", count=len(told) - _MOST)
        yield Finding(tr("plan"), "warn", message, tr("socialstrike plan --simulate"))
    if not told:
        late = played.latest.total_seconds()
        yield Finding(
            tr("plan"), "ok", tr("all would go out, {late:.0f} s late at most", late=late)
        )


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
