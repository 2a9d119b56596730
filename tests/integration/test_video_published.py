"""A video from its post file to its platforms, through the whole house."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from msgspec.structs import replace

from socialstrike import accounts, media, post_file, preview, queue
from socialstrike.clock import SystemClock
from socialstrike.config import Settings
from socialstrike.db.models import Picture, Post
from socialstrike.db.writer import Writer
from socialstrike.exceptions import InvalidFile, InvalidInput
from socialstrike.publisher import Publisher
from tests.unit.films import GPS_WORDS, film

PLATFORMS = ("x", "facebook", "mastodon", "bluesky")


@pytest.fixture
def house(strike, sandbox, quick: Settings):
    strike.clock = SystemClock()
    for name in PLATFORMS:
        made = sandbox.add_account(name, f"a-{name}")
        strike.account(f"a-{name}", name, made["credentials"], sandbox.base_url)
    writer = Writer(strike.database)
    yield Publisher(strike.database, writer, strike.vault, quick, strike.clock, owner="one")
    writer.close()


def drafts(strike, path: Path, names=PLATFORMS, **asked: str):
    with strike.database.read() as session:
        known = accounts.usable(session)
    return post_file.drafts(
        text="Le film de la grève",
        at="now",
        to=[f"a-{name}" for name in names],
        accounts=known,
        now=datetime.now(UTC),
        media=[(path, "Le piquet, au matin")],
        asked=asked,
    )


def test_one_file_becomes_a_video_post_on_each_platform_without_its_place(
    strike, sandbox, house: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "piquet.mp4"
    path.write_bytes(film(gps=True))
    made = drafts(strike, path, content_warning="Matraques", language="fr")
    with strike.database.write() as session:
        media.keep(session, (one for draft in made for one in draft.media))
        queue.enqueue(session, made, None, now=strike.now, actor="test")
    path.unlink()  # what was approved is what is kept

    for job in strike.claim():
        assert job.intact()
        house.publish(job)

    posts = {post["platform"]: post for post in sandbox.posts()}
    assert sorted(posts) == sorted(PLATFORMS)
    for post in posts.values():
        [carried] = post["media"]
        received = requests.get(carried["url"], timeout=5).content
        assert len(received) == len(film(gps=True))
        assert not [word for word in GPS_WORDS if word in received]
    assert posts["mastodon"]["options"]["content_warning"] == "Matraques"
    assert posts["bluesky"]["options"]["language"] == "fr"
    assert not sandbox.faults()
    with strike.database.read() as session:
        [post] = session.query(Post).all()
        assert post.options == {"content_warning": "Matraques", "language": "fr"}
        assert (post.media[0]["seconds"], post.media[0]["measures"]) == (2.0, [64, 48])
        assert session.query(Picture).count() == 1
    assert [strike.row(number).state for number in range(1, 5)] == ["published"] * 4


def test_a_slow_upload_is_tried_again_and_never_a_doubt(
    strike, sandbox, house: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "piquet.mp4"
    path.write_bytes(film())
    made = drafts(strike, path, names=("x",))
    with strike.database.write() as session:
        media.keep(session, (one for draft in made for one in draft.media))
        queue.enqueue(session, made, None, now=strike.now, actor="test")
    sandbox.add_fault("drop_after", operation="upload")

    [job] = strike.claim()
    house.publish(job)

    row = strike.row(job.delivery)
    assert (row.state, row.attempts, sandbox.posts()) == ("scheduled", 0, [])


def test_a_changed_option_is_not_what_was_approved(strike, house, tmp_path: Path) -> None:
    path = tmp_path / "piquet.mp4"
    path.write_bytes(film())
    made = drafts(strike, path, names=("mastodon",), visibility="private")
    with strike.database.write() as session:
        media.keep(session, (one for draft in made for one in draft.media))
        queue.enqueue(session, made, None, now=strike.now, actor="test")
        session.query(Post).update({"options": {"visibility": "public"}})

    [job] = strike.claim()
    assert not job.intact()
    house.publish(job)
    assert strike.row(job.delivery).state == "failed"


def test_a_video_that_changes_during_the_import_is_not_kept(strike, house, tmp_path: Path) -> None:
    path = tmp_path / "piquet.mp4"
    path.write_bytes(film())
    made = drafts(strike, path)
    path.write_bytes(film(seconds=3))
    with (
        pytest.raises(InvalidInput, match="changed while it was imported"),
        strike.database.write() as session,
    ):
        media.keep(session, made[0].media)


def test_what_a_platform_does_not_take_is_told_at_the_import(strike, house, tmp_path: Path) -> None:
    path, picture = tmp_path / "long.mp4", tmp_path / "a.mp4"
    path.write_bytes(film(seconds=150))
    with pytest.raises(InvalidFile, match=r"long\.mp4 lasts 150 s, and X takes 140 s"):
        drafts(strike, path)
    picture.write_bytes(film())
    with strike.database.read() as session:
        known = accounts.usable(session)
    with pytest.raises(InvalidFile, match="a video stands alone in its post"):
        post_file.drafts(
            text="Deux",
            at="now",
            to=["a-x"],
            accounts=known,
            now=datetime.now(UTC),
            media=[(picture, "un"), (picture, "deux")],
        )


def test_facebooks_own_scheduler_is_given_no_video_and_mastodons_is(
    strike, house, tmp_path: Path
) -> None:
    path = tmp_path / "piquet.mp4"
    path.write_bytes(film())
    made = drafts(strike, path, names=("facebook", "mastodon"))
    later = [
        replace(
            draft,
            deliveries=tuple(
                replace(one, due_at=strike.now + timedelta(hours=2)) for one in draft.deliveries
            ),
        )
        for draft in made
    ]
    with strike.database.write() as session:
        media.keep(session, made[0].media)
        ids = queue.enqueue(session, later, None, now=strike.now, actor="test").ids
    hindered = [queue.hindrance(job, strike.now) for job in _jobs(strike, ids)]
    assert [why is not None and "no video" in why for why in hindered] == [True, False]
    with strike.database.read() as session:
        shown = preview.of_deliveries(session, ids)
    assert [one.pictures[0].video for one in shown] == [True, True]
    assert {notice.rule for one in shown for notice in one.notices} == {"no-alt"}


def _jobs(strike, ids):
    with strike.database.read() as session:
        return queue.select_ids(session, ids)
