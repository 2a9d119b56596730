"""The scheduler service as a script: what ``socialstrike run`` does, with ways to spoil it.

Settings come from the environment. It says ``ready`` once it has taken over.
"""

from __future__ import annotations

import argparse
import logging
import os
from datetime import datetime, timedelta
from pathlib import Path

import freezes
import mutants

from socialstrike import app
from socialstrike.clock import SystemClock
from socialstrike.config import RehearsalSettings
from socialstrike.scheduler import Scheduler


class HandClock(SystemClock):
    """The machine's clock, its wall clock moved by what a file says, in seconds."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> datetime:
        """The moved time, aware, in UTC."""
        return super().now() + timedelta(seconds=float(self._file.read_text("ascii")))


def _say_ready() -> None:
    os.write(1, b"ready\n")


def main() -> None:
    """Work as the words on the command line say."""
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--until-idle", action="store_true")
    wanted.add_argument("--standby", action="store_true")
    wanted.add_argument("--clock", type=Path, help="a file with the seconds to be ahead")
    wanted.add_argument("--mutant", choices=sorted(mutants.MUTANTS))
    wanted.add_argument("--freeze", metavar="POINT=COUNT")
    given = wanted.parse_args()
    if given.mutant:
        mutants.MUTANTS[given.mutant]()
    if given.freeze:
        freezes.install(given.freeze)
    app.log_to_stderr(logging.INFO)
    clock = HandClock(given.clock) if given.clock else None
    with app.App(app.settings(RehearsalSettings), clock) as house:
        scheduler = Scheduler(house.database, house.vault, house.settings, house.clock)
        with scheduler.stopped_by_signals():
            scheduler.run(
                until_idle=given.until_idle,
                standby=given.standby,
                ready=_say_ready,
            )


if __name__ == "__main__":
    main()
