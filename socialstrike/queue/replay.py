"""The log against the table: what is waiting is what was queued, and stands where the log says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import audit
from socialstrike.audit import chain
from socialstrike.audit.chain import Fact
from socialstrike.db.models import Delivery
from socialstrike.i18n import stored
from socialstrike.lifecycle import TERMINAL
from socialstrike.queue.job import load
from socialstrike.queue.presence import PRESENCE

#: Deliveries read at a time.
_BATCH = 500


def altered(session: Session) -> list[int]:
    """The waiting deliveries whose stored content is not what was queued; none may be sent."""
    waiting = iter(
        session.scalars(
            select(Delivery.id).where(Delivery.state.not_in(TERMINAL)).order_by(Delivery.id)
        ).all()
    )
    found: list[int] = []
    while batch := list(islice(waiting, _BATCH)):
        found += [job.delivery for job in load(session, batch) if not job.intact()]
    return sorted(found)


def disagreements(session: Session) -> Iterator[str]:
    """Where replaying the log gives another table of deliveries than the one stored, in words."""
    told: dict[int, dict[str, Fact]] = {}
    for line in audit.entries(session, kind="delivery"):
        entry = chain.parse(line)
        delivery = entry.get("delivery")
        if isinstance(delivery, int) and entry["event"] not in PRESENCE:
            told[delivery] = entry
    columns = select(Delivery.id, Delivery.state, Delivery.content_hash, Delivery.due_at)
    for row in session.execute(columns.order_by(Delivery.id)):
        last = told.pop(row.id, None)
        if last is None:
            yield stored("delivery {id} is in no entry of the log", id=row.id)
            continue
        state = str(last["event"]).removeprefix("delivery.")
        if state != row.state:
            yield stored(
                "delivery {id} is {state}, and {state2} by entry {last}",
                id=row.id,
                state=row.state,
                state2=state,
                last=last["seq"],
            )
        if last.get("content") != row.content_hash:
            yield stored(
                "delivery {id} has another content than entry {last} commits to",
                id=row.id,
                last=last["seq"],
            )
        if last.get("due_at") != audit.stamp(row.due_at):
            yield stored(
                "delivery {id} has another due time than entry {last} says",
                id=row.id,
                last=last["seq"],
            )
    for delivery, last in told.items():
        yield stored(
            "delivery {delivery} of entry {last} is missing", delivery=delivery, last=last["seq"]
        )
