"""Many rows by the driver's own way are the rows that SQLAlchemy would have written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import insert, text

from socialstrike import audit, queue
from socialstrike.audit import chain
from socialstrike.db.models import Delivery, Post
from socialstrike.db.session import insert_all
from socialstrike.drafts import Draft, DraftDelivery
from socialstrike.queue import batch

AT = datetime(2020, 1, 24, 12, 0, 0, 7, tzinfo=timezone(timedelta(hours=1)))


def _post(key: str, **values: Any) -> dict[str, Any]:
    return {
        "key": key,
        "campaign_id": None,
        "kind": "announcement",
        "texts": ["« À 9 h », \n\u2028 😀"],
        "link": None,
        "media": [{"name": "a.png", "measures": None}],
        "options": None,
        "source": "a.csv:2",
        "created_at": AT,
        **values,
    }


def _delivery(post: int, occurrence: int) -> dict[str, Any]:
    return {
        "post_id": post,
        "account_id": 1,
        "occurrence": occurrence,
        "text": "En grève",
        "salt": "s",
        "content_hash": "h",
        "local_time": "2020-01-24T12:00:00",
        "timezone": "Europe/Paris",
        "due_at": AT,
        "late_after": AT + timedelta(hours=1),
        "next_at": AT.replace(microsecond=0),
        "state": "scheduled",
        "created_at": AT,
        "updated_at": AT.astimezone(UTC),
    }


def test_every_column_holds_what_sqlalchemy_writes(strike) -> None:
    strike.account("a")
    several = [{"options": {"language": "fr"}}, {"link": "https://a.fr", "media": []}, {}]
    with strike.database.write() as session:
        ids = insert_all(session, Post, [_post(f"quick{n}", **v) for n, v in enumerate(several)])
        connection = session.connection()
        for number, values in enumerate(several):
            connection.execute(insert(Post), _post(f"plain{number}", **values))
        insert_all(session, Delivery, [_delivery(ids[0], n) for n in range(2)])
        for number in range(2):
            connection.execute(insert(Delivery), _delivery(ids[1], number))

        def rows(statement: str) -> list[tuple[Any, ...]]:
            return [tuple(row)[2:] for row in connection.execute(text(statement))]

        posts = rows("SELECT * FROM posts ORDER BY id")
        assert posts[:3] == posts[3:]
        deliveries = rows("SELECT * FROM deliveries ORDER BY id")
        assert deliveries[:2] == deliveries[2:]
        assert list(ids) == [1, 2, 3]


def test_a_moment_without_a_zone_is_refused(strike) -> None:
    with (
        pytest.raises(Exception, match="naive datetime"),
        strike.database.write() as session,
    ):
        insert_all(session, Post, [_post("k", created_at=AT.replace(tzinfo=None))])


def test_an_import_of_many_posts_keeps_the_log_whole_and_tells_each(
    strike, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue = import_module("socialstrike.queue.enqueue")
    monkeypatch.setattr(enqueue, "_TOLD_AT_ONCE", 10)
    monkeypatch.setattr(batch, "TOGETHER", 7)
    strike.account("a")
    at = strike.now + timedelta(hours=1)
    once = DraftDelivery("a", "x", 0, "t", at, "2020-01-24T13:00:00", "Europe/Paris", at)
    drafts = [Draft("announcement", (f"t{n}",), None, (), "a.csv", n, (once,)) for n in range(40)]
    with strike.database.write() as session:
        done: list[int] = []
        result = queue.enqueue(
            session, drafts, None, now=strike.now, actor="test", done=done.append
        )
    assert (result.posts, result.deliveries, sum(done)) == (40, 40, 40)
    told = [entry["delivery"] for entry in strike.log() if entry["event"] == "delivery.scheduled"]
    assert told == list(result.ids)
    with strike.database.read() as session:
        assert chain.check(audit.entries(session)).ok
    for job in strike.claim(1):
        assert job.intact()
