"""``socialstrike campaigns``: one strike each."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from socialstrike.cli import output
from socialstrike.cli.context import ZONE, AsJson, opened

if TYPE_CHECKING:
    from socialstrike.drafts import CampaignSpec

app = typer.Typer(
    help="The strikes: their day, their hashtag, how late their posts may go out.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The campaign's name.")]


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the campaigns by their day."""
    from socialstrike import campaigns

    with opened(context) as house, house.database.read() as session:
        shown = [_shown(campaigns.spec(campaign)) for campaign in campaigns.every(session)]
    if as_json:
        output.as_json(shown)
        return
    output.table(
        ("campaign", "day", "time zone", "hashtag", "mention"),
        ((c["name"], c["day"], c["timezone"], c["hashtag"], c["mention"]) for c in shown),
        empty="No campaign yet; a post file brings its own, or: socialstrike campaigns set NAME"
        " --day YYYY-MM-DD",
    )


@app.command()
def show(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Show one campaign and how its deliveries stand."""
    from socialstrike import campaigns, queue

    with opened(context) as house, house.database.read() as session:
        shown = _shown(campaigns.spec(campaigns.get(session, name)))
        shown["deliveries"] = queue.counts(session, queue.Filter(campaign=name))
    if as_json:
        output.as_json(shown)
        return
    for field, value in shown.items():
        if field != "deliveries":
            output.line(f"{field.replace('_', ' '):<24}{'' if value is None else value}")
    output.line("")
    output.table(("state", "deliveries"), shown["deliveries"].items(), empty="Nothing queued.")


@app.command("set")
def set_(
    context: typer.Context,
    name: Name,
    day: Annotated[str | None, typer.Option("--day", help="The strike day, YYYY-MM-DD.")] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help=f"An IANA zone; {ZONE} for a new one.")
    ] = None,
    hashtag: Annotated[
        str | None, typer.Option("--hashtag", help="Added to every text that lacks it.")
    ] = None,
    mention: Annotated[str | None, typer.Option("--mention", help="Who is announced to.")] = None,
    link: Annotated[str | None, typer.Option("--link", help="The strike's text.")] = None,
    announcement_lateness: Annotated[
        int | None, typer.Option(help="Announcements go out at most so many minutes late.", min=0)
    ] = None,
    occupation_lateness: Annotated[
        int | None, typer.Option(help="Occupation posts likewise.", min=0)
    ] = None,
) -> None:
    """Make a campaign, or change one; posts already queued keep their times and texts."""
    from socialstrike import campaigns
    from socialstrike.exceptions import InvalidInput

    written = {"timezone": timezone, "hashtag": hashtag, "mention": mention, "link": link}
    lateness = {
        "announcement_lateness": _minutes(announcement_lateness),
        "occupation_lateness": _minutes(occupation_lateness),
    }
    with opened(context) as house, house.database.write() as session:
        before = campaigns.known(session).get(name)
        if before is None and day is None:
            raise InvalidInput(f"{name} is a new campaign; give its day with --day YYYY-MM-DD")
        checked = _checked(name, day or str(before and before.day), written)
        changes = {field: getattr(checked, field) for field in _given(written)} | _given(lateness)
        wanted = replace(before or checked, day=checked.day, **changes)
        campaigns.store(session, wanted, now=house.clock.now(), actor=house.actor)
    output.line(f"{name}: {'changed' if before else 'added'}, the strike is on {wanted.day}.")


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """What was written on the line; an empty text is written, and takes a field away."""
    return {field: value for field, value in values.items() if value is not None}


def _checked(name: str, day: str, written: dict[str, str | None]) -> CampaignSpec:
    """The campaign as a file would say it, by the file's own rules. Raises InvalidFile."""
    from socialstrike.post_file import head
    from socialstrike.post_file.nodes import Fields, Report, Scalar, refuse

    values = {"name": name, "day": day, **_given(written)}
    report = Report("campaigns set")
    spec = head.campaign(Fields({k: Scalar(v, empty=not v) for k, v in values.items()}), report)
    refuse([report])
    assert spec is not None  # or the report would hold an error
    return spec


def _minutes(count: int | None) -> timedelta | None:
    return None if count is None else timedelta(minutes=count)


def _shown(spec: Any) -> dict[str, Any]:
    return {
        field: int(value.total_seconds()) if isinstance(value, timedelta) else value
        for field, value in asdict(spec).items()
    }
