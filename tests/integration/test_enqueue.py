from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from socialstrike import media, queue
from socialstrike.drafts import Draft, DraftDelivery, DraftMedia
from socialstrike.exceptions import InvalidInput


def _draft(strike, *names: str, text: str = "On occupe") -> Draft:
    deliveries = tuple(
        DraftDelivery(
            account=name,
            platform="x",
            occurrence=occurrence,
            text=text,
            due_at=strike.now + timedelta(hours=2 * occurrence),
            local_time="2020-01-24T12:00:00",
            timezone="Europe/Paris",
            late_after=strike.now + timedelta(hours=2 * occurrence + 1),
        )
        for name in names
        for occurrence in range(3)
    )
    return Draft("occupation", (text,), None, (), "pack.yaml", 7, deliveries)


def _enqueue(strike, *drafts: Draft) -> queue.Enqueued:
    with strike.database.write() as session:
        return queue.enqueue(session, drafts, None, now=strike.now, actor="test")


def test_the_same_draft_twice_is_stored_once_and_says_so(strike) -> None:
    strike.account("a")
    first = _enqueue(strike, _draft(strike, "a"))
    again = _enqueue(strike, _draft(strike, "a"))
    assert (first.posts, first.deliveries, first.known_deliveries) == (1, 3, 0)
    assert (again.posts, again.deliveries, again.known_deliveries) == (0, 0, 3)
    assert strike.states() == {"scheduled": 3}
    assert strike.events().count("delivery.scheduled") == 3


def test_an_account_added_later_gets_only_its_own_deliveries(strike) -> None:
    strike.account("a")
    strike.account("b")
    _enqueue(strike, _draft(strike, "a"))
    more = _enqueue(strike, _draft(strike, "a", "b"))
    assert (more.deliveries, more.known_deliveries) == (3, 3)


def test_a_cancelled_delivery_is_not_brought_back_by_an_import(strike) -> None:
    strike.account("a")
    ids = _enqueue(strike, _draft(strike, "a")).ids
    strike.do(queue.cancel, ids)
    assert _enqueue(strike, _draft(strike, "a")).deliveries == 0
    assert strike.states() == {"cancelled": 3}


def test_another_text_is_another_post(strike) -> None:
    strike.account("a")
    result = _enqueue(strike, _draft(strike, "a"), _draft(strike, "a", text="On bloque"))
    assert (result.posts, result.deliveries) == (2, 6)


def test_what_is_stored_is_committed_to_and_a_change_is_noticed(strike) -> None:
    strike.account("a")
    _enqueue(strike, _draft(strike, "a"))
    [job] = strike.claim()
    assert job.intact()
    for change in ({"text": "autre"}, {"link": "https://example.org"}, {"account": "b"}):
        assert not job._replace(**change).intact()


def test_a_picture_is_kept_as_it_was_at_import(strike, tmp_path: Path) -> None:
    source = tmp_path / "pancarte.png"
    source.write_bytes(b"\x89PNG one")
    picture = DraftMedia(
        source, "une pancarte", "image/png", hashlib.sha256(b"\x89PNG one").hexdigest(), 8
    )
    with strike.database.write() as session:
        media.keep(session, [picture, picture])
    source.write_bytes(b"\x89PNG two")
    stored = {"sha256": picture.sha256, "name": "p", "alt": "a", "mime_type": "image/png"}

    with strike.database.read() as session:
        [found] = media.load(session, tmp_path / "cache", [stored])
        assert found.path.read_bytes() == b"\x89PNG one"
        found.path.write_bytes(b"a bad disk")
        [again] = media.load(session, tmp_path / "cache", [stored])
        assert again.path.read_bytes() == b"\x89PNG one"


def test_a_picture_that_changes_under_the_import_is_refused(strike, tmp_path: Path) -> None:
    source = tmp_path / "pancarte.png"
    source.write_bytes(b"\x89PNG two")
    picture = DraftMedia(source, "", "image/png", hashlib.sha256(b"one").hexdigest(), 3)
    with pytest.raises(InvalidInput, match="changed while"), strike.database.write() as session:
        media.keep(session, [picture])
    source.unlink()
    with pytest.raises(InvalidInput, match="cannot be read"), strike.database.write() as session:
        media.keep(session, [picture])
