"""``socialstrike posts``: what is to be said, and what became of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from socialstrike.cli import output
from socialstrike.cli.context import ZONE, Account, AsJson, Campaign, DryRun, moment, opened

app = typer.Typer(help="The posts of a strike: queue them, list them, cancel them.")

Ids = Annotated[list[int], typer.Argument(help="Deliveries, by the id that 'posts list' shows.")]
Kind = Literal["announcement", "occupation"]
_NOTHING = "Nothing queued; see: socialstrike posts import --help"


@app.command()
def add(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="What is to be said.")],
    at: Annotated[
        str,
        typer.Option(
            "--at",
            help="When: 2020-01-24T09:00, 'D-1 09:00' with a campaign, +10m, or now.",
        ),
    ],
    to: Annotated[list[str], typer.Option("--to", help="An account, a platform's name, or all.")],
    kind: Annotated[Kind, typer.Option("--kind")] = "announcement",
    campaign: Annotated[
        str | None, typer.Option("--campaign", help="Its hashtag and its limits apply.")
    ] = None,
    media: Annotated[list[Path] | None, typer.Option("--media", help="A picture.")] = None,
    alt: Annotated[
        list[str] | None, typer.Option("--alt", help="The picture's description, in order.")
    ] = None,
    link: Annotated[str | None, typer.Option("--link", help="A link to go with it.")] = None,
    late: Annotated[
        bool, typer.Option("--late", help="Accept a past time within the lateness limit.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Queue one post for one or more accounts."""
    from socialstrike import accounts, campaigns, post_file

    descriptions = [*(alt or []), *([""] * len(media or []))]
    with opened(context) as house:
        with house.database.read() as session:
            spec = campaigns.spec(campaigns.get(session, campaign)) if campaign else None
            known = accounts.usable(session)
        draft = post_file.draft(
            text=text,
            at=at,
            to=to,
            kind=kind,
            media=list(zip(media or [], descriptions, strict=False)),
            link=link,
            campaign=spec,
            accounts=known,
            now=house.clock.now(),
            late=late,
        )
        result = _queue(house, [(spec, [draft])], [], dry_run)
    _report(result, as_json)


