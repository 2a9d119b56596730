"""One account's calls to its instance, through Mastodon.py.

The library builds the requests. What is believed is read from the answers themselves: the library
guesses types, and gives up on a good answer for a date in a header.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from socialstrike.i18n import stored
from socialstrike.platforms.base import CredentialsRefused
from socialstrike.platforms.http import Answer, Exchange

if TYPE_CHECKING:
    from mastodon import Mastodon as Client
    from requests import Response

    from socialstrike.platforms.transport import Session

#: The oldest server whose calls are made; named so that the library does not ask for it each time.
_SPOKEN = "4.0.0"


def client(session: Session, instance: str, token: str, timeout: float) -> Client:
    """The library's client of one account, over ``session``, which is to serve nothing else.

    ``timeout`` in seconds, of a whole exchange.
    """
    import mastodon  # noqa: PLC0415  # 150 ms that whoever only asks for limits should not pay

    session.hooks["response"].append(_only_status)
    made = mastodon.Mastodon(
        api_base_url=instance,
        session=session,
        ratelimit_method="throw",
        request_timeout=timeout,
        mastodon_version=_SPOKEN,
        version_check_mode="created",
        user_agent=None,  # type: ignore[arg-type]  # the session has ours
    )
    # Not given to the constructor, which would open a file of that name.
    made.access_token = token
    return made


def _only_status(answer: Response, **_settings: object) -> None:
    """Leave the library nothing to guess from but the status; the rest is read from the exchange.

    Its guesses at types take minutes where a large answer means harm, and it warns on standard
    error of what only its authors can mend.
    """
    answer.headers.clear()
    answer.raw = io.BytesIO(b"{}")


class Calls:
    """What the account named ``account`` asks with its ``client``; ``exchange`` has the answers."""

    def __init__(self, client: Client, exchange: Exchange, account: str) -> None:
        self.client, self.exchange, self.account = client, exchange, account

    def ask(self, call: Callable[..., object], *args: Any, **options: Any) -> Answer:
        """The answer to one call of the library: a success, whatever the library makes of it."""
        self.exchange.begin()
        try:
            call(*args, **options)
        except Exception:
            if self.exchange.answer is None or not 200 <= self.exchange.answer.status < 300:
                raise
        if self.exchange.answer is None:
            raise TypeError(stored("there is no answer"))
        return self.exchange.answer

    def unless_gone(self, call: Callable[..., object], remote_id: str) -> Answer | None:
        """The answer to a call about a post or a copy; None where there is none any more."""
        try:
            return self.ask(call, remote_id)
        except Exception:
            if self.exchange.answer is None or self.exchange.answer.status != 404:
                raise
        # An address that is no Mastodon any more says 404 to everything.
        self.me()
        return None

    def me(self) -> dict[str, Any]:
        """The account itself. Raises CredentialsRefused where no Mastodon answers."""
        try:
            return self.ask(self.client.account_verify_credentials).json()
        except Exception:
            if self.exchange.answer is None or self.exchange.answer.status not in {404, 410}:
                raise
        raise self.nobody(self.exchange.answer)

    def nobody(self, answer: Answer) -> CredentialsRefused:
        """The error for an address where ``answer`` shows that there is no Mastodon."""
        return CredentialsRefused(
            stored(
                "no Mastodon answers at the instance of account '{account}' ({status}); if"
                " the instance is right it may be gone, else give another with: socialstrike"
                " accounts add mastodon {account} --replace",
                account=self.account,
                status=answer.status,
            )
        )
