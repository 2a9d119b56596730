"""What became of every delivery: the database's word, the log's word, and what readers can see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

#: States in which the house does not claim that a post is out, and says so.
_DOUBTFUL = frozenset({"uncertain", "parked"})
_ENDED = frozenset({"failed", "missed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Row:
    """One delivery as the database has it at the end."""

    id: int
    text: str
    state: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many deliveries ended in which way; each is counted once in the first eight."""

    once: int = 0
    twice: int = 0
    #: Said to be published, or not ended at all, and nobody can see it.
    lost: int = 0
    #: There for everybody, while the house says that it failed, was missed or is still to come.
    untold: int = 0
    failed: int = 0
    doubtful: int = 0
    missed: int = 0
    cancelled: int = 0
    #: Posts that belong to no delivery.
    strange: int = 0
    #: Attempts begun before the due time, and after the lateness limit, by the scheduler's clock.
    early: int = 0
    late: int = 0
    #: Deliveries whose state or attempts the log, replayed, gives differently; and broken entries.
    unlike_log: int = 0
    breaks: int = 0

    @property
    def planned(self) -> int:
        """All of them."""
        ends = (self.once, self.twice, self.lost, self.untold)
        return sum(ends) + self.failed + self.doubtful + self.missed + self.cancelled

    @property
    def faults(self) -> dict[str, int]:
        """What must never be, where it was."""
        never = ("twice", "lost", "untold", "strange", "early", "late", "unlike_log", "breaks")
        return {name: count for name in never if (count := getattr(self, name))}

    def table(self) -> dict[str, object]:
        """The counts by name, those that are always worth reading first."""
        always = ("once", "twice", "lost", "failed", "doubtful", "missed")
        counts = {field.name: getattr(self, field.name) for field in fields(self)}
        rest = {name: count for name, count in counts.items() if count and name not in always}
        return {"planned": self.planned, **{name: counts[name] for name in always}, **rest}


def judge(
    rows: Iterable[Row],
    posts: Iterable[str],
    log: Iterable[Mapping[str, Any]],
    *,
    breaks: int = 0,
) -> Verdict:
    """Compare ``rows`` with the texts of the ``posts`` that readers can see, and with the log.

    Every text is some delivery's own, so that counting a text counts a delivery's posts.
    """
    rows = list(rows)
    seen = Counter(posts)
    told = _Replay(log)
    counts = Counter(_end(row.state, seen[row.text]) for row in rows)
    strange = sum((seen - Counter({row.text: seen[row.text] for row in rows})).values())
    unlike = sum(told.state.get(row.id) != row.state for row in rows)
    unlike += sum(told.attempts[row.id] != row.attempts for row in rows)
    return Verdict(
        **counts,
        strange=strange,
        early=told.early,
        late=told.late,
        unlike_log=unlike,
        breaks=breaks,
    )


def _end(state: str, posts: int) -> str:
    if posts > 1:
        return "twice"
    if posts == 1:
        if state == "published":
            return "once"
        return "doubtful" if state in _DOUBTFUL else "untold"
    if state in _DOUBTFUL:
        return "doubtful"
    return state if state in _ENDED else "lost"


class _Replay:
    """The deliveries as the log alone tells them."""

    def __init__(self, log: Iterable[Mapping[str, Any]]) -> None:
        self.state: dict[int, str] = {}
        self.attempts: Counter[int] = Counter()
        self.early = self.late = 0
        limits: dict[int, str] = {}
        for entry in log:
            delivery, event = entry.get("delivery", 0), entry["event"]
            if event.startswith("delivery."):
                self.state[delivery] = event.removeprefix("delivery.")
            if "late_after" in entry:
                limits[delivery] = entry["late_after"]
            if event == "attempt.started":
                self.attempts[delivery] += 1
                # All times in the log are in one form, which sorts as time does.
                self.early += entry["at"] < entry["due_at"]
                self.late += entry["at"] > limits[delivery]
