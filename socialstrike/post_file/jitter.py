"""Moving the times of an occupation a little, differently for each account, always alike."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import tr
from socialstrike.post_file.nodes import Fields, Report, scalar
from socialstrike.post_file.schedule import Schedule
from socialstrike.post_file.times import duration

_NONE = timedelta(0)
_SECOND = timedelta(seconds=1)


def jitter(post: Fields, plan: Schedule | None, report: Report) -> timedelta:
    """How much later than its time each occurrence may go out; nothing where none is asked for."""
    written = scalar(post, "jitter", report)
    if written is None:
        return _NONE
    if "every" not in post.values:
        report.error(written.line, "jitter", tr("goes with every; write the exact time under at"))
        return _NONE
    try:
        most = duration(written.text)
    except InvalidInput as error:
        report.error(written.line, "jitter", str(error))
        return _NONE
    if plan is not None and most >= plan.step:
        report.error(
            written.line,
            "jitter",
            tr("must be shorter than every, so that no time meets the next; write less"),
        )
    return most


def moved(
    plan: Schedule, most: timedelta, key: str, account: str, *, first: int = 0
) -> tuple[datetime, ...]:
    """The times of ``plan``, each moved 0 to ``most`` later in whole seconds, aware, UTC.

    Never as far as the next time or the end. Drawn from the post's ``key``, the account and the
    occurrence, which counts from ``first``: whoever reads the same post again gets the same times.
    """
    if not most:
        return plan.moments
    return tuple(
        moment + _SECOND * (_drawn(f"{key}:{account}:{number}") % (_room(plan, moment, most) + 1))
        for number, moment in enumerate(plan.moments, first)
    )


def _room(plan: Schedule, moment: datetime, most: timedelta) -> int:
    """By how many seconds this occurrence may be moved."""
    return min(most, plan.step - _SECOND, max(plan.end - moment - _SECOND, _NONE)) // _SECOND


def _drawn(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
