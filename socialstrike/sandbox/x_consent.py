"""How an app gets X's tokens: by PIN with OAuth 1.0a, or by a code with OAuth 2.0 and PKCE."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import BaseRoute

from socialstrike.sandbox import consents, oauth1
from socialstrike.sandbox.calls import Call, Refused, route
from socialstrike.sandbox.state import Account, Sandbox
from socialstrike.sandbox.x_answers import DIALECT, answer, unauthorized

PLATFORM = "x"


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    """The pages for people, and the addresses of OAuth 1.0a."""
    return [
        route(sandbox, DIALECT, "/oauth/request_token", {"POST": request_token}),
        # /oauth/authorize is Mastodon's as well, and is told apart there.
        route(sandbox, DIALECT, "/oauth/access_token", {"POST": access_token}),
        route(sandbox, DIALECT, "/i/oauth2/authorize", {"GET": ask, "POST": approve}),
    ]


async def request_token(call: Call) -> Response:
    """Begin: a token that a person is to allow."""
    told = oauth1.parse_header(call.request.headers.get("authorization", "").partition(" ")[2])
    if told.get("oauth_callback") != "oob" or not told.get("oauth_consumer_key"):
        raise Refused(unauthorized())
    token, secret = secrets.token_urlsafe(20), secrets.token_urlsafe(24)
    call.sandbox.request_tokens[token] = (told["oauth_consumer_key"], secret)
    return _form(oauth_token=token, oauth_token_secret=secret, oauth_callback_confirmed="true")


async def ask_pin(call: Call) -> Response:
    """The page that shows a PIN to whoever says yes."""
    return consents.page(call, PLATFORM)


async def show_pin(call: Call) -> Response:
    """A person answered: show the PIN."""
    chosen = consents.choice(call, PLATFORM)
    known = chosen.kept.get("oauth_token") in call.sandbox.request_tokens
    if not chosen.accounts or not known:
        return Response("<p>The app was not allowed.</p>", 403, media_type="text/html")
    pin = consents.code_for(call, chosen, short=True)
    return Response(f"<p><code>{pin}</code></p>", media_type="text/html")


async def access_token(call: Call) -> Response:
    """The PIN's token, which does not end."""
    told = oauth1.parse_header(call.request.headers.get("authorization", "").partition(" ")[2])
    accounts, kept = consents.redeemed(call, PLATFORM, told.get("oauth_verifier", ""))
    token = told.get("oauth_token", "")
    begun = call.sandbox.request_tokens.pop(token, None)
    consumer = told.get("oauth_consumer_key")
    if not accounts or begun is None or kept.get("oauth_token") != token or begun[0] != consumer:
        raise Refused(unauthorized())
    account = accounts[0]
    # The app's own secret is not known here, so nothing that it signs can be verified.
    account.registered = False
    fresh = f"{account.id}-{secrets.token_hex(20)}"
    call.sandbox.admit(account, fresh)
    return _form(oauth_token=fresh, oauth_token_secret=secrets.token_urlsafe(33), screen_name="-")


async def ask(call: Call) -> Response:
    """The page on which a person lets an app act (OAuth 2.0)."""
    query = call.request.query_params
    if query.get("code_challenge_method") != "S256" or not query.get("state"):
        return Response("<p>The app's question is wrong.</p>", 400, media_type="text/html")
    return consents.page(call, PLATFORM)


async def approve(call: Call) -> Response:
    """A person answered: carry it back to the app."""
    chosen = consents.choice(call, PLATFORM)
    if not chosen.accounts:
        return consents.back(chosen.kept, error="access_denied")
    return consents.back(chosen.kept, code=consents.code_for(call, chosen))


def code_taken(call: Call) -> tuple[Account | None, Mapping[str, str]]:
    """Whose code this is, and what was asked; nobody's where the verifier does not fit it."""
    given = {name: str(value) for name, value in call.fields.items()}
    accounts, kept = consents.redeemed(call, PLATFORM, given.get("code", ""))
    digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    same = all(kept.get(name) == given.get(name) for name in ("client_id", "redirect_uri"))
    fits = bool(accounts) and same and kept.get("code_challenge") == challenge
    return (accounts[0], kept) if fits else (None, {})


def tokens(call: Call, account: Account, scope: str) -> Response:
    """A new pair for the account; the old ones are refused from now on."""
    fresh = {kind: secrets.token_urlsafe(60) for kind in ("access_token", "refresh_token")}
    client = str(call.fields.get("client_id", "")) or account.credentials.get("client_id", "")
    call.sandbox.set_credentials(account, {"client_id": client, **fresh})
    lasts = call.sandbox.token_life
    consents.ends(call, fresh["access_token"], lasts)
    body = {"token_type": "bearer", "expires_in": int(lasts), "scope": scope, **fresh}
    return answer(body)


def _form(**fields: str) -> Response:
    return Response(urlencode(fields), media_type="application/x-www-form-urlencoded")
