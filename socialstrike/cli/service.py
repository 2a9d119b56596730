"""The service and its switches: ``run``, ``status``, ``stop``, ``start``."""

from __future__ import annotations

import logging
import time
from typing import Annotated, Any

import typer

from socialstrike.cli import output
from socialstrike.cli.context import AsJson, opened
from socialstrike.i18n import tr, translated, trn

#: How long ``stop`` waits for the schedulers to finish the calls they had begun, in seconds.
_PATIENCE = 120.0


def register(app: typer.Typer) -> None:
    """Put these commands at the top level."""
    app.command()(run)
    app.command()(status)
    app.command()(stop)
    app.command()(start)


def run(
    context: typer.Context,
    until_idle: Annotated[
        bool,
        typer.Option("--until-idle", help="End when nothing is left to do, later posts included."),
    ] = False,
    standby: Annotated[
        bool, typer.Option("--standby", help="Wait for another scheduler to end, then take over.")
    ] = False,
) -> None:
    """Run the scheduler: publish what is due, when it is due, until stopped (Ctrl-C, SIGTERM).

    With --until-idle: exit 1 where something failed, 3 where something needs a person.
    """
    from socialstrike import queue, scheduler

    with opened(context, logging.INFO) as house:
        service = scheduler.Scheduler(house.database, house.vault, house.settings, house.clock)
        with service.stopped_by_signals():
            service.run(
                until_idle=until_idle,
                standby=standby,
                ready=lambda: output.note(
                    tr("The scheduler works on {home}.", home=house.settings.home)
                ),
            )
        with house.database.read() as session:
            counts = queue.counts(session)
            waiting = _needs(session, house.clock.now(), counts)
    _tell(counts)
    for need in waiting:
        output.line(f"! {need}")
    if until_idle and counts.get("failed"):
        raise typer.Exit(1)
    if until_idle and waiting:
        raise typer.Exit(3)


def status(
    context: typer.Context,
    as_json: AsJson = False,
    live: Annotated[
        bool, typer.Option("--watch", help="Show it once a second, until q or Ctrl-C.")
    ] = False,
) -> None:
    """Say what is due, late, uncertain, paused, and whether a scheduler is alive.

    Exit 3 where something needs a person.
    """
    from socialstrike import expiry, heartbeat, queue
    from socialstrike.cli import watch

    if live:
        watch.shown(context, as_json)
        return
    with opened(context) as house, house.database.read() as session:
        now = house.clock.now()
        counts = queue.counts(session)
        beats = heartbeat.alive(session, now)
        halt = queue.stopped(session)
        upcoming = queue.next_due(session)
        overdue = queue.overdue(session, now)
        needs = _needs(session, now, counts, alive=bool(beats), overdue=overdue)
        expiries = expiry.expiries(session, now)
        gone = queue.gone(session)
    needs += [str(one) for one in expiries if one.urgent]
    warnings = [str(one) for one in expiries if not one.urgent]
    if as_json:
        output.as_json(
            {
                "deliveries": counts,
                "next_due_at": upcoming,
                "overdue": overdue,
                "gone": gone,
                "stopped_at": halt.at if halt else None,
                "stop_reason": halt.reason if halt else None,
                "schedulers": [
                    {"id": b.id, "host": b.host, "pid": b.pid, "heartbeat_at": b.heartbeat_at}
                    for b in beats
                ],
                "needs": needs,
                "warnings": warnings,
            }
        )
    else:
        _tell(counts)
        if upcoming is not None:
            output.line(tr("Next due: {when}.", when=output.when(upcoming)))
        for beat in beats:
            output.line(
                tr("Scheduler: alive, process {pid} on {host}.", pid=beat.pid, host=beat.host)
            )
        if not beats:
            output.line(tr("Scheduler: none is running; start one with: socialstrike run"))
        for need in needs:
            output.line(f"! {need}")
        for warning in warnings:
            output.line(tr("Soon: {warning}", warning=warning))
    if needs:
        raise typer.Exit(3)


def stop(
    context: typer.Context,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; kept in the log.")] = None,
) -> None:
    """The emergency stop: once this has returned, no new call to a platform begins.

    What was handed off is taken back from the platforms; after a start it is handed off again.
    Exit 3 where a scheduler did not confirm the stop within two minutes, or where a platform may
    still publish something: it says what.
    """
    from socialstrike import heartbeat, queue

    with opened(context) as house:
        with house.database.write() as session:
            changed = queue.stop(session, reason=reason, now=house.clock.now(), actor=house.actor)
            flying = queue.in_flight(session)
            queue.ask_back(
                session,
                queue.held(session),
                queue.Wanted.STOPPED,
                now=house.clock.now(),
                actor=house.actor,
            )
        output.line(tr("Stopped.") if changed else tr("It was stopped already."))
        deadline = house.clock.boottime() + _PATIENCE
        quiet = False
        while not quiet and house.clock.boottime() < deadline:
            with house.database.read() as session:
                quiet = heartbeat.all_quiet(session, house.clock.now())
            time.sleep(0 if quiet else 0.1)
        with house.database.read() as session:
            left = set(queue.in_flight(session)) & set(flying)
        with house.database.read() as session:
            ended = list(queue.deliveries(session, queue.Filter(ids=tuple(flying))))
        loose = _recall(house)
    if ended:
        output.table(
            (tr("in flight"), tr("account"), tr("now")),
            ((row["id"], row["account"], row["state"]) for row in ended),
            empty="",
        )
    output.line(tr("Go on with: socialstrike start"))
    if left:
        output.line(
            tr("What is still publishing has nobody at work on it; the next run looks it up.")
        )
    if not quiet:
        output.line(tr("A scheduler does not confirm the stop; look at it: socialstrike status"))
    if left or not quiet or loose:
        raise typer.Exit(3)


