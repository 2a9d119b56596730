"""How an account on X is connected, by PIN or with OAuth 2.0, and how its tokens are renewed."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from socialstrike.i18n import stored
from socialstrike.platforms.base import CredentialsRefused, TemporarilyUnavailable
from socialstrike.platforms.consent import answered, page, scopes_told, seconds_told, secret_told
from socialstrike.platforms.credentials import Access, Consent, Swap

if TYPE_CHECKING:
    from socialstrike.platforms.transport import Session

API = "https://api.x.com"
#: What posting needs, but for the last, which is what lets the token be renewed.
SCOPES = ("media.write", "tweet.read", "tweet.write", "users.read", "offline.access")

#: How long another process is left alone with a renewal: longer than any call takes.
_CLAIM = timedelta(seconds=90)
#: How often a pair is tried to be stored, after so many seconds each.
_PATIENCE = (0.0, 0.2, 1.0, 3.0)
#: A token that was issued just now and is refused all the same is not mended by another one.
_YOUNG = timedelta(seconds=60)
#: At most this long a token is believed to last.
_LONGEST = 90 * 86_400


def ask_pin(session: Session, access: Access) -> Consent:
    """Have X show a PIN to whoever allows the app (OAuth 1.0a)."""
    told = _oauth1(session, access, "/oauth/request_token", callback_uri="oob")
    token = secret_told(told, "oauth_token")
    kept = {"oauth_token": token, "oauth_token_secret": secret_told(told, "oauth_token_secret")}
    return Consent(page(access, API, "/oauth/authorize", oauth_token=token), None, kept)


def redeem_pin(
    session: Session, access: Access, consent: Consent, answer: Mapping[str, str]
) -> dict[str, str]:
    """The four keys, for the PIN."""
    told = _oauth1(
        session,
        access,
        "/oauth/access_token",
        resource_owner_key=consent.kept["oauth_token"],
        resource_owner_secret=consent.kept["oauth_token_secret"],
        verifier=answer["code"],
    )
    return {
        **{name: access.credentials[name] for name in ("consumer_key", "consumer_secret")},
        "access_token": secret_told(told, "oauth_token"),
        "access_token_secret": secret_told(told, "oauth_token_secret"),
    }


def ask_code(access: Access, redirect: str, state: str) -> Consent:
    """Have the browser come back with a code, which only our verifier opens (OAuth 2.0, PKCE)."""
    verifier = secrets.token_urlsafe(64)
    digest = hashlib.sha256(verifier.encode()).digest()
    url = page(
        access,
        "https://x.com",
        "/i/oauth2/authorize",
        response_type="code",
        client_id=access.credentials["client_id"],
        redirect_uri=redirect,
        scope=" ".join(SCOPES),
        state=state,
        code_challenge=base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        code_challenge_method="S256",
    )
    return Consent(url, state, {"redirect": redirect, "verifier": verifier})


def redeem_code(
    session: Session, access: Access, consent: Consent, answer: Mapping[str, str]
) -> dict[str, str]:
    """The tokens, for the code."""
    keys = access.credentials
    told = _token(
        session,
        keys,
        grant_type="authorization_code",
        code=answer["code"],
        redirect_uri=consent.kept["redirect"],
        code_verifier=consent.kept["verifier"],
    )
    if not told.get("refresh_token"):
        raise CredentialsRefused(
            stored(
                "X gave account '{account}' access for two hours alone; allow the app to stay"
                " connected (offline.access)",
                account=access.account,
            )
        )
    mine = {name: keys[name] for name in ("client_id", "client_secret") if keys.get(name)}
    return {**mine, **_pair(told), "scopes": " ".join(scopes_told(told.get("scope")) or ())}


def due(keys: Mapping[str, str]) -> bool:
    """Whether three quarters of the token's life are over: time to renew it, well ahead."""
    issued, ends = (_moment(keys.get(name)) for name in ("issued_at", "ends_at"))
    if issued is None or ends is None:
        return False  # a token from a file: it is renewed once it is refused
    return datetime.now(UTC) >= issued + (ends - issued) * 0.75


