"""The token of one account on X (OAuth 2.0): renewed well before its end, or after an early one.

A refresh token counts once, and several processes may hold it: ``x_consent.renew`` sees to that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from socialstrike.i18n import stored
from socialstrike.platforms import x_consent
from socialstrike.platforms.base import PlatformError, RateLimited, TemporarilyUnavailable
from socialstrike.platforms.credentials import Access, Swap
from socialstrike.platforms.http import Exchange

if TYPE_CHECKING:
    from tweepy import Client


class Token:
    """What an account's calls are authorised with: its ``client`` always has the newest token.

    ``sort`` makes one of the platform errors out of what fails. Keys of OAuth 1.0a have no end.
    """

    def __init__(
        self,
        access: Access,
        exchange: Exchange,
        client: Client,
        sort: Callable[[Exception], PlatformError],
    ) -> None:
        self._access, self._exchange, self._client, self._sort = access, exchange, client, sort

    @property
    def keys(self) -> Mapping[str, str]:
        """The account's credentials as they are now."""
        return self._access.credentials

    @property
    def renewable(self) -> bool:
        """Whether there is a refresh token, and somebody to store the next one."""
        if self.keys.get("consumer_key"):
            return False
        return bool(self._access.renewed and self.keys.get("refresh_token"))

    def be_fresh(self) -> None:
        """Renew the token where its end is near. Raises what ``check`` raises."""
        keys = self.keys
        if not self.renewable or not x_consent.due(keys):
            return
        trouble = self._renewed()
        # As long as the token holds, a renewal that surely did not happen can wait.
        harmless = isinstance(trouble, RateLimited) or not self._exchange.sent
        if trouble and not (harmless and x_consent.valid(keys)):
            raise trouble
        self._exchange.begin()

    def second_thoughts(self, refused: PlatformError) -> PlatformError:
        """What a 401 means where the token can be renewed: another process may just have done so.

        A 401 proves that nothing was done, even for a post.
        """
        assert self._access.renewed is not None  # whoever calls this looked
        try:
            same = {name: self.keys.get(name, "") for name in ("access_token", "renewing")}
            self._access.renewed(Swap({}, given=same))
        except PlatformError as error:
            return error
        if x_consent.young(self.keys):
            return refused
        return self._renewed() or TemporarilyUnavailable(
            stored(
                "X had ended the token of account '{account}'; it was renewed, and it is"
                " tried again by itself",
                account=self._access.account,
            )
        )

    def _renewed(self) -> PlatformError | None:
        """Renew the token; what went wrong, if anything did."""
        self._exchange.begin()
        try:
            keys = x_consent.renew(self._client.session, self._access)
        except Exception as error:  # noqa: BLE001  # sorted like all that a library may raise
            told = self._exchange.answer
            if told and told.status in {400, 401} and not isinstance(error, PlatformError):
                return x_consent.connect_again(self._access.account)
            return self._sort(error)
        self._access = replace(self._access, credentials=keys)
        self._client.bearer_token = keys["access_token"]
        return None
