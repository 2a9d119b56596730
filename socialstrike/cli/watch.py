"""``socialstrike status --watch``: where the strike stands, once a second, on one screen."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from socialstrike.cli import output
from socialstrike.cli.context import opened
from socialstrike.cli.posts_change import shortened
from socialstrike.i18n import tr, translated, trn

if TYPE_CHECKING:
    from rich.console import Group

    from socialstrike.queue import Standing

#: Between two looks, in seconds.
_EVERY = 1.0
#: Credentials that end sooner are worth a word.
_SOON = timedelta(days=3)
#: A post this late is called late while it waits.
_GRACE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The home at one moment (aware, UTC)."""

    now: datetime
    standings: list[Standing]
    scheduler: str
    alive: bool
    stop: str | None


def shown(context: typer.Context, as_json: bool) -> None:
    """Show it until ``q`` or Ctrl-C; without a terminal, a line for each account that changed.

    Reads alone: nothing is changed and no platform is asked.
    """
    if as_json:
        raise typer.BadParameter(tr("--watch and --json exclude one another"))
    with suppress(KeyboardInterrupt), opened(context) as house:
        if sys.stdout.isatty():
            _live(house)
        else:
            _plain(house)


def _live(house: Any) -> None:
    from rich.live import Live

    console = output.console()
    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(_screen(_look(house), console.height), refresh=True)
            if pressed(_EVERY) in {"q", "Q"}:
                return


def _plain(house: Any) -> None:
    told: dict[str, str] = {}
    while True:
        seen = _look(house)
        stop = seen.stop or tr("Not stopped")
        lines = {"": f"{stop}. {seen.scheduler.partition(' (')[0]}"}
        for one in seen.standings:
            upcoming = tr(", next {when}", when=output.when(one.next_at)) if one.next_at else ""
            lines[one.account] = tr(
                "{account}: {sent} of {planned} sent{upcoming}, {state}",
                account=one.account,
                sent=one.sent,
                planned=one.planned,
                upcoming=upcoming,
                state=_state(one),
            )
        for name, text in lines.items():
            if told.get(name) != text:
                output.line(f"{seen.now:%H:%M:%S} UTC {text}")
        told = lines
        time.sleep(_EVERY)


def _look(house: Any) -> _Seen:
    from socialstrike import heartbeat, queue

    now = house.clock.now()
    with house.database.read() as session:
        standings = queue.standings(session, now)
        beats = heartbeat.alive(session, now)
        halt = queue.stopped(session)
    scheduler = tr("No scheduler is running: socialstrike run")
    if beats:
        ago = (now - beats[0].heartbeat_at).total_seconds()
        more = tr(" and {count} more", count=len(beats) - 1) if len(beats) > 1 else ""
        scheduler = tr(
            "Scheduler alive, process {pid} on {host}{more} (heartbeat {ago:.0f} s ago)",
            pid=beats[0].pid,
            host=beats[0].host,
            more=more,
            ago=max(ago, 0),
        )
    stop = None
    if halt is not None:
        why = f": {halt.reason}" if halt.reason else ""
        stop = tr("STOPPED by {by}{why}; go on with: socialstrike start", by=halt.by, why=why)
    return _Seen(now, standings, scheduler, bool(beats), stop)


def _screen(seen: _Seen, height: int) -> Group:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    sent = sum(one.sent for one in seen.standings)
    planned = sum(one.planned for one in seen.standings)
    head = [
        _text(
            tr(
                "{now:%H:%M:%S} UTC   {sent} of {planned} sent",
                now=seen.now,
                sent=sent,
                planned=planned,
            ),
            "bold",
        )
    ]
    head.append(_text(seen.scheduler, "" if seen.alive else "bold yellow"))
    if seen.stop:
        head.append(_text(seen.stop, "bold red"))
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    widths = {
        tr("account"): 18,
        tr("sent"): 7,
        tr("next"): 8,
        tr("late"): 7,
        tr("state"): None,
    }
    for name, width in widths.items():
        ratio = None if width else 1
        table.add_column(name, width=width, ratio=ratio, no_wrap=True, overflow="ellipsis")
    # What needs a person comes first, and what does not fit on the screen is counted.
    rows = sorted(seen.standings, key=lambda one: (_is_ready(one), one.account))
    room = max(height - len(head) - 4, 1)
    for one in rows[:room]:
        table.add_row(*map(_text, _cells(seen, one)))
    more = len(rows) - room
    foot = (
        tr("q or Ctrl-C ends")
        if more <= 0
        else tr("... and {more} more accounts; q or Ctrl-C ends", more=more)
    )
    return Group(*head, Text(""), table, _text(foot, "dim"))


def _cells(seen: _Seen, one: Standing) -> tuple[str, ...]:
    late = one.late if one.late > _GRACE else one.latest
    state = _state(one)
    if _is_ready(one) and one.next_text:
        state = tr("ready: {text}", text=shortened(one.next_text, 120))
    return (
        one.account,
        f"{one.sent}/{one.planned}",
        _when(seen.now, one.next_at),
        "" if late is None else _span(late),
        state,
    )


def _state(one: Standing) -> str:
    """What holds an account back, the worst first."""
    return _held(one) or tr("ready")


def _is_ready(one: Standing) -> bool:
    return _held(one) is None


def _held(one: Standing) -> str | None:
    if one.paused is not None:
        return tr("paused: {reason}", reason=translated(one.paused))
    if one.troubled:
        return tr("{troubled} not out", troubled=one.troubled)
    if one.gone:
        return trn("one has disappeared", "{count} have disappeared", one.gone)
    return _delayed(one)


def _delayed(one: Standing) -> str | None:
    if one.throttled_until is not None:
        return tr("waits until {throttled_until:%H:%M:%S} UTC", throttled_until=one.throttled_until)
    if one.late > _GRACE:
        return tr("late")
    if one.expires_at is not None and one.next_at and one.expires_at < one.next_at + _SOON:
        return tr("credentials end {expires_at:%d %b %H:%M} UTC", expires_at=one.expires_at)
    return None


def _when(now: datetime, at: datetime | None) -> str:
    if at is None:
        return "-"
    return f"{at:%H:%M:%S}" if at - now < timedelta(hours=20) else f"{at:%d %b}"


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


def _text(words: str, style: str = "") -> Any:
    from rich.text import Text

    from socialstrike.redaction import printable

    return Text(printable(words), style=style, no_wrap=True, overflow="ellipsis")


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Waits so many seconds for one key; without a keyboard it only waits."""
    try:
        import termios
        import tty

        before = termios.tcgetattr(sys.stdin)
    except (ImportError, OSError, ValueError):  # Windows, or standard input is no terminal
        yield _waited
        return
    except termios.error:
        yield _waited
        return
    try:
        tty.setcbreak(sys.stdin.fileno())
        yield _pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _waited(seconds: float) -> str:
    time.sleep(seconds)
    return ""


def _pressed(seconds: float) -> str:
    import os
    import select

    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return os.read(sys.stdin.fileno(), 1).decode("ascii", "replace") if ready else ""
