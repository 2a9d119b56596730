"""Every error a user can meet. A docstring is the default message, and ends with the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class SocialstrikeError(Exception):
    """Something went wrong."""

    exit_code = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class InvalidInput(SocialstrikeError):
    """What was given cannot be used; nothing was changed."""

    exit_code = 2


class NotFound(InvalidInput):
    """There is no such thing here."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file: where (1-based line, field) and what to do about it."""

    where: str
    line: int | None
    field: str | None
    message: str

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        return (
            f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"
        )


class InvalidFile(InvalidInput):
    """A file has errors; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class IllegalTransition(SocialstrikeError):
    """A delivery cannot go that way from its state."""

    exit_code = 2


class AnotherScheduler(SocialstrikeError):
    """Another scheduler already works on this home; stop it first, or use --standby."""


class DatabaseError(SocialstrikeError):
    """The database cannot be used."""


class DatabaseTooNew(DatabaseError):
    """The database was written by a newer socialstrike; install that version or newer."""


class DatabaseOutdated(DatabaseError):
    """The database is from an older socialstrike; run: socialstrike database upgrade."""


class DatabaseLocked(DatabaseError):
    """The database is busy in another process; try again in a moment."""


class DatabaseReadOnly(DatabaseError):
    """The database or its folder cannot be written; check its owner and permissions."""


class DatabaseFull(DatabaseError):
    """The disk that holds the database is full; free some space, then run the command again."""


class DatabaseDamaged(DatabaseError):
    """The database is damaged or altered: nothing is sent; see: socialstrike database check."""


class VaultError(SocialstrikeError):
    """The credentials cannot be opened."""


class KeyMissing(VaultError):
    """The key that seals the credentials is missing."""


class VerificationFailed(SocialstrikeError):
    """The audit log does not verify."""

    exit_code = 4
