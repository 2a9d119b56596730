"""Who may act on X: OAuth 1.0a signatures, OAuth 2 bearer tokens, and their refreshing."""

from __future__ import annotations

from starlette.responses import Response

from socialstrike.sandbox import consents, oauth1
from socialstrike.sandbox.calls import Call, Refused
from socialstrike.sandbox.state import Account, Sandbox
from socialstrike.sandbox.x_answers import answer, unauthorized
from socialstrike.sandbox.x_consent import code_taken, tokens

PLATFORM = "x"
#: The client signs the address it means, before its transport sends the request here.
_SIGNED_HOSTS = ("https://api.twitter.com", "https://api.x.com")


def authenticate(call: Call) -> Account:
    """Whose call this is. Raises Refused (401) for credentials that are not right."""
    scheme, _, value = call.request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        if consents.has_ended(call, value.strip()):
            raise Refused(unauthorized())
        account = _account_of(call.sandbox, value.strip())
        if "consumer_key" in account.credentials:  # its token is worth nothing without a signature
            raise Refused(unauthorized())
    elif scheme.lower() == "oauth":
        account = _authenticate_oauth1(call, oauth1.parse_header(value))
    else:
        raise Refused(unauthorized())
    call.account = account
    return account


def _authenticate_oauth1(call: Call, parameters: dict[str, str]) -> Account:
    account = _account_of(call.sandbox, parameters.get("oauth_token", ""))
    known = account.credentials
    if not account.registered:
        return account  # its secret is unknown here, so there is nothing to verify
    url = call.request.url
    is_form = call.request.headers.get("content-type", "").startswith(
        "application/x-www-form-urlencoded"
    )
    consumer_key = parameters.get("oauth_consumer_key", "")
    signed = known.get("consumer_key") == consumer_key and oauth1.is_signed(
        parameters,
        method=call.request.method,
        base_urls=[host + url.path for host in (*_SIGNED_HOSTS, f"{url.scheme}://{url.netloc}")],
        query=url.query,
        form=call.body.decode("utf-8", "replace") if is_form else "",
        consumer_secret=known.get("consumer_secret", ""),
        token_secret=known.get("access_token_secret", ""),
    )
    if not signed:
        raise Refused(unauthorized())
    return account


def _account_of(sandbox: Sandbox, token: str) -> Account:
    """The account that a token acts for; in open mode a token never seen opens one."""
    account = sandbox.account_by_token(PLATFORM, token)
    if account is not None:
        return account
    if sandbox.strict or not token or sandbox.is_revoked(token):
        raise Refused(unauthorized())
    # An OAuth 1.0a access token starts with its user's id.
    prefix, dash, _ = token.partition("-")
    user_id = prefix if dash and prefix.isdecimal() else None
    account = sandbox.account_by_id(PLATFORM, user_id) if user_id else None
    if account is not None and account.registered:
        raise Refused(unauthorized())
    account = account or sandbox.open(PLATFORM, id=user_id)
    sandbox.admit(account, token)
    return account


async def exchange(call: Call) -> Response:
    """Exchange a code or a refresh token for new tokens; the old ones are refused from then on."""
    if call.fields.get("grant_type") == "authorization_code":
        account, kept = code_taken(call)
        if account is None:
            return _invalid_grant("Value passed for the authorization code was invalid.")
        return tokens(call, account, kept.get("scope", ""))
    return await _refresh(call)


async def _refresh(call: Call) -> Response:
    token = str(call.fields.get("refresh_token", ""))
    if call.fields.get("grant_type") != "refresh_token" or not token:
        return _invalid_grant("Missing required parameter [refresh_token].")
    account = call.sandbox.account_by_token(PLATFORM, token, "refresh_token")
    if account is None and not (call.sandbox.strict or call.sandbox.is_revoked(token)):
        account = call.sandbox.open(PLATFORM)
        call.sandbox.set_credentials(account, {"refresh_token": token})
    if account is None:
        return _invalid_grant("Value passed for the token was invalid.")
    client_id = account.credentials.get("client_id")
    if client_id and call.fields.get("client_id", client_id) != client_id:
        return _invalid_grant("Value passed for the client was invalid.")

    scope = "tweet.read tweet.write users.read offline.access media.write"
    return await call.perform(account, "renew", lambda: tokens(call, account, scope))


def _invalid_grant(description: str) -> Response:
    return answer({"error": "invalid_request", "error_description": description}, 400)
