"""The audit log: append-only, hash-chained, written in the transaction of what it tells."""

from socialstrike.audit.log import append, entries, stamp, verify

__all__ = ["append", "entries", "stamp", "verify"]
