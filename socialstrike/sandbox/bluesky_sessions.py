"""Who may act on Bluesky: app passwords, and the sessions that they open."""

from __future__ import annotations

import secrets

from starlette.responses import Response

from socialstrike.sandbox.bluesky_answers import PLATFORM, answer, refuse
from socialstrike.sandbox.calls import Call
from socialstrike.sandbox.state import Account, Sandbox, handle_of


def account_at(sandbox: Sandbox, identifier: str) -> Account | None:
    """The account of this handle or DID."""
    if identifier.startswith("did:"):
        return sandbox.account_by_id(PLATFORM, identifier)
    wanted = identifier.lower()
    mine = (a for a in sandbox.accounts if a.platform == PLATFORM)
    return next((a for a in mine if handle_of(a.name) == wanted), None)


def authenticate(call: Call) -> Account:
    """Whose call this is. Raises Refused (401 without a token, 400 for one that is not right)."""
    return _holder(call, "access_token")


async def create(call: Call) -> Response:
    """Open a session; in open mode a handle never seen opens an account with this password."""
    identifier, password = (str(call.fields.get(name, "")) for name in ("identifier", "password"))
    account = account_at(call.sandbox, identifier)
    if account is None and identifier and password and not call.sandbox.strict:
        account = call.sandbox.open(PLATFORM, name=identifier)
        account.credentials = {"handle": handle_of(account.name), "app_password": password}
    if account is None or account.credentials.get("app_password") != password:
        refuse(401, "AuthenticationRequired", "Invalid identifier or password")
    opened = account
    return await call.perform(opened, "check", lambda: _opened(call, opened))


async def refresh(call: Call) -> Response:
    """Exchange a refresh token for the next session; it counts once."""
    account = _holder(call, "refresh_token")

    def act() -> Response:
        call.sandbox.expel(PLATFORM, "refresh_token", _token(call))
        return _opened(call, account)

    return await call.perform(account, "check", act)


async def show(call: Call) -> Response:
    """Whose session this is."""
    account = authenticate(call)
    return await call.perform(account, "check", lambda: answer(_identity(account)))


def _opened(call: Call, account: Account) -> Response:
    tokens = {"access_token": secrets.token_urlsafe(90), "refresh_token": secrets.token_urlsafe(90)}
    for kind, token in tokens.items():
        call.sandbox.admit(account, token, kind)
    jwts = {"accessJwt": tokens["access_token"], "refreshJwt": tokens["refresh_token"]}
    return answer({**jwts, **_identity(account)})


def _identity(account: Account) -> dict[str, object]:
    return {"handle": handle_of(account.name), "did": account.id, "active": True}


def _holder(call: Call, kind: str) -> Account:
    token = _token(call)
    if not token:
        refuse(401, "AuthMissing", "Authentication Required")
    account = call.sandbox.account_by_token(PLATFORM, token, kind)
    if account is None and call.sandbox.is_revoked(token):
        refuse(400, "ExpiredToken", "Token has been revoked")
    if account is None:
        refuse(400, "InvalidToken", "Token could not be verified")
    call.account = account
    return account


def _token(call: Call) -> str:
    scheme, _, value = call.request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""
