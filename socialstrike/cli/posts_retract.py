"""``socialstrike posts retract``: delete on the platforms what went out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from socialstrike.cli import output
from socialstrike.cli.context import Account, Campaign, DryRun, opened
from socialstrike.cli.posts_change import OfPost, SomeIds, exist, in_thread, many, shortened
from socialstrike.i18n import tr

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the command to those of ``posts``."""
    app.command()(retract)


def retract(
    context: typer.Context,
    ids: SomeIds = None,
    campaign: Campaign = None,
    account: Account = None,
    post: OfPost = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Delete published posts on their platforms; the history and the log keep them.

    By id, or all that is published of a campaign, account or post. The emergency stop does not
    hinder it. The same again does no harm. Exit 3 where something is not surely deleted.
    """
    from socialstrike import queue
    from socialstrike.db.writer import Writer
    from socialstrike.retraction import Retractions

    with opened(context) as house:
        with house.database.read() as session:
            found = _published(session, ids, campaign, account, post)
            jobs = queue.retractable(session, found)
            rows = list(
                queue.deliveries(session, queue.Filter(ids=tuple(job.delivery for job in jobs)))
            )
        if not rows:
            output.line(tr("Nothing to retract."))
            return
        _show(rows)
        if dry_run:
            output.line(
                tr(
                    "{many} would be deleted there. Nothing was changed.",
                    many=many(len(rows), "post"),
                )
            )
            return
        if not yes:
            output.confirm(
                tr("Delete {many} on the platforms, for good?", many=many(len(rows), "post"))
            )
        writer = Writer(house.database)
        try:
            desk = Retractions(
                house.database, writer, house.vault, house.settings, house.clock, owner=house.actor
            )
            with output.busy(tr("Deleting on the platforms")):
                results = desk.retract([row["id"] for row in rows])
        finally:
            writer.close()
    left = [result for result in results if not result.done]
    output.line(tr("{many} retracted.", many=many(len(results) - len(left), "post")))
    for result in left:
        output.line(
            tr(
                "! delivery {delivery} ({account}): {why}",
                delivery=result.delivery,
                account=result.account,
                why=result.why,
            )
        )
    if left:
        raise typer.Exit(3)


def _published(
    session: Any,
    ids: Sequence[int] | None,
    campaign: str | None,
    account: str | None,
    post: int | None,
) -> list[int]:
    """The deliveries named by id, or what is published of a campaign, an account or a post."""
    from socialstrike import queue

    if bool(ids) == any(value is not None for value in (campaign, account, post)):
        raise typer.BadParameter(tr("name deliveries by id, or a --campaign, --account or --post"))
    if ids:
        return list(dict.fromkeys(ids))
    exist(session, campaign, account)
    wanted = queue.Filter(campaign=campaign, account=account, post=post, state="published")
    return [row["id"] for row in queue.deliveries(session, wanted)]


def _show(rows: Sequence[dict[str, Any]], most: int = 20) -> None:
    output.table(
        (tr("id"), tr("published (UTC)"), tr("account"), tr("text")),
        ((r["id"], r["published_at"], r["account"], shortened(in_thread(r))) for r in rows[:most]),
        empty="",
    )
    if len(rows) > most:
        output.line(tr("... and {many} more", many=many(len(rows) - most, "post")))
