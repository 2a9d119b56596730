"""How an app gets the tokens of Facebook pages: the dialog, the exchanges, the list of pages."""

from __future__ import annotations

import secrets
from datetime import timedelta

from starlette.responses import Response
from starlette.routing import BaseRoute

from socialstrike.sandbox import consents
from socialstrike.sandbox.calls import Call, route
from socialstrike.sandbox.facebook_answers import DIALECT, answer, refuse
from socialstrike.sandbox.facebook_tokens import PLATFORM, parameter
from socialstrike.sandbox.state import Sandbox

_TWO_HOURS, _SIXTY_DAYS = 7_200, 60 * 86_400
#: For so long Facebook lets an app see what a person allowed.
_DATA_ACCESS = timedelta(days=90)


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    """The addresses, for any version; they come before those of pages and posts."""
    root = "/v{version}"
    return [
        route(sandbox, DIALECT, f"{root}/dialog/oauth", {"GET": ask, "POST": approve}),
        route(sandbox, DIALECT, f"{root}/oauth/access_token", {"GET": exchange, "POST": exchange}),
        route(sandbox, DIALECT, f"{root}/me/accounts", {"GET": pages}),
        route(sandbox, DIALECT, f"{root}/debug_token", {"GET": examine, "POST": examine}),
    ]


async def ask(call: Call) -> Response:
    """The dialog in which a person chooses pages."""
    return consents.page(call, PLATFORM)


async def approve(call: Call) -> Response:
    """A person answered: carry it back to the app."""
    chosen = consents.choice(call, PLATFORM)
    if not chosen.accounts:
        return consents.back(chosen.kept, error="access_denied", error_reason="user_denied")
    return consents.back(chosen.kept, code=consents.code_for(call, chosen))


async def exchange(call: Call) -> Response:
    """A person's token for a code, or a long-lived one for that."""
    sandbox = call.sandbox
    if not parameter(call, "client_secret"):
        refuse(400, "Missing client_secret parameter.", 101)
    if parameter(call, "grant_type") == "fb_exchange_token":
        pages, lasts = sandbox.people.get(parameter(call, "fb_exchange_token") or ""), _SIXTY_DAYS
    else:
        found, kept = consents.redeemed(call, PLATFORM, parameter(call, "code") or "")
        same = all(
            kept.get(name) == parameter(call, name) for name in ("client_id", "redirect_uri")
        )
        pages, lasts = (tuple(a.id for a in found) if same else None), _TWO_HOURS
    if not pages:
        refuse(400, "This authorization code has expired.", 100)
    token = f"EAA{secrets.token_urlsafe(60)}"
    sandbox.people[token] = pages
    consents.ends(call, token, lasts)
    return answer(call, {"access_token": token, "token_type": "bearer", "expires_in": lasts})


async def pages(call: Call) -> Response:
    """The pages that a person chose, each with a token of its own."""
    token = call.request.headers.get("authorization", "").partition(" ")[2]
    ids = call.sandbox.people.get(token)
    if ids is None or consents.has_ended(call, token):
        refuse(401, "Invalid OAuth access token.", 190)
    data = []
    for number in ids:
        page = call.sandbox.account_by_id(PLATFORM, number)
        if page is not None:
            fresh = f"EAA{secrets.token_urlsafe(60)}"
            call.sandbox.admit(page, fresh)
            data.append({"id": page.id, "name": page.name, "access_token": fresh})
    return answer(call, {"data": data, "paging": {}})


async def examine(call: Call) -> Response:
    """What a page's token allows, and when it ends."""
    token = parameter(call, "input_token") or ""
    account = call.sandbox.account_by_token(PLATFORM, token)
    if account is None:
        refuse(400, "Invalid OAuth access token.", 100)
    call.account = account
    until = call.sandbox.now() + _DATA_ACCESS
    scopes = ["pages_manage_posts", "pages_read_engagement", "pages_show_list"]
    told = {
        "type": "PAGE",
        "is_valid": True,
        "expires_at": 0,
        "data_access_expires_at": int(until.timestamp()),
        "scopes": scopes,
    }
    return answer(call, {"data": told})
