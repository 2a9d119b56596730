"""How Facebook pages are connected: a person's token, made long-lived, opens the pages' own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from socialstrike.i18n import stored
from socialstrike.platforms.base import CredentialsRefused
from socialstrike.platforms.consent import answered, epoch_told, page, scopes_told, secret_told
from socialstrike.platforms.credentials import Access, Consent, Grant
from socialstrike.platforms.http import identifier, name_told

if TYPE_CHECKING:
    from socialstrike.platforms.transport import Session

SCOPES = ("pages_manage_posts", "pages_read_engagement", "pages_show_list")

#: Facebook's own page for programs that no browser can come back to: its address is pasted.
_NOWHERE = "https://www.facebook.com/connect/login_success.html"
#: Pages of the list of a person's pages; each has a hundred.
_MOST = 5


def ask(access: Access, version: str, redirect: str, state: str, *, pasted: bool) -> Consent:
    """Ask the holder to let the app post for some of the pages."""
    back = _NOWHERE if pasted else redirect
    url = page(
        access,
        "https://www.facebook.com",
        f"/{version}/dialog/oauth",
        client_id=access.credentials["app_id"],
        redirect_uri=back,
        state=state,
        response_type="code",
        scope=",".join(SCOPES),
    )
    return Consent(url, state, {"redirect": back})


def redeem(
    session: Session, access: Access, graph: str, consent: Consent, answer: Mapping[str, str]
) -> list[Grant]:
    """The pages that the holder lets us post for. ``graph`` is the API's address with version."""
    keys = access.credentials
    app = {"client_id": keys["app_id"], "client_secret": keys["app_secret"]}
    short = _token(
        session, graph, **app, redirect_uri=consent.kept["redirect"], code=answer["code"]
    )
    # A page token lasts only when it is made from a long-lived token.
    long = _token(session, graph, **app, grant_type="fb_exchange_token", fb_exchange_token=short)
    grants = [
        Grant(
            {"page_id": identifier(one["id"]), "access_token": secret_told(one, "access_token")},
            identifier(one["id"]),
            name_told(one["name"]),
        )
        for one in _pages(session, graph, long)
    ]
    if not grants:
        raise CredentialsRefused(
            stored(
                "Facebook lets the app post for no page for account '{account}'; choose at"
                " least one page when Facebook asks, with an account that manages it",
                account=access.account,
            )
        )
    return grants


def examined(
    session: Session, graph: str, token: str
) -> tuple[tuple[str, ...] | None, datetime | None]:
    """What a token allows and when it ends (aware, UTC), as Facebook says; None for unknown."""
    # A GET by Facebook's own way to ask for one in a form: a token belongs in no address.
    form = {"method": "get", "input_token": token}
    told = answered(session.post(f"{graph}/debug_token", data=form))["data"]
    ends = (epoch_told(told.get(name)) for name in ("expires_at", "data_access_expires_at"))
    return scopes_told(told.get("scopes")), min((end for end in ends if end), default=None)


def _token(session: Session, graph: str, **form: str) -> str:
    headers: dict[str, Any] = {"Authorization": None}  # no token yet, so none in the header
    told = answered(session.post(f"{graph}/oauth/access_token", data=form, headers=headers))
    return secret_told(told, "access_token")


def _pages(session: Session, graph: str, token: str) -> Iterator[Mapping[str, Any]]:
    query = {"fields": "id,name,access_token", "limit": "100"}
    for _ in range(_MOST):
        headers = {"Authorization": f"Bearer {token}"}
        told = answered(session.get(f"{graph}/me/accounts", params=query, headers=headers))
        yield from told["data"]
        after = ((told.get("paging") or {}).get("cursors") or {}).get("after")
        if not (told.get("paging") or {}).get("next") or not isinstance(after, str):
            return
        query["after"] = after
