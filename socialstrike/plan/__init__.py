"""The day on paper: what goes out when, and what would go wrong, before anything is sent.

``snapshot`` reads the queue once; everything after it is pure.
"""

from socialstrike.plan.calendar import as_calendar
from socialstrike.plan.page import as_page
from socialstrike.plan.simulation import Simulation, simulate
from socialstrike.plan.snapshot import Expected, Snapshot, Step, Voice, expected, snapshot
from socialstrike.plan.trouble import Trouble

__all__ = [
    "Expected",
    "Simulation",
    "Snapshot",
    "Step",
    "Trouble",
    "Voice",
    "as_calendar",
    "as_page",
    "expected",
    "simulate",
    "snapshot",
]
