"""A video and its post, through each platform's real library, against the sandbox."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from socialstrike.pictures import clean
from socialstrike.platforms import video
from socialstrike.platforms.base import (
    Media,
    OutcomeUnknown,
    Payload,
    Rejected,
    TemporarilyUnavailable,
)
from tests.unit.films import GPS_WORDS, film

if TYPE_CHECKING:
    from tests.conformance.conftest import Bench

ALT = "Le piquet, au matin"


@pytest.fixture
def a_video(tmp_path: Path) -> Callable[..., Media]:
    def make(content: bytes | None = None) -> Media:
        made = clean(film(gps=True) if content is None else content)
        path = tmp_path / "film.mp4"
        path.write_bytes(made.content)
        return Media(path, made.mime_type, ALT, made.measures)

    return make


def published(bench: Bench, media: Media) -> tuple[Payload, str]:
    payload = Payload("key-film", "Le film de la grève", media=(media,))
    made = bench.adapter.publish(payload, [bench.adapter.upload(media)])
    return payload, made.remote_id


def test_a_video_is_published_with_its_text_and_its_place_is_not(
    bench: Bench, a_video: Callable[..., Media]
) -> None:
    media = a_video()
    _, remote_id = published(bench, media)

    (post,) = bench.posts()
    assert (post["id"], post["text"]) == (remote_id, "Le film de la grève")
    (carried,) = post["media"]
    assert carried["mime_type"] == "video/mp4"
    shows_alt = bench.adapter.limits.video_alt != 0
    assert carried["alt"] == (ALT if shows_alt else "")
    received = requests.get(carried["url"], timeout=5).content
    assert received == media.path.read_bytes()
    assert not [word for word in GPS_WORDS if word in received]
    assert [word for word in GPS_WORDS if word in film(gps=True)] == list(GPS_WORDS)


def test_a_published_video_is_found_known_to_others_and_deleted(
    bench: Bench, a_video: Callable[..., Media]
) -> None:
    payload, remote_id = published(bench, a_video())

    found = bench.adapter.find(payload, bench.begun)
    assert found is not None
    assert found.remote_id == remote_id
    assert bench.adapter.find(payload, bench.begun, [remote_id]) is None
    assert bench.adapter.find(replace(payload, key="k2", text="Autre"), bench.begun) is None
    bench.adapter.retract(remote_id)
    assert bench.posts() == []
    bench.adapter.retract(remote_id)


def test_a_link_goes_with_a_video(bench: Bench, a_video: Callable[..., Media]) -> None:
    media = a_video()
    payload = Payload("key", "Regardez", link="https://example.org/a", media=(media,))

    bench.adapter.publish(payload, [bench.adapter.upload(media)])

    assert bench.posts()[0]["text"] == "Regardez\nhttps://example.org/a"


def test_a_lost_upload_of_a_video_is_no_doubt(bench: Bench, a_video: Callable[..., Media]) -> None:
    for fault in ("drop_after", "error_html", "malformed"):
        bench.fault(fault, operation="upload")
        with pytest.raises(TemporarilyUnavailable):
            bench.adapter.upload(a_video())
    assert bench.posts() == []
    published(bench, a_video())
    assert len(bench.posts()) == 1


def test_a_lost_answer_to_a_video_post_is_a_doubt_that_a_look_up_settles(
    bench: Bench, a_video: Callable[..., Media]
) -> None:
    media = a_video()
    payload = Payload("key-film", "Le film", media=(media,))
    ids = [bench.adapter.upload(media)]
    bench.fault("drop_after")

    with pytest.raises(OutcomeUnknown):
        bench.adapter.publish(payload, ids)

    found = bench.adapter.find(payload, bench.begun)
    assert found is not None
    assert [post["id"] for post in bench.posts()] == [found.remote_id]


def test_a_video_the_platform_cannot_use_is_refused_for_good(
    bench: Bench, a_video: Callable[..., Media]
) -> None:
    if bench.specifics.platform == "bluesky":
        pytest.skip("Bluesky works on a video only once it is posted")
    bench.fault("unprocessable", operation="upload")

    with pytest.raises(Rejected, match="posts add"):
        bench.adapter.upload(a_video())


@pytest.mark.parametrize("name", ["x-oauth1", "mastodon"])
def test_slow_work_on_a_video_is_waited_for_and_not_for_ever(
    bench_for: Callable[[str], Bench],
    a_video: Callable[..., Media],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    bench = bench_for(name)
    bench.fault("slow_processing", operation="upload", seconds=0.3)
    begun = time.monotonic()
    bench.adapter.upload(a_video())
    assert time.monotonic() - begun >= 0.3

    monkeypatch.setattr(video, "PATIENCE", 0.0)
    bench.fault("slow_processing", operation="upload", seconds=30)
    with pytest.raises(TemporarilyUnavailable, match="still works on the video"):
        bench.adapter.upload(a_video())


def test_a_video_of_several_pieces_arrives_whole(
    bench: Bench, a_video: Callable[..., Media]
) -> None:
    media = a_video(film(samples=50, sample_size=100_000))
    before = bench.calls("POST")
    published(bench, media)

    (post,) = bench.posts()
    assert post["media"][0]["sha256"] == clean(media.path.read_bytes()).sha256
    pieces = {"x": 5, "facebook": 3}.get(bench.specifics.platform, 1)
    assert bench.calls("POST") - before > pieces - 1


def test_a_video_that_is_gone_or_too_large_is_rejected_before_any_call(
    bench: Bench, a_video: Callable[..., Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    media = a_video()
    small = replace(bench.adapter.limits, video_bytes=10)
    if bench.specifics.platform != "mastodon":  # its instance tells how much it takes
        monkeypatch.setattr(type(bench.adapter), "limits", small)
        with pytest.raises(Rejected, match="cannot be sent"):
            bench.adapter.upload(media)
    media.path.unlink()

    with pytest.raises(Rejected, match="cannot be sent"):
        bench.adapter.upload(media)
    assert bench.calls("POST") == 0


def test_whether_a_video_is_still_there_is_told(
    bench: Bench, a_video: Callable[..., Media]
) -> None:
    _, remote_id = published(bench, a_video())
    assert bench.adapter.exists(remote_id)
    bench.adapter.retract(remote_id)
    assert not bench.adapter.exists(remote_id)
