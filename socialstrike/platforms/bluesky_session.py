"""A session on Bluesky, as it is kept sealed between jobs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields

from socialstrike.i18n import stored
from socialstrike.redaction import remember


@dataclass(frozen=True, slots=True)
class Kept:
    """Who is logged in, the token for calls (two hours), the token for the next session.

    ``opened_with`` marks the credentials that opened it. ``repr`` shows no token. From the moment
    it is made, no log record of this process shows one either.
    """

    did: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    opened_with: str = field(repr=False)

    def __post_init__(self) -> None:
        if not all(isinstance(getattr(self, part.name), str) for part in fields(self)):
            raise TypeError(stored("a session is made of texts"))
        remember(self.access)
        remember(self.refresh)

    @classmethod
    def read(cls, written: str, opened_with: str) -> Kept | None:
        """The session that ``written`` holds; None where other credentials opened it."""
        try:
            kept = cls(**json.loads(written))
        except (ValueError, TypeError):
            return None
        return kept if kept.opened_with == opened_with else None

    def written(self) -> str:
        """The session as one text, for the vault."""
        return json.dumps(asdict(self))
