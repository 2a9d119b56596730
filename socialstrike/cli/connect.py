"""``socialstrike accounts connect``: a browser instead of a file of credentials."""

from __future__ import annotations

import json
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from socialstrike.cli import output
from socialstrike.cli.context import AsJson, opened
from socialstrike.i18n import tr, translated

#: A fixed one, because a platform may want to know the address beforehand.
_PORT = 8976


def connect(
    context: typer.Context,
    platform: Annotated[str, typer.Argument(help="x, facebook, mastodon or bluesky.")],
    name: Annotated[str, typer.Argument(help="The account's name here.")],
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", help="Another server than the platform's own: the sandbox's."),
    ] = None,
    allow_local: Annotated[
        bool,
        typer.Option("--allow-local", help="The server may be in a private network."),
    ] = False,
    from_file: Annotated[
        str | None,
        typer.Option(
            "--from-file",
            help="A JSON file of what is asked for, such as app keys; - for a line of input.",
        ),
    ] = None,
    no_browser: Annotated[
        bool,
        typer.Option("--no-browser", help="Print the address; the code or the address is pasted."),
    ] = False,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where the browser comes back to.")
    ] = _PORT,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, max=3600, help="Seconds to wait for the browser.")
    ] = 300.0,
    page: Annotated[
        list[str] | None, typer.Option("--page", help="Facebook: the page's id or name; repeat.")
    ] = None,
    authorised_by: Annotated[
        str | None, typer.Option("--authorised-by", help="Who agreed that this account is used.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Give new credentials to an account that exists.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Connect an account by its holder's consent; it is checked, then sealed."""
    from socialstrike import accounts, connect, platforms

    adapter = platforms.get(platform)
    with opened(context) as house:
        with house.database.read() as session:
            accounts.refuse_taken(session, name, platform, replace=replace)
        app = _app(adapter, from_file)
        if caution := adapter.caution(app):
            output.warning(caution)
        wish = connect.Wish(platform, name, app, base_url, allow_local)
        grants = connect.redeem(wish, *_consented(wish, port, timeout, no_browser=no_browser))
        wanted = page or _pages(grants)
        checked = [connect.check(wish, grant) for grant in connect.chosen(grants, wanted)]
        vault = house.vault  # a passphrase may be typed: not inside the transaction
        with house.database.write() as session:
            stored = connect.store(
                session,
                vault,
                wish,
                checked,
                authorised_by=authorised_by,
                replace=replace,
                now=house.clock.now(),
                actor=house.actor,
            )
            shown = [accounts.shown(account) for account in stored]
    if as_json:
        output.as_json(shown)
        return
    for one in shown:
        output.line(
            tr(
                "{one} is connected: {one2} on {label}.",
                one=one["name"],
                one2=one["identity"],
                label=adapter.label,
            )
        )


def _app(adapter: Any, source: str | None) -> dict[str, str]:
    """The app's fields, from a file or typed; what is secret is not shown."""
    from socialstrike import accounts
    from socialstrike.exceptions import InvalidInput

    if source is not None:
        given = _line_of_json() if source == "-" else accounts.read_credentials(Path(source))
        if not isinstance(given, dict):
            raise InvalidInput(
                tr("the file must hold a JSON object: names and values between braces")
            )
        return given
    if not sys.stdin.isatty():
        names = ", ".join(field.name for field in adapter.asked_to_connect())
        raise InvalidInput(
            tr("give {names} with --from-file FILE, or type them at a terminal", names=names)
        )
    return {
        field.name: typer.prompt(
            translated(field.label)
            if field.required
            else tr("{label} (empty if you have none)", label=translated(field.label)),
            hide_input=field.secret,
            default="",
            show_default=False,
            err=True,
        )
        for field in adapter.asked_to_connect()
    }


def _line_of_json() -> object:
    """The first line alone: what is pasted later comes after it."""
    from socialstrike.exceptions import InvalidInput

    try:
        return json.loads(sys.stdin.readline(100_000))
    except ValueError:
        raise InvalidInput(tr("the first line of standard input is not a JSON object")) from None


def _consented(
    wish: Any, port: int, timeout: float, *, no_browser: bool
) -> tuple[Any, Mapping[str, str]]:
    """The consent and its answer, from the browser or pasted; no answer where none is needed."""
    from socialstrike import connect
    from socialstrike.loopback import Listener

    if no_browser or not _has_browser():
        consent = connect.begin(wish, port, pasted=True)
        return consent, {} if consent is None else _pasted(wish, consent)
    asked: list[Any] = []
    with Listener(port, lambda given: bool(asked) and connect.fits(asked[0], given)) as listener:
        consent = connect.begin(wish, listener.port, pasted=False)
        if consent is None:
            return None, {}
        if consent.state is None:
            return consent, _pasted(wish, consent, open_it=True)
        asked.append(consent)
        output.note(tr("Allow it in the browser: {url}", url=consent.url))
        webbrowser.open(consent.url)
        answer = listener.wait(timeout)
        if answer is None:
            raise connect.late(wish, timeout, listener.refused)
    return consent, answer


def _pasted(wish: Any, consent: Any, *, open_it: bool = False) -> Mapping[str, str]:
    from socialstrike import connect

    output.note(tr("Open this address, and allow it there: {url}", url=consent.url))
    if open_it:
        webbrowser.open(consent.url)
    output.note(tr("Then paste the code, or the whole address that the browser ends at:"))
    return connect.read(wish, consent, sys.stdin.readline(10_000))


def _pages(grants: Sequence[Any]) -> list[str]:
    """Which of several pages: their numbers, as typed."""
    if len(grants) < 2:
        return []
    for number, grant in enumerate(grants, 1):
        output.note(f"{number}  {grant.name} ({grant.id})")
    output.note(tr("Which of them? Numbers, separated by spaces:"))
    return sys.stdin.readline(1_000).replace(",", " ").split()


def _has_browser() -> bool:
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True
