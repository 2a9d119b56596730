"""What the ways to a person's consent share: addresses to open, and what token endpoints answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from socialstrike.i18n import stored
from socialstrike.platforms.credentials import Access
from socialstrike.redaction import remember

_TOKEN = re.compile(r"[!-~]{1,4000}", re.ASCII)
_SCOPE = re.compile(r"[\w.:/-]{1,100}", re.ASCII)


def page(access: Access, host: str, path: str, **query: str) -> str:
    """The address of a page for a person, on the account's own server where it has one."""
    return f"{access.base_url or host}{path}?{urlencode(query)}"


def answered(answer: Any) -> dict[str, Any]:
    """The JSON object in a success. Raises what requests raises for a refusal, else TypeError."""
    answer.raise_for_status()
    try:
        content = json.loads(answer.content)
    except RecursionError:
        content = None
    if not isinstance(content, dict):
        raise TypeError(stored("the answer is no object"))
    return content


def secret_told(told: Mapping[str, Any], name: str) -> str:
    """A token or a secret from an answer; from here on no log record can show it.

    Raises TypeError where it is none.
    """
    value = told.get(name)
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise TypeError(stored("the answer has no {name}", name=name))
    remember(value)
    return value


def scopes_told(value: object) -> tuple[str, ...] | None:
    """Scopes as a list or in one text; None where the platform does not say."""
    if isinstance(value, str):
        value = re.split(r"[\s,]+", value.strip())
    if not isinstance(value, list) or not value:
        return None
    return tuple(sorted({one for one in value if isinstance(one, str) and _SCOPE.fullmatch(one)}))


def seconds_told(value: object, *, most: int) -> int | None:
    """A number of seconds from an answer, at most ``most``; None where there is none."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return None
    return min(value, most)


def epoch_told(value: object) -> datetime | None:
    """A moment from an answer, in Unix seconds (aware, UTC); None for 0, which means never."""
    number = seconds_told(value, most=7_000_000_000)
    return None if number is None else datetime.fromtimestamp(number, UTC)
