from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.exceptions import IllegalTransition
from socialstrike.lifecycle import TERMINAL, TRANSITIONS, Event, State, after, origins


@given(st.lists(st.sampled_from(Event), max_size=40))
def test_no_sequence_of_events_leaves_the_table(events: list[Event]) -> None:
    state = State.SCHEDULED
    for event in events:
        if (state, event) in TRANSITIONS:
            state = after(state, event)
        else:
            with pytest.raises(IllegalTransition):
                after(state, event)
    assert state in State


def test_every_state_can_be_reached_and_every_event_happens() -> None:
    reached = {State.SCHEDULED}
    while more := {to for (at, _), to in TRANSITIONS.items() if at in reached} - reached:
        reached |= more
    assert reached == set(State)
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_a_published_post_is_never_sent_again() -> None:
    beyond = {State.PUBLISHED}
    while more := {to for (at, _), to in TRANSITIONS.items() if at in beyond} - beyond:
        beyond |= more
    assert State.SCHEDULED not in beyond
    assert State.PUBLISHING not in beyond


def test_a_doubt_is_never_claimed_without_a_proof_of_absence() -> None:
    leaving = {event: to for (at, event), to in TRANSITIONS.items() if at is State.UNCERTAIN}
    assert {e for e, to in leaving.items() if to is State.SCHEDULED} == {Event.PROVE_ABSENT}


def test_a_restored_backup_makes_doubts_and_nothing_else() -> None:
    arrows = {(at, to) for (at, event), to in TRANSITIONS.items() if event is Event.RESTORE}
    assert arrows == {(at, State.UNCERTAIN) for at in (State.SCHEDULED, State.HANDED_OFF)}


def test_what_a_platform_holds_is_never_claimed_before_its_copy_is_gone() -> None:
    leaving = {event: to for (at, event), to in TRANSITIONS.items() if at is State.HANDED_OFF}
    assert {e for e, to in leaving.items() if to is State.SCHEDULED} == {Event.TAKE_BACK}
    assert State.PUBLISHING not in leaving.values()
    assert State.CANCELLED not in leaving.values()


def test_the_machine_alone_moves_nothing_that_is_over() -> None:
    by_person = {Event.REQUEUE, Event.RETRACT}
    assert {event for at, event in TRANSITIONS if at in TERMINAL} == by_person


def test_an_illegal_step_says_what_it_was() -> None:
    with pytest.raises(IllegalTransition, match=r"published cannot be changed by 'cancel'"):
        after(State.PUBLISHED, Event.CANCEL)


def test_the_origins_of_an_event() -> None:
    assert origins(Event.PROVE_ABSENT) == {State.UNCERTAIN, State.PARKED}
