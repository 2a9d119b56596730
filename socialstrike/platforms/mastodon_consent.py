"""How a Mastodon account is connected: the program is registered on the instance, then allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from socialstrike.platforms.consent import answered, page, scopes_told, secret_told
from socialstrike.platforms.credentials import Access, Consent

if TYPE_CHECKING:
    from socialstrike.platforms.transport import Session

SCOPES = ("read:accounts", "read:statuses", "write:media", "write:statuses")

#: Instead of an address to come back to: the code is shown, to be typed.
_SHOWN = "urn:ietf:wg:oauth:2.0:oob"


def ask(
    session: Session, access: Access, instance: str, redirect: str, state: str, *, pasted: bool
) -> Consent:
    """Register this program on the instance, and ask the holder to let it post."""
    back, scopes = _SHOWN if pasted else redirect, " ".join(SCOPES)
    form = {"client_name": "socialstrike", "redirect_uris": back, "scopes": scopes}
    app = answered(session.post(f"{instance}/api/v1/apps", data=form))
    kept = {name: secret_told(app, name) for name in ("client_id", "client_secret")}
    url = page(
        access,
        instance,
        "/oauth/authorize",
        response_type="code",
        client_id=kept["client_id"],
        redirect_uri=back,
        scope=scopes,
        state=state,
    )
    return Consent(url, None if pasted else state, {**kept, "redirect_uri": back})


def redeem(
    session: Session, access: Access, instance: str, consent: Consent, answer: Mapping[str, str]
) -> dict[str, str]:
    """The credentials, for the code."""
    form = {
        **consent.kept,
        "grant_type": "authorization_code",
        "code": answer["code"],
        "scope": " ".join(SCOPES),
    }
    told = answered(session.post(f"{instance}/oauth/token", data=form))
    scopes = scopes_told(told.get("scope")) or ()
    return {
        "instance": access.credentials["instance"],
        "access_token": secret_told(told, "access_token"),
        "scopes": " ".join(scopes),
    }


def missing(scopes: tuple[str, ...] | None) -> tuple[str, ...]:
    """What posting needs beside ``scopes``; a broad one such as write holds its narrow ones."""
    if scopes is None:
        return ()
    return tuple(one for one in SCOPES if not {one, one.partition(":")[0]} & set(scopes))
