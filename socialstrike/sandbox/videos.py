"""Videos: taken in pieces or whole, and worked on for a while before a post may carry them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from socialstrike.sandbox.faults import Fault

#: No platform here is sent a larger one, in bytes, with what stands around it.
MAX_BODY = 110_000_000
TYPE = "video/mp4"
_WORK = timedelta(milliseconds=50)

State = Literal["in_progress", "failed", "succeeded"]


@dataclass(frozen=True, slots=True)
class Work:
    """Until when a platform works on a video (aware, UTC), and whether it then cannot use it."""

    until: datetime
    fails: bool


@dataclass(slots=True)
class Upload:
    """A video that arrives in pieces: ``size`` bytes in all, from one account."""

    account: str
    size: int
    pieces: dict[int, bytes] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class VideoMemory:
    """``work``: a video's id → what is done with it. ``uploads``: what is not complete, by id.

    ``plans``: an account's id → the fault that its next video meets.
    """

    work: dict[str, Work] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    plans: dict[str, Fault] = field(default_factory=dict)

    def begin(self, account_id: str, number: str, now: datetime) -> None:
        """Begin to work on a video that was taken, unless a fault has other plans."""
        lasts, plan = _WORK, self.plans.pop(account_id, None)
        if plan is not None and plan.fault == "slow_processing":
            lasts = timedelta(seconds=plan.seconds)
        self.work[number] = Work(now + lasts, self.fails(plan))

    @staticmethod
    def fails(plan: Fault | None) -> bool:
        """Whether the platform finds that it cannot use the video."""
        return plan is not None and plan.fault == "unprocessable"

    def state(self, number: str, now: datetime) -> State:
        """How far the work on a video is; pictures need none."""
        work = self.work.get(number)
        if work is not None and now < work.until:
            return "in_progress"
        return "failed" if work is not None and work.fails else "succeeded"


def is_video(content: bytes) -> bool:
    """Whether the content is an MP4, by its first bytes."""
    return content[4:8] == b"ftyp" and b"moov" in content
