"""``socialstrike plan``: the day on paper, and played through before it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from socialstrike.cli import output
from socialstrike.cli.context import Campaign, opened
from socialstrike.cli.written import To, written
from socialstrike.i18n import tr, translated

if TYPE_CHECKING:
    from datetime import datetime

    from socialstrike.plan import Expected, Simulation, Snapshot, Step, Trouble


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(plan)


def plan(
    context: typer.Context,
    campaign: Campaign = None,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate",
            help="Play it against limits, budgets, credentials and lateness. Exit 3 where"
            " something would go wrong.",
        ),
    ] = False,
    form: Annotated[
        Literal["table", "json", "ics", "html"],
        typer.Option("--format", help="ics is for calendars, html a page to print."),
    ] = "table",
    to: To = None,
    by: Annotated[
        Literal["time", "account"], typer.Option("--by", help="The order of the table.")
    ] = "time",
    names: Annotated[
        bool, typer.Option("--names/--no-names", help="Name the accounts, or only count them.")
    ] = True,
) -> None:
    """Print the day as a timeline, and the actions to expect."""
    from socialstrike import plan as planning

    with opened(context) as house:
        with house.database.read() as session:
            found = planning.snapshot(session, house.clock.now(), campaign)
        played = planning.simulate(found, catch_up=house.settings.catch_up) if simulate else None
    expected = planning.expected(found)
    with written(to) as out:
        match form:
            case "json":
                output.as_json(_as_json(found, expected, played, names))
            case "ics":
                out.write(planning.as_calendar(found, names=names))
            case "html":
                out.write(planning.as_page(found, played, names=names))
            case _:
                _print(found, expected, played, names, by)
    if to is not None:
        output.note(tr("The plan is in {to}: {posts} posts.", to=to, posts=expected.posts))
    if played is not None and played.problems:
        raise typer.Exit(3)


def _local(step: Step) -> datetime:
    from zoneinfo import ZoneInfo

    return step.due_at.astimezone(ZoneInfo(step.timezone))


def _print(
    found: Snapshot, expected: Expected, played: Simulation | None, names: bool, by: str
) -> None:
    if names:
        steps = sorted(found.steps, key=lambda step: step.account) if by == "account" else None
        output.table(
            (tr("due"), tr("account"), tr("kind"), tr("state"), tr("text")),
            (
                (
                    _local(step),
                    step.account,
                    step.kind,
                    step.state,
                    _first_words(step.placed),
                )
                for step in steps or found.steps
            ),
            empty=tr("Nothing is queued."),
        )
    told = ", ".join(
        tr("{count} on {platform}", count=count, platform=platform)
        for platform, count in expected.platforms.items()
    )
    if expected.posts:
        output.line(
            tr(
                "Expected actions: {posts} posts on {count} accounts ({told}).",
                posts=expected.posts,
                count=len(expected.accounts),
                told=told,
            )
        )
    if played is None:
        return
    for trouble in played.warnings:
        output.warning(trouble.message if names else translated(trouble.nameless))
    for account, price in sorted(played.costs.items()) if names else ():
        output.line(tr("Cost of {account}: about {price:.2f} USD.", account=account, price=price))
    if played.costs:
        output.line(tr("Cost in all: about {sum:.2f} USD.", sum=sum(played.costs.values())))
    for trouble in played.problems:
        output.line(
            tr(
                "Would go wrong: {what}",
                what=trouble.message if names else translated(trouble.nameless),
            )
        )
    output.line(
        tr(
            "{count} would go out, {latest:.0f} s late at most; problems: {count2}.",
            count=len(played.sent_at),
            latest=played.latest.total_seconds(),
            count2=len(played.problems),
        )
    )


def _as_json(
    found: Snapshot, expected: Expected, played: Simulation | None, names: bool
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "expected": {
            "posts": expected.posts,
            "accounts": dict(expected.accounts) if names else len(expected.accounts),
            "platforms": dict(expected.platforms),
        }
    }
    if names:
        shown["deliveries"] = [
            {
                "id": step.delivery,
                "account": step.account,
                "platform": step.platform,
                "kind": step.kind,
                "text": step.text,
                "part": step.place.part if step.place else None,
                "parts": step.place.parts if step.place else None,
                "options": dict(step.options or {}),
                "due_at": _local(step),
                "state": step.state,
                "sent_at": played.sent_at.get(step.delivery) if played else None,
            }
            for step in found.steps
        ]
    if played is not None:
        shown["problems"] = [_trouble(trouble, names) for trouble in played.problems]
        shown["warnings"] = [_trouble(trouble, names) for trouble in played.warnings]
        shown["cost_usd"] = float(sum(played.costs.values()))
        shown["latest_s"] = played.latest.total_seconds()
    return shown


def _trouble(trouble: Trouble, names: bool) -> dict[str, Any]:
    return {
        "rule": trouble.rule,
        "account": trouble.account if names else None,
        "delivery": trouble.delivery,
        "message": trouble.message if names else trouble.nameless,
    }


def _first_words(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
