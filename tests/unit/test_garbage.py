"""The collector is kept out of the way, and left as it was found."""

from __future__ import annotations

import gc
import weakref

from socialstrike import garbage


class _Knot:
    """Holds itself, so that nothing but the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_alive_is_left_out_and_what_is_not_is_freed() -> None:
    with garbage.collected_seldom():
        kept, lost = _Knot(), weakref.ref(_Knot())
        garbage.settle()
        assert lost() is None
        assert not any(each is kept for each in gc.get_objects())
        gone = weakref.ref(kept)
        del kept
        garbage.settle()
        assert gone() is None, "what was left out before is freed the next time"
    assert gc.get_freeze_count() == 0


def test_the_collector_is_as_it_was_afterwards_whatever_happens() -> None:
    before = gc.get_threshold()
    try:
        with garbage.collected_seldom():
            assert gc.get_threshold() != before
            raise KeyError
    except KeyError:
        pass
    assert gc.get_threshold() == before
