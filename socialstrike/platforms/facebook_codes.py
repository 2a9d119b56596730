"""What Facebook's error codes and usage headers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from socialstrike.platforms.base import (
    CredentialsRefused,
    OutcomeUnknown,
    PlatformError,
    RateLimited,
    Rejected,
)
from socialstrike.platforms.credentials import Remaining
from socialstrike.platforms.http import Answer, by_status, no_later_than_a_day

_THROTTLED = {4, 17, 32, 341, 613, *range(80001, 80010)}
_TOKEN = {102, 190}
PERMISSION = {10, *range(200, 300)}
_TRANSIENT = {1, 2}
BLOCKED, _DUPLICATE, GONE = 368, 506, (100, 33)
_ALREADY_POSTED, CONFIRM_IDENTITY = 1404082, 4854002

#: Facebook counts over a sliding hour and does not say when calls are let through again: a part
#: of that hour, after which what was used has fallen below the limit unless others use it too.
_BREATHER = timedelta(minutes=5)


def codes(answer: Answer) -> tuple[int | None, int | None]:
    """Facebook's code and subcode of an error; None where it gives none."""
    error = answer.json().get("error")
    if not isinstance(error, dict):
        return None, None
    code, subcode = error.get("code"), error.get("error_subcode")
    # Not isinstance: true would be code 1.
    return (code if type(code) is int else None, subcode if type(subcode) is int else None)


def regained_at(answer: Answer) -> datetime | None:
    """When calls are allowed again by the usage header, which counts in minutes."""
    try:
        usage = json.loads(answer.headers.get("x-business-use-case-usage", "{}"))
        cases = [case for cases in usage.values() for case in cases]
        minutes = max(float(case["estimated_time_to_regain_access"]) for case in cases)
        regained = datetime.now(UTC) + timedelta(minutes=minutes) if minutes > 0 else None
        return no_later_than_a_day(regained)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def used_up_until(answer: Answer) -> datetime | None:
    """Until when to wait where a usage header stands at 100 % or over; None below that."""
    if max(_used(answer), default=0) >= 100:
        return regained_at(answer) or datetime.now(UTC) + _BREATHER
    return regained_at(answer)


def _used(answer: Answer) -> Iterator[float]:
    """What the usage headers say was used, in per cent."""
    for name in ("x-app-usage", "x-page-usage"):
        try:
            yield from map(float, json.loads(answer.headers.get(name, "{}")).values())
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            continue  # in a form that is not known: the platform still refuses what is too much


def remaining(answer: Answer) -> Remaining | None:
    """The hundredths of what the app or the page may ask for that are left."""
    used = max(_used(answer), default=None)
    return None if used is None else Remaining(100 - int(min(max(used, 0), 100)), 100)


def is_duplicate(code: int | None, subcode: int | None) -> bool:
    """Whether Facebook says that this was posted already."""
    return code == _DUPLICATE or (code, subcode) == (BLOCKED, _ALREADY_POSTED)


def kind_of(status: int, code: int | None, subcode: int | None) -> type[PlatformError]:
    """The kind of error that a status and Facebook's codes mean together."""
    # A status outside the 400s proves nothing, whatever code comes with it.
    if not 400 <= status < 500 or code in _TRANSIENT or is_duplicate(code, subcode):
        return OutcomeUnknown
    if code in _TOKEN or code in PERMISSION or subcode == CONFIRM_IDENTITY:
        return CredentialsRefused
    if code in _THROTTLED or code == BLOCKED:
        return RateLimited
    if code is not None and status != 429:
        return Rejected
    return by_status(status)
