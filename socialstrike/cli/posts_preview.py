"""``socialstrike posts preview``: each post as its platform will count, link and cut it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from socialstrike.cli import output
from socialstrike.cli.context import Account, AsJson, opened
from socialstrike.cli.posts_change import OfPost, chosen, many
from socialstrike.i18n import tr, translated

if TYPE_CHECKING:
    from datetime import date

    from socialstrike.app import App
    from socialstrike.preview import Preview


def register(app: typer.Typer) -> None:
    """Add the command to those of ``posts``."""
    app.command()(preview)


def preview(
    context: typer.Context,
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|ID]...", help="Post files, or deliveries by id."),
    ] = None,
    campaign: Annotated[
        str | None,
        typer.Option("--campaign", help="What waits of it; or the campaign a CSV file belongs to."),
    ] = None,
    account: Account = None,
    post: OfPost = None,
    day: Annotated[
        str | None, typer.Option("--day", help="Read the files for this strike day, YYYY-MM-DD.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show posts as the platforms will: what counts, what becomes a link, what does not fit.

    Nothing is changed. Exit 3 where a platform would refuse one.
    """
    from socialstrike import preview as previewing

    given = what or []
    files = [word for word in given if not _is_id(word)]
    if files and (len(files) < len(given) or account is not None or post is not None):
        raise typer.BadParameter(tr("name post files, or deliveries, or what waits; not several"))
    if day is not None and not files:
        raise typer.BadParameter(tr("--day is for post files; leave it out"))
    moved = _day(day)
    with opened(context) as house:
        if files:
            shown = _of_files(house, files, campaign, moved)
        else:
            with house.database.read() as session:
                ids = chosen(session, [*map(int, given)], campaign, account, post)
                shown = previewing.of_deliveries(session, ids)
    if as_json:
        output.as_json([_as_json(one) for one in shown])
    else:
        _print(shown)
    if any(one.refused for one in shown):
        raise typer.Exit(3)


def _of_files(
    house: App, files: list[str], campaign: str | None, day: date | None
) -> list[Preview]:
    """What an import would queue, whatever the hour: a look at a text may come too late."""
    from socialstrike import accounts, campaigns, post_file
    from socialstrike import preview as previewing

    with house.database.read() as session:
        known, specs = accounts.usable(session), campaigns.known(session)
        told = accounts.limits_told(session)
    read = post_file.read(
        [*map(Path, files)],
        campaigns=specs.get,
        accounts=known,
        now=house.clock.now(),
        campaign=campaign,
        day=day,
        check_past=False,
        check_lengths=False,
        told=told,
    )
    for warning in (warning for file in read for warning in file.warnings):
        output.warning(str(warning))
    return previewing.of_drafts((draft for file in read for draft in file.drafts), told)


def _print(shown: list[Preview]) -> None:
    from socialstrike import platforms

    for one in shown:
        label = platforms.get(one.platform).label
        zone = ZoneInfo(one.timezone)
        first = output.when(one.times[0].astimezone(zone))
        often = (
            tr(", {many} from {first}", many=many(len(one.times), "time"), first=first)
            if one.times[1:]
            else f", {first}"
        )
        part = f" {one.place[0]}/{one.place[1]}" if one.place else ""
        output.line(f"{label}{part}: {', '.join(one.accounts)} ({one.kind}{often})")
        for line in one.kept.splitlines():
            output.line(f"  | {line}")
        if one.beyond:
            output.line(tr("  | --- what follows does not fit ---"))
            for line in one.beyond.splitlines():
                output.line(f"  | {line}")
        name = tr("length")
        output.line(
            f"  {name:<10}"
            + tr(
                "{length} of {limit} {unit}",
                length=one.length,
                limit=one.limit,
                unit=translated(one.unit),
            )
        )
        if one.card:
            output.line(
                tr(
                    "  {value:<10}{card} (beside the text, counts nothing)",
                    value=tr("link"),
                    card=one.card,
                )
            )
        for entity in one.entities:
            output.line(
                f"  {translated(entity.kind):<10}"
                + tr("{text} (counts {counts})", text=entity.text, counts=entity.counts)
            )
        for picture in one.pictures:
            kind = tr("video") if picture.video else tr("picture")
            alt = picture.alt or tr("(no description)")
            output.line(f"  {kind:<10}{picture.name}: {alt}")
        for name, value in one.asked:
            output.line(f"  {translated(name.replace('_', ' ')):<10} {value}")
        if one.price:
            output.line(
                tr(
                    "  {value:<10}about {price:.3f} USD for each delivery",
                    value=tr("price"),
                    price=one.price,
                )
            )
        for notice in one.notices:
            kind = tr("refused") if notice.refused else tr("warning")
            output.line(f"  {kind:<10}{notice.rule}: {notice.message}")
        output.line("")
    wrong = sum(one.refused for one in shown)
    if not shown:
        output.line(tr("Nothing to preview; see: socialstrike posts list"))
    else:
        output.line(
            tr(
                "{many} shown, {wrong} of them too much for the platform.",
                many=many(len(shown), "text"),
                wrong=wrong,
            )
        )


def _as_json(one: Preview) -> dict[str, Any]:
    return {
        "platform": one.platform,
        "kind": one.kind,
        "accounts": list(one.accounts),
        "deliveries": list(one.deliveries),
        "due_at": [time.astimezone(ZoneInfo(one.timezone)) for time in one.times],
        "text": one.text,
        "part": one.place[0] if one.place else None,
        "parts": one.place[1] if one.place else None,
        "length": one.length,
        "limit": one.limit,
        "unit": one.unit,
        "kept": one.kept,
        "beyond": one.beyond,
        "card": one.card,
        "entities": [
            {"kind": entity.kind, "text": entity.text, "counts": entity.counts}
            for entity in one.entities
        ],
        "media": [{"name": picture.name, "alt": picture.alt} for picture in one.pictures],
        "options": dict(one.asked),
        "price_usd": float(one.price),
        "notices": [
            {"rule": notice.rule, "message": notice.message, "refused": notice.refused}
            for notice in one.notices
        ],
    }


def _is_id(word: str) -> bool:
    return word.isascii() and word.isdigit() and not Path(word).exists()


def _day(text: str | None) -> date | None:
    from datetime import date

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            tr("{text!r} is no day; write it like 2027-01-24", text=text)
        ) from None
