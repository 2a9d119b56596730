"""Hand-off: what a platform with a scheduler of its own can be asked for, and what it holds."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from socialstrike.platforms.base import HandOff, Payload, Platform, Publication
from socialstrike.platforms.http import HttpPlatform, guarded


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A copy that waits in the platform's own scheduler: its id there, its time (aware, UTC)."""

    remote_id: str
    at: datetime


class OwnScheduler(Platform):
    """A platform that publishes by itself what it was given ahead of time."""

    hand_off: ClassVar[HandOff | None]

    @abstractmethod
    def hand_over(
        self, payload: Payload, media_ids: Sequence[str], at: datetime
    ) -> Scheduled | Publication:
        """Give the post to the platform's scheduler once, to be published ``at`` (aware, UTC).

        A Publication says that the platform published it at once instead. Raises one of the five
        errors; anything not surely absent is OutcomeUnknown.
        """

    @abstractmethod
    def handed(self, scheduled_id: str) -> Scheduled | Publication | None:
        """What became of a copy; None where there is none of that id any more.

        Where a published post has another id than its copy had, that is no proof that it was not
        published: ask ``find_published``. What fails raises as ``find`` does.
        """

    @abstractmethod
    def find_scheduled(
        self, payload: Payload, at: datetime, known: Collection[str] = ()
    ) -> Scheduled | None:
        """Look for a waiting copy with this content and time; see ``find``.

        Copies whose ids are ``known`` belong to other deliveries.
        """

    @abstractmethod
    def find_published(
        self,
        payload: Payload,
        since: datetime,
        until: datetime | None,
        known: Collection[str] = (),
    ) -> Publication | None:
        """Look for the first post with this content at or after ``since`` and before ``until``.

        Both are times by the platform's own clock (aware, UTC); see ``find``.
        """

    @abstractmethod
    def take_back(self, scheduled_id: str) -> bool:
        """Delete a waiting copy. True: this did it. False: none waits under that id any more, be
        it published or deleted before; nothing was done.

        A lost answer is TemporarilyUnavailable: the same again does no harm.
        """


class ListingScheduler(HttpPlatform, OwnScheduler):
    """One that is spoken to over HTTP, and lists what an account published: both look-ups read
    that list.
    """

    @abstractmethod
    def _same(
        self, payload: Payload, since: datetime, known: Collection[str]
    ) -> Iterator[Publication]:
        """What the account published since then with the same content, newest first."""

    @guarded("find")
    def find(
        self, payload: Payload, since: datetime, known: Collection[str] = ()
    ) -> Publication | None:
        """Look through what the account published; see Platform."""
        return next(self._same(payload, since, known), None)

    @guarded("find")
    def find_published(
        self,
        payload: Payload,
        since: datetime,
        until: datetime | None,
        known: Collection[str] = (),
    ) -> Publication | None:
        """Look through what the account published; see OwnScheduler."""
        return _first_before(until, self._same(payload, since, known))


def _first_before(until: datetime | None, posts: Iterable[Publication]) -> Publication | None:
    """The oldest of ``posts``, newest first, that was made before ``until``."""
    found = [post for post in posts if post.at and (until is None or post.at < until)]
    return found[-1] if found else None
