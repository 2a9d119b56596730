"""Second thoughts: what deliveries in the queue would become, by the rules of an import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import content, platforms, queue
from socialstrike.db.models import Account, Campaign, Delivery, Post
from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import tr
from socialstrike.post_file import thread
from socialstrike.post_file.times import Calendar, from_now
from socialstrike.queue import Change, Job, select_ids


@dataclass(frozen=True, slots=True)
class _Row:
    """A delivery with what the rules ask about it."""

    change: Change
    account: Account
    campaign: Campaign | None
    timezone: str

    @property
    def job(self) -> Job:
        return self.change.job


def reworded(session: Session, ids: Sequence[int], rewrite: Callable[[str], str]) -> list[Change]:
    """The deliveries with their texts rewritten; those that stay as they are are left out.

    The campaign's hashtag is added where it is lacking. Raises NotFound, or InvalidInput naming
    every text that is empty or that its account does not take.
    """
    made: list[Change] = []
    wrong: list[str] = []
    for row in _rows(session, ids):
        text = rewrite(row.change.text)
        # A thread has the hashtag in its first part.
        hashtag = row.campaign.hashtag if row.campaign and row.job.after is None else None
        if hashtag and text.strip():
            text = content.with_hashtag(text, hashtag)
        if text == row.change.text:
            continue
        fault = _fault(row, text)
        if fault:
            wrong.append(f"delivery {row.job.delivery} {fault}")
        made.append(replace(row.change, text=text))
    _refuse(wrong)
    return made


def moved_to(session: Session, ids: Sequence[int], at: str, now: datetime) -> list[Change]:
    """The deliveries, with what waits of their threads, at another time, written as in a post file:
    in each one's own zone, ``D`` being its campaign's day; or ``now``, or a delay such as ``+10m``.
    Raises NotFound, or InvalidInput where the time cannot be used.
    """
    wanted = from_now(at.strip(), now)

    def moment(row: _Row) -> datetime:
        day = row.campaign.day if row.campaign is not None else None
        return Calendar(ZoneInfo(row.timezone), day).resolve(wanted)

    return _moved(session, queue.whole(session, ids), moment, now)


def moved_by(session: Session, ids: Sequence[int], by: timedelta, now: datetime) -> list[Change]:
    """The deliveries, with what waits of their threads, so much later, or earlier; by the clock on
    the wall it may be an hour more or less where the clocks change. Raises NotFound, or
    InvalidInput for a time that has passed.
    """
    ids = queue.whole(session, ids)
    return _moved(session, ids, lambda row: row.change.due_at + by, now)


def _moved(
    session: Session, ids: Sequence[int], moment: Callable[[_Row], datetime], now: datetime
) -> list[Change]:
    made: list[Change] = []
    wrong: list[str] = []
    for row in _rows(session, ids):
        due_at, old = moment(row), row.change
        if due_at == old.due_at:
            continue
        if due_at < now.replace(microsecond=0):  # the second that has begun is now
            wrong.append(
                tr(
                    "delivery {delivery} would be due at {due_at:%Y-%m-%d %H:%M} UTC, which has"
                    " passed; choose a later time",
                    delivery=row.job.delivery,
                    due_at=due_at,
                )
            )
        made.append(
            replace(
                old,
                due_at=due_at,
                late_after=due_at + (old.late_after - old.due_at),
                local_time=Calendar(ZoneInfo(row.timezone)).to_local(due_at),
            )
        )
    _refuse(wrong)
    return made


def _rows(session: Session, ids: Sequence[int]) -> list[_Row]:
    jobs = {job.delivery: job for job in select_ids(session, ids)}
    found = session.execute(
        select(Delivery, Account, Campaign)
        .join(Account, Account.id == Delivery.account_id)
        .join(Post, Post.id == Delivery.post_id)
        .join(Campaign, Campaign.id == Post.campaign_id, isouter=True)
        .where(Delivery.id.in_(jobs))
        .order_by(Delivery.due_at, Delivery.id)
    )
    return [
        _Row(
            Change(
                jobs[delivery.id],
                delivery.text,
                delivery.due_at,
                delivery.late_after,
                delivery.local_time,
            ),
            account,
            campaign,
            delivery.timezone,
        )
        for delivery, account, campaign in found
    ]


def _fault(row: _Row, text: str) -> str | None:
    """Why ``text`` cannot be what this delivery says."""
    if not text.strip():
        return tr("would say nothing; write a text")
    if len(thread.split(text)) > 1:
        return tr("would hold a line ---, which divides the parts of a new thread; leave it out")
    bad = content.forbidden_character(text) or content.unclosed_direction(text)
    if bad:
        return tr(
            "would hold the control character {bad} at position {bad2}; remove it",
            bad=bad[1],
            bad2=bad[0] + 1,
        )
    adapter = platforms.get(row.account.platform)
    limits = adapter.limits_for(row.account.told)
    length = adapter.count(limits, text, row.job.link, row.job.options)
    if length > limits.text:
        return tr(
            "would count {length} of {text} on {label} (for {name}), {length2} too many"
            " with its hashtag and link; shorten it",
            length=length,
            text=limits.text,
            label=adapter.label,
            name=row.account.name,
            length2=length - limits.text,
        )
    return None


def _refuse(wrong: Sequence[str]) -> None:
    if wrong:
        raise InvalidInput("\n".join([*wrong, tr("Nothing was changed")]))
