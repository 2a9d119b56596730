"""``socialstrike alerts``: whom the scheduler tells that something needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from socialstrike.cli import output
from socialstrike.cli.context import AsJson, Options
from socialstrike.i18n import tr

if TYPE_CHECKING:
    from socialstrike.alerts import Address

app = typer.Typer()


@app.command()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """List the addresses, masked, and what each is told."""
    addresses = _addresses(context)
    if as_json:
        output.as_json([_described(one) for one in addresses])
        return
    output.table(
        (tr("line"), tr("address"), tr("told of")),
        ((one.line, one.shown, _about(one)) for one in addresses),
        empty=tr("No alert address is written down; see: docs/alerts.md"),
    )


@app.command()
def test(context: typer.Context, as_json: AsJson = False) -> None:
    """Send one test message to each address, and say who took it. Exit 1 where one did not."""
    from socialstrike import alerts
    from socialstrike.exceptions import InvalidInput

    addresses = _addresses(context)
    if not addresses:
        raise InvalidInput(
            tr("no alert address is written down, so there is nothing to test; see: docs/alerts.md")
        )
    message = alerts.test_message()
    with output.busy(tr("Sending …")):
        taken = [alerts.send(one, *message) for one in addresses]
    if as_json:
        output.as_json(
            [_described(one) | {"taken": yes} for one, yes in zip(addresses, taken, strict=True)]
        )
    else:
        for one, yes in zip(addresses, taken, strict=True):
            said = tr("taken") if yes else tr("not taken; look at the address and at the service")
            output.line(
                tr("line {line}, {shown}: {said}", line=one.line, shown=one.shown, said=said)
            )
    if not all(taken):
        raise typer.Exit(1)


def _addresses(context: typer.Context) -> list[Address]:
    """The addresses of the home, which need not be opened for that."""
    import logging

    from socialstrike import alerts
    from socialstrike import app as house

    options: Options = context.obj
    house.log_to_stderr(logging.DEBUG if options.verbose else logging.WARNING)
    path = alerts.place(house.settings(home=options.home))
    return alerts.read(path) if path is not None else []


def _about(address: Address) -> str:
    from socialstrike.alerts import KINDS

    if len(address.about) == len(KINDS):
        return tr("everything")
    return ", ".join(kind for kind in KINDS if kind in address.about)


def _described(address: Address) -> dict[str, object]:
    from socialstrike.alerts import KINDS

    return {
        "line": address.line,
        "address": address.shown,
        "about": [kind for kind in KINDS if kind in address.about],
    }
