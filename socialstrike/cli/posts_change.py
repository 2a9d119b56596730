"""``socialstrike posts edit`` and ``reschedule``: second thoughts, before anything has begun."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from socialstrike.cli import output
from socialstrike.cli.context import Account, Campaign, DryRun, opened, writing
from socialstrike.i18n import tr, trn

if TYPE_CHECKING:
    from datetime import timedelta

    from socialstrike.queue import Change

SomeIds = Annotated[list[int] | None, typer.Argument(help="Deliveries, by id.")]
OfPost = Annotated[int | None, typer.Option("--post", help="Only this post's.")]


def register(app: typer.Typer) -> None:
    """Add the commands to those of ``posts``."""
    app.command()(edit)
    app.command()(reschedule)


def edit(
    context: typer.Context,
    ids: SomeIds = None,
    campaign: Campaign = None,
    account: Account = None,
    post: OfPost = None,
    text: Annotated[str | None, typer.Option("--text", help="The whole new text.")] = None,
    replace: Annotated[
        str | None, typer.Option("--replace", help="Words to be replaced, wherever they stand.")
    ] = None,
    with_: Annotated[str | None, typer.Option("--with", help="What replaces them.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Give deliveries that wait other words: by id, or all of a campaign, account or post."""
    from socialstrike import revision

    if (text is None) == (replace is None) or (replace is None) != (with_ is None):
        raise typer.BadParameter(tr("give the new --text, or --replace WORDS --with WORDS"))
    if replace is not None and not replace:
        raise typer.BadParameter(tr("--replace is empty; name the words that are to go"))

    def rewrite(before: str) -> str:
        return before.replace(replace, with_) if replace and with_ is not None else str(text)

    with opened(context) as house, writing(house, dry_run=dry_run) as session:
        found = chosen(session, ids, campaign, account, post)
        wanted = revision.reworded(session, found, rewrite)
        _change(house, session, wanted)
    _tell(wanted, lambda change: (change.job.text, change.text), dry_run=dry_run)


def reschedule(
    context: typer.Context,
    ids: SomeIds = None,
    campaign: Campaign = None,
    account: Account = None,
    post: OfPost = None,
    at: Annotated[
        str | None,
        typer.Option("--at", help="The new time: 2020-01-24T09:00, 'D-1 09:00', +10m, or now."),
    ] = None,
    later: Annotated[str | None, typer.Option("--later", help="By how much: 30m, 2h.")] = None,
    earlier: Annotated[str | None, typer.Option("--earlier", help="Likewise.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Move deliveries that wait to another time; their lateness limits move along."""
    from socialstrike import revision

    if sum(value is not None for value in (at, later, earlier)) != 1:
        raise typer.BadParameter(tr("give one of --at, --later and --earlier"))
    with opened(context) as house, writing(house, dry_run=dry_run) as session:
        found, now = chosen(session, ids, campaign, account, post), house.clock.now()
        if at is not None:
            wanted = revision.moved_to(session, found, at, now)
        else:
            wanted = revision.moved_by(session, found, _by(later, earlier), now)
        _change(house, session, wanted)
        zones = {row["id"]: row["due_at"].tzinfo for row in _rows(session, wanted)}

    def times(change: Change) -> tuple[object, object]:
        zone = zones.get(change.job.delivery) or UTC
        return change.job.due_at.astimezone(zone), change.due_at.astimezone(zone)

    _tell(wanted, times, dry_run=dry_run)


def chosen(
    session: Any,
    ids: Sequence[int] | None,
    campaign: str | None,
    account: str | None,
    post: int | None,
    *,
    handed_off: bool = True,
) -> list[int]:
    """The deliveries named by id, or what waits of a campaign, an account or a post.

    With ``handed_off``, what waits in a platform's own scheduler too.
    """
    from socialstrike import queue
    from socialstrike.lifecycle import State

    filters = {"campaign": campaign, "account": account, "post": post}
    if bool(ids) == any(value is not None for value in filters.values()):
        raise typer.BadParameter(tr("name deliveries by id, or a --campaign, --account or --post"))
    exist(session, campaign, account)
    if ids:
        return list(dict.fromkeys(ids))
    states = (State.SCHEDULED, State.HANDED_OFF) if handed_off else (State.SCHEDULED,)
    wanted = queue.Filter(**filters)  # type: ignore[arg-type]
    return [row["id"] for row in queue.deliveries(session, wanted) if row["state"] in states]


def exist(session: Any, campaign: str | None, account: str | None) -> None:
    """Raise NotFound for a name that nothing here has: an empty list would hide the slip."""
    from socialstrike import accounts, campaigns

    if campaign is not None:
        campaigns.get(session, campaign)
    if account is not None:
        accounts.get(session, account)


def shortened(text: str, most: int = 60) -> str:
    """The first words of a text, on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def in_thread(row: Mapping[str, Any]) -> str:
    """The text of a row behind its place in a thread, where it has one."""
    text = str(row["text"])
    return f"{row['part']}/{row['parts']} {text}" if row["part"] else text


def many(
    count: int, noun: Literal["account", "approval", "delivery", "post", "text", "time"]
) -> str:
    """A count and its noun, as the language counts."""
    match noun:
        case "delivery":
            return trn("{count} delivery", "{count} deliveries", count)
        case "post":
            return trn("{count} post", "{count} posts", count)
        case "text":
            return trn("{count} text", "{count} texts", count)
        case "approval":
            return trn("{count} approval", "{count} approvals", count)
        case "account":
            return trn("{count} account", "{count} accounts", count)
        case "time":
            return trn("{count} time", "{count} times", count)


def _by(later: str | None, earlier: str | None) -> timedelta:
    from socialstrike.post_file.times import duration

    return duration(later) if later is not None else -duration(str(earlier))


def _change(house: Any, session: Any, wanted: Sequence[Change]) -> None:
    from socialstrike import queue

    queue.change(session, wanted, now=house.clock.now(), actor=house.actor)


def _rows(session: Any, wanted: Sequence[Change]) -> list[dict[str, Any]]:
    from socialstrike import queue

    ids = tuple(change.job.delivery for change in wanted)
    return list(queue.deliveries(session, queue.Filter(ids=ids)))


def _tell(
    wanted: Sequence[Change],
    difference: Callable[[Change], tuple[object, object]],
    *,
    dry_run: bool,
) -> None:
    shown = ((c.job.delivery, c.job.account, *map(_cell, difference(c))) for c in wanted)
    output.table(
        (tr("id"), tr("account"), tr("was"), tr("becomes")), shown, empty=tr("Nothing to change.")
    )
    if wanted:
        count = many(len(wanted), "delivery")
        output.line(
            tr("{count} would be changed. Nothing was changed.", count=count)
            if dry_run
            else tr("{count} changed.", count=count)
        )


def _cell(value: object) -> object:
    return shortened(value) if isinstance(value, str) else value
