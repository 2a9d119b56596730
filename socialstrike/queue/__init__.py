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
from socialstrike.queue.close import close, reopen, unsettled
from socialstrike.queue.copies import Wanted
from socialstrike.queue.enqueue import Enqueued, enqueue
from socialstrike.queue.handoff import (
    ask_back,
    begin_hand_over,
    claim_hand_overs,
    drop_wishes,
    hand_overs_left,
    handed_off,
    held,
    hindrance,
    not_handed_off,
    postponed,
    same_text_later,
    scheduled_ids,
    taken_back,
    unverified,
    vanished,
    wish,
)
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
from socialstrike.queue.overview import Standing, standings
from socialstrike.queue.person import cancel, requeue, resolve, select_ids
from socialstrike.queue.replay import altered, disagreements
from socialstrike.queue.restored import doubt_after_restore
from socialstrike.queue.retract import begin_retraction, not_retracted, retractable, retracted
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
    "Standing",
    "Stopped",
    "Wanted",
    "absent",
    "accepted",
    "altered",
    "ask_back",
    "begin",
    "begin_hand_over",
    "begin_retraction",
    "cancel",
    "change",
    "claim",
    "claim_doubts",
    "claim_hand_overs",
    "close",
    "counts",
    "deliveries",
    "disagreements",
    "doubt_after_restore",
    "doubted",
    "drop_wishes",
    "enqueue",
    "extend",
    "found",
    "hand_overs_left",
    "handed_off",
    "held",
    "hindrance",
    "in_flight",
    "lapse",
    "looked_in_vain",
    "move_starts",
    "next_due",
    "next_look",
    "not_handed_off",
    "not_retracted",
    "orphans",
    "overdue",
    "postponed",
    "recover",
    "refused",
    "remote_ids",
    "reopen",
    "requeue",
    "resolve",
    "retractable",
    "retracted",
    "retried",
    "same_text_later",
    "scheduled_ids",
    "select_ids",
    "show",
    "standings",
    "start",
    "stop",
    "stopped",
    "taken_back",
    "unsettled",
    "unverified",
    "vanished",
    "wish",
]
