"""``socialstrike rehearse`` and ``socialstrike sandbox``: the day without the platforms."""

from __future__ import annotations

import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from socialstrike.cli import output
from socialstrike.cli.context import AsJson, Options
from socialstrike.i18n import tr, translated
from socialstrike.redaction import printable

if TYPE_CHECKING:
    from rich.table import Table

    from socialstrike.rehearsal import Report

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600}


def register(app: typer.Typer) -> None:
    """Put these commands at the top level."""
    app.command()(rehearse)
    app.command()(sandbox)


def rehearse(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Post files.")],
    duration: Annotated[
        str, typer.Option("--in", help="How long the whole day may take: 60s, 2m.")
    ] = "60s",
    as_json: AsJson = False,
) -> None:
    """Play the whole strike against the built-in sandbox, in a minute; nothing leaves the machine.

    The real scheduler publishes through the real client libraries; exit 1 where a post did not go
    out. The rehearsal's home is a new folder, or --home if that is empty.
    """
    from socialstrike import app, rehearsal
    from socialstrike.exceptions import VerificationFailed

    options: Options = context.obj
    app.log_to_stderr(10 if options.verbose else 40)
    seconds = _seconds(duration)
    with _folder(options) as home, rehearsal.Rehearsal(files, duration=seconds, home=home) as day:
        for name in day.guessed:
            output.warning(
                tr(
                    "the file does not say which platform {name} is on; guessed from its name"
                    " (declare it under accounts:)",
                    name=name,
                )
            )
        for file in day.files:
            for warning in file.warnings:
                output.warning(str(warning))
        if not as_json:
            output.line(
                tr(
                    "Sandbox: {sandbox} - nothing is sent to the real platforms.",
                    sandbox=day.sandbox,
                )
            )
        rows: list[dict[str, Any]] = []
        with _shown_live(quiet=as_json) as progress:

            def seen(now: list[dict[str, Any]]) -> None:
                rows[:] = now
                progress(now)

            report = day.run(seen)
        if as_json:
            output.as_json(_plain(report))
        else:
            _tell(report, rows)
            if sys.stdin.isatty() and sys.stdout.isatty():
                output.line(
                    tr("Look at the timelines: {sandbox}  (Enter ends)", sandbox=report.sandbox)
                )
                sys.stdin.readline()
    if not report.audit.ok:
        raise VerificationFailed("\n".join(map(str, report.audit.breaks)))
    if not report.ok:
        raise typer.Exit(1)


def sandbox(
    port: Annotated[
        int, typer.Option("--port", help="0 takes a free one.", min=0, max=65535)
    ] = 8765,
    strict: Annotated[
        bool, typer.Option("--strict", help="Accept only accounts registered by an HTTP call.")
    ] = False,
) -> None:
    """Run the local platforms until Ctrl-C: / shows the timelines, /sandbox/posts the posts."""
    from socialstrike.exceptions import InvalidInput
    from socialstrike.sandbox import server

    try:
        server.serve(_announce, port=port, strict=strict)
    except OSError as error:
        raise InvalidInput(
            tr(
                "port {port} cannot be used ({strerror}); take a free one with: --port 0",
                port=port,
                strerror=error.strerror,
            )
        ) from None


@contextmanager
def _folder(options: Options) -> Iterator[Path]:
    """The rehearsal's home: the one asked for, or a new one, gone again if it was of no use."""
    import tempfile

    from socialstrike.exceptions import SocialstrikeError

    if options.home is not None:
        yield options.home
        return
    made = Path(tempfile.mkdtemp(prefix="socialstrike-rehearsal-"))
    try:
        yield made
    except SocialstrikeError:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _announce(base_url: str) -> None:
    output.line(base_url)
    output.note(
        tr(
            "Nothing sent here reaches the real platforms. Use it with: socialstrike"
            " accounts add x NAME --base-url {base_url}",
            base_url=base_url,
        )
    )


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)?", text.strip())
    if not match:
        raise typer.BadParameter(tr("{text!r} is no duration; write it like 60s or 2m", text=text))
    seconds = float(match[1]) * _UNITS[match[2] or "s"]
    if not 3 <= seconds <= 86400:
        raise typer.BadParameter(tr("a rehearsal takes between 3 seconds and a day"))
    return seconds


