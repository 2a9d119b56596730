"""The queue: functions of a session that move deliveries through their lifecycle.

The caller opens the transaction (``Database.write``) and none is ever held across a network call.
"""

from socialstrike.queue.ahead import Next, next_look, soon
from socialstrike.queue.change import Change, change
from socialstrike.queue.claim import (
    Begun,
    Stale,
    begin,
    begin_all,
    claim,
    claim_doubts,
    lapse,
)
from socialstrike.queue.close import close, reopen, unsettled
from socialstrike.queue.copies import Wanted
from socialstrike.queue.enqueue import Enqueued, enqueue, queued_links
from socialstrike.queue.handed import (
    handed_off,
    not_handed_off,
    postponed,
    taken_back,
    vanished,
)
from socialstrike.queue.handoff import (
    ask_back,
    begin_hand_over,
    claim_hand_overs,
    drop_wishes,
    hand_overs_left,
    held,
    hindrance,
    same_text_later,
    scheduled_ids,
    unverified,
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
from socialstrike.queue.presence import Out, disappeared, gone, has_work, out, seen, to_verify
from socialstrike.queue.recover import extend, move_starts, orphans, recover
from socialstrike.queue.replay import altered, disagreements
from socialstrike.queue.restored import doubt_after_restore
from socialstrike.queue.retract import begin_retraction, not_retracted, retractable, retracted
from socialstrike.queue.settle import (
    Accepted,
    absent,
    accepted,
    accepted_all,
    doubted,
    found,
    looked_in_vain,
    refused,
    retried,
)
from socialstrike.queue.stop import Stopped, in_flight, start, stop, stopped
from socialstrike.queue.thread import Place, above, last_first, places, whole

__all__ = [
    "Accepted",
    "Begun",
    "Change",
    "Enqueued",
    "Filter",
    "Job",
    "Next",
    "Out",
    "Place",
    "Stale",
    "Standing",
    "Stopped",
    "Wanted",
    "above",
    "absent",
    "accepted",
    "accepted_all",
    "altered",
    "ask_back",
    "begin",
    "begin_all",
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
    "disappeared",
    "doubt_after_restore",
    "doubted",
    "drop_wishes",
    "enqueue",
    "extend",
    "found",
    "gone",
    "hand_overs_left",
    "handed_off",
    "has_work",
    "held",
    "hindrance",
    "in_flight",
    "lapse",
    "last_first",
    "looked_in_vain",
    "move_starts",
    "next_due",
    "next_look",
    "not_handed_off",
    "not_retracted",
    "orphans",
    "out",
    "overdue",
    "places",
    "postponed",
    "queued_links",
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
    "seen",
    "select_ids",
    "show",
    "soon",
    "standings",
    "start",
    "stop",
    "stopped",
    "taken_back",
    "to_verify",
    "unsettled",
    "unverified",
    "vanished",
    "whole",
    "wish",
]
