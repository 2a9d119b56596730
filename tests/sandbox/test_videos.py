"""Videos in the sandbox: in pieces and whole, worked on, refused, and seen by a reader."""

from __future__ import annotations

import requests

from socialstrike.sandbox.process import SandboxProcess
from tests.unit.films import film

X_BEARER = {"Authorization": "Bearer one"}


def post(sandbox: SandboxProcess, path: str, **content: object) -> requests.Response:
    return requests.post(sandbox.base_url + path, headers=X_BEARER, timeout=5, **content)  # type: ignore[arg-type]


def begin(sandbox: SandboxProcess, size: int, kind: str = "tweet_video") -> requests.Response:
    wanted = {"media_type": "video/mp4", "media_category": kind, "total_bytes": size}
    return post(sandbox, "/2/media/upload/initialize", json=wanted)


def test_x_takes_only_the_whole_video_that_was_announced(sandbox: SandboxProcess) -> None:
    content = film()
    assert begin(sandbox, 0).status_code == 400
    assert begin(sandbox, 10, "tweet_image").status_code == 400
    number = begin(sandbox, len(content)).json()["data"]["id"]
    steps = f"/2/media/upload/{number}"
    half = {"media": ("a", content[:100])}
    assert post(sandbox, f"{steps}/append", data={"segment_index": "0"}, files=half).ok
    assert post(sandbox, f"{steps}/finalize").status_code == 400
    rest = {"media": ("a", content[100:])}
    assert (
        post(sandbox, f"{steps}/append", data={"segment_index": "x"}, files=rest).status_code == 400
    )
    assert post(sandbox, f"{steps}/append", data={"segment_index": "1"}, files=rest).ok
    told = post(sandbox, f"{steps}/finalize").json()["data"]
    assert told["processing_info"]["state"] == "in_progress"
    assert post(sandbox, "/2/media/upload/1/append", data={}).status_code == 400


def test_x_publishes_no_video_before_it_has_done_with_it(sandbox: SandboxProcess) -> None:
    content = film()
    sandbox.add_fault("slow_processing", operation="upload", seconds=60)
    number = begin(sandbox, len(content)).json()["data"]["id"]
    piece = {"media": ("a", content)}
    post(sandbox, f"/2/media/upload/{number}/append", data={"segment_index": "0"}, files=piece)
    post(sandbox, f"/2/media/upload/{number}/finalize")
    tweet = {"text": "a", "media": {"media_ids": [number]}}
    assert post(sandbox, "/2/tweets", json=tweet).status_code == 400
    sandbox.set_clock(61)
    assert post(sandbox, "/2/tweets", json=tweet).status_code == 201
    page = requests.get(sandbox.base_url, timeout=5).text
    assert f'<video src="/sandbox/media/{number}"' in page


def test_facebook_wants_each_piece_at_its_place(sandbox: SandboxProcess) -> None:
    content, path = film(), "/v26.0/42/videos"
    start = {"upload_phase": "start", "file_size": str(len(content))}
    told = post(sandbox, path, data=start).json()
    session = {"upload_session_id": told["upload_session_id"]}
    piece = {"video_file_chunk": ("a", content)}
    wrong = {"upload_phase": "transfer", "start_offset": "7", **session}
    assert post(sandbox, path, data=wrong, files=piece).json()["error"]["code"] == 6000
    finish = {"upload_phase": "finish", "description": "a", **session}
    assert post(sandbox, path, data=finish).json()["error"]["code"] == 6000
    end = int(told["end_offset"])
    right = {**wrong, "start_offset": "0"}
    assert post(sandbox, path, data=right, files={"video_file_chunk": ("a", content[:end])}).ok
    assert sandbox.posts() == []
