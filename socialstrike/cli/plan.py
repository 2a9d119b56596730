"""``socialstrike plan``: the day on paper, and played through before it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer

from socialstrike.cli import output
from socialstrike.cli.context import Campaign, opened

if TYPE_CHECKING:
    from socialstrike.plan import Expected, Simulation, Snapshot


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
    form: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print.")] = (
        "table"
    ),
    names: Annotated[
        bool, typer.Option("--names/--no-names", help="Name the accounts, or only count them.")
    ] = True,
) -> None:
    """Print the day as a timeline, and the actions to expect."""
    from socialstrike import campaigns
    from socialstrike import plan as planning

    with opened(context) as house:
        with house.database.read() as session:
            if campaign is not None:
                campaigns.get(session, campaign)
            found = planning.snapshot(session, house.clock.now(), campaign)
        played = planning.simulate(found, catch_up=house.settings.catch_up) if simulate else None
    expected = planning.expected(found)
    if form == "json":
        output.as_json(_as_json(found, expected, played, names))
    else:
        _print(found, expected, played, names)
    if played is not None and played.problems:
        raise typer.Exit(3)


def _print(found: Snapshot, expected: Expected, played: Simulation | None, names: bool) -> None:
    if names:
        output.table(
            ("due", "account", "kind", "state", "text"),
            (
                (
                    step.due_at.astimezone(ZoneInfo(step.timezone)),
                    step.account,
                    step.kind,
                    step.state,
                    _first_words(step.text),
                )
                for step in found.steps
            ),
            empty="Nothing is queued.",
        )
    told = ", ".join(f"{count} on {platform}" for platform, count in expected.platforms.items())
    if expected.posts:
        output.line(
            f"Expected actions: {expected.posts} posts on {len(expected.accounts)} accounts"
            f" ({told})."
        )
    if played is None:
        return
    for trouble in played.warnings:
        output.warning(trouble.message)
    for account, price in sorted(played.costs.items()) if names else ():
        output.line(f"Cost of {account}: about {price:.2f} USD.")
    if played.costs:
        output.line(f"Cost in all: about {sum(played.costs.values()):.2f} USD.")
    for trouble in played.problems:
        output.line(f"Would go wrong: {trouble.message}")
    output.line(
        f"{len(played.sent_at)} would go out, {played.latest.total_seconds():.0f} s late at most;"
        f" {len(played.problems)} problems."
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
                "due_at": step.due_at.astimezone(ZoneInfo(step.timezone)),
                "state": step.state,
                "sent_at": played.sent_at.get(step.delivery) if played else None,
            }
            for step in found.steps
        ]
    if played is not None:
        shown["problems"] = [_trouble(trouble) for trouble in played.problems]
        shown["warnings"] = [_trouble(trouble) for trouble in played.warnings]
        shown["cost_usd"] = float(sum(played.costs.values()))
        shown["latest_s"] = played.latest.total_seconds()
    return shown


def _trouble(trouble: Any) -> dict[str, Any]:
    return {
        "rule": trouble.rule,
        "account": trouble.account,
        "delivery": trouble.delivery,
        "message": trouble.message,
    }


def _first_words(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
