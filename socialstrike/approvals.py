"""Deciding together: who may approve, what they approved, and what still waits for them.

An approval is bound to one content at one due time: every change of a delivery gives it a new
hash, and voids what was approved before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import audit, campaigns, signatures
from socialstrike.audit.chain import Fact
from socialstrike.db.models import Approval, Approver, Delivery, Home, Post
from socialstrike.exceptions import InvalidInput, NotFound, VerificationFailed
from socialstrike.i18n import stored, tr
from socialstrike.lifecycle import TERMINAL, State
from socialstrike.queue import Job, gate, select_ids
from socialstrike.queue.job import content_of
from socialstrike.signatures import Statement


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of an approval: the deliveries newly approved, those that were already, and why
    others were not.
    """

    given: tuple[int, ...]
    known: tuple[int, ...]
    refused: tuple[str, ...]


def set_quorum(session: Session, name: str, quorum: int, *, now: datetime, actor: str) -> bool:
    """Have so many people approve what the campaign sends; 0 ends that. Whether it changed."""
    campaign = campaigns.get(session, name)
    if campaign.quorum == quorum:
        return False
    before, campaign.quorum = campaign.quorum, quorum
    audit.append(
        session,
        now,
        "campaign.changed",
        actor,
        campaign=name,
        quorum=quorum,
        quorum_before=before,
    )
    return True


def add(session: Session, name: str, key: str | None, *, now: datetime, actor: str) -> None:
    """Let somebody approve; with a public ``key`` (base64), only by its signature.

    Raises InvalidInput where the name or the key is taken.
    """
    if not name.strip() or name != name.strip():
        raise InvalidInput(tr("an approver needs a name, without spaces around it"))
    key = None if key is None else signatures.check_public(key)
    found = session.scalar(select(Approver).where(Approver.name == name))
    if found is not None and found.removed_at is None:
        raise InvalidInput(
            tr("{name} is an approver already; see: socialstrike approvers list", name=name)
        )
    owner = key and session.scalar(select(Approver).where(Approver.public_key == key))
    if owner and owner is not found:
        raise InvalidInput(
            tr("this is the key of {name}; each person needs one of their own", name=owner.name)
        )
    approver = found or Approver(name=name)
    approver.public_key, approver.added_at, approver.removed_at = key, now, None
    session.add(approver)
    session.flush()
    audit.append(session, now, "approver.added", actor, person=name, key=key)


def remove(session: Session, name: str, *, now: datetime, actor: str) -> int:
    """Let somebody approve no more; how many of their approvals are voided: those of what has not
    gone out. Raises NotFound.
    """
    approver = _approver(session, name)
    approver.removed_at = now
    rows = session.execute(
        select(Approval, Delivery.id)
        .join(Delivery, Delivery.id == Approval.delivery_id)
        .where(
            Approval.approver_id == approver.id,
            Approval.voided_at.is_(None),
            Delivery.state.not_in(TERMINAL),
        )
    ).all()
    jobs = {job.delivery: job for job in select_ids(session, [row.id for row in rows])}
    audit.append(session, now, "approver.removed", actor, person=name, key=approver.public_key)
    for approval, delivery in rows:
        approval.voided_at = now
        facts = {**jobs[delivery].facts(), "content": approval.content_hash}
        why = stored("the approver was removed")
        audit.append(session, now, "approval.voided", actor, **facts, person=name, reason=why)
    return len(rows)


def approvers(session: Session) -> list[Approver]:
    """Who may approve, by name."""
    there = select(Approver).where(Approver.removed_at.is_(None)).order_by(Approver.name)
    return list(session.scalars(there))


def waiting(session: Session, campaign: str | None = None) -> dict[int, str]:
    """The deliveries that wait for approval, by their due times, and what each lacks."""
    found = select(Delivery.id).where(Delivery.state == State.SCHEDULED, ~gate.approved())
    if campaign is not None:
        of = campaigns.get(session, campaign).id
        found = found.join(Post, Post.id == Delivery.post_id).where(Post.campaign_id == of)
    return gate.unapproved(session, session.scalars(found).all())


