"""Jitter: times a little later, differently for each account, and always alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from socialstrike.drafts import Draft, DraftDelivery
from tests.unit.packs import one, problems, read

ACCOUNTS = {f"compte-{n}": "x" for n in range(5)}
BASE = {"kind": "occupation", "at": "", "every": "30m", "from": "D 08:00", "until": "D 20:10"}
MINUTE = timedelta(minutes=1)


def drafts(folder: Path, **fields: str) -> tuple[Draft, ...]:
    path = folder / "posts.yaml"
    path.write_text(one(**{**BASE, "to": "all", **fields}), "utf-8")
    return read(path, accounts=ACCOUNTS).drafts


def pairs(
    plain: tuple[Draft, ...], moved: tuple[Draft, ...]
) -> Iterator[tuple[DraftDelivery, ...]]:
    assert [draft.key for draft in plain] == [draft.key for draft in moved]
    for before, after in zip(plain, moved, strict=True):
        yield from zip(before.deliveries, after.deliveries, strict=True)


def test_each_time_is_moved_within_bounds_and_each_account_by_its_own(tmp_path: Path) -> None:
    plain, moved = drafts(tmp_path), drafts(tmp_path, jitter="20m")
    offsets: dict[int, set[timedelta]] = {}
    for before, after in pairs(plain, moved):
        offset = after.due_at - before.due_at
        assert timedelta(0) <= offset <= 20 * MINUTE
        assert offset.microseconds == 0
        assert after.late_after - after.due_at == before.late_after - before.due_at
        assert (before.account, before.occurrence, before.text) == (
            after.account,
            after.occurrence,
            after.text,
        )
        assert after.local_time[:10] == "2020-01-24"
        offsets.setdefault(after.occurrence, set()).add(offset)
    every = [offset for several in offsets.values() for offset in several]
    assert max(every) > 15 * MINUTE
    assert min(every) < 5 * MINUTE
    assert sum(len(several) > 3 for several in offsets.values()) >= 20
    # The last time is ten minutes before the end, which is never reached.
    assert max(offsets[24]) < 10 * MINUTE


def test_a_second_import_gives_the_same_times_and_another_day_other_ones(tmp_path: Path) -> None:
    first, again = drafts(tmp_path, jitter="20m"), drafts(tmp_path, jitter="20m")
    assert first == again
    alone = drafts(tmp_path, jitter="20m", to="compte-3")
    together = [item for item in first[0].deliveries if item.account == "compte-3"]
    assert [item.due_at for item in alone[0].deliveries] == [item.due_at for item in together]
    shorter = drafts(tmp_path, jitter="20m", texts="[a, b]", text="")
    assert [i.due_at for i in shorter[0].deliveries] != [i.due_at for i in first[0].deliveries]


def test_links_keep_their_times_when_more_are_added(tmp_path: Path) -> None:
    few = drafts(tmp_path, jitter="20m", links="[https://a.example/]")
    more = drafts(tmp_path, jitter="20m", links="[https://a.example/, https://b.example/]")
    assert more[0] == few[0]
    assert len({item.due_at for item in more[1].deliveries}) > 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"jitter": "30m"}, "jitter: must be shorter than every"),
        ({"jitter": "some"}, "jitter: some is no duration"),
        (
            {**dict.fromkeys(("every", "from", "until"), ""), "at": "D 08:00", "jitter": "5m"},
            "jitter: goes with every",
        ),
    ],
)
def test_jitter_that_cannot_be_is_an_error(
    tmp_path: Path, fields: dict[str, str], said: str
) -> None:
    path = tmp_path / "posts.yaml"
    path.write_text(one(**{**BASE, **fields}), "utf-8")
    assert said in problems(path)[0]
