"""The platforms we speak to: one line each, imported on first use.

A library that is missing hurts only its own platform, and a command that touches no platform
loads none.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import stored
from socialstrike.platforms.base import Platform

REGISTRY: dict[str, str] = {
    "x": "socialstrike.platforms.x:X",
    "facebook": "socialstrike.platforms.facebook:FacebookPage",
    "bluesky": "socialstrike.platforms.bluesky:Bluesky",
    "mastodon": "socialstrike.platforms.mastodon:Mastodon",
}


@cache
def get(name: str) -> type[Platform]:
    """The adapter class registered as ``name``. Raises InvalidInput where there is none."""
    try:
        module, _, attribute = REGISTRY[name].partition(":")
    except KeyError:
        known = ", ".join(REGISTRY)
        raise InvalidInput(
            stored("unknown platform {name!r}; known ones: {known}", name=name, known=known)
        ) from None
    adapter: type[Platform] = getattr(import_module(module), attribute)
    return adapter
