"""Many rows changed by one step are the rows that one statement each would have changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from socialstrike.db.many import Change, _statement, change_all
from socialstrike.db.models import Account, Base

ACCOUNTS = Base.metadata.tables["accounts"]
AT = datetime(2020, 1, 24, 12, 0, 0, 7, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture
def rows(strike) -> Any:
    """So many accounts, named by their number; how they stand is read column by column."""

    def made(count: int) -> None:
        with strike.database.write() as session:
            session.connection().execute(
                insert(ACCOUNTS),
                [
                    {"name": f"a{n}", "platform": "x", "created_at": AT, "allow_local": False}
                    for n in range(count)
                ],
            )

    return made


def standing(strike) -> list[tuple[Any, ...]]:
    with strike.database.read() as session:
        columns = (Account.name, Account.paused_at, Account.pause_reason, Account.throttled_until)
        return [tuple(row) for row in session.execute(select(*columns).order_by(Account.id))]


def test_each_row_becomes_what_was_asked_for_it_and_no_other_does(strike, rows) -> None:
    rows(2_503)  # more than one statement takes
    wanted = [
        Change(
            {"id": n + 1, "platform": "x"},
            {"paused_at": AT + timedelta(seconds=n), "pause_reason": f"« {n} », \n😀 '"},
        )
        for n in range(2_502)
    ]
    with strike.database.write() as session:
        change_all(session, ACCOUNTS, wanted)
    found = standing(strike)
    assert found[:-1] == [
        (f"a{n}", AT.astimezone(UTC) + timedelta(seconds=n), f"« {n} », \n😀 '", None)
        for n in range(2_502)
    ]
    assert found[-1] == ("a2502", None, None, None)


def test_a_row_that_holds_something_else_by_now_stays_as_it_is(strike, rows) -> None:
    rows(3)
    with strike.database.write() as session:
        session.execute(update(Account).where(Account.name == "a1").values(platform="facebook"))
        wanted = [
            Change({"id": n, "platform": "x"}, {"pause_reason": "rest", "platform": "bluesky"})
            for n in (1, 2, 3, 4)
        ]
        change_all(session, ACCOUNTS, wanted)
    assert [row[2] for row in standing(strike)] == ["rest", None, "rest"]


def test_the_order_in_which_a_rows_columns_are_named_is_nothing(strike, rows) -> None:
    rows(2)
    with strike.database.write() as session:
        change_all(
            session,
            ACCOUNTS,
            [
                Change({"id": 1, "platform": "x"}, {"paused_at": AT, "pause_reason": "one"}),
                Change({"platform": "x", "id": 2}, {"pause_reason": "two", "paused_at": None}),
            ],
        )
    assert [row[1:3] for row in standing(strike)] == [(AT, "one"), (None, "two")]


def test_every_column_holds_what_sqlalchemy_writes(strike, rows) -> None:
    rows(2)
    values = {"paused_at": AT, "throttled_until": None, "allow_local": True, "credentials": b"\0"}
    with strike.database.write() as session:
        change_all(session, ACCOUNTS, [Change({"id": 1}, values)])
        session.connection().execute(update(ACCOUNTS).where(ACCOUNTS.c.id == 2).values(values))
    with strike.database.read() as session:
        asked = text(f"SELECT {', '.join(values)} FROM accounts ORDER BY id")
        one, two = session.connection().execute(asked).all()
    assert tuple(one) == tuple(two)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_each_row_is_found_by_its_key(strike) -> None:
    deliveries = Base.metadata.tables["deliveries"]
    sql = _statement(deliveries, ("id", "state", "fence"), ("state", "error"), 3)
    with strike.database.read() as session:
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", (1,) * 15).all()
    assert "SEARCH deliveries USING INTEGER PRIMARY KEY (rowid=?)" in [row[3] for row in plan]
