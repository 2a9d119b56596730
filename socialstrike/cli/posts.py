"""``socialstrike posts``: what is to be said, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer

from socialstrike.cli import (
    approvals,
    output,
    posts_change,
    posts_hand_off,
    posts_list,
    posts_preview,
    posts_retract,
    posts_schema,
    posts_verify,
)
from socialstrike.cli.context import Account, AsJson, Campaign, DryRun, opened, writing
from socialstrike.cli.posts_change import (
    OfPost,
    SomeIds,
    chosen,
    in_thread,
    many,
    shortened,
)
from socialstrike.cli.posts_hand_off import HandOff
from socialstrike.i18n import tr, translated

if TYPE_CHECKING:
    from socialstrike.drafts import Draft, DraftDelivery
    from socialstrike.exceptions import Problem

app = typer.Typer()
posts_change.register(app)
posts_retract.register(app)
posts_verify.register(app)
posts_hand_off.register(app)
posts_preview.register(app)
posts_schema.register(app)
posts_list.register(app)
approvals.register_posts(app)

Ids = Annotated[list[int], typer.Argument(help="Deliveries, by the id that 'posts list' shows.")]
Kind = Literal["announcement", "occupation"]
#: Of what would be queued so many lines are shown; nobody reads more.
_MOST = 200


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
    media: Annotated[
        list[Path] | None, typer.Option("--media", help="A picture, or one video.")
    ] = None,
    alt: Annotated[
        list[str] | None, typer.Option("--alt", help="The picture's description, in order.")
    ] = None,
    link: Annotated[str | None, typer.Option("--link", help="A link to go with it.")] = None,
    visibility: Annotated[
        str | None, typer.Option("--visibility", help="public, unlisted or private, on Mastodon.")
    ] = None,
    content_warning: Annotated[
        str | None, typer.Option("--content-warning", help="What stands over it, on Mastodon.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="Its language, such as fr.")
    ] = None,
    late: Annotated[
        bool, typer.Option("--late", help="Accept a past time within the lateness limit.")
    ] = False,
    hand_off: HandOff = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Queue one post for one or more accounts."""
    from socialstrike import accounts, campaigns, post_file

    pictures, described = media or [], alt or []
    if len(described) > len(pictures):
        raise typer.BadParameter(tr("there are more --alt than --media; give each picture one"))
    described = [*described, *([""] * (len(pictures) - len(described)))]
    odd: list[Problem] = []
    with opened(context) as house:
        with house.database.read() as session:
            spec = campaigns.spec(campaigns.get(session, campaign)) if campaign else None
            known, told = accounts.usable(session), accounts.limits_told(session)
        drafts = post_file.drafts(
            text=text,
            at=at,
            to=to,
            kind=kind,
            media=list(zip(pictures, described, strict=True)),
            link=link,
            asked={
                "visibility": visibility,
                "content_warning": content_warning,
                "language": language,
            },
            campaign=spec,
            accounts=known,
            now=house.clock.now(),
            late=late,
            warnings=odd,
            told=told,
        )
        result = _queue(house, [(spec, drafts)], odd, dry_run, hand_off=hand_off)
        _report(result, as_json)
        _hand_off(house, result, as_json)


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
    hand_off: HandOff = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Queue the posts of files. The same file twice changes nothing; an error changes nothing."""
    from socialstrike import accounts, campaigns, post_file, queue

    with opened(context) as house:
        with house.database.read() as session:
            known, specs = accounts.usable(session), campaigns.known(session)
            told = accounts.limits_told(session)

        def queued(keys: Sequence[str]) -> dict[str, str | None]:
            with house.database.read() as session:
                return queue.queued_links(session, keys)

        with output.busy(tr("Reading the files")):
            read = post_file.read(
                files,
                campaigns=specs.get,
                accounts=known,
                now=house.clock.now(),
                campaign=campaign,
                day=_day(day),
                late=late,
                told=told,
                queued=queued,
            )
        warnings = [warning for file in read for warning in file.warnings]
        packs = [(file.campaign, file.drafts) for file in read]
        result = _queue(house, packs, warnings, dry_run, hand_off=hand_off)
        _report(result, as_json)
        _hand_off(house, result, as_json)


@app.command()
def cancel(
    context: typer.Context,
    ids: SomeIds = None,
    campaign: Campaign = None,
    account: Account = None,
    post: OfPost = None,
    dry_run: DryRun = False,
) -> None:
    """Take deliveries out of the queue: by id, or all that wait of a campaign, account or post."""
    from socialstrike import queue

    with opened(context) as house:
        now = house.clock.now()
        with writing(house, dry_run=dry_run) as session:
            found = chosen(session, ids, campaign, account, post)
            count = queue.cancel(session, found, now=now, actor=house.actor)
            asked = queue.ask_back(
                session, found, queue.Wanted.CANCELLED, now=now, actor=house.actor
            )
        held = [] if dry_run else posts_hand_off.recall(house, [job.delivery for job in asked])
    left = [one for one in held if one.state != "cancelled"]
    count += len(asked) - len(left)
    output.line(
        tr("{many} would be cancelled.", many=many(count, "delivery"))
        if dry_run
        else tr("{many} cancelled.", many=many(count, "delivery"))
    )
    posts_hand_off.tell_recalled(left)
    if left:
        raise typer.Exit(3)


@app.command()
def retry(context: typer.Context, ids: Ids) -> None:
    """Let deliveries that failed, were missed or cancelled go out now after all."""
    from socialstrike import queue

    with opened(context) as house, house.database.write() as session:
        count = queue.requeue(session, ids, now=house.clock.now(), actor=house.actor)
    output.line(tr("{many} back in the queue.", many=many(count, "delivery")))


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
        tr("Delivery {delivery} counts as published.", delivery=delivery)
        if verdict == "published"
        else tr(
            "Delivery {delivery} is back in the queue; past its lateness limit it is missed.",
            delivery=delivery,
        )
    )


def _queue(
    house: Any, packs: Any, warnings: Any, dry_run: bool, *, hand_off: bool
) -> dict[str, Any]:
    """Store what was read, all or nothing; what it came to, for people and for --json.

    A dry run does the same and takes it back, so that it meets every refusal.
    """
    from socialstrike import campaigns, media, queue

    for warning in warnings:
        output.warning(str(warning))
    total = queue.Enqueued()
    wished: list[int] = []
    cannot: list[str] = []
    now = house.clock.now()
    count = sum(len(drafts) for _, drafts in packs)
    with (
        output.progress(tr("Queueing the posts"), count) as done,
        writing(house, dry_run=dry_run) as session,
    ):
        for spec, drafts in packs:
            media.keep(session, (picture for draft in drafts for picture in draft.media))
            campaign = spec and campaigns.store(session, spec, now=now, actor=house.actor)
            total += queue.enqueue(session, drafts, campaign, now=now, actor=house.actor, done=done)
        if hand_off:
            wished, cannot = posts_hand_off.wish(house, session, total.ids, every=False)
    first, last = _ends(packs)
    # What is shown of each is made for a dry run alone: of 100,000 it takes 60 MB.
    return {
        "dry_run": dry_run,
        "posts": count,
        "deliveries": total.deliveries + total.known_deliveries,
        "new_posts": total.posts,
        "new_deliveries": total.deliveries,
        "known_deliveries": total.known_deliveries,
        "ids": [] if dry_run else list(total.ids),
        "first_due_at": first and _local(first),
        "last_due_at": last and _local(last),
        "accounts": sorted(
            {one.account for _, drafts in packs for draft in drafts for one in draft.deliveries}
        ),
        "warnings": [str(warning) for warning in warnings],
        **(
            {"planned": _planned(draft for _, drafts in packs for draft in drafts)}
            if dry_run
            else {}
        ),
        **({"hand_off": [] if dry_run else wished, "not_handed_off": cannot} if hand_off else {}),
    }


def _hand_off(house: Any, result: dict[str, Any], as_json: bool) -> None:
    """Hand off what was just queued. Exit 3 where something was not that could be."""
    say = output.note if as_json else output.line
    posts_hand_off.tell_hindrances(result.get("not_handed_off", []), say)
    if result.get("hand_off") and posts_hand_off.perform(house, result["hand_off"], say):
        raise typer.Exit(3)


def _ends(packs: Any) -> tuple[DraftDelivery | None, DraftDelivery | None]:
    """What goes out first, and last; found in passing, because there may be 100,000."""
    first: DraftDelivery | None = None
    last: DraftDelivery | None = None
    for one in (one for _, drafts in packs for draft in drafts for one in draft.deliveries):
        if first is None or one.due_at < first.due_at:
            first = one
        if last is None or one.due_at >= last.due_at:
            last = one
    return first, last


def _local(delivery: DraftDelivery) -> datetime:
    return delivery.due_at.astimezone(ZoneInfo(delivery.timezone))


def _planned(drafts: Iterable[Draft]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "due_at": _local(delivery),
            "account": delivery.account,
            "kind": draft.kind,
            "text": delivery.text,
            "link": draft.link,
            "part": delivery.part if delivery.parts > 1 else None,
            "parts": delivery.parts if delivery.parts > 1 else None,
        }
        for draft in drafts
        for delivery in draft.deliveries
    ]
    return sorted(rows, key=lambda row: row["due_at"])


def _report(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.as_json(result)
        return
    over = tr("over {many}", many=many(len(result["accounts"]), "account"))
    known = result["known_deliveries"]
    already = tr("; {many} were queued before", many=many(known, "delivery")) if known else ""
    if result["dry_run"]:
        shown = result["planned"][:_MOST]
        columns = ("due_at", "account", "kind", "text", *(["link"] * any(r["link"] for r in shown)))
        output.table(
            (tr("due"), *map(translated, columns[1:])),
            (
                tuple(shortened(in_thread(r)) if name == "text" else r[name] for name in columns)
                for r in shown
            ),
            empty="",
        )
        if more := len(result["planned"]) - len(shown):
            output.line(
                tr("... and {many} more; --json shows them all", many=many(more, "delivery"))
            )
        output.line(
            tr(
                "Would queue {many} as {many2} {over}{already}. Nothing was changed.",
                many=many(result["new_posts"], "post"),
                many2=many(result["new_deliveries"], "delivery"),
                over=over,
                already=already,
            )
        )
    elif not result["new_deliveries"]:
        output.line(
            tr(
                "Nothing new: {many} were queued before; see: socialstrike posts list",
                many=many(known, "delivery"),
            )
        )
    else:
        output.line(
            tr(
                "Queued {many} as {many2} {over}{already}.",
                many=many(result["new_posts"], "post"),
                many2=many(result["new_deliveries"], "delivery"),
                over=over,
                already=already,
            )
        )


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            tr("{text!r} is no day; write it like 2027-01-24", text=text)
        ) from None
