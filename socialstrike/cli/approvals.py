"""``socialstrike approvers`` and ``approvals``: deciding together what goes out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from socialstrike.cli import output
from socialstrike.cli.context import AsJson, Campaign, opened
from socialstrike.cli.posts_change import OfPost, SomeIds, chosen, many
from socialstrike.i18n import tr, translated

if TYPE_CHECKING:
    from socialstrike.approvals import Recorded

approvers = typer.Typer()
app = typer.Typer()

Name = Annotated[str, typer.Argument(help="The person: the login they use on this home.")]
Key = Annotated[Path | None, typer.Option("--key", help="The approver's key file.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="Holds the passphrase; asked for otherwise."),
]


def register_posts(posts: typer.Typer) -> None:
    """Add the commands to those of ``posts``."""
    posts.command()(approve)


def register_campaigns(campaigns: typer.Typer) -> None:
    """Add the commands to those of ``campaigns``."""
    campaigns.command()(vote)


@approvers.command()
def new(
    name: Name,
    out: Annotated[Path, typer.Option("--output", "-o", help="The key file to write.")],
    passphrase_file: PassphraseFile = None,
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="No passphrase; the file is mode 0600.")
    ] = False,
) -> None:
    """Make a person's key. Needs no home: make it on that person's own machine."""
    from socialstrike import signatures
    from socialstrike.exceptions import InvalidInput

    passphrase = None if unencrypted else _passphrase(passphrase_file)(tr("New passphrase: "))
    if not unencrypted and not passphrase:
        raise InvalidInput(
            tr("nobody is here to type a passphrase; add --passphrase-file FILE or --unencrypted")
        )
    public = signatures.new_key(out, passphrase)
    output.line(
        tr("{out} is the key of {name}; keep it, and give it to nobody.", out=out, name=name)
    )
    output.line(
        tr("On the home: socialstrike approvers add {name} {public}", name=name, public=public)
    )


@approvers.command()
def add(
    context: typer.Context,
    name: Name,
    key: Annotated[
        str | None, typer.Argument(help="The public key that 'approvers new' showed.")
    ] = None,
) -> None:
    """Let a person approve; with a key, by its signature alone."""
    from socialstrike import approvals

    with opened(context) as house, house.database.write() as session:
        approvals.add(session, name, key, now=house.clock.now(), actor=house.actor)
    output.line(
        tr("{name} may approve by signature.", name=name)
        if key
        else tr("{name} may approve.", name=name)
    )


@approvers.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List who may approve."""
    from socialstrike import approvals

    with opened(context) as house, house.database.read() as session:
        rows = [
            {"name": one.name, "public_key": one.public_key, "added_at": one.added_at}
            for one in approvals.approvers(session)
        ]
    if as_json:
        output.as_json(rows)
        return
    output.table(
        (tr("approver"), tr("public key"), tr("added (UTC)")),
        (tuple(row.values()) for row in rows),
        empty=tr("Nobody yet; add one with: socialstrike approvers add NAME PUBLICKEY"),
    )


@approvers.command()
def remove(context: typer.Context, name: Name) -> None:
    """Let a person approve no more; their approvals of what has not gone out are voided."""
    from socialstrike import approvals

    with opened(context) as house, house.database.write() as session:
        count = approvals.remove(session, name, now=house.clock.now(), actor=house.actor)
    output.line(
        tr("{name} may approve no more; {many} voided.", name=name, many=many(count, "approval"))
    )


def approve(
    context: typer.Context,
    ids: SomeIds = None,
    campaign: Campaign = None,
    post: OfPost = None,
    as_: Annotated[str | None, typer.Option("--as", help="The approver.")] = None,
    key: Key = None,
    passphrase_file: PassphraseFile = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write a request to be signed elsewhere.")
    ] = None,
    days: Annotated[int, typer.Option("--days", help="The request expires then.", min=1)] = 7,
) -> None:
    """Approve deliveries as they are now: text, link, pictures, account and time.

    Exit 3 where some could not be approved; it says why.
    """
    from socialstrike import approvals, signatures

    if (as_ is None) == (export is None):
        raise typer.BadParameter(tr("give --as NAME to approve, or --export FILE for a request"))
    with opened(context) as house:
        with house.database.read() as session:
            found = chosen(session, ids, campaign, None, post, handed_off=False)
            now = house.clock.now()
            if export is not None:
                lasts = timedelta(days=days)
                asked = approvals.request(session, found, campaign, lasts=lasts, now=now)
        if export is not None:
            _write(export, asked)
            output.line(
                tr(
                    "{export} asks to approve {many}.",
                    export=export,
                    many=many(len(found), "delivery"),
                )
            )
            return
        own = None if key is None else signatures.load_key(key, _passphrase(passphrase_file))
        with house.database.write() as session:
            done = approvals.approve(
                session, found, str(as_), own, now=house.clock.now(), actor=house.actor
            )
    _tell(done)


