"""The life of a delivery: its states, what can happen to it, and the one table of who follows whom.

The diagram in docs/architecture.md is generated from it.
"""

from __future__ import annotations

from enum import StrEnum

from socialstrike.exceptions import IllegalTransition
from socialstrike.i18n import stored


class State(StrEnum):
    """Where a delivery stands."""

    SCHEDULED = "scheduled"
    PUBLISHING = "publishing"
    HANDED_OFF = "handed_off"
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
    CHANGE = "change"
    RESTORE = "restore"
    HAND_OFF = "hand off"
    GO_OUT = "go out"
    TAKE_BACK = "take back"


#: The arrows' names in the diagram of docs/architecture.md.
LETTERS: dict[Event, str] = {
    Event.CLAIM: "a",
    Event.ACCEPT: "b",
    Event.RETRY: "c",
    Event.REFUSE: "d",
    Event.DOUBT: "e",
    Event.RELEASE: "f",
    Event.FIND: "g",
    Event.PROVE_ABSENT: "g",
    Event.PARK: "g",
    Event.LAPSE: "h",
    Event.CANCEL: "i",
    Event.RETRACT: "i",
    Event.REQUEUE: "i",
    Event.CHANGE: "i",
    Event.RESTORE: "j",
    Event.HAND_OFF: "k",
    Event.GO_OUT: "k",
    Event.TAKE_BACK: "k",
}

TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.SCHEDULED, Event.CLAIM): State.PUBLISHING,
    (State.PUBLISHING, Event.ACCEPT): State.PUBLISHED,
    (State.PUBLISHING, Event.RETRY): State.SCHEDULED,  # surely not posted, worth another try
    (State.PUBLISHING, Event.REFUSE): State.FAILED,
    (State.PUBLISHING, Event.DOUBT): State.UNCERTAIN,  # answer lost, or died after the call began
    (State.PUBLISHING, Event.RELEASE): State.SCHEDULED,  # died or stopped before the call began
    (State.UNCERTAIN, Event.FIND): State.PUBLISHED,
    (State.UNCERTAIN, Event.PROVE_ABSENT): State.SCHEDULED,
    (State.UNCERTAIN, Event.PARK): State.PARKED,  # a person must decide
    (State.PARKED, Event.FIND): State.PUBLISHED,  # as a person decided
    (State.PARKED, Event.PROVE_ABSENT): State.SCHEDULED,  # as a person decided
    (State.SCHEDULED, Event.LAPSE): State.MISSED,
    (State.SCHEDULED, Event.CANCEL): State.CANCELLED,
    (State.SCHEDULED, Event.CHANGE): State.SCHEDULED,  # other words, or another time
    (State.PUBLISHED, Event.RETRACT): State.RETRACTED,
    (State.FAILED, Event.REQUEUE): State.SCHEDULED,  # only by a person's command
    (State.MISSED, Event.REQUEUE): State.SCHEDULED,
    (State.CANCELLED, Event.REQUEUE): State.SCHEDULED,
    (State.SCHEDULED, Event.RESTORE): State.UNCERTAIN,  # a backup may know less than a platform
    (State.HANDED_OFF, Event.RESTORE): State.UNCERTAIN,
    (State.PUBLISHING, Event.HAND_OFF): State.HANDED_OFF,  # the platform's own scheduler has it
    (State.UNCERTAIN, Event.HAND_OFF): State.HANDED_OFF,  # found waiting there
    (State.HANDED_OFF, Event.GO_OUT): State.PUBLISHED,
    (State.HANDED_OFF, Event.TAKE_BACK): State.SCHEDULED,  # the copy there is surely gone
    (State.HANDED_OFF, Event.DOUBT): State.UNCERTAIN,  # neither waiting there nor published
}

#: Nothing more happens to these by themselves.
TERMINAL = frozenset(
    {State.PUBLISHED, State.FAILED, State.MISSED, State.CANCELLED, State.RETRACTED}
)


def after(state: State, event: Event) -> State:
    """The state that follows ``state`` when ``event`` happens.

    Raises IllegalTransition where the table has no such arrow.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(
            stored(
                "a delivery that is {state} cannot be changed by '{event}'",
                state=state,
                event=event,
            )
        ) from None


def origins(event: Event) -> frozenset[State]:
    """The states in which ``event`` may happen."""
    return frozenset(state for state, happening in TRANSITIONS if happening is event)
