"""Who may act on Mastodon: access tokens, and the way a program gets one."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import timedelta

from starlette.responses import Response
from starlette.routing import BaseRoute

from socialstrike.sandbox import consents, x_consent
from socialstrike.sandbox.calls import Call, route
from socialstrike.sandbox.mastodon_answers import DIALECT, answer, error, invalid, refuse
from socialstrike.sandbox.mastodon_memory import App, Grant
from socialstrike.sandbox.state import Account, Sandbox

PLATFORM = "mastodon"
#: Instead of an address to return to: the code is shown, to be copied.
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
_CODE_LASTS = timedelta(minutes=10)


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    """The addresses by which a program gets a token."""
    return [
        route(sandbox, DIALECT, "/api/v1/apps", {"POST": register}),
        route(sandbox, DIALECT, "/oauth/authorize", {"GET": ask, "POST": approve}),
        route(sandbox, DIALECT, "/oauth/token", {"POST": exchange}),
        route(sandbox, DIALECT, "/oauth/revoke", {"POST": revoke}),
    ]


def authenticate(call: Call) -> Account:
    """Whose call this is. Raises Refused (401) for a token that is not right."""
    scheme, _, value = call.request.headers.get("authorization", "").partition(" ")
    token, sandbox = value.strip(), call.sandbox
    if scheme.lower() != "bearer" or not token:
        refuse(401, "The access token is invalid")
    account = sandbox.account_by_token(PLATFORM, token)
    if account is None:
        if sandbox.strict or sandbox.is_revoked(token):
            refuse(401, "The access token was revoked")
        account = sandbox.open(PLATFORM)
        sandbox.admit(account, token)
    call.account = account
    return account


async def register(call: Call) -> Response:
    """Register a program; the answer has its client id and secret."""
    given = call.fields
    uris = tuple(str(given.get("redirect_uris") or OUT_OF_BAND).split())
    if not given.get("client_name"):
        invalid("Application name can't be blank")
    scopes = str(given.get("scopes") or "read")
    app = App(secrets.token_urlsafe(32), secrets.token_urlsafe(32), uris, scopes)
    call.sandbox.mastodon.apps[app.client_id] = app
    body = {
        "id": call.sandbox.new_id(),
        "name": given["client_name"],
        "website": given.get("website"),
        "scopes": scopes.split(),
        "redirect_uris": list(uris),
        "redirect_uri": "\n".join(uris),
        "client_id": app.client_id,
        "client_secret": app.client_secret,
    }
    return answer(body, call.sandbox.now())


async def ask(call: Call) -> Response:
    """The page on which a person lets an app act for one of the sandbox's accounts."""
    query = call.request.query_params
    if "oauth_token" in query:  # X has its page for people at the same address
        return await x_consent.ask_pin(call)
    _app(call, query.get("client_id", ""), query.get("redirect_uri", OUT_OF_BAND))
    return consents.page(call, PLATFORM)


async def approve(call: Call) -> Response:
    """A person said yes: show the code, or carry it back to the app."""
    given = {name: str(value) for name, value in call.fields.items()}
    if "oauth_token" in given:
        return await x_consent.show_pin(call)
    redirect = given.get("redirect_uri", OUT_OF_BAND)
    app = _app(call, given.get("client_id", ""), redirect)
    if "deny" in given and redirect != OUT_OF_BAND:
        return consents.back(given, error="access_denied")
    account = call.sandbox.account_named(PLATFORM, given.get("account", ""))
    if account is None:
        refuse(400, "There is no such account.")
    scope = given.get("scope") or app.scopes
    if set(scope.split()) - set(app.scopes.split()):
        refuse(400, "The requested scope is invalid, unknown, or malformed.")
    code = secrets.token_urlsafe(32)
    until = call.sandbox.now() + _CODE_LASTS
    call.sandbox.mastodon.grants[code] = Grant(app.client_id, account.id, redirect, scope, until)
    if redirect == OUT_OF_BAND:
        return Response(f"<p><code>{code}</code></p>", media_type="text/html")
    return consents.back(given, code=code)


async def exchange(call: Call) -> Response:
    """Exchange a code for an access token; a code works once."""
    given, now = call.fields, call.sandbox.now()
    app = call.sandbox.mastodon.apps.get(_client(call)[0])
    if app is None or _client(call)[1] != app.client_secret:
        return error(401, "invalid_client")
    grant = call.sandbox.mastodon.grants.pop(str(given.get("code", "")), None)
    fits = grant is not None and (grant.client_id, grant.redirect_uri) == (
        app.client_id,
        str(given.get("redirect_uri", "")),
    )
    if given.get("grant_type") != "authorization_code" or grant is None or not fits:
        return error(400, "invalid_grant")
    account = call.sandbox.account_by_id(PLATFORM, grant.account_id)
    if account is None or now >= grant.until or consents.is_over(call, account):
        return error(400, "invalid_grant")
    token = secrets.token_urlsafe(32)
    call.sandbox.admit(account, token)
    body = {
        "access_token": token,
        "token_type": "Bearer",
        "scope": grant.scope,
        "created_at": int(now.timestamp()),
    }
    return answer(body, now)


async def revoke(call: Call) -> Response:
    """Take a token back; it is refused from then on."""
    client_id, client_secret = _client(call)
    app = call.sandbox.mastodon.apps.get(client_id)
    if app is None or client_secret != app.client_secret:
        return error(403, "You are not authorized to revoke this token")
    token = str(call.fields.get("token", ""))
    if call.sandbox.account_by_token(PLATFORM, token):
        call.sandbox.expel(PLATFORM, "access_token", token)
    return answer({}, call.sandbox.now())


def _app(call: Call, client_id: str, redirect: str) -> App:
    app = call.sandbox.mastodon.apps.get(client_id)
    if app is None or redirect not in app.redirect_uris:
        refuse(400, "Client authentication failed, or the redirect URI is not the app's.")
    return app


def _client(call: Call) -> tuple[str, str]:
    """The app's id and secret, from the body or from basic authentication."""
    scheme, _, value = call.request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return client_id, secret
    return str(call.fields.get("client_id", "")), str(call.fields.get("client_secret", ""))