@app.command()
def sign(
    request: Annotated[Path, typer.Argument(help="What 'posts approve --export' wrote.")],
    key: Annotated[Path, typer.Option("--key", help="Your key file.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="The approval to send back.")],
    passphrase_file: PassphraseFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Read what is asked, and sign it. Needs no home and no database."""
    from socialstrike import signatures

    asked = signatures.read_request(request)
    for one in asked["deliveries"]:
        output.line(
            tr(
                "{due}  {account} on {platform}",
                due=one["due_at"],
                account=one["account"],
                platform=one["platform"],
            )
        )
        output.line(one["text"])
        if one["link"]:
            output.line(tr("link: {link}", link=one["link"]))
        for digest, alt in one["media"]:
            output.line(
                tr("picture {digest}: {alt}", digest=digest, alt=alt or tr("(no description)"))
            )
        for name, value in one.get("options", {}).items():
            output.line(f"{name}: {value}")
        output.line("")
    if not yes:
        output.confirm(
            tr("Approve {many} as shown?", many=many(len(asked["deliveries"]), "delivery"))
        )
    own = signatures.load_key(key, _passphrase(passphrase_file))
    _write(out, signatures.sign(asked, own, datetime.now(UTC)))
    output.line(
        tr(
            "{out} approves {many}; send it back.",
            out=out,
            many=many(len(asked["deliveries"]), "delivery"),
        )
    )


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What 'approvals sign' wrote.")],
) -> None:
    """Record a signed approval. Exit 4 where its signature is false or nobody's here.

    Exit 2 where it has expired, is for another home, or nothing of it can be recorded; exit 3
    where only a part can.
    """
    from socialstrike import approvals, signatures

    document = signatures.read_json(file)
    with opened(context) as house, house.database.write() as session:
        done = approvals.record(session, document, now=house.clock.now(), actor=house.actor)
    _tell(done)


@app.command()
def waiting(context: typer.Context, campaign: Campaign = None, as_json: AsJson = False) -> None:
    """List the deliveries that wait for approval. Exit 3 where there are any."""
    from socialstrike import approvals

    with opened(context) as house, house.database.read() as session:
        lacking = approvals.waiting(session, campaign)
    if as_json:
        output.as_json([{"id": delivery, "lacks": why} for delivery, why in lacking.items()])
    else:
        output.table(
            (tr("id"), tr("approval")),
            [(delivery, translated(why)) for delivery, why in lacking.items()],
            empty=tr("Nothing waits for approval."),
        )
    if lacking:
        raise typer.Exit(3)


def vote(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The campaign's name.")],
    date: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Its day.")],
    body: Annotated[str, typer.Option("--body", help="Who voted: AG du 12 janvier.")],
    for_: Annotated[int, typer.Option("--for", min=0)],
    against: Annotated[int, typer.Option("--against", min=0)],
    abstain: Annotated[int, typer.Option("--abstain", min=0)] = 0,
    covers: Annotated[
        str | None,
        typer.Option("--covers", help="'approval': it approves what waits now, as it is."),
    ] = None,
) -> None:
    """Write down what an assembly voted about a campaign."""
    from socialstrike import approvals

    if covers not in {None, "approval"}:
        raise typer.BadParameter(tr("--covers takes one word: approval"))
    with opened(context) as house, house.database.write() as session:
        count = approvals.vote(
            session,
            name,
            day=date.date(),
            body=body,
            tally=(for_, against, abstain),
            covers=covers is not None,
            now=house.clock.now(),
            actor=house.actor,
        )
    more = tr("; it approves {many}", many=many(count, "delivery")) if covers else ""
    output.line(tr("The vote of {body} is in the log{more}.", body=body, more=more))


def _tell(done: Recorded) -> None:
    already = (
        tr("; {many} approved before", many=many(len(done.known), "delivery")) if done.known else ""
    )
    output.line(
        tr("{many} approved{already}.", many=many(len(done.given), "delivery"), already=already)
    )
    for why in done.refused:
        output.line(f"! {why}")
    if done.refused:
        raise typer.Exit(3)


def _passphrase(file: Path | None) -> Any:
    from socialstrike.app import ask_unseen
    from socialstrike.vault.passphrase import from_file

    return ask_unseen if file is None else lambda _: from_file(file)


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
