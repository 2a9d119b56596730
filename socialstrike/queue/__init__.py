"""The queue: functions of a session that move deliveries through their lifecycle.

The caller opens the transaction (``Database.write``) and none is ever held across a network call.
"""

from socialstrike.queue.change import Change, change
from socialstrike.queue.claim import (
    Begun,
    Next,
    Stale,
    begin,
    claim,
    claim_doubts,
    extend,
    lapse,
    move_starts,
    next_look,
    orphans,
    recover,
)
from socialstrike.queue.enqueue import Enqueued, enqueue
from socialstrike.queue.job import Job
from socialstrike.queue.listing import (
    Filter,
    counts,
    deliveries,
    next_due,
    overdue,
    remote_ids,
    show,
)
from socialstrike.queue.person import cancel, requeue, resolve, select_ids
from socialstrike.queue.replay import altered, disagreements
from socialstrike.queue.restored import doubt_after_restore
from socialstrike.queue.settle import (
    absent,
    accepted,
    doubted,
    found,
    looked_in_vain,
    refused,
    retried,
)
from socialstrike.queue.stop import Stopped, in_flight, start, stop, stopped

__all__ = [
    "Begun",
    "Change",
    "Enqueued",
    "Filter",
    "Job",
    "Next",
    "Stale",
    "Stopped",
    "absent",
    "accepted",
    "altered",
    "begin",
    "cancel",
    "change",
    "claim",
    "claim_doubts",
    "counts",
    "deliveries",
    "disagreements",
    "doubt_after_restore",
    "doubted",
    "enqueue",
    "extend",
    "found",
    "in_flight",
    "lapse",
    "looked_in_vain",
    "move_starts",
    "next_due",
    "next_look",
    "orphans",
    "overdue",
    "recover",
    "refused",
    "remote_ids",
    "requeue",
    "resolve",
    "retried",
    "select_ids",
    "show",
    "start",
    "stop",
    "stopped",
]