def approve(
    session: Session,
    ids: Sequence[int],
    name: str,
    key: Ed25519PrivateKey | None,
    *,
    now: datetime,
    actor: str,
) -> Recorded:
    """Record that ``name`` approves the deliveries as they are now.

    Whoever has a key has to sign with it. Without one the login counts too: ``actor`` may not have
    queued or changed the delivery. Raises NotFound, or InvalidInput where nothing was recorded.
    """
    approver = _approver(session, name)
    if approver.public_key is not None:
        if key is None:
            raise InvalidInput(tr("{name} approves with a key; add: --key FILE", name=name))
        if signatures.public_of(key) != approver.public_key:
            raise InvalidInput(
                tr("this is not the key of {name}; see: socialstrike approvers list", name=name)
            )
        asked = request(session, ids, None, lasts=timedelta(minutes=1), now=now)
        return record(session, signatures.sign(asked, key, now), now=now, actor=actor)
    jobs = select_ids(session, ids)
    return _all(session, approver, jobs, None, people=(name, actor), now=now, actor=actor)


def request(
    session: Session, ids: Sequence[int], campaign: str | None, *, lasts: timedelta, now: datetime
) -> dict[str, Any]:
    """What an approver on another machine reads and signs. Raises NotFound, InvalidInput."""
    jobs = select_ids(session, ids)
    wrong = [str(job.delivery) for job in jobs if job.state is not State.SCHEDULED]
    if wrong or not jobs:
        which = (
            tr("not scheduled: {wrong}", wrong=", ".join(wrong))
            if wrong
            else tr("no delivery waits")
        )
        raise InvalidInput(
            tr("nothing to ask approval for, {which}; see: socialstrike posts list", which=which)
        )
    return {
        "format": signatures.REQUEST,
        "database": session.scalars(select(Home.database_id)).one(),
        "campaign": campaign,
        "expires_at": (now + lasts).isoformat(),
        "deliveries": [
            {
                "id": job.delivery,
                "hash": job.content_hash,
                "salt": job.salt,
                "due_at": job.due_at.isoformat(),
                **content_of(job),
            }
            for job in jobs
        ],
    }


def record(session: Session, document: Any, *, now: datetime, actor: str) -> Recorded:
    """Record a signed approval, from whichever machine.

    Raises VerificationFailed for a false signature or one of nobody here, InvalidInput where it is
    for another home, has expired, or nothing of it can be recorded.
    """
    said = signatures.verified(document)
    approver = session.scalar(
        select(Approver).where(
            Approver.public_key == said.public_key, Approver.removed_at.is_(None)
        )
    )
    if approver is None:
        raise VerificationFailed(
            tr(
                "no approver here has the key that signed this; nothing was recorded. See:"
                " socialstrike approvers list"
            )
        )
    if said.database != session.scalars(select(Home.database_id)).one():
        raise InvalidInput(tr("this approval was signed for another home; nothing was recorded"))
    if said.expires_at <= now:
        raise InvalidInput(tr("this approval has expired; export a new request and have it signed"))
    jobs = select_ids(session, [delivery for delivery, _, _ in said.deliveries])
    return _all(session, approver, jobs, said, people=(approver.name,), now=now, actor=actor)


def vote(
    session: Session,
    name: str,
    *,
    day: date,
    body: str,
    tally: tuple[int, int, int],
    covers: bool,
    now: datetime,
    actor: str,
) -> int:
    """Write an assembly's vote down: its day, its name, those for, against and abstaining.

    With ``covers`` it approves, for the whole quorum, what of the campaign waits now as it is; how
    many. Raises InvalidInput where it was rejected, or ``actor`` queued or changed any of it.
    """
    campaign = campaigns.get(session, name)
    yes, no, abstain = tally
    if covers and yes <= no:
        raise InvalidInput(
            tr("with {yes} for and {no} against this vote approves nothing", yes=yes, no=no)
        )
    jobs = select_ids(session, list(waiting(session, name))) if covers else []
    own = [str(job.delivery) for job in jobs if _wrote(session, job, (actor,))]
    if own:
        raise InvalidInput(
            tr(
                "you queued or changed {own}; somebody else has to record the vote that"
                " approves it. Nothing was changed",
                own=", ".join(own),
            )
        )
    facts: dict[str, Fact] = {
        "date": day.isoformat(),
        "body": body,
        "for": yes,
        "against": no,
        "abstain": abstain,
    }
    covered = "approval" if covers else None
    audit.append(
        session, now, "campaign.voted", actor, campaign=campaign.name, covers=covered, **facts
    )
    for job in jobs:
        session.add(Approval(delivery_id=job.delivery, content_hash=job.content_hash, given_at=now))
        audit.append(session, now, "approval.given", actor, **job.facts(), vote=body)
    session.flush()
    return len(jobs)


