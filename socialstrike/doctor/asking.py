"""The platforms: whose the credentials are, and what time it is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

from socialstrike import accounts, platforms
from socialstrike.clock import Clock
from socialstrike.config import Settings
from socialstrike.db.models import Account
from socialstrike.db.session import Database
from socialstrike.doctor.finding import Finding, Verdict, told
from socialstrike.exceptions import SocialstrikeError
from socialstrike.i18n import tr
from socialstrike.platforms.base import CredentialsRefused, PlatformError
from socialstrike.vault import Vault

#: How far this machine's clock may be off: more is worth a word, much more is wrong, in seconds.
_OFF, _FAR_OFF = 2.0, 30.0
#: Credentials that end sooner than this may not last through the strike.
_SOON = timedelta(days=3)
#: Accounts asked at once.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class _Asked:
    """An account's answer; ``ahead`` is the platform's clock minus ours, in seconds."""

    finding: Finding
    platform: str
    ahead: float | None = None


def ask_platforms(
    database: Database, vault: Vault, settings: Settings, clock: Clock, asked: Sequence[Account]
) -> Iterator[Finding]:
    """Ask each account's platform whose its credentials are; then what the clocks there say."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(
            pool.map(lambda account: _ask(database, vault, settings, clock, account), asked)
        )
    yield from (answer.finding for answer in answers)
    yield _clock([answer for answer in answers if answer.ahead is not None])


def _ask(
    database: Database, vault: Vault, settings: Settings, clock: Clock, account: Account
) -> _Asked:
    """Ask the account's platform whose its credentials are, and what time it is there."""
    check = tr("account {name}", name=account.name)
    try:
        with database.read() as session:
            access = accounts.access(session, vault, account)
        access = replace(access, renewed=accounts.keeper(database, vault, account.name))
        timeout = (settings.connect_timeout, settings.read_timeout)
        adapter = platforms.get(account.platform)(access, timeout=timeout)
    except SocialstrikeError as error:
        return _Asked(Finding(check, "bad", *told(error)), account.platform)
    before = clock.now()
    try:
        identity = adapter.check()
        ends = identity.expires_at
        finding = Finding(
            check, "ok", tr("{name} on {label}", name=identity.name, label=adapter.label)
        )
        if ends is not None and ends - before < _SOON:
            finding = Finding(
                check,
                "warn",
                tr("its credentials end at {ends:%Y-%m-%d %H:%M} UTC", ends=ends),
                tr(
                    "socialstrike accounts add {platform} {name} --replace",
                    platform=account.platform,
                    name=account.name,
                ),
            )
        if identity.missing:
            finding = Finding(
                check,
                "bad",
                tr(
                    "its credentials lack what posting needs: {missing}",
                    missing=", ".join(identity.missing),
                ),
                tr(
                    "give it new ones with: socialstrike accounts add {platform} {name} --replace",
                    platform=account.platform,
                    name=account.name,
                ),
            )
    except PlatformError as error:
        verdict: Verdict = "bad" if isinstance(error, CredentialsRefused) else "warn"
        finding = Finding(check, verdict, *told(error))
    middle = before + (clock.now() - before) / 2
    theirs = adapter.their_time()
    # A Date has whole seconds: on the average half a second was cut off.
    ahead = None if theirs is None else (theirs - middle).total_seconds() + 0.5
    return _Asked(finding, account.platform, ahead)


def _clock(answers: Sequence[_Asked]) -> Finding:
    if not answers:
        return Finding(
            tr("clock"),
            "warn",
            tr("no platform answered, so nobody can say whether this machine's clock is right"),
            tr("see whether its time is synchronised: timedatectl"),
        )
    # Of many answers the middle one: a single platform may be wrong itself.
    by_size = sorted(answers, key=lambda answer: answer.ahead or 0.0)
    middle = by_size[len(by_size) // 2]
    ahead = middle.ahead or 0.0
    off = abs(ahead)
    where = tr("the clock of {label}", label=platforms.get(middle.platform).label)
    if off <= _OFF:
        return Finding(
            tr("clock"), "ok", tr("it agrees with {where} within {off:g} s", where=where, off=_OFF)
        )
    side = tr("behind") if ahead > 0 else tr("ahead of")
    return Finding(
        tr("clock"),
        "bad" if off > _FAR_OFF else "warn",
        tr(
            "it is about {off:.0f} s {side} {where}, and posts go out by it",
            off=off,
            side=side,
            where=where,
        ),
        tr("turn on time synchronisation: timedatectl set-ntp true"),
    )
