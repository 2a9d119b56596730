"""Connecting an account: from a person's consent to credentials that were checked and sealed.

A platform says by its adapter what is asked and how the answer is redeemed; nothing is stored
before every account of the answer has been checked.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hmac import compare_digest
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy.orm import Session

from socialstrike import accounts, platforms, redaction
from socialstrike.db.models import Account
from socialstrike.exceptions import InvalidInput, SocialstrikeError
from socialstrike.i18n import tr
from socialstrike.loopback import PATH
from socialstrike.platforms.addresses import checked_base_url
from socialstrike.platforms.base import PlatformError, TemporarilyUnavailable
from socialstrike.platforms.credentials import Access, Consent, Grant, Identity
from socialstrike.vault import Vault

T = TypeVar("T")

_CODE = re.compile(r"[!-~]{1,2000}", re.ASCII)


class NotConnected(SocialstrikeError):  # noqa: N818  # named for what happened, like its kin
    """The account was not connected; nothing was stored."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which account is to be connected, and what its platform needs to be asked with.

    ``app`` holds the fields of ``Platform.asked_to_connect``; ``repr`` never shows them.
    """

    platform: str
    name: str
    app: Mapping[str, str] = field(repr=False)
    base_url: str | None = None
    allow_local: bool = False

    def access(self) -> Access:
        """What the adapter is given. Raises InvalidInput for a field or an address."""
        known = {one.name: one for one in platforms.get(self.platform).asked_to_connect()}
        wrong = sorted(set(self.app) - set(known))
        if wrong or not all(isinstance(value, str) for value in self.app.values()):
            raise InvalidInput(
                tr(
                    "to connect to {platform} these texts are needed: {known}",
                    platform=self.platform,
                    known=", ".join(known),
                )
                + (tr("; not {wrong}", wrong=", ".join(wrong)) if wrong else "")
            )
        given = {name: value.strip() for name, value in self.app.items() if value.strip()}
        lacking = [name for name, one in known.items() if one.required and not given.get(name)]
        if lacking:
            raise InvalidInput(
                tr(
                    "missing to connect to {platform}: {lacking}; give all of them",
                    platform=self.platform,
                    lacking=", ".join(lacking),
                )
            )
        for name, value in given.items():
            if known[name].secret:
                redaction.remember(value)
        base = self.base_url
        if base is not None:
            base = checked_base_url(base, allow_local=self.allow_local)
        return Access(self.name, given, base, self.allow_local)


def begin(wish: Wish, port: int, *, pasted: bool) -> Consent | None:
    """What a person must be shown; None where nothing is left to ask.

    Raises InvalidInput, or NotConnected where the platform refuses.
    """
    adapter = platforms.get(wish.platform)
    redirect = f"http://{adapter.redirect_host}:{port}{PATH}"
    state = secrets.token_urlsafe(24)
    access = wish.access()
    return _tried(wish, lambda: adapter.ask(access, redirect, state, pasted=pasted))


def fits(consent: Consent, given: Mapping[str, str]) -> bool:
    """Whether ``given`` is an answer to ``consent``, a yes or a no."""
    if consent.state is None or not compare_digest(
        given.get("state", "").encode(), consent.state.encode()
    ):
        return False
    return bool(given.get("code") or given.get("error"))


def read(wish: Wish, consent: Consent, text: str) -> dict[str, str]:
    """The answer in what was pasted: a code, or the whole address that the browser ended at.

    Raises InvalidInput where it is neither, or an answer to another question.
    """
    text = text.strip()
    given = {"code": text}
    if "://" in text or "code=" in text or "error=" in text:
        parts = urlsplit(text) if "://" in text else urlsplit(f"?{text.lstrip('?')}")
        given = dict(parse_qsl(parts.query))
        if consent.state is not None and not fits(consent, given):
            raise InvalidInput(
                tr(
                    "the address is no answer to what was asked just now (its state is another);"
                    " nothing was stored, begin again with: {again}",
                    again=_again(wish),
                )
            )
    if not given.get("error") and not _CODE.fullmatch(given.get("code", "")):
        raise InvalidInput(
            tr(
                "there is no code in what was given; paste the code, or the whole address"
                " that the browser ended at; nothing was stored, begin again with: {again}",
                again=_again(wish),
            )
        )
    return given


def redeem(wish: Wish, consent: Consent | None, answer: Mapping[str, str]) -> list[Grant]:
    """The accounts that the answer opens. Raises NotConnected."""
    adapter = platforms.get(wish.platform)
    if answer.get("error"):
        raise NotConnected(
            tr(
                "{label} was told no ({word}); nothing was stored. To allow it after all: {again}",
                label=adapter.label,
                word=_word(answer["error"]),
                again=_again(wish),
            )
        )
    if "code" in answer:
        redaction.remember(answer["code"])
    return _tried(wish, lambda: adapter.redeem(wish.access(), consent, answer))


def chosen(grants: Sequence[Grant], wanted: Sequence[str]) -> list[Grant]:
    """Those of ``grants`` that are ``wanted``, by number in the list (from 1), id or name.

    Raises InvalidInput for one that is not there, or where nothing says which of several.
    """
    if not wanted and len(grants) == 1:
        return list(grants)
    listed = ", ".join(f"{number} {one.name} ({one.id})" for number, one in enumerate(grants, 1))
    found = []
    for word in wanted:
        at = [one for one in grants if word in {one.id, one.name}]
        at = at or [one for number, one in enumerate(grants, 1) if word == str(number)]
        if len(at) != 1:
            raise InvalidInput(
                tr(
                    "{word!r} is not one of the pages: {listed}; nothing was stored",
                    word=_word(word),
                    listed=listed,
                )
            )
        found += [one for one in at if one not in found]
    if not found:
        raise InvalidInput(
            tr("choose with --page from: {listed}; nothing was stored", listed=listed)
        )
    return found


def check(wish: Wish, grant: Grant) -> tuple[Grant, Identity]:
    """Ask the platform whose the granted credentials are, and whether they are enough to post.

    Raises NotConnected. What the adapter renewed on the way is in the grant that is returned.
    """
    adapter, kept = platforms.get(wish.platform), dict(grant.credentials)
    access = replace(wish.access(), credentials=grant.credentials, renewed=kept.update)
    identity = _tried(wish, lambda: adapter(access).check())
    if identity.missing:
        raise NotConnected(
            tr(
                "{label} allowed {name} too little to post ({missing} missing); nothing was"
                " stored. Give the app these permissions, then: {again}",
                label=adapter.label,
                name=identity.name,
                missing=", ".join(identity.missing),
                again=_again(wish),
            )
        )
    return replace(grant, credentials=kept), identity


def store(
    session: Session,
    vault: Vault,
    wish: Wish,
    checked: Sequence[tuple[Grant, Identity]],
    *,
    authorised_by: str | None,
    replace: bool,
    now: datetime,
    actor: str,
) -> list[Account]:
    """Store all of the accounts, or none. One alone has the wish's name, several each their own.

    Raises InvalidInput for a name that is taken.
    """
    stored = []
    for grant, identity in checked:
        name = wish.name if len(checked) == 1 else f"{wish.name}-{_plain(grant)}"
        account = accounts.add(
            session,
            vault,
            name=name,
            platform=wish.platform,
            credentials=grant.credentials,
            base_url=wish.base_url,
            allow_local=wish.allow_local,
            authorised_by=authorised_by,
            replace=replace,
            now=now,
            actor=actor,
        )
        accounts.checked(session, account, identity, now=now, actor=actor)
        stored.append(account)
    return stored


def late(wish: Wish, seconds: float, refused: int) -> NotConnected:
    """The browser did not come back in time."""
    others = tr(" ({refused} other calls were refused)", refused=refused) if refused else ""
    return NotConnected(
        tr(
            "no answer came from the browser within {seconds:g} seconds{others}; nothing"
            " was stored. Is the redirect address registered in your app? Else paste the"
            " answer: {again} --no-browser",
            seconds=seconds,
            others=others,
            again=_again(wish),
        )
    )


def _tried(wish: Wish, act: Callable[[], T]) -> T:
    try:
        return act()
    except PlatformError as error:
        what = str(error).partition("; ")[0]
        trouble = isinstance(error, TemporarilyUnavailable)
    next_step = (
        tr("Try again a little later") if trouble else tr("A code counts once and not for long")
    )
    raise NotConnected(
        tr(
            "{what}; nothing was stored. {next_step}; begin again: {again}",
            what=what,
            next_step=next_step,
            again=_again(wish),
        )
    )


def _again(wish: Wish) -> str:
    return f"socialstrike accounts connect {wish.platform} {wish.name}"


def _word(text: str) -> str:
    return redaction.redact(redaction.printable(text))[:60]


def _plain(grant: Grant) -> str:
    """A page's name as part of an account's name; its id where no letter is left."""
    letters = unicodedata.normalize("NFKD", grant.name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", letters.lower()).strip("-")[:40] or grant.id
