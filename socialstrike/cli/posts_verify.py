"""``socialstrike posts verify``: is what went out still there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from socialstrike.cli import output
from socialstrike.cli.context import Account, AsJson, Campaign, opened
from socialstrike.cli.posts_change import SomeIds, exist
from socialstrike.i18n import tr, trn


def register(app: typer.Typer) -> None:
    """Add the command to those of ``posts``."""
    app.command()(verify)


def verify(
    context: typer.Context,
    ids: SomeIds = None,
    campaign: Campaign = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Ask the platforms whether published posts are still there; X charges for each.

    By id, or all that is published, of a campaign or an account. Nothing is sent again. Exit 3
    where something has disappeared, 1 where a platform could not be asked.
    """
    from socialstrike.db.writer import Writer
    from socialstrike.presence import Presence

    with opened(context) as house:
        with house.database.read() as session:
            found = _published(session, ids, campaign, account)
        writer = Writer(house.database)
        try:
            desk = Presence(
                house.database, writer, house.vault, house.settings, house.clock, owner=house.actor
            )
            with output.busy(tr("Asking the platforms …")):
                looks = desk.verify(found) if found else []
        finally:
            writer.close()
    gone = [look for look in looks if look.there is False]
    unknown = [look for look in looks if look.there is None]
    if as_json:
        output.as_json(
            [
                {
                    "id": look.delivery,
                    "account": look.account,
                    "platform": look.platform,
                    "there": look.there,
                    "news": look.news,
                    "error": look.why,
                }
                for look in looks
            ]
        )
    else:
        _tell(looks, gone, unknown)
    if unknown:
        raise typer.Exit(1)
    if gone:
        raise typer.Exit(3)


def _tell(looks: Sequence[Any], gone: Sequence[Any], unknown: Sequence[Any]) -> None:
    there = len(looks) - len(gone) - len(unknown)
    output.line(trn("One post is still there.", "{count} posts are still there.", there))
    for look in looks:
        if look.there and look.news:
            output.line(
                tr(
                    "delivery {id} ({account}) is there again",
                    id=look.delivery,
                    account=look.account,
                )
            )
    for look in gone:
        output.line(
            tr(
                "! delivery {id} ({account}) has disappeared",
                id=look.delivery,
                account=look.account,
            )
        )
    for look in unknown:
        output.line(
            tr(
                "? delivery {id} ({account}): {why}",
                id=look.delivery,
                account=look.account,
                why=look.why,
            )
        )


def _published(
    session: Any, ids: Sequence[int] | None, campaign: str | None, account: str | None
) -> list[int]:
    """The deliveries named by id, or all that are published of a campaign or an account."""
    from socialstrike import queue

    if ids and (campaign is not None or account is not None):
        raise typer.BadParameter(tr("name deliveries by id, or a --campaign or --account"))
    if ids:
        return list(dict.fromkeys(ids))
    exist(session, campaign, account)
    wanted = queue.Filter(campaign=campaign, account=account, state="published")
    return [row["id"] for row in queue.deliveries(session, wanted)]
