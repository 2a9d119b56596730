"""Alerts: a few people are told at once, somewhere else, that something needs them.

What there is to tell follows from the audit log and the tables (``deriving``, pure); the log also
says what was told, so that nothing is told twice, whichever machine it was.
"""

from socialstrike.alerts.addresses import KINDS, Address, Kind, place, read, written
from socialstrike.alerts.deriving import Alert, Book, Entry, Facts, Tally, alerts, ripe
from socialstrike.alerts.herald import Herald
from socialstrike.alerts.sending import send
from socialstrike.alerts.wording import message, test_message

__all__ = [
    "KINDS",
    "Address",
    "Alert",
    "Book",
    "Entry",
    "Facts",
    "Herald",
    "Kind",
    "Tally",
    "alerts",
    "message",
    "place",
    "read",
    "ripe",
    "send",
    "test_message",
    "written",
]