@contextmanager
def _shown_live(*, quiet: bool) -> Iterator[Any]:
    """A live table on a terminal; elsewhere a line whenever another quarter is done."""
    if quiet:
        yield lambda _: None
    elif sys.stdout.isatty():
        from rich.live import Live

        with Live(console=output.console(), refresh_per_second=5, transient=True) as live:
            yield lambda rows: live.update(_board(rows))
    else:
        quarters = set[int]()

        def tell(rows: list[dict[str, Any]]) -> None:
            done = sum(row["state"] != "scheduled" for row in rows)
            quarter = 4 * done // max(len(rows), 1)
            if quarter and quarter not in quarters:
                quarters.add(quarter)
                output.line(tr("{done} of {count} deliveries done", done=done, count=len(rows)))

        yield tell


def _board(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    board = Table(box=None, pad_edge=False, header_style="bold")
    for heading in (tr("account"), tr("sent"), tr("next"), tr("state")):
        board.add_column(heading)
    for name in sorted({row["account"] for row in rows}):
        own = [row for row in rows if row["account"] == name]
        states = Counter(row["state"] for row in own)
        sent = states.pop("published", 0)
        waiting = [row for row in own if row["state"] == "scheduled"]
        states.pop("scheduled", 0)
        board.add_row(
            printable(name),
            f"{'█' * (20 * sent // len(own)):<20} {sent}/{len(own)}",
            printable(" ".join(waiting[0]["text"].split())[:48]) if waiting else "",
            ", ".join(f"{count} {state}" for state, count in states.items()),
        )
    return board


def _tell(report: Report, rows: list[dict[str, Any]]) -> None:
    output.line("")
    output.table(
        (
            tr("account"),
            tr("planned"),
            tr("published"),
            tr("failed"),
            tr("missed"),
            tr("uncertain"),
            tr("late p50"),
            "p95",
            tr("max"),
        ),
        (
            (
                a.account,
                a.planned,
                a.published,
                a.failed,
                a.missed,
                a.uncertain,
                _late(a.lateness_p50),
                _late(a.lateness_p95),
                _late(a.lateness_max),
            )
            for a in report.accounts
        ),
        empty="",
    )
    output.line("")
    for row in rows:
        if row["state"] != "published":
            text = " ".join(row["text"].split())[:40]
            why = translated(row["error"] or "") or tr("not sent")
            output.line(f"{row['account']}: {text}: {row['state']}, {why}")
    planned = sum(a.planned for a in report.accounts)
    published = sum(a.published for a in report.accounts)
    output.line(
        tr(
            "{published} of {planned} published over {count} accounts in {seconds:.0f} s;"
            " the sandbox saw {seen}.",
            published=published,
            planned=planned,
            count=len(report.accounts),
            seconds=report.seconds,
            seen=report.seen,
        )
    )
    if report.seen != published:
        output.line(tr("The two counts differ: what the sandbox saw is what went out."))
    if report.audit.ok:
        output.line(tr("Audit log: {entries} entries, verified.", entries=report.audit.entries))
    output.line(tr("Timelines: {path}", path=report.timelines))
    output.line(tr("The rehearsal's log: socialstrike audit list --home {home}", home=report.home))


def _late(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.0f} ms"


def _plain(report: Report) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "ok": report.ok and report.audit.ok,
        "accounts": [asdict(account) for account in report.accounts],
        "audit": {"ok": report.audit.ok, "entries": report.audit.entries},
        "seconds": round(report.seconds, 1),
        "seen_by_sandbox": report.seen,
        "home": report.home,
        "timelines": report.timelines,
    }
