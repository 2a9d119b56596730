"""Links in the queue: the database decides which time carries which, whoever imports first."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from socialstrike import queue
from socialstrike.drafts import Draft, DraftDelivery, slot_key


def _slot(strike, number: int, link: str, *names: str) -> Draft:
    deliveries = tuple(
        DraftDelivery(
            account=name,
            platform="x",
            occurrence=number,
            text=f"En grève : {link[-1]}",
            due_at=strike.now + timedelta(hours=number),
            local_time="2020-01-24T12:00:00",
            timezone="Europe/Paris",
            late_after=strike.now + timedelta(hours=number + 1),
        )
        for name in names
    )
    plain = Draft("occupation", ("En grève : {title}",), link, (), "pack.yaml", 7, deliveries)
    return replace(plain, fed=("series", number))


def _enqueue(strike, *drafts: Draft) -> queue.Enqueued:
    with strike.database.write() as session:
        return queue.enqueue(session, drafts, None, now=strike.now, actor="test")


def test_a_time_keeps_the_link_of_the_import_that_was_faster(strike) -> None:
    for name in ("a", "b"):
        strike.account(name)
    first, second = (_slot(strike, 0, f"https://example.org/{n}", "a", "b") for n in (1, 2))
    _enqueue(strike, replace(first, deliveries=first.deliveries[:1]))
    late = _enqueue(strike, second)
    assert (late.posts, late.deliveries, late.known_deliveries) == (0, 0, 2)
    assert _enqueue(strike, first).deliveries == 1
    with strike.database.read() as session:
        texts = {row["text"] for row in queue.deliveries(session)}
    assert texts == {"En grève : 1"}


def test_what_is_queued_is_found_by_its_time_whatever_link_it_carries(strike) -> None:
    strike.account("a")
    slots = [_slot(strike, n, f"https://example.org/{n}", "a") for n in (0, 1, 3)]
    _enqueue(strike, *slots)
    keys = [slot_key("series", n) for n in range(1_500)]
    with strike.database.read() as session:
        found = queue.queued_links(session, keys)
    assert found == {keys[n]: f"https://example.org/{n}" for n in (0, 1, 3)}
