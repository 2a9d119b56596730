"""APScheduler as a clock: it says when to look, and decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from socialstrike.clock import SystemClock


class Timer:
    """Calls back in threads of its own, until it is closed."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(3)},
            # The default drops a job that is a second late; ours only say when to look.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.start()

    def set(self, name: str, act: Callable[[], None], seconds: float) -> None:
        """Have ``act`` called once in so many seconds, instead of what ``name`` was set to before.

        Once only: a repeating job whose clock jumps from 1970 to now, as on a machine without a
        battery, would count every turn that it missed. And by the machine's clock, as APScheduler
        goes by that, whichever clock we go by.
        """
        at = SystemClock().now() + timedelta(seconds=seconds)
        self._scheduler.add_job(act, "date", run_date=at, id=name, replace_existing=True)

    def close(self) -> None:
        """Call nobody any more."""
        self._scheduler.remove_all_jobs()  # one that runs out while it shuts down is a traceback
        self._scheduler.shutdown(wait=False)
