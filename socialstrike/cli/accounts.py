"""``socialstrike accounts``: whose voice the posts have."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from socialstrike.cli import output
from socialstrike.cli.connect import connect
from socialstrike.cli.context import AsJson, opened
from socialstrike.i18n import stored, tr, translated

app = typer.Typer()

Name = Annotated[str, typer.Argument(help="The account's name here.")]
Names = Annotated[list[str] | None, typer.Argument(help="Accounts; all of them by default.")]


app.command()(connect)


@app.command()
def add(
    context: typer.Context,
    platform: Annotated[str, typer.Argument(help="x, facebook, mastodon or bluesky.")],
    name: Name,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", help="Another server than the platform's own: the sandbox's."),
    ] = None,
    allow_local: Annotated[
        bool,
        typer.Option(
            "--allow-local",
            help="The server may be in a private network; without this none is reached there.",
        ),
    ] = False,
    from_file: Annotated[
        str | None,
        typer.Option("--from-file", help="A JSON file of credentials; - for standard input."),
    ] = None,
    authorised_by: Annotated[
        str | None, typer.Option("--authorised-by", help="Who agreed that this account is used.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Give new credentials to an account that exists.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add an account; its credentials are asked for, or read from a file, and sealed."""
    from socialstrike import accounts, platforms

    adapter = platforms.get(platform)
    with opened(context) as house:
        credentials = _from(from_file) if from_file else _ask(adapter)
        if caution := adapter.caution(credentials):
            output.warning(caution)
        vault = house.vault  # a passphrase may be typed: not inside the transaction
        with house.database.write() as session:
            account = accounts.add(
                session,
                vault,
                name=name,
                platform=platform,
                credentials=credentials,
                base_url=base_url,
                allow_local=allow_local,
                authorised_by=authorised_by,
                replace=replace,
                now=house.clock.now(),
                actor=house.actor,
            )
            shown = accounts.shown(account)
    if as_json:
        output.as_json(shown)
    else:
        output.line(
            tr(
                "{name} is added on {label}; its credentials are sealed.",
                name=name,
                label=adapter.label,
            )
        )
        if shown["allow_local"]:
            output.line(tr("Its server may be in a private network, as you allowed."))
        output.line(tr("See whether they work: socialstrike accounts check {name}", name=name))


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the accounts, without their credentials."""
    from socialstrike import accounts

    with opened(context) as house, house.database.read() as session:
        shown = [accounts.shown(account) for account in accounts.every(session)]
    if as_json:
        output.as_json(shown)
        return
    output.table(
        (
            tr("account"),
            tr("platform"),
            tr("state"),
            tr("identity"),
            tr("access until"),
            tr("server"),
        ),
        (
            (a["name"], a["platform"], _state(a), a["identity"], a["expires_at"], a["base_url"])
            for a in shown
        ),
        empty=tr("No account yet; add one with: socialstrike accounts add x NAME"),
    )


@app.command()
def check(context: typer.Context, names: Names = None, as_json: AsJson = False) -> None:
    """Ask each platform whose the credentials are. Exit 3 where an account cannot post."""
    from socialstrike import accounts

    with opened(context) as house:
        with house.database.read() as session:
            wanted = (
                [accounts.get(session, name) for name in names]
                if names
                else [a for a in accounts.every(session) if a.forgotten_at is None]
            )
        results = [_check(house, account.name) for account in wanted]
    if as_json:
        output.as_json(results)
    else:
        output.table(
            (
                tr("account"),
                tr("platform"),
                tr("works"),
                tr("identity or reason"),
                tr("access until"),
                tr("calls left"),
            ),
            (
                (
                    r["name"],
                    r["platform"],
                    tr("yes") if r["ok"] else tr("no"),
                    translated(r["error"] or "") or r["identity"],
                    r["expires_at"],
                    tr("{left} of {all}", left=r["budget"]["left"], all=r["budget"]["of"])
                    if r["budget"]
                    else "",
                )
                for r in results
            ),
            empty=tr("No account yet; add one with: socialstrike accounts add x NAME"),
        )
    if not all(result["ok"] for result in results):
        raise typer.Exit(3)


@app.command()
def pause(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit log.")] = (
        stored("paused by hand")
    ),
) -> None:
    """Let nothing of an account be sent until it is resumed; its posts wait."""
    from socialstrike import accounts

    with opened(context) as house, house.database.write() as session:
        account = accounts.get(session, name)
        changed = accounts.pause(session, account, reason, now=house.clock.now(), actor=house.actor)
    output.line(
        tr("{name} is paused.", name=name)
        if changed
        else tr("{name} was paused already.", name=name)
    )


@app.command()
def resume(context: typer.Context, name: Name) -> None:
    """Let an account's posts go out again."""
    from socialstrike import accounts
    from socialstrike.exceptions import InvalidInput

    with opened(context) as house, house.database.write() as session:
        account = accounts.get(session, name)
        if account.forgotten_at is not None:
            raise InvalidInput(
                tr(
                    "the credentials of {name} were forgotten; add them again with: socialstrike"
                    " accounts add {platform} {name}",
                    name=name,
                    platform=account.platform,
                )
            )
        changed = accounts.resume(session, account, now=house.clock.now(), actor=house.actor)
    output.line(
        tr("{name} goes on.", name=name) if changed else tr("{name} was not paused.", name=name)
    )


