"""Pictures and videos for Mastodon: handed over, and waited for until the instance has done."""

from __future__ import annotations

import time
from dataclasses import replace

from socialstrike.i18n import stored
from socialstrike.platforms import video
from socialstrike.platforms.base import Limits, Media, TemporarilyUnavailable
from socialstrike.platforms.http import Answer, identifier, read_media
from socialstrike.platforms.mastodon_calls import Calls
from socialstrike.platforms.mastodon_instance import MOST_VIDEO

#: How long to wait for a picture that the server still works on: seconds between the questions.
_PATIENCE = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
#: The answers that say: it is here, and still worked on.
_WORKING = {202, 206}


def hand_over(calls: Calls, media: Media, limits: Limits) -> str:
    """The id of a picture or video there, once it is ready.

    Raises Rejected where the file cannot be read, TemporarilyUnavailable where it takes too long.
    """
    return _video(calls, media, limits) if media.is_video else _picture(calls, media, limits)


def _picture(calls: Calls, media: Media, limits: Limits) -> str:
    answer = _sent(calls, media, read_media(media, limits), media.path.name)
    media_id = identifier(answer.json()["id"])
    for pause in _PATIENCE:
        if answer.status not in _WORKING:
            return media_id
        time.sleep(pause)
        answer = calls.ask(calls.client.media, media_id)
    raise TemporarilyUnavailable(
        stored(
            "Mastodon still works on a picture of account '{account}'; it is tried again by itself",
            account=calls.account,
        )
    )


def _video(calls: Calls, media: Media, limits: Limits) -> str:
    # The instance itself tells what is too large.
    with video.whole(media, replace(limits, video_bytes=MOST_VIDEO)) as content:
        answer = _sent(calls, media, content, video.NAME)
    del content
    answers, media_id = [answer], identifier(answer.json()["id"])

    def ask() -> float | None:
        answer = answers.pop() if answers else calls.ask(calls.client.media, media_id)
        return 1.0 if answer.status in _WORKING else None

    video.wait(ask, "Mastodon", calls.account)
    return media_id


def _sent(calls: Calls, media: Media, content: bytes, name: str) -> Answer:
    return calls.ask(
        calls.client.media_post,
        content,
        media.mime_type,
        description=media.alt or None,
        file_name=name,
    )
