"""Accounts: whose voice the posts have, and the credentials that lend it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from socialstrike import audit, platforms, redaction
from socialstrike.db.models import Account, Home
from socialstrike.db.session import Database
from socialstrike.exceptions import InvalidInput, NotFound, VaultError
from socialstrike.i18n import stored, tr
from socialstrike.platforms.addresses import checked_base_url
from socialstrike.platforms.base import TemporarilyUnavailable
from socialstrike.platforms.credentials import Access, Identity, Swap
from socialstrike.vault import Place, Vault, for_sealing, place_of
from socialstrike.vault.record import home_of

_NAME = re.compile(r"[\w][\w.@-]{0,99}")


def get(session: Session, name: str) -> Account:
    """The account called ``name``, forgotten ones included. Raises NotFound."""
    account = session.scalar(select(Account).where(Account.name == name))
    if account is None:
        raise NotFound(
            tr("there is no account called {name!r}; see: socialstrike accounts list", name=name)
        )
    return account


def every(session: Session) -> list[Account]:
    """All accounts by name, forgotten ones included."""
    return list(session.scalars(select(Account).order_by(Account.name)))


def usable(session: Session) -> dict[str, str]:
    """The platform of every account that can be posted to, by name."""
    return {
        account.name: account.platform for account in every(session) if account.forgotten_at is None
    }


def limits_told(session: Session) -> dict[str, Mapping[str, Any] | None]:
    """What the platforms told of each account's own limits, by the account's name."""
    return dict(session.execute(select(Account.name, Account.told)).all())


def add(
    session: Session,
    vault: Vault,
    *,
    name: str,
    platform: str,
    credentials: Mapping[str, str],
    base_url: str | None = None,
    allow_local: bool = False,
    authorised_by: str | None = None,
    replace: bool = False,
    now: datetime,
    actor: str,
) -> Account:
    """Store an account with its credentials sealed.

    ``replace`` gives new credentials to an account that exists, and lets it go on if it was
    paused for its old ones. Raises InvalidInput for a bad name, platform or credential field.
    """
    fields = check_fields(platform, credentials)
    if base_url is not None:
        base_url = checked_base_url(base_url, allow_local=allow_local)
    account = refuse_taken(session, name, platform, replace=replace)
    event = "account.replaced" if account else "account.added"
    if account is None:
        account = Account(name=name, platform=platform, created_at=now)
        session.add(account)
    if base_url is not None or event == "account.added":
        account.base_url, account.allow_local = base_url, allow_local
    account.allow_local = account.allow_local or allow_local
    account.authorised_by = authorised_by or account.authorised_by
    account.credentials = vault.seal(place_of(for_sealing(session, vault), account), fields)
    account.identity = account.checked_at = account.expires_at = account.told = None
    account.paused_at = account.pause_reason = account.forgotten_at = None
    session.flush()
    audit.append(
        session,
        now,
        event,
        actor,
        account=name,
        platform=platform,
        base_url=account.base_url,
        allow_local=account.allow_local or None,
        authorised_by=account.authorised_by,
    )
    return account


def refuse_taken(session: Session, name: str, platform: str, *, replace: bool) -> Account | None:
    """The account that is to get credentials, None where it is new.

    Raises InvalidInput for a bad name, or one that is taken and not to be replaced.
    """
    _check_name(name)
    account = session.scalar(select(Account).where(Account.name == name))
    if account is not None and account.platform != platform:
        raise InvalidInput(
            tr(
                "{name} is an account on {platform}; choose another name",
                name=name,
                platform=account.platform,
            )
        )
    if account is not None and account.forgotten_at is None and not replace:
        raise InvalidInput(
            tr("{name} exists already; to give it new credentials, add --replace", name=name)
        )
    return account


def shown(account: Account) -> dict[str, object]:
    """What may be shown of an account, under stable names; no credentials."""
    names = (
        "name", "platform", "base_url", "allow_local", "authorised_by", "identity", "checked_at",
        "expires_at", "paused_at", "pause_reason", "forgotten_at",
    )  # fmt: skip
    return {name: getattr(account, name) for name in names}


def keeper(database: Database, vault: Vault, name: str) -> Callable[[Mapping[str, str]], None]:
    """What stores the fields that renew themselves, each time in a transaction of its own."""

    def keep(fields: Mapping[str, str]) -> None:
        with database.write() as session:
            update_credentials(session, vault, get(session, name), fields)

    return keep


def check_fields(platform: str, credentials: Mapping[str, str]) -> dict[str, str]:
    """The credentials with only what the platform asks for.

    Raises InvalidInput naming every missing, empty or unknown field; never a value.
    """
    known = {field.name: field for field in platforms.get(platform).credential_fields}
    unknown = sorted(set(credentials) - set(known))
    if unknown:
        raise InvalidInput(
            tr(
                "unknown credential field for {platform}: {unknown}; known ones: {known}",
                platform=platform,
                unknown=", ".join(unknown),
                known=", ".join(known),
            )
        )
    wrong = [name for name, value in credentials.items() if not isinstance(value, str)]
    if wrong:
        raise InvalidInput(
            tr("the credential fields must be texts: {wrong}", wrong=", ".join(sorted(wrong)))
        )
    fields = {name: value.strip() for name, value in credentials.items() if value.strip()}
    missing = platforms.get(platform).missing_fields(fields)
    if missing:
        raise InvalidInput(
            tr(
                "missing or empty credential for {platform}: {missing}; give all of them",
                platform=platform,
                missing=", ".join(missing),
            )
        )
    return fields


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """An account's credentials as they are stored, and what they were sealed for."""

    place: Place
    allow_local: bool
    credentials: bytes | None


