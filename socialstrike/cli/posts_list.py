"""``socialstrike posts list`` and ``show``: what is queued, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from socialstrike.cli import output
from socialstrike.cli.context import Account, AsJson, Campaign, moment, opened
from socialstrike.cli.posts_change import exist, in_thread, shortened
from socialstrike.i18n import stored, tr, translated

Kind = Literal["announcement", "occupation"]


def register(app: typer.Typer) -> None:
    """Put these commands among those of the posts."""
    app.command("list")(list_)
    app.command()(show)


def list_(
    context: typer.Context,
    campaign: Campaign = None,
    account: Account = None,
    platform: Annotated[str | None, typer.Option("--platform")] = None,
    kind: Annotated[Kind | None, typer.Option("--kind")] = None,
    state: Annotated[str | None, typer.Option("--state", help="scheduled, published, …")] = None,
    post: Annotated[int | None, typer.Option("--post", help="Only this post's.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Due from then on.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Due before then.")] = None,
    gone: Annotated[
        bool, typer.Option("--gone", help="Only published posts that have disappeared since.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the deliveries in the order they are due."""
    from socialstrike import queue
    from socialstrike.lifecycle import State

    if state is not None and state not in set(State):
        raise typer.BadParameter(
            tr("{state!r} is no state; known ones: {state2}", state=state, state2=", ".join(State))
        )
    wanted = queue.Filter(
        campaign=campaign,
        account=account,
        platform=platform,
        kind=kind,
        state=state,
        post=post,
        since=moment(since),
        until=moment(until),
        gone=gone,
    )
    with opened(context) as house, house.database.read() as session:
        exist(session, campaign, account)
        rows = list(queue.deliveries(session, wanted))
    if as_json:
        output.as_json(rows)
        return
    output.table(
        (tr("id"), tr("due"), tr("account"), tr("kind"), tr("state"), tr("late"), tr("text")),
        (
            (
                row["id"],
                row["due_at"],
                row["account"],
                row["kind"],
                tr("{state}, gone", state=row["state"])
                if row["gone_at"] and row["state"] == State.PUBLISHED
                else row["state"],
                "" if row["lateness_s"] is None else f"{row['lateness_s']:.1f} s",
                shortened(in_thread(row)),
            )
            for row in rows
        ),
        empty=tr("Nothing queued; see: socialstrike posts import --help")
        if wanted == queue.Filter()
        else tr("Nothing in the queue fits."),
    )
    if any(row["error"] for row in rows):
        output.line(tr("What went wrong with one: socialstrike posts show ID"))


#: What the fields of one delivery are called for people.
_FIELDS = {
    "id": stored("delivery"),
    "post": stored("post"),
    "kind": stored("kind"),
    "campaign": stored("campaign"),
    "platform": stored("platform"),
    "account": stored("account"),
    "text": stored("text"),
    "part": stored("part"),
    "parts": stored("parts"),
    "due_at": stored("due"),
    "state": stored("state"),
    "attempts": stored("attempts"),
    "published_at": stored("published"),
    "lateness_s": stored("late (s)"),
    "remote_id": stored("remote id"),
    "remote_url": stored("address"),
    "seen_at": stored("last seen"),
    "gone_at": stored("disappeared"),
    "error": stored("error"),
    "after": stored("after"),
    "occurrence": stored("occurrence"),
    "local_time": stored("local time"),
    "timezone": stored("time zone"),
    "late_after": stored("late after"),
    "next_at": stored("next look"),
    "hand_off_at": stored("hand off at"),
    "handed_at": stored("handed off"),
    "scheduled_id": stored("copy's id"),
    "take_back": stored("take back"),
    "link": stored("link"),
    "source": stored("source"),
    "content_hash": stored("content hash"),
    "salt": stored("salt"),
    "visibility": stored("visibility"),
    "content_warning": stored("content warning"),
    "language": stored("language"),
}


def show(
    context: typer.Context,
    delivery: Annotated[int, typer.Argument(help="The id that 'posts list' shows.")],
    as_json: AsJson = False,
) -> None:
    """Show one delivery in full: text, pictures, attempts."""
    from socialstrike import queue

    with opened(context) as house, house.database.read() as session:
        shown = queue.show(session, delivery)
    if as_json:
        output.as_json(shown)
        return
    history = shown.pop("history")
    pictures, asked = shown.pop("media"), shown.pop("options")
    shown |= asked or {}
    for field, value in shown.items():
        name = _FIELDS.get(field, field)
        text = output.when(value) if hasattr(value, "isoformat") else value
        text = translated(text) if field == "error" and text else text
        output.line(f"{translated(name):<14} {'' if text is None else text}")
    for picture in pictures:
        label, alt = tr("picture"), picture["alt"] or tr("(no description)")
        output.line(f"{label:<14}{picture['name']}: {alt}")
    output.line("")
    output.table(
        (tr("attempt"), tr("started (UTC)"), tr("ended (UTC)"), tr("outcome"), tr("error")),
        (tuple(attempt.values()) for attempt in history),
        empty=tr("No attempt yet."),
    )
