"""``socialstrike campaigns``: one strike each."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from socialstrike.cli import approvals, output
from socialstrike.cli.context import ZONE, AsJson, opened
from socialstrike.cli.posts_change import many
from socialstrike.cli.posts_retract import Yes
from socialstrike.i18n import tr

if TYPE_CHECKING:
    from socialstrike.drafts import CampaignSpec

app = typer.Typer()
approvals.register_campaigns(app)

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
        (tr("campaign"), tr("day"), tr("time zone"), tr("hashtag"), tr("mention")),
        ((c["name"], c["day"], c["timezone"], c["hashtag"], c["mention"]) for c in shown),
        empty=tr(
            "No campaign yet; a post file brings its own, or: socialstrike campaigns set"
            " NAME --day YYYY-MM-DD"
        ),
    )


@app.command()
def show(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Show one campaign and how its deliveries stand."""
    from socialstrike import campaigns, queue

    with opened(context) as house, house.database.read() as session:
        campaign = campaigns.get(session, name)
        shown = _shown(campaigns.spec(campaign)) | {"closed_at": campaign.closed_at}
        shown["quorum"] = campaign.quorum
        shown["deliveries"] = queue.counts(session, queue.Filter(campaign=name))
    if as_json:
        output.as_json(shown)
        return
    for field, value in shown.items():
        if field != "deliveries":
            text = output.when(value) if field == "closed_at" else value
            output.line(f"{field.replace('_', ' '):<24}{'' if text is None else text}")
    output.line("")
    output.table(
        (tr("state"), tr("deliveries")), shown["deliveries"].items(), empty=tr("Nothing queued.")
    )


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
    quorum: Annotated[
        int | None, typer.Option(help="So many people have to approve each delivery.", min=0)
    ] = None,
) -> None:
    """Make a campaign, or change one; posts already queued keep their times and texts."""
    from socialstrike import approvals as deciding
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
            raise InvalidInput(
                tr("{name} is a new campaign; give its day with --day YYYY-MM-DD", name=name)
            )
        checked = _checked(name, day or str(before and before.day), written)
        changes = {field: getattr(checked, field) for field in _given(written)} | _given(lateness)
        wanted = replace(before or checked, day=checked.day, **changes)
        now = house.clock.now()
        campaigns.store(session, wanted, now=now, actor=house.actor)
        if quorum is not None:
            deciding.set_quorum(session, name, quorum, now=now, actor=house.actor)
    output.line(
        tr("{name}: changed, the strike is on {day}.", name=name, day=output.day(wanted.day))
        if before
        else tr("{name}: added, the strike is on {day}.", name=name, day=output.day(wanted.day))
    )


@app.command()
def close(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """End a campaign: cancel what waits, sign the log, take no new posts until it is reopened.

    Prints the line of the log's head, to note down. Refused where something is in doubt.
    """
    from socialstrike import campaigns, queue
    from socialstrike.audit import checkpoints
    from socialstrike.lifecycle import State

    with opened(context) as house:
        with house.database.read() as session:
            campaign = campaigns.get(session, name)
            waiting = len(queue.unsettled(session, campaign).get(State.SCHEDULED, []))
            before = campaign.closed_at
        if waiting and not yes:
            output.confirm(
                tr(
                    "Cancel the {many} of {name} that wait, and close it?",
                    many=many(waiting, "delivery"),
                    name=name,
                )
            )
        with house.database.write() as session:
            campaign = campaigns.get(session, name)
            count = queue.close(session, campaign, now=house.clock.now(), actor=house.actor)
        signed = checkpoints.sign_now(house.database, house.vault, house.clock.now())
    said = checkpoints.said(signed)
    if before is None:
        output.line(
            tr("{name} is closed; {many} cancelled.", name=name, many=many(count, "delivery"))
        )
    else:
        output.line(
            tr("{name} was closed already, on {when}.", name=name, when=output.when(before))
        )
    output.line(
        tr("Note down the head of the log: {size} {hex}", size=said.size, hex=said.root.hex())
    )
    output.line(tr("Its report: socialstrike audit report {name} -o {name}.html", name=name))


@app.command()
def reopen(context: typer.Context, name: Name) -> None:
    """Let a closed campaign take posts again; what was cancelled stays cancelled."""
    from socialstrike import campaigns, queue

    with opened(context) as house, house.database.write() as session:
        campaign = campaigns.get(session, name)
        changed = queue.reopen(session, campaign, now=house.clock.now(), actor=house.actor)
    output.line(
        tr("{name} takes posts again.", name=name)
        if changed
        else tr("{name} was not closed.", name=name)
    )


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """What was written on the line; an empty text is written, and takes a field away."""
    return {field: value for field, value in values.items() if value is not None}


def _checked(name: str, day: str, written: dict[str, str | None]) -> CampaignSpec:
    """The campaign as a file would say it, by the file's own rules. Raises InvalidFile."""
    from socialstrike.post_file import head
    from socialstrike.post_file.nodes import Fields, Report, Scalar, refuse

    values = {"name": name, "day": day, **_given(written)}
    report = Report(tr("campaigns set"))
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