def valid(keys: Mapping[str, str]) -> bool:
    """Whether the token has not come to its end yet."""
    ends = _moment(keys.get("ends_at"))
    return ends is not None and datetime.now(UTC) < ends


def young(keys: Mapping[str, str]) -> bool:
    """Whether the token was issued only just now."""
    issued = _moment(keys.get("issued_at"))
    return issued is not None and datetime.now(UTC) - issued < _YOUNG


def renew(session: Session, access: Access) -> dict[str, str]:
    """All the account's keys, with a new pair of tokens that is stored already.

    A refresh token counts once. Whoever uses it up therefore claims that first, in what is
    stored; a claim lapses where its process died. Raises TemporarilyUnavailable while another
    process renews, CredentialsRefused where the refresh token counts no longer.
    """
    keys, store = access.credentials, access.renewed
    assert store is not None  # the caller looked: unstored, the tokens would be lost
    until = _moment(keys.get("renewing", "").partition(" ")[0])
    if until is not None and until > datetime.now(UTC):
        raise TemporarilyUnavailable(
            stored(
                "another process renews the access of account '{account}' to X; it is tried"
                " again by itself",
                account=access.account,
            )
        )
    mine = f"{(datetime.now(UTC) + _CLAIM).isoformat()} {secrets.token_hex(8)}"
    before = {name: keys.get(name, "") for name in ("refresh_token", "renewing")}
    claim, done = {"renewing": mine}, {"renewing": ""}
    _store(store, claim, given=before)
    try:
        told = _token(
            session, keys, grant_type="refresh_token", refresh_token=keys["refresh_token"]
        )
        fresh = _pair({"refresh_token": keys["refresh_token"], **told})
    except BaseException:
        store(Swap(done, given=claim))
        raise
    _store(store, {**fresh, **done}, given=claim)
    return {**{name: value for name, value in keys.items() if name != "renewing"}, **fresh}


def _store(
    store: Callable[[Mapping[str, str]], None], fields: Mapping[str, str], *, given: dict[str, str]
) -> None:
    """Store, and be sure of it: what counts once is used neither before nor unless it is stored.

    Whoever stores may pass over a database that is busy or full, so what is stored is looked at.
    """
    for pause in _PATIENCE:
        time.sleep(pause)
        store(Swap(fields, given=given))
        proof = Swap({}, given=fields)
        store(proof)
        if proof.held:
            return
    raise TemporarilyUnavailable(
        stored("the renewed access to X could not be stored; free some space on the home's disk")
    )


def connect_again(account: str) -> CredentialsRefused:
    """The refresh token counts no longer: only the account's holder can mend that."""
    return CredentialsRefused(
        stored(
            "X takes the refresh token of account '{account}' no longer (it was used or"
            " taken back, or the answer with the next one was lost); connect it again"
            " with: socialstrike accounts connect x {account} --replace",
            account=account,
        )
    )


def _token(session: Session, keys: Mapping[str, str], **form: str) -> dict[str, Any]:
    form["client_id"] = keys.get("client_id", "")
    secret = keys.get("client_secret")
    auth = (form["client_id"], secret) if secret else None
    return answered(session.post(f"{API}/2/oauth2/token", data=form, auth=auth))


def _pair(told: Mapping[str, Any]) -> dict[str, str]:
    now = datetime.now(UTC)
    lasts = seconds_told(told.get("expires_in"), most=_LONGEST) or 7_200
    return {
        "access_token": secret_told(told, "access_token"),
        "refresh_token": secret_told(told, "refresh_token"),
        "issued_at": now.isoformat(),
        "ends_at": (now + timedelta(seconds=lasts)).isoformat(),
    }


def _oauth1(session: Session, access: Access, path: str, **signed: str) -> dict[str, str]:
    from requests_oauthlib import OAuth1  # noqa: PLC0415  # tweepy brings it, and costs 150 ms

    keys = access.credentials
    auth = OAuth1(keys["consumer_key"], client_secret=keys["consumer_secret"], **signed)
    answer = session.post(API + path, auth=auth)
    answer.raise_for_status()
    return dict(parse_qsl(answer.text[:10_000]))


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None
