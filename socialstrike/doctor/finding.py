"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from socialstrike.exceptions import SocialstrikeError
from socialstrike.i18n import tr, translated

Verdict = Literal["ok", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; ``remedy`` is what to do about it, None where all is well."""

    check: str
    verdict: Verdict
    message: str
    remedy: str | None = None


def told(error: SocialstrikeError) -> tuple[str, str]:
    """The message of an error apart from the remedy it ends with."""
    what, _, remedy = translated(str(error)).partition("; ")
    return what.rstrip(), remedy or tr("try again in a moment")
