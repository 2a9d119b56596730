"""The life of a delivery: its states, what can happen to it, and the one table of who follows whom.

The letters are those of the diagram in docs/architecture.md, which is generated from this table.
"""

from __future__ import annotations

from enum import StrEnum

from socialstrike.exceptions import IllegalTransition


class State(StrEnum):
    """Where a delivery stands."""

    SCHEDULED = "scheduled"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    PARKED = "parked"
    MISSED = "missed"
    CANCELLED = "cancelled"
    RETRACTED = "retracted"


class Event(StrEnum):
    """What can happen to a delivery."""

    CLAIM = "claim"
    ACCEPT = "accept"
    RETRY = "retry"
    REFUSE = "refuse"
    DOUBT = "doubt"
    RELEASE = "release"
    FIND = "find"
    PROVE_ABSENT = "prove absent"
    PARK = "park"
    LAPSE = "lapse"
    CANCEL = "cancel"
    RETRACT = "retract"
    REQUEUE = "requeue"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.SCHEDULED, Event.CLAIM): State.PUBLISHING,  # a
    (State.PUBLISHING, Event.ACCEPT): State.PUBLISHED,  # b
    (State.PUBLISHING, Event.RETRY): State.SCHEDULED,  # c surely not posted, worth another try
    (State.PUBLISHING, Event.REFUSE): State.FAILED,  # d
    (State.PUBLISHING, Event.DOUBT): State.UNCERTAIN,  # e answer lost, or died after the call began
    (State.PUBLISHING, Event.RELEASE): State.SCHEDULED,  # f died or stopped before the call began
    (State.UNCERTAIN, Event.FIND): State.PUBLISHED,  # g
    (State.UNCERTAIN, Event.PROVE_ABSENT): State.SCHEDULED,  # g
    (State.UNCERTAIN, Event.PARK): State.PARKED,  # g a person must decide
    (State.PARKED, Event.FIND): State.PUBLISHED,  # g as a person decided
    (State.PARKED, Event.PROVE_ABSENT): State.SCHEDULED,  # g as a person decided
    (State.SCHEDULED, Event.LAPSE): State.MISSED,  # h
    (State.SCHEDULED, Event.CANCEL): State.CANCELLED,  # i
    (State.PUBLISHED, Event.RETRACT): State.RETRACTED,  # i
    (State.FAILED, Event.REQUEUE): State.SCHEDULED,  # i only by a person's command
    (State.MISSED, Event.REQUEUE): State.SCHEDULED,  # i
    (State.CANCELLED, Event.REQUEUE): State.SCHEDULED,  # i
}

#: Nothing more happens to these by themselves.
TERMINAL = frozenset(
    {State.PUBLISHED, State.FAILED, State.MISSED, State.CANCELLED, State.RETRACTED}
)
#: These wait for a person, or tell one that something was not as planned.
NEEDS_PERSON = frozenset({State.UNCERTAIN, State.PARKED, State.MISSED})


def after(state: State, event: Event) -> State:
    """The state that follows ``state`` when ``event`` happens.

    Raises IllegalTransition where the table has no such arrow.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(
            f"a delivery that is {state} cannot be changed by '{event}'"
        ) from None


def origins(event: Event) -> frozenset[State]:
    """The states in which ``event`` may happen."""
    return frozenset(state for state, happening in TRANSITIONS if happening is event)
