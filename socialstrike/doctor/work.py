"""The work itself: accounts that wait, the emergency stop, the queue, the scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from socialstrike import heartbeat, queue
from socialstrike.db.models import Account
from socialstrike.doctor.finding import Finding, Verdict
from socialstrike.i18n import tr, translated

#: A post that is due is picked up well within this time where a scheduler works.
_GRACE = timedelta(seconds=10)


def waiting(account: Account, now: datetime) -> Iterator[Finding]:
    """Why an account's posts wait, where they do."""
    if account.paused_at is not None:
        yield Finding(
            tr("account {name}", name=account.name),
            "warn",
            tr(
                "paused since {paused_at:%Y-%m-%d %H:%M} UTC: {pause_reason}",
                paused_at=account.paused_at,
                pause_reason=translated(account.pause_reason or ""),
            ),
            tr("socialstrike accounts resume {name}", name=account.name),
        )
    elif account.throttled_until is not None and account.throttled_until > now:
        yield Finding(
            tr("account {name}", name=account.name),
            "ok",
            tr(
                "waits until {throttled_until:%Y-%m-%d %H:%M:%S} UTC, as its platform asked",
                throttled_until=account.throttled_until,
            ),
        )


def stop(session: Session) -> Finding:
    """Whether the emergency stop is pulled."""
    halt = queue.stopped(session)
    if halt is None:
        return Finding(tr("emergency stop"), "ok", tr("not pulled"))
    why = f": {halt.reason}" if halt.reason else ""
    return Finding(
        tr("emergency stop"),
        "warn",
        tr("pulled by {by}{why}", by=halt.by, why=why),
        "socialstrike start",
    )


def deliveries(session: Session, now: datetime) -> Iterator[Finding]:
    """What is overdue, uncertain or parked, and whether a scheduler works on it."""
    counts = queue.counts(session)
    ahead = counts.get("scheduled", 0) + counts.get("uncertain", 0)
    yield scheduler(session, now, ahead)
    told: list[tuple[int, Verdict, str, str]] = [
        (
            queue.overdue(session, now - _GRACE),
            "warn",
            tr("should have gone out by now"),
            tr("the findings above may say why: a stop, a pause, or no scheduler"),
        ),
        (
            counts.get("uncertain", 0),
            "warn",
            tr("uncertain, and being looked up by the scheduler"),
            tr("wait, and do not post them by hand"),
        ),
        (
            counts.get("parked", 0),
            "bad",
            tr("must be decided by you"),
            tr("socialstrike posts list --state parked, then: socialstrike posts resolve"),
        ),
    ]
    wrong = [Finding(tr("deliveries"), v, f"{n} {what}", do) for n, v, what, do in told if n]
    yield from wrong or [Finding(tr("deliveries"), "ok", tr("none overdue, uncertain or parked"))]


def scheduler(session: Session, now: datetime, waiting: int) -> Finding:
    """Whether one is alive, where so many deliveries wait for one."""
    beats = heartbeat.alive(session, now)
    if beats:
        return Finding(
            tr("scheduler"),
            "ok",
            tr("alive, process {pid} on {host}", pid=beats[0].pid, host=beats[0].host),
        )
    if waiting:
        message = tr("none is running, and {waiting} deliveries wait for one", waiting=waiting)
        return Finding(tr("scheduler"), "warn", message, "socialstrike run")
    return Finding(tr("scheduler"), "ok", tr("none is running, and nothing waits for one"))