def _recall(house: Any) -> bool:
    """Take back what platforms hold in their schedulers; whether something may still go out."""
    from socialstrike import queue
    from socialstrike.cli import posts_hand_off
    from socialstrike.exceptions import VaultError

    with house.database.write() as session:
        # Anew: what was in flight when the stop was pulled may have arrived since.
        now, ids = house.clock.now(), queue.held(session)
        asked = queue.ask_back(session, ids, queue.Wanted.STOPPED, now=now, actor=house.actor)
    if not asked:
        return False
    try:
        recalled = posts_hand_off.recall(house, [job.delivery for job in asked])
    except VaultError as error:
        output.line(
            tr(
                "! the credentials do not open ({error}), so nothing could be taken back:",
                error=error,
            )
        )
        for job in asked:
            output.line(
                tr(
                    "! delivery {delivery} ({account} on {platform}) goes out by itself at {when}"
                    " unless it is deleted there",
                    delivery=job.delivery,
                    account=job.account,
                    platform=job.platform,
                    when=output.when(job.due_at),
                )
            )
        return True
    back = [one for one in recalled if one.state in {"scheduled", "cancelled"}]
    output.line(
        tr(
            "{count} of {count2} taken back from the platforms' own schedulers.",
            count=len(back),
            count2=len(recalled),
        )
    )
    loose = [one for one in recalled if one.may_go_out]
    posts_hand_off.tell_recalled(one for one in recalled if one not in back)
    return bool(loose)


def start(context: typer.Context) -> None:
    """Go on after a stop; what came due meanwhile is judged by its lateness limit."""
    from socialstrike import queue

    with opened(context) as house, house.database.write() as session:
        changed = queue.start(session, now=house.clock.now(), actor=house.actor)
    output.line(tr("Posts go out again.") if changed else tr("Nothing was stopped."))


def _needs(
    session: Any, now: Any, counts: dict[str, int], *, alive: bool = True, overdue: int = 0
) -> list[str]:
    """What a person should look at, one sentence each with the command to type."""
    from socialstrike import accounts, approvals, queue

    told = {
        "uncertain": tr(
            "uncertain, being looked up on the platform: socialstrike posts list --state uncertain"
        ),
        "parked": tr(
            "must be decided by you: socialstrike posts list --state parked, then posts"
            " resolve ID published|absent"
        ),
        "missed": tr("missed their time: socialstrike posts list --state missed"),
        "failed": tr("failed: socialstrike posts list --state failed, then posts retry ID"),
    }
    needs = [f"{counts[state]} {words}" for state, words in told.items() if counts.get(state)]
    for account in accounts.every(session):
        if account.paused_at is not None and account.forgotten_at is None:
            needs.append(
                tr(
                    "{name} is paused ({pause_reason}); to go on: socialstrike accounts resume"
                    " {name}",
                    name=account.name,
                    pause_reason=translated(account.pause_reason or ""),
                )
            )
    if gone := queue.gone(session):
        needs.append(
            trn(
                "one published post has disappeared from its platform: socialstrike posts list"
                " --gone",
                "{count} published posts have disappeared from their platforms: socialstrike posts"
                " list --gone",
                gone,
            )
        )
    late = queue.unverified(session, now)
    if late and not alive:
        needs.append(
            tr(
                "{late} handed off and past their time, not looked up since: socialstrike run",
                late=late,
            )
        )
    if unapproved := approvals.waiting(session):
        needs.append(
            tr("{count} wait for approval: socialstrike approvals waiting", count=len(unapproved))
        )
    halt = queue.stopped(session)
    if halt is not None:
        why = f" ({halt.reason})" if halt.reason else ""
        needs.append(
            tr("the emergency stop is pulled by {by}{why}: socialstrike start", by=halt.by, why=why)
        )
    if overdue and not alive:
        needs.append(
            tr("{overdue} due and no scheduler is running: socialstrike run", overdue=overdue)
        )
    return needs


def _tell(counts: dict[str, int]) -> None:
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    output.line(tr("Deliveries: {told}.", told=told) if told else tr("Nothing is queued."))
    if counts.get("failed"):
        output.line(tr("What failed: socialstrike posts list --state failed"))
