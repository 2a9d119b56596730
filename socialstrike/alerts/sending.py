"""One message to one address, through apprise."""

from __future__ import annotations

import threading
from contextlib import suppress

from socialstrike.alerts.addresses import Address, opened

#: How long an address may take, in seconds.
_PATIENCE = 20.0


def send(address: Address, title: str, body: str, *, patience: float = _PATIENCE) -> bool:
    """Send; whether the address took it within ``patience`` seconds. Never raises.

    No is no proof: a message whose answer was lost may have arrived.
    """
    taken = threading.Event()

    def act() -> None:
        # Any of a hundred services raises whatever it likes, with its address in the words.
        with suppress(Exception):
            service = opened(address.url)
            if service is not None and service.notify(title=title, body=body):
                taken.set()

    # A daemon: one that hangs, drop by drop, must hold up neither the next nor the end.
    thread = threading.Thread(target=act, name="alert", daemon=True)
    thread.start()
    thread.join(patience)
    return taken.is_set()