def _all(
    session: Session,
    approver: Approver,
    jobs: Sequence[Job],
    said: Statement | None,
    *,
    people: tuple[str, ...],
    now: datetime,
    actor: str,
) -> Recorded:
    terms = {i: (h, due) for i, h, due in said.deliveries} if said else {}
    given, known, refused = [], [], []
    for job in jobs:
        if _has(session, approver, job):
            known.append(job.delivery)
            continue
        fault = _fault(session, approver, job, said, terms=terms, people=people)
        if fault:
            refused.append(tr("delivery {id} {fault}", id=job.delivery, fault=fault))
            continue
        _give(session, approver, job, said, now=now, actor=actor)
        given.append(job.delivery)
    if refused and not given and not known:
        raise InvalidInput("\n".join([*refused, tr("Nothing was recorded")]))
    session.flush()
    return Recorded(tuple(given), tuple(known), tuple(refused))


def _fault(
    session: Session,
    approver: Approver,
    job: Job,
    said: Statement | None,
    *,
    terms: dict[int, tuple[str, datetime]],
    people: tuple[str, ...],
) -> str | None:
    """Why this approval does not count for the delivery."""
    if job.state is not State.SCHEDULED:
        return tr("is {state}; only what is scheduled can be approved", state=job.state)
    if said is not None and terms[job.delivery] != (job.content_hash, job.due_at):
        return tr("was changed since this was signed; export a new request")
    if said is not None and said.campaign not in {None, job.campaign}:
        return tr(
            "is not of the campaign {campaign}, for which this was signed", campaign=said.campaign
        )
    if said is not None and session.scalar(
        select(Approval.id).where(
            Approval.delivery_id == job.delivery, Approval.signature == said.signature
        )
    ):
        return tr(
            "had this approval of {name}, which was voided; it has to be signed anew",
            name=approver.name,
        )
    if _wrote(session, job, people):
        return tr("was queued or changed by the same person; somebody else has to approve it")
    return None


def _give(
    session: Session,
    approver: Approver,
    job: Job,
    said: Statement | None,
    *,
    now: datetime,
    actor: str,
) -> None:
    signature = said.signature if said else None
    session.add(
        Approval(
            delivery_id=job.delivery,
            content_hash=job.content_hash,
            approver_id=approver.id,
            signature=signature,
            given_at=now,
        )
    )
    audit.append(
        session,
        now,
        "approval.given",
        actor,
        **job.facts(),
        approved_by=approver.name,
        key=said.public_key if said else None,
        signature=signature,
        signed_at=said.signed_at if said else None,
    )


def _has(session: Session, approver: Approver, job: Job) -> bool:
    found = select(Approval.id).where(
        Approval.delivery_id == job.delivery,
        Approval.content_hash == job.content_hash,
        Approval.approver_id == approver.id,
        Approval.voided_at.is_(None),
    )
    return session.scalar(found.limit(1)) is not None


def _wrote(session: Session, job: Job, people: tuple[str, ...]) -> bool:
    """Whether one of the people queued the delivery or changed it, by the log."""
    told = audit.told(session, kind="delivery.scheduled", delivery=job.delivery)
    authors = {
        str(entry["actor"]).casefold()
        for number, entry in enumerate(told)
        if number == 0 or "content_before" in entry
    }
    return any(person.casefold() in authors for person in people)


def _approver(session: Session, name: str) -> Approver:
    found = session.scalar(
        select(Approver).where(Approver.name == name, Approver.removed_at.is_(None))
    )
    if found is None:
        raise NotFound(
            tr(
                "there is no approver called {name!r}; see: socialstrike approvers list, or"
                " add one with: socialstrike approvers add {name}",
                name=name,
            )
        )
    return found
