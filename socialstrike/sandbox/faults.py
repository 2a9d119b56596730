"""Faults: the ways in which a platform goes wrong, asked for in advance."""

from __future__ import annotations

import itertools
import random
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

#: Nothing is posted, and the platform says no.
REFUSALS = frozenset(
    {
        "unauthorized",
        "expired",
        "forbidden",
        "payment_required",
        "rate_limited",
        "duplicate",
        "error_before",
        "error_without_error",
    }
)
#: Nothing is posted, and no answer of the platform's own comes back.
LOST_BEFORE = frozenset({"error_html", "drop_before"})
#: The post is made, and the answer is lost or cannot be read.
LOST_AFTER = frozenset({"error_after", "drop_after", "malformed", "no_id", "empty_json"})
#: The answer comes late: the post made at once (slow), or made late as well (slow_before).
DELAYS = frozenset({"slow", "slow_before"})
#: A video is taken, and cannot be used, or is worked on for long.
WORK = frozenset({"unprocessable", "slow_processing"})

KINDS = REFUSALS | LOST_BEFORE | LOST_AFTER | DELAYS | WORK
OPERATIONS = frozenset({"publish", "upload", "find", "check", "retract", "connect", "renew", "any"})
PLATFORMS = frozenset({"x", "facebook", "mastodon", "bluesky"})
#: A fault that only one of the platforms knows.
ONLY_ON = {"payment_required": "x", "error_without_error": "facebook"}

_FIELDS: dict[str, tuple[type, ...]] = {
    "fault": (str,),
    "platform": (str, type(None)),
    "account": (str, type(None)),
    "operation": (str,),
    "contains": (str, type(None)),
    "times": (int, type(None)),
    "probability": (int, float),
    "seconds": (int, float),
    "reset_in": (int, float, type(None)),
    "code": (int, type(None)),
    "subcode": (int, type(None)),
}


class InvalidFaultError(ValueError):
    """A fault cannot be understood; the message says which field and what it may hold."""


@dataclass(slots=True)
class Fault:
    """One way to go wrong, and when.

    ``times`` None is for ever; ``seconds`` is how long a slow one takes; ``reset_in`` is in
    seconds, None for no word about when; ``code`` and ``subcode`` replace Facebook's own choice.
    """

    id: int
    fault: str
    platform: str | None = None
    account: str | None = None
    operation: str = "publish"
    contains: str | None = None
    times: int | None = 1
    probability: float = 1.0
    seconds: float = 1.0
    reset_in: float | None = 60.0
    code: int | None = None
    subcode: int | None = None
    fired: int = 0


@dataclass(frozen=True, slots=True)
class Occasion:
    """One call that a fault might hit: ``account`` and ``account_id`` name the same account."""

    platform: str
    account: str
    account_id: str
    operation: str
    text: str


class Faults:
    """The faults asked for, in order; the first that fits a call fires."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all faults and choose a new seed."""
        self._faults: dict[int, Fault] = {}
        self._numbers = itertools.count(1)
        self.seed(secrets.randbits(64))

    def seed(self, seed: int) -> None:
        """Make the faults with a probability repeatable.

        Chance depends on the seed, the fault, and the how-many-eth call this is for that account,
        operation and text, never on the order in which different calls arrive.
        """
        self._seed = seed
        self._drawn: Counter[tuple[int, Occasion]] = Counter()

    def add(self, wanted: Mapping[str, object]) -> Fault:
        """Ask for a fault. Raises InvalidFaultError for what cannot be understood."""
        fault = _parse(wanted, next(self._numbers))
        self._faults[fault.id] = fault
        return fault

    def remove(self, number: int) -> bool:
        """Take one fault back; False when there is none of that number."""
        return self._faults.pop(number, None) is not None

    def clear(self) -> None:
        """Take all faults back."""
        self._faults.clear()

    def listing(self) -> list[dict[str, object]]:
        """Every fault as plain data, with how often it fired."""
        return [asdict(fault) for fault in self._faults.values()]

    def pick(self, occasion: Occasion) -> Fault | None:
        """The fault that hits this call, if any; it counts as fired."""
        for fault in self._faults.values():
            if _fits(fault, occasion) and self._is_drawn(fault, occasion):
                fault.fired += 1
                return fault
        return None

    def _is_drawn(self, fault: Fault, occasion: Occasion) -> bool:
        if fault.probability >= 1:
            return True
        key = fault.id, occasion
        self._drawn[key] += 1
        # Not the account's id: it is random in each run.
        drawn_for = (occasion.account, occasion.operation, occasion.text, self._drawn[key])
        dice = random.Random(f"{self._seed} {fault.id} {drawn_for}")  # noqa: S311 # not a secret
        return dice.random() < fault.probability


def _fits(fault: Fault, occasion: Occasion) -> bool:
    return (
        (fault.times is None or fault.fired < fault.times)
        and fault.operation in {"any", occasion.operation}
        and fault.platform in {None, occasion.platform}
        and fault.account in {None, occasion.account, occasion.account_id}
        and (fault.contains is None or fault.contains in occasion.text)
        and ONLY_ON.get(fault.fault, occasion.platform) == occasion.platform
    )


def _parse(wanted: Mapping[str, object], number: int) -> Fault:
    for name, value in wanted.items():
        if name not in _FIELDS:
            raise InvalidFaultError(f"a fault has no field {name!r}; use {', '.join(_FIELDS)}")
        if not isinstance(value, _FIELDS[name]) or isinstance(value, bool):
            raise InvalidFaultError(f"the field {name!r} cannot be {value!r}; see docs/sandbox.md")
    for name, allowed in (("fault", KINDS), ("operation", OPERATIONS), ("platform", PLATFORMS)):
        value = wanted.get(name)
        if (name == "fault" or value is not None) and value not in allowed:
            choices = ", ".join(sorted(allowed))
            raise InvalidFaultError(f"the field {name!r} cannot be {value!r}; use one of {choices}")
    fault = Fault(id=number, **cast("dict[str, str]", dict(wanted)))  # type: ignore[arg-type] # each was checked against _FIELDS
    if not 0 <= fault.probability <= 1:
        raise InvalidFaultError(f"the probability {fault.probability} must be between 0 and 1")
    if fault.seconds < 0 or (fault.times is not None and fault.times < 1):
        raise InvalidFaultError("'seconds' must be at least 0, 'times' at least 1 or null")
    only = ONLY_ON.get(fault.fault)
    if only and fault.platform not in {None, only}:
        raise InvalidFaultError(
            f"the fault {fault.fault!r} exists on {only} alone; leave 'platform' out"
        )
    return fault
