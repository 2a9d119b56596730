"""``socialstrike posts hand-off`` and ``take-back``: the platforms' own schedulers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from socialstrike.cli import output
from socialstrike.cli.context import Account, Campaign, DryRun, opened, writing
from socialstrike.cli.posts_change import OfPost, SomeIds, chosen, many
from socialstrike.i18n import tr, translated

if TYPE_CHECKING:
    from socialstrike.handoff import Recalled

Say = Callable[[str], None]
#: So many are told one by one.
_MOST = 5

HandOff = Annotated[
    bool,
    typer.Option(
        "--hand-off",
        help="Have Mastodon and Facebook publish theirs by themselves, even if this is off then.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to those of ``posts``."""
    app.command("hand-off")(hand_off)
    app.command("take-back")(take_back)


def hand_off(
    context: typer.Context,
    ids: SomeIds = None,
    campaign: Campaign = None,
    account: Account = None,
    post: OfPost = None,
    dry_run: DryRun = False,
) -> None:
    """Give deliveries to the platform's own scheduler, so that they go out without this machine.

    Mastodon takes them from 5 minutes before their time, 25 a day; Facebook from 20 minutes to 29
    days before. X and Bluesky take none. Done at once, or by the scheduler where one runs. Exit 3
    where something was not handed off.
    """
    from socialstrike import queue

    with opened(context) as house:
        with writing(house, dry_run=dry_run) as session:
            found = chosen(session, ids, campaign, account, post, handed_off=False)
            wished, cannot = wish(house, session, found, every=bool(ids))
            rows = list(queue.deliveries(session, queue.Filter(ids=tuple(wished))))
        tell_hindrances(cannot)
        if dry_run:
            output.table(
                (tr("id"), tr("due"), tr("account")),
                ((row["id"], row["due_at"], row["account"]) for row in rows),
                empty="",
            )
            output.line(
                tr(
                    "{many} would be handed off. Nothing was changed.",
                    many=many(len(wished), "delivery"),
                )
            )
            return
        if not wished:
            output.line(tr("Nothing to hand off."))
        left = perform(house, wished) if wished else []
    if left or (cannot and not wished):
        raise typer.Exit(3)


def take_back(
    context: typer.Context,
    ids: SomeIds = None,
    campaign: Campaign = None,
    account: Account = None,
    post: OfPost = None,
) -> None:
    """Take deliveries back from the platform's own scheduler; they go out from here again.

    Exit 3 where the platform could not be reached, or was faster.
    """
    from socialstrike import queue

    with opened(context) as house:
        with house.database.write() as session:
            found = chosen(session, ids, campaign, account, post)
            known = [job.delivery for job in queue.select_ids(session, found)]
            now = house.clock.now()
            dropped = queue.drop_wishes(session, known, now=now, actor=house.actor)
            asked = queue.ask_back(
                session, known, queue.Wanted.SCHEDULED, now=now, actor=house.actor
            )
        recalled = recall(house, [job.delivery for job in asked])
    back = [one for one in recalled if one.state == "scheduled"]
    output.line(
        tr("{many} will go out from here.", many=many(len(back) + len(dropped), "delivery"))
    )
    tell_recalled(one for one in recalled if one.state != "scheduled")
    if len(back) < len(recalled):
        raise typer.Exit(3)


def wish(
    house: Any, session: Any, ids: Sequence[int], *, every: bool
) -> tuple[list[int], list[str]]:
    """Note that these are to be handed off; which, and why others cannot be.

    With ``every``, one that cannot be is an error and nothing is changed.
    """
    from socialstrike import queue

    now, cannot = house.clock.now(), []
    if not every:
        able = []
        for job in queue.select_ids(session, ids):
            why = queue.hindrance(job, now)
            if why is None:
                able.append(job.delivery)
            else:
                cannot.append(why)
        ids = able
    queue.wish(session, ids, now=now, actor=house.actor)
    return list(ids), cannot


def perform(house: Any, wished: Sequence[int], say: Say = output.line) -> list[int]:
    """Hand off at once where no scheduler runs that does it; which were not, so far."""
    from socialstrike import heartbeat, queue, scheduler
    from socialstrike.exceptions import AnotherScheduler

    with house.database.read() as session:
        alive = heartbeat.alive(session, house.clock.now())
        halt = queue.stopped(session)
    if halt is not None:
        say(tr("The emergency stop is pulled; they are handed off after: socialstrike start"))
        return list(wished)
    runs = tr("The scheduler that runs hands them off; see: socialstrike posts list")
    # On a file the lock tells, and better: a dead scheduler's last heartbeat may be fresh.
    if alive and not house.database.sole:
        say(runs)
        return []
    service = scheduler.Scheduler(house.database, house.vault, house.settings, house.clock)
    try:
        with output.busy(tr("Handing off")), service.stopped_by_signals():
            service.run(errand=True)
    except AnotherScheduler:
        say(runs)
        return []
    with house.database.read() as session:
        rows = list(queue.deliveries(session, queue.Filter(ids=tuple(wished))))
    left = [row for row in rows if row["state"] not in {"handed_off", "published"}]
    say(tr("{many} handed off.", many=many(len(rows) - len(left), "delivery")))
    for row in left[:_MOST]:
        why = translated(row["error"] or "") or tr(
            "the platform does not take it yet, or no more of that day"
        )
        say(
            tr(
                "! delivery {row} of {row2} is {row3}: {why}",
                row=row["id"],
                row2=row["account"],
                row3=row["state"],
                why=why,
            )
        )
    if left:
        say(
            tr(
                "{count} not handed off so far; they go out only while this runs: socialstrike run",
                count=len(left),
            )
        )
    return [row["id"] for row in left]


def recall(house: Any, ids: Sequence[int]) -> list[Recalled]:
    """Take the copies of these back, as was asked for; what became of each."""
    from socialstrike.db.writer import Writer
    from socialstrike.handoff import HandOffs

    if not ids:
        return []
    writer = Writer(house.database)
    try:
        desk = HandOffs(
            house.database, writer, house.vault, house.settings, house.clock, owner=house.actor
        )
        with output.busy(tr("Taking back")):
            return desk.recall(ids)
    finally:
        writer.close()


def tell_hindrances(cannot: Sequence[str], say: Say = output.line) -> None:
    """Say why some cannot be handed off: the first few, and how many more there are."""
    for why in cannot[:_MOST]:
        say(f"! {why}")
    if len(cannot) > _MOST:
        say(tr("! ... and {many} more", many=many(len(cannot) - _MOST, "delivery")))


def tell_recalled(recalled: Iterable[Recalled]) -> None:
    """Say of copies that were not taken back whether they are out, or may still go out."""
    for one in recalled:
        where = tr(
            "delivery {delivery} ({account} on {platform})",
            delivery=one.delivery,
            account=one.account,
            platform=one.platform,
        )
        if one.may_go_out:
            why = f" ({one.why})" if one.why else ""
            output.line(
                tr(
                    "! {where} may still go out by itself at {when}{why}; the next run tries to"
                    " take it back, or delete it there",
                    where=where,
                    when=output.when(one.due_at),
                    why=why,
                )
            )
        elif one.state == "published":
            output.line(tr("! {where} was published before it could be taken back", where=where))
        elif one.state == "parked":
            output.line(
                tr(
                    "! {where} must be decided by you: socialstrike posts show {delivery}",
                    where=where,
                    delivery=one.delivery,
                )
            )
