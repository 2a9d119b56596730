"""From the file to what is sent: the picture alone, the same on every import."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import func, select

from socialstrike import media, post_file, queue
from socialstrike.db.models import Picture, Post
from socialstrike.db.session import Database
from socialstrike.drafts import CampaignSpec, DraftMedia, PostFile
from socialstrike.exceptions import InvalidInput

PLACE = (48.0, 51.0, 24.0)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A post file of one post with a photograph that names its place."""
    told = Image.Exif()
    told[0x0112] = 6
    told[0x010F] = "Camera of mine"
    told.get_ifd(0x8825).update({1: "N", 2: PLACE, 3: "E", 4: PLACE})
    made = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(made, "JPEG", exif=told)
    (tmp_path / "photo.jpg").write_bytes(made.getvalue() + b"appended")
    path = tmp_path / "posts.yaml"
    path.write_text(
        "posts:\n  - {kind: announcement, at: D 09:00, to: a, text: b,"
        " media: [{file: photo.jpg, alt: c}]}\n"
    )
    return path


def read(path: Path) -> PostFile:
    strike = CampaignSpec("greve", date(2020, 1, 24), "Europe/Paris")
    now = datetime(2020, 1, 1, tzinfo=UTC)
    [file] = post_file.read(
        [path], campaigns=lambda _: strike, accounts={"a": "x"}, now=now, campaign="greve"
    )
    return file


def _store(strike, file: PostFile) -> queue.Enqueued:
    with strike.database.write() as session:
        media.keep(session, (picture for draft in file.drafts for picture in draft.media))
        return queue.enqueue(session, file.drafts, None, now=strike.now, actor="test")


def _count(database: Database) -> tuple[int, int]:
    with database.read() as session:
        return tuple(session.scalar(select(func.count()).select_from(t)) for t in (Post, Picture))


def test_what_is_sent_knows_nothing_of_the_place(strike, pack: Path, tmp_path: Path) -> None:
    strike.account("a")
    file = read(pack)
    assert "photo.jpg named the place where it was taken" in str(file.warnings[0])
    _store(strike, file)
    with strike.database.read() as session:
        [stored] = session.scalars(select(Post)).one().media
        [sent] = media.load(session, tmp_path / "cache", [stored])
    content = sent.path.read_bytes()
    assert len(content) == stored["size"]
    assert b"Camera" not in content
    assert b"appended" not in content
    with Image.open(sent.path) as image:
        assert dict(image.getexif()) == {0x0112: 6}


def test_the_same_file_again_changes_nothing(strike, pack: Path) -> None:
    strike.account("a")
    assert _store(strike, read(pack)).deliveries == 1
    before = _count(strike.database)
    assert before == (1, 1)
    assert _store(strike, read(pack)).deliveries == 0
    assert _count(strike.database) == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_put_in_the_pictures_place_is_refused_and_not_waited_for(
    strike, pack: Path, tmp_path: Path
) -> None:
    [draft] = read(pack).drafts
    (tmp_path / "photo.jpg").unlink()
    os.mkfifo(tmp_path / "photo.jpg")
    _refused(strike, draft.media[0], "no ordinary file")
    (tmp_path / "photo.jpg").unlink()
    (tmp_path / "photo.jpg").write_bytes(b"another")
    _refused(strike, draft.media[0], "changed while it was imported")
    with (tmp_path / "photo.jpg").open("wb") as file:
        file.truncate(30_000_000)
    _refused(strike, replace(draft.media[0], alt=""), "30000000 bytes")
    assert _count(strike.database) == (0, 0)


def _refused(strike, picture: DraftMedia, said: str) -> None:
    with pytest.raises(InvalidInput, match=said), strike.database.write() as session:
        media.keep(session, [picture])
