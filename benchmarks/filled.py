"""A home with many queued deliveries, written by SQL: a million in half a minute."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from socialstrike import accounts
from socialstrike.app import App

_KEYS = {"page_id": "1", "access_token": "t" * 30}

_FILL = """
INSERT INTO deliveries (post_id, account_id, occurrence, text, salt, content_hash, local_time,
  timezone, due_at, late_after, next_at, state, take_backs, attempts, absences, lookups, fence,
  created_at, updated_at)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :queued)
SELECT (SELECT max(id) FROM posts), 1 + i % :accounts, i, 'On occupe ' || i, :salt, :salt || :salt,
  '2020-01-24T00:00:00', 'Europe/Paris',
  CASE WHEN i < :due THEN :now ELSE strftime('%Y-%m-%d %H:%M:%f000', :later, i || ' seconds') END,
  :late,
  CASE WHEN i < :due THEN :now ELSE strftime('%Y-%m-%d %H:%M:%f000', :later, i || ' seconds') END,
  'scheduled', 0, 0, 0, 0, 0, :now, :now
FROM n
"""


def fill(house: App, *, queued: int, pages: int, due: int, now: datetime) -> None:
    """Queue deliveries for so many accounts; the first ``due`` are due ``now``, the others later.

    None can be published: their content hashes are those of nothing.
    """
    with house.database.write() as session:
        _add_accounts(house, session, pages, now)
        session.execute(
            text(
                "INSERT INTO posts (key, kind, texts, media, source, created_at)"
                " VALUES ('k', 'occupation', '[]', '[]', 'bench', :now)"
            ),
            {"now": _told(now)},
        )
        session.execute(
            text(_FILL),
            {
                "queued": queued,
                "accounts": pages,
                "due": due,
                "salt": "0" * 32,
                "now": _told(now),
                "later": _told(now + timedelta(hours=1)),
                "late": _told(now + timedelta(days=400)),
            },
        )


def _add_accounts(house: App, session: Session, count: int, now: datetime) -> None:
    for number in range(count):
        accounts.add(
            session,
            house.vault,
            name=f"page-{number}",
            platform="facebook",
            credentials=_KEYS,
            now=now,
            actor="bench",
        )


def _told(moment: datetime) -> str:
    """As SQLite keeps it."""
    return moment.replace(tzinfo=None).isoformat(" ", timespec="microseconds")
