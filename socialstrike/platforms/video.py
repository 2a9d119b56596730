"""What the adapters share about videos: how they are read, and how long a platform may work on one.

An upload is not a post, whatever it takes: what fails here surely published nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from socialstrike.i18n import stored
from socialstrike.platforms.base import Limits, Media, Rejected, TemporarilyUnavailable
from socialstrike.platforms.http import shown

#: What a video is called where a platform asks for a name; its own may tell of somebody.
NAME = "video.mp4"
#: For how long, in seconds, a platform may work on one video before it is sent anew.
PATIENCE = 300.0
#: Between two questions whether it is done, in seconds, at least and at most.
_SOONEST, _LATEST = 0.2, 10.0
#: Videos that are in memory as a whole at the same time, in the whole process.
_TOGETHER = threading.BoundedSemaphore(2)


@contextmanager
def whole(media: Media, limits: Limits) -> Iterator[bytes]:
    """The video's bytes, for a platform that wants them at once; others wait for their turn.

    Raises Rejected where they cannot be read or are too many.
    """
    with _TOGETHER:
        yield b"".join(chunks(media, limits, 1_000_000))


def chunks(media: Media, limits: Limits, size: int) -> Iterator[bytes]:
    """The video in pieces of ``size`` bytes. Raises Rejected as ``whole`` does."""
    most = limits.video_bytes or 0
    read = 0
    try:
        with media.path.open("rb") as file:
            while piece := file.read(size):
                read += len(piece)
                if read > most:
                    break
                yield piece
            else:
                return
    except OSError as error:
        why = error.strerror or type(error).__name__
    else:
        why = stored("more than {most} bytes", most=most)
    raise _unusable(media, why)


def measure(media: Media, limits: Limits) -> int:
    """How many bytes the video has. Raises Rejected as ``whole`` does."""
    try:
        size = media.path.stat().st_size
    except OSError as error:
        raise _unusable(media, error.strerror or type(error).__name__) from None
    if size > (limits.video_bytes or 0):
        raise _unusable(media, stored("more than {most} bytes", most=limits.video_bytes or 0))
    return size


def wait(ask: Callable[[], float | None], label: str, account: str) -> None:
    """Ask until the platform has done with a video: ``ask`` gives the seconds to wait, or None.

    Raises TemporarilyUnavailable where it takes too long.
    """
    end = time.monotonic() + PATIENCE
    while (pause := ask()) is not None:
        if time.monotonic() > end:
            raise TemporarilyUnavailable(
                stored(
                    "{label} still works on the video of account '{account}'; it is tried again"
                    " by itself",
                    label=label,
                    account=account,
                )
            )
        time.sleep(min(max(pause, _SOONEST), _LATEST))


def unfit(label: str, account: str, why: str) -> Rejected:
    """The error for a video that the platform took and could not use; ``why`` in its words."""
    return Rejected(
        stored(
            "{label} could not use the video of account '{account}' ({why}); queue the post again"
            " with another: socialstrike posts add",
            label=label,
            account=account,
            why=shown(why) or stored("no reason given"),
        )
    )


def _unusable(media: Media, why: str) -> Rejected:
    return Rejected(
        stored(
            "the video {path} cannot be sent ({why}); queue the post again with another:"
            " socialstrike posts add",
            path=shown(str(media.path)),
            why=why,
        )
    )