@app.command()
def forget(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Wipe an account's credentials from this home; its history stays."""
    from socialstrike import accounts

    with opened(context) as house:
        with house.database.read() as session:
            known = accounts.get(session, name).forgotten_at is None
        if known and not yes:
            output.confirm(tr("Wipe the credentials of {name}?", name=name))
        with house.database.write() as session:
            account = accounts.get(session, name)
            if known:
                accounts.forget(session, account, now=house.clock.now(), actor=house.actor)
        house.database.scrub()
    already = "" if known else tr(" already")
    output.line(
        tr(
            "The credentials of {name} are wiped{already}. Revoke them on the platform too.",
            name=name,
            already=already,
        )
    )


def _from(source: str) -> Any:
    from socialstrike import accounts
    from socialstrike.exceptions import InvalidInput

    if source != "-":
        credentials = accounts.read_credentials(Path(source))
    else:
        try:
            credentials = json.loads(sys.stdin.read(100_000))
        except ValueError:
            raise InvalidInput(tr("standard input is not a JSON object of credentials")) from None
    if not isinstance(credentials, dict):
        raise InvalidInput(
            tr("the credentials must be a JSON object: the fields' names and values between braces")
        )
    return credentials


def _ask(adapter: Any) -> dict[str, str]:
    """Ask for each field; what is secret is not shown while it is typed."""
    from socialstrike.exceptions import InvalidInput

    if not sys.stdin.isatty():
        raise InvalidInput(
            tr(
                "the credentials are missing; give them with --from-file FILE, or --from-file"
                " - to read them from standard input"
            )
        )
    answers = {}
    for field in (one for one in adapter.credential_fields if one.asked):
        label = (
            translated(field.label)
            if field.required
            else tr("{label} (empty if you have none)", label=translated(field.label))
        )
        answers[field.name] = typer.prompt(
            label, hide_input=field.secret, default="", show_default=False, err=True
        )
    return answers


def _check(house: Any, name: str) -> dict[str, Any]:
    from socialstrike import accounts
    from socialstrike.exceptions import VaultError
    from socialstrike.platforms.base import PlatformError, TemporarilyUnavailable

    with house.database.read() as session:
        platform = accounts.get(session, name).platform
    shown: dict[str, Any] = dict.fromkeys(
        ("name", "platform", "ok", "identity", "expires_at", "scopes", "missing", "budget", "error")
    )
    shown |= {"name": name, "platform": platform, "ok": False}
    try:
        try:
            identity = _identity(house, name)
        except TemporarilyUnavailable:
            # A scheduler may just be renewing the credentials: then new ones are stored now.
            identity = _identity(house, name)
    except (PlatformError, VaultError) as error:
        return {**shown, "error": str(error)}
    with house.database.write() as session:
        account = accounts.get(session, name)
        accounts.checked(session, account, identity, now=house.clock.now(), actor=house.actor)
    left, missing = identity.remaining, ", ".join(identity.missing)
    return {
        **shown,
        "ok": not missing,
        "identity": identity.name,
        "expires_at": identity.expires_at,
        "scopes": identity.scopes,
        "missing": identity.missing,
        "budget": {"left": left.left, "of": left.of, "until": left.until} if left else None,
        "error": tr(
            "{name} may not post: {missing} missing; connect it again with: socialstrike"
            " accounts connect {platform} {name2} --replace",
            name=identity.name,
            missing=missing,
            platform=platform,
            name2=name,
        )
        if missing
        else None,
    }


def _identity(house: Any, name: str) -> Any:
    """Whose the stored credentials are; what renews itself on the way is stored."""
    from dataclasses import replace

    from socialstrike import accounts, platforms

    vault = house.vault
    with house.database.read() as session:
        account = accounts.get(session, name)
        access = accounts.access(session, vault, account)
    access = replace(access, renewed=accounts.keeper(house.database, vault, name))
    return platforms.get(account.platform)(access).check()


def _state(account: dict[str, Any]) -> str:
    if account["forgotten_at"]:
        return tr("forgotten")
    if account["paused_at"]:
        return tr("paused: {reason}", reason=translated(account["pause_reason"]))
    return tr("ready")
