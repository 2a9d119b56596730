"""What a simulation finds: the rules, and what is wrong by one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from socialstrike.i18n import stored

#: The rules of the simulation, each in words that name nobody.
RULES: Mapping[str, str] = {
    "stopped": stored("the emergency stop is pulled"),
    "length": stored("a text is longer than its account takes"),
    "pictures": stored("a post has more pictures than its account takes"),
    "paused": stored("an account is paused"),
    "expiry": stored("an account's credentials end before its posts"),
    "parked": stored("nobody knows whether a post is there, and a person must look"),
    "lateness": stored("a post would be missed, past its lateness limit"),
    "budget": stored("a platform takes fewer posts of one application"),
    "nothing": stored("nothing waits to go out"),
    "same-text": stored("accounts of one platform would say the same"),
    "repeated-text": stored("an account would say the same twice"),
    "no-second-try": stored("a post has no time for a second try"),
    "pace": stored("an account would post very often within an hour"),
    "window": stored("occupations are due outside their campaign's window"),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What would go wrong, or is odd: ``rule`` is a stable word, ``delivery`` the first one hit."""

    rule: str
    message: str
    account: str | None = None
    delivery: int | None = None

    @property
    def nameless(self) -> str:
        """What is wrong in words that name no account."""
        return RULES[self.rule]
