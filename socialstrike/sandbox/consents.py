"""How a person lets a program act for an account: a page with buttons, and codes that count once.

A program without a browser answers the page with one POST: ``account`` says yes for that account,
``deny`` says no.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from socialstrike.sandbox.calls import Call
from socialstrike.sandbox.faults import Occasion
from socialstrike.sandbox.state import Account, Consented

_CODE_LASTS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose on the page: the accounts, none for a no; ``kept`` is the question."""

    accounts: tuple[Account, ...]
    kept: Mapping[str, str] = field(repr=False)


def page(call: Call, platform: str) -> Response:
    """Ask, with one button for each of the platform's accounts here, and one for no."""
    names = [account.name for account in call.sandbox.accounts if account.platform == platform]
    buttons = "".join(
        f'<button name="account" value="{html.escape(name)}">Allow {html.escape(name)}</button> '
        for name in names
    )
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in call.request.query_params.items()
    )
    return Response(
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Allow?</title></head>'
        f'<body><h1>May the app post?</h1><form method="post">{hidden}'
        f"{buttons or 'The sandbox has no such account.'}"
        '<button name="deny" value="1">Deny</button></form></body></html>',
        media_type="text/html",
    )


def choice(call: Call, platform: str) -> Choice:
    """What the person answered; several accounts stand in one field, with commas."""
    given = {name: str(value) for name, value in call.fields.items()}
    names = [] if given.pop("deny", "") else given.pop("account", "").split(",")
    found = (call.sandbox.account_named(platform, name) for name in names)
    return Choice(tuple(account for account in found if account), given)


def code_for(call: Call, chosen: Choice, *, short: bool = False) -> str:
    """A code for the program, which counts once and for ten minutes; a ``short`` one is a PIN."""
    code = f"{secrets.randbelow(10**7):07}" if short else secrets.token_urlsafe(32)
    ids = tuple(account.id for account in chosen.accounts)
    until = call.sandbox.now() + _CODE_LASTS
    call.sandbox.consented[code] = Consented(ids, dict(chosen.kept), until)
    return code


def back(kept: Mapping[str, str], **answer: str) -> Response:
    """Send the browser back to the program, with the state that it gave."""
    redirect, state = kept.get("redirect_uri", ""), kept.get("state")
    query = urlencode({**answer, **({"state": state} if state else {})})
    return RedirectResponse(f"{redirect}{'&' if '?' in redirect else '?'}{query}", 302)


def redeemed(call: Call, platform: str, code: str) -> tuple[list[Account], Mapping[str, str]]:
    """The accounts that a code opens and the question it answers; none for one that is over."""
    found = call.sandbox.consented.pop(code, None)
    if found is None or call.sandbox.now() >= found.until:
        return [], {}
    accounts = [call.sandbox.account_by_id(platform, number) for number in found.accounts]
    return [a for a in accounts if a and not is_over(call, a)], found.kept


def is_over(call: Call, account: Account) -> bool:
    """Whether a fault on ``connect`` makes this code one that came too late."""
    occasion = Occasion(account.platform, account.name, account.id, "connect", "")
    return call.sandbox.faults.pick(occasion) is not None


def ends(call: Call, token: str, seconds: float) -> datetime:
    """Let a token end by itself after so many seconds."""
    moment = call.sandbox.now() + timedelta(seconds=seconds)
    call.sandbox.token_ends[token] = moment
    return moment


def has_ended(call: Call, token: str) -> bool:
    """Whether a token has come to its end."""
    until = call.sandbox.token_ends.get(token)
    return until is not None and call.sandbox.now() >= until
