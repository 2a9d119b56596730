"""The audit log: append-only, hash-chained, written in the transaction of what it tells."""

from socialstrike.audit.log import append, entries, forget_person, stamp, told
from socialstrike.audit.verification import verify, verify_file

__all__ = ["append", "entries", "forget_person", "stamp", "told", "verify", "verify_file"]
