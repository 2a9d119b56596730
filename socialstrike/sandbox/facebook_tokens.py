"""Who may act on Facebook: page tokens, in a header or as a parameter."""

from __future__ import annotations

import re
from typing import NoReturn

from socialstrike.sandbox.calls import Call
from socialstrike.sandbox.facebook_answers import missing_object, no_permission, refuse
from socialstrike.sandbox.state import Account

PLATFORM = "facebook"


def parameter(call: Call, name: str) -> str | None:
    """A parameter of the call, from its body or its query string."""
    value = call.fields.get(name, call.request.query_params.get(name))
    return None if value is None else str(value)


def authenticate(call: Call) -> Account:
    """Whose token this is. Raises Refused (401, code 190) for a token that is not right."""
    token = _token(call)
    account = call.sandbox.account_by_token(PLATFORM, token)
    if account is None:
        if call.sandbox.strict:
            _refuse_token()
        account = call.sandbox.open(PLATFORM)
        account.provisional = True
        call.sandbox.admit(account, token)
    call.account = account
    return account


def authenticate_for(call: Call, page_id: str) -> Account:
    """The page, when the token may act for it.

    Raises Refused: code 190 for a token that is not right, 200 for another page's.
    """
    token, sandbox = _token(call), call.sandbox
    owner = sandbox.account_by_token(PLATFORM, token)
    page = sandbox.account_by_id(PLATFORM, page_id)
    if page is None:
        page = _open_page(call, page_id, token, owner)
    elif page.registered:
        if owner is None:
            _refuse_token()
        if owner is not page:
            no_permission()
    elif owner is None:
        if sandbox.strict:
            _refuse_token()
        sandbox.admit(page, token)
    call.account = page
    return page


def _open_page(call: Call, page_id: str, token: str, owner: Account | None) -> Account:
    sandbox = call.sandbox
    if sandbox.strict and owner is None:
        _refuse_token()
    if (
        sandbox.strict
        or not re.fullmatch(r"[A-Za-z0-9.-]+", page_id)
        or (owner and owner.registered)
    ):
        missing_object(page_id)
    if owner and owner.provisional:
        sandbox.set_id(owner, page_id)
        return owner
    page = sandbox.open(PLATFORM, id=page_id)
    sandbox.admit(page, token)
    return page


def _token(call: Call) -> str:
    scheme, _, value = call.request.headers.get("authorization", "").partition(" ")
    token = value.strip() if scheme.lower() in {"bearer", "oauth"} else ""
    token = token or parameter(call, "access_token") or ""
    if not token:
        message = "An active access token must be used to query information about this."
        refuse(400, message, 2500)
    return token


def _refuse_token() -> NoReturn:
    refuse(401, "Invalid OAuth access token - Cannot parse access token", 190)