@app.command("import")
def import_(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Post files: YAML or CSV.")],
    day: Annotated[
        str | None, typer.Option("--day", help="Move the pack to this strike day, YYYY-MM-DD.")
    ] = None,
    campaign: Annotated[
        str | None, typer.Option("--campaign", help="The campaign a CSV file belongs to.")
    ] = None,
    late: Annotated[
        bool, typer.Option("--late", help="Accept past times within their lateness limits.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Queue the posts of files. The same file twice changes nothing; an error changes nothing."""
    from socialstrike import accounts, campaigns, post_file

    with opened(context) as house:
        with house.database.read() as session:
            known, specs = accounts.usable(session), campaigns.known(session)
            if campaign:
                campaigns.get(session, campaign)
        read = post_file.read(
            files,
            campaigns=specs.get,
            accounts=known,
            now=house.clock.now(),
            campaign=campaign,
            day=_day(day),
            late=late,
        )
        warnings = [warning for file in read for warning in file.warnings]
        result = _queue(house, [(file.campaign, file.drafts) for file in read], warnings, dry_run)
    _report(result, as_json)


@app.command("list")
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
    as_json: AsJson = False,
) -> None:
    """List the deliveries in the order they are due."""
    from socialstrike import queue
    from socialstrike.lifecycle import State

    if state is not None and state not in set(State):
        raise typer.BadParameter(f"{state!r} is no state; known ones: {', '.join(State)}")
    wanted = queue.Filter(
        campaign=campaign,
        account=account,
        platform=platform,
        kind=kind,
        state=state,
        post=post,
        since=moment(since),
        until=moment(until),
    )
    with opened(context) as house, house.database.read() as session:
        rows = list(queue.deliveries(session, wanted))
    if as_json:
        output.as_json(rows)
        return
    output.table(
        ("id", "due", "account", "kind", "state", "late", "text"),
        (
            (
                row["id"],
                row["due_at"],
                row["account"],
                row["kind"],
                row["state"],
                "" if row["lateness_s"] is None else f"{row['lateness_s']:.1f} s",
                _shortened(row["text"]),
            )
            for row in rows
        ),
        empty=_NOTHING,
    )


@app.command()
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
    pictures = shown.pop("media")
    for field, value in shown.items():
        text = output.when(value) if hasattr(value, "isoformat") else value
        output.line(f"{field.replace('_', ' '):<14}{'' if text is None else text}")
    for picture in pictures:
        output.line(f"{'picture':<14}{picture['name']}: {picture['alt'] or '(no description)'}")
    output.line("")
    output.table(
        ("attempt", "started (UTC)", "ended (UTC)", "outcome", "error"),
        (tuple(attempt.values()) for attempt in history),
        empty="No attempt yet.",
    )


@app.command()
def cancel(
    context: typer.Context,
    ids: Annotated[list[int] | None, typer.Argument(help="Deliveries, by id.")] = None,
    campaign: Campaign = None,
    account: Account = None,
    post: Annotated[int | None, typer.Option("--post", help="Only this post's.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Take deliveries out of the queue: by id, or all that wait of a campaign, account or post."""
    from socialstrike import queue
    from socialstrike.lifecycle import State

    filters = {"campaign": campaign, "account": account, "post": post}
    if bool(ids) == any(value is not None for value in filters.values()):
        raise typer.BadParameter("name deliveries by id, or a --campaign, --account or --post")
    with opened(context) as house, house.database.write() as session:
        if not ids:
            wanted = queue.Filter(state=State.SCHEDULED, **filters)  # type: ignore[arg-type]
            ids = [row["id"] for row in queue.deliveries(session, wanted)]
        count = len(queue.select_ids(session, ids))
        if not dry_run:
            count = queue.cancel(session, ids, now=house.clock.now(), actor=house.actor)
    output.line(f"{_many(count, 'delivery')} {'would be' if dry_run else ''} cancelled.")


@app.command()
def retry(context: typer.Context, ids: Ids) -> None:
    """Let deliveries that failed, were missed or cancelled go out now after all."""
    from socialstrike import queue

    with opened(context) as house, house.database.write() as session:
        count = queue.requeue(session, ids, now=house.clock.now(), actor=house.actor)
    output.line(f"{_many(count, 'delivery')} back in the queue.")


@app.command()
def resolve(
    context: typer.Context,
    delivery: Annotated[int, typer.Argument(help="A delivery that is uncertain or parked.")],
    verdict: Annotated[Literal["published", "absent"], typer.Argument(help="What you saw there.")],
    url: Annotated[str | None, typer.Option("--url", help="Where the post is.")] = None,
) -> None:
    """Decide what no machine can: you looked on the platform, and the post is there or is not."""
    from socialstrike import queue

    with opened(context) as house, house.database.write() as session:
        queue.resolve(session, delivery, verdict, url=url, now=house.clock.now(), actor=house.actor)
    output.line(
        f"Delivery {delivery} counts as published."
        if verdict == "published"
        else f"Delivery {delivery} is back in the queue; past its lateness limit it is missed."
    )


def _queue(house: Any, packs: Any, warnings: Any, dry_run: bool) -> dict[str, Any]:
    """Store what was read, all or nothing; what it came to, for people and for --json."""
    from socialstrike import campaigns, media, queue

    for warning in warnings:
        output.warning(str(warning))
    total = queue.Enqueued()
    if not dry_run:
        for _, drafts in packs:
            media.keep(house.settings.media, (m for draft in drafts for m in draft.media))
        now = house.clock.now()
        with house.database.write() as session:
            for spec, drafts in packs:
                campaign = spec and campaigns.store(session, spec, now=now, actor=house.actor)
                total += queue.enqueue(session, drafts, campaign, now=now, actor=house.actor)
    deliveries = [delivery for _, drafts in packs for d in drafts for delivery in d.deliveries]
    return {
        "dry_run": dry_run,
        "posts": sum(len(drafts) for _, drafts in packs),
        "deliveries": len(deliveries),
        "new_posts": total.posts,
        "new_deliveries": total.deliveries,
        "known_deliveries": total.known_deliveries,
        "ids": list(total.ids),
        "first_due_at": min((d.due_at for d in deliveries), default=None),
        "last_due_at": max((d.due_at for d in deliveries), default=None),
        "accounts": sorted({d.account for d in deliveries}),
        "warnings": [str(warning) for warning in warnings],
    }


def _report(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.as_json(result)
        return
    over = f"over {_many(len(result['accounts']), 'account')}"
    if result["dry_run"]:
        output.line(
            f"Would queue {_many(result['posts'], 'post')} as"
            f" {_many(result['deliveries'], 'delivery')} {over}. Nothing was changed."
        )
    elif not result["new_deliveries"]:
        output.line(
            f"Nothing new: {_many(result['known_deliveries'], 'delivery')} of it in the queue"
            " already."
        )
    else:
        known = result["known_deliveries"]
        already = f"; {known} were there already" if known else ""
        output.line(
            f"Queued {_many(result['new_posts'], 'post')} as"
            f" {_many(result['new_deliveries'], 'delivery')} {over}{already}."
        )


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write it like 2027-01-24") from None


def _shortened(text: str, most: int = 60) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def _many(count: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"