def sealed(session: Session, ids: Collection[int]) -> dict[int, Sealed]:
    """The stored credentials of many accounts, by the accounts' ids: 0.02 ms each."""
    home = select(Home.database_id).scalar_subquery()
    rows = session.execute(
        select(
            Account.id,
            home,
            Account.platform,
            Account.name,
            Account.base_url,
            Account.allow_local,
            Account.credentials,
        ).where(Account.id.in_(ids))
    )
    return {
        key: Sealed(Place(database, platform, name, server), allow_local, credentials)
        for key, database, platform, name, server, allow_local, credentials in rows
    }


def one_of_each_platform(session: Session) -> list[int]:
    """For every platform that is posted to, an account there, by its id."""
    usable = select(func.min(Account.id)).where(Account.forgotten_at.is_(None))
    return list(session.scalars(usable.group_by(Account.platform)))


def access(session: Session, vault: Vault, account: Account) -> Access:
    """Open an account's credentials for use. From here on no log record can show them.

    Raises VaultError where they were forgotten or do not open.
    """
    place = place_of(home_of(session), account)
    return opened(vault, Sealed(place, account.allow_local, account.credentials))


def opened(vault: Vault, found: Sealed) -> Access:
    """The same for credentials that were read before."""
    place = found.place
    if found.credentials is None:
        raise VaultError(
            tr(
                "the credentials of {name} were forgotten; add them again with: socialstrike"
                " accounts add {platform} {name}",
                name=place.account,
                platform=place.platform,
            )
        )
    credentials = vault.open(place, found.credentials)
    _remember(place.platform, credentials)
    return Access(
        account=place.account,
        credentials=credentials,
        base_url=place.server,
        allow_local=found.allow_local,
    )


def update_credentials(
    session: Session, vault: Vault, account: Account, fields: Mapping[str, str]
) -> None:
    """Seal what the platform gave for some fields, such as a refreshed token; the others stay.

    The log is not told: nothing that a person decided has changed. ``session`` writes. Raises
    InvalidInput for an unknown or missing field, VaultError where the account was forgotten or
    the key in force cannot be had, TemporarilyUnavailable for a Swap that came too late.
    """
    home = for_sealing(session, vault)
    # Another may have refreshed or forgotten them since the caller read the row.
    session.refresh(account, ["credentials"], with_for_update=True)
    known = access(session, vault, account).credentials
    if isinstance(fields, Swap) and any(
        known.get(name, "") != value for name, value in fields.given.items()
    ):
        raise TemporarilyUnavailable(
            tr(
                "the credentials of {name} were renewed meanwhile by another process or a"
                " person; it is tried again with those",
                name=account.name,
            )
        )
    if isinstance(fields, Swap):
        fields.held = True
    if all(known.get(name, "") == value for name, value in fields.items()):
        return
    credentials = check_fields(account.platform, {**known, **fields})
    account.credentials = vault.seal(place_of(home, account), credentials)
    _remember(account.platform, fields)


def checked(
    session: Session, account: Account, identity: Identity, *, now: datetime, actor: str
) -> None:
    """Note whose credentials these are, as the platform said."""
    changed = account.identity != identity.name
    account.identity, account.checked_at = identity.name, now
    account.expires_at = identity.expires_at
    account.told = dict(identity.told) if identity.told is not None else None
    if changed:
        audit.append(
            session,
            now,
            "account.checked",
            actor,
            account=account.name,
            platform=account.platform,
            identity=identity.name,
            identity_id=identity.remote_id,
        )


def pause(session: Session, account: Account, reason: str, *, now: datetime, actor: str) -> bool:
    """Let nothing of this account be sent until it is resumed; False where it was paused."""
    if account.paused_at is not None:
        return False
    account.paused_at, account.pause_reason = now, reason
    audit.append(
        session,
        now,
        "account.paused",
        actor,
        account=account.name,
        platform=account.platform,
        reason=reason,
    )
    return True


def resume(session: Session, account: Account, *, now: datetime, actor: str) -> bool:
    """Let this account's posts go out again; False where it was not paused."""
    if account.paused_at is None:
        return False
    account.paused_at = account.pause_reason = account.throttled_until = None
    audit.append(
        session, now, "account.resumed", actor, account=account.name, platform=account.platform
    )
    return True


def forget(session: Session, account: Account, *, now: datetime, actor: str) -> None:
    """Wipe the credentials and keep the history.

    ``secure_delete`` overwrites the row's old bytes; the caller truncates the write-ahead log
    once this is committed (Database.scrub).
    """
    account.credentials = None
    account.forgotten_at = now
    account.paused_at, account.pause_reason = now, stored("its credentials were forgotten")
    audit.append(
        session, now, "account.forgotten", actor, account=account.name, platform=account.platform
    )


def read_credentials(path: Path) -> object:
    """The JSON of a credential file. Raises InvalidInput, which never quotes the content."""
    try:
        if path.stat().st_size > 100_000:
            raise InvalidInput(tr("{path} is too large for a credential file", path=path))
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(
            tr("{path} cannot be read: {strerror}", path=path, strerror=error.strerror)
        ) from None
    except ValueError:
        raise InvalidInput(tr("{path} is not a JSON object of credentials", path=path)) from None


def _remember(platform: str, credentials: Mapping[str, str]) -> None:
    """Have the secret ones taken out of every log. A handle would tear holes into names."""
    for field in platforms.get(platform).credential_fields:
        if field.secret and field.name in credentials:
            redaction.remember(credentials[field.name])


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name == "all" or name in platforms.REGISTRY:
        raise InvalidInput(
            tr(
                "{name!r} cannot be an account's name; use letters, digits, dots and dashes,"
                " and neither 'all' nor a platform's name",
                name=name,
            )
        )
