"""The tables. A word here is a word of docs/glossary.md."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy import (
    text as sql,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from socialstrike.db.types import UtcDateTime
from socialstrike.lifecycle import State

_STATES = ", ".join(f"'{state}'" for state in State)


class Base(DeclarativeBase):
    """Names every constraint the same way on each database, so that migrations can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012  (SQLAlchemy reads it once)


class Home(Base):
    """One row: which database this is, its keys, and whether the emergency stop is pulled.

    ``master_key`` tells which key seals the credentials and where it comes from, never the key
    itself. ``signing_key`` is the Ed25519 key of the checkpoints, sealed; ``signing_public`` its
    public half in base64.
    """

    __tablename__ = "home"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    database_id: Mapped[str] = mapped_column(String(36))
    stopped_at: Mapped[datetime | None]
    stopped_by: Mapped[str | None] = mapped_column(String(200))
    stop_reason: Mapped[str | None] = mapped_column(Text)
    master_key: Mapped[dict[str, Any] | None]
    signing_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    signing_public: Mapped[str | None] = mapped_column(String(64))


class Campaign(Base):
    """One strike: its day, its window, its hashtag, how late its posts may go out.

    From ``closed_at`` on it takes no new posts. ``quorum`` is how many people have to approve
    each delivery; 0 where none need to.
    """

    __tablename__ = "campaigns"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    day: Mapped[date] = mapped_column(Date)
    timezone: Mapped[str] = mapped_column(String(64))
    hashtag: Mapped[str | None] = mapped_column(String(200))
    mention: Mapped[str | None] = mapped_column(String(200))
    link: Mapped[str | None] = mapped_column(Text)
    window_hours: Mapped[int] = mapped_column(Integer)
    announcement_lateness_s: Mapped[int] = mapped_column(Integer)
    occupation_lateness_s: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    quorum: Mapped[int] = mapped_column(Integer, default=0, server_default=sql("0"))


class Account(Base):
    """One identity on one platform. Forgotten ones keep their row, for the history.

    ``allow_local``: its ``base_url`` may lead into a private network, as the operator typed it.
    ``told`` is what the platform itself told of its limits for this account.
    """

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    platform: Mapped[str] = mapped_column(String(32))
    base_url: Mapped[str | None] = mapped_column(Text)
    allow_local: Mapped[bool] = mapped_column(default=False, server_default=sql("false"))
    told: Mapped[dict[str, Any] | None]
    credentials: Mapped[bytes | None] = mapped_column(LargeBinary)
    authorised_by: Mapped[str | None] = mapped_column(String(200))
    identity: Mapped[str | None] = mapped_column(Text)
    checked_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    pause_reason: Mapped[str | None] = mapped_column(Text)
    throttled_until: Mapped[datetime | None]
    forgotten_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Post(Base):
    """What is to be said, once; ``key`` makes the second import of a file a no-op.

    ``options`` is what its platforms are asked for beside: visibility, content warning, language.
    """

    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    texts: Mapped[list[Any]]
    link: Mapped[str | None] = mapped_column(Text)
    media: Mapped[list[Any]]
    options: Mapped[dict[str, Any] | None]
    source: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("kind IN ('announcement', 'occupation')", name="kind"),)


class Picture(Base):
    """A picture as it was at import, kept here so that every machine has it and a backup too."""

    __tablename__ = "pictures"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Delivery(Base):
    """One post to one account at one due time: the queue's row.

    ``next_at`` is when it next wants looking at: the due time, a retry, or a look-up.
    ``fence`` grows at every claim; only the claim that holds the newest may settle.
    ``hand_off_at`` is from when it is to be given to the platform's own scheduler; from
    ``handed_at`` on that may hold a copy, called ``scheduled_id`` there. ``take_back`` is the
    state it is wanted in once the copy is gone; ``take_backs`` counts the copies that are.
    ``after_id`` is the delivery of the thread's part before it: it goes out under that one, and not
    without it (no foreign key: SQLite adds none to a table). ``seen_at`` is when the published post
    was last seen on its platform, ``gone_at`` when it was first found to have disappeared.
    """

    __tablename__ = "deliveries"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    occurrence: Mapped[int] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(Text)
    salt: Mapped[str] = mapped_column(String(32))
    content_hash: Mapped[str] = mapped_column(String(64))
    local_time: Mapped[str] = mapped_column(String(32))
    timezone: Mapped[str] = mapped_column(String(64))
    due_at: Mapped[datetime]
    late_after: Mapped[datetime]
    next_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    hand_off_at: Mapped[datetime | None]
    handed_at: Mapped[datetime | None]
    scheduled_id: Mapped[str | None] = mapped_column(Text)
    take_back: Mapped[str | None] = mapped_column(String(16))
    take_backs: Mapped[int] = mapped_column(Integer, default=0, server_default=sql("0"))
    after_id: Mapped[int | None] = mapped_column(Integer)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    absences: Mapped[int] = mapped_column(Integer, default=0)
    lookups: Mapped[int] = mapped_column(Integer, default=0)
    fence: Mapped[int] = mapped_column(Integer, default=0)
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    remote_id: Mapped[str | None] = mapped_column(Text)
    remote_url: Mapped[str | None] = mapped_column(Text)
    published_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("post_id", "account_id", "occurrence"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        # What the claim walks: for each account, its earliest waiting delivery.
        Index("ix_deliveries_queue", "account_id", "state", "next_at", "id"),
        Index("ix_deliveries_lapse", "state", "late_after"),
        # What waits to be handed off, and nothing else.
        Index(
            "ix_deliveries_hand_off",
            "account_id",
            "hand_off_at",
            sqlite_where=sql("hand_off_at IS NOT NULL"),
            postgresql_where=sql("hand_off_at IS NOT NULL"),
        ),
        # What goes out under another, and nothing else.
        Index(
            "ix_deliveries_after",
            "after_id",
            sqlite_where=sql("after_id IS NOT NULL"),
            postgresql_where=sql("after_id IS NOT NULL"),
        ),
        # One remote post proves one delivery.
        Index(
            "uq_deliveries_remote",
            "account_id",
            "remote_id",
            unique=True,
            sqlite_where=sql("remote_id IS NOT NULL"),
            postgresql_where=sql("remote_id IS NOT NULL"),
        ),
        # One delivery at a time per account, by the database's own word.
        Index(
            "uq_deliveries_publishing",
            "account_id",
            unique=True,
            sqlite_where=sql("state = 'publishing'"),
            postgresql_where=sql("state = 'publishing'"),
        ),
    )


class Approver(Base):
    """A person who may approve. ``public_key`` (Ed25519, base64): who has one has to sign."""

    __tablename__ = "approvers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    public_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    added_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class Approval(Base):
    """One person's yes to one exact content; without an approver, that of a vote."""

    __tablename__ = "approvals"

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"), index=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    approver_id: Mapped[int | None] = mapped_column(ForeignKey("approvers.id"))
    signature: Mapped[str | None] = mapped_column(Text)
    given_at: Mapped[datetime]
    voided_at: Mapped[datetime | None]


class Attempt(Base):
    """One try at a delivery. A row without ``ended_at`` may have left the house."""

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"))
    number: Mapped[int] = mapped_column(Integer)
    fence: Mapped[int] = mapped_column(Integer)
    owner: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(32))
    error: Mapped[str | None] = mapped_column(Text)
    remote_id: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (UniqueConstraint("delivery_id", "number"),)


class Scheduler(Base):
    """One run of the scheduler service; its heartbeat tells whether it is alive.

    ``quiet_since``: it has seen the emergency stop and has no call to a platform under way.
    """

    __tablename__ = "schedulers"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    quiet_since: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class AuditEntry(Base):
    """One line of the log. ``line`` is the evidence; the other columns are read from it.

    ``prev`` is unique, so that a fork cannot be written; triggers refuse UPDATE and DELETE.
    """

    __tablename__ = "audit_entries"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    prev: Mapped[str] = mapped_column(String(64), unique=True)
    at: Mapped[datetime] = mapped_column(index=True)
    event: Mapped[str] = mapped_column(String(64))
    account: Mapped[str | None] = mapped_column(String(100))
    kind: Mapped[str | None] = mapped_column(String(16))
    delivery: Mapped[int | None] = mapped_column(Integer, index=True)


class Person(Base):
    """Who a token in the log stands for: SHA-256 of the salt and the name. The name can be erased
    and the log stays whole.
    """

    __tablename__ = "people"

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str | None] = mapped_column(Text, index=True)
    salt: Mapped[str] = mapped_column(String(64))


class Checkpoint(Base):
    """A signed note on the first ``size`` entries of the log.

    ``root`` is their Merkle tree's (RFC 6962), in hexadecimal; ``peaks`` are its complete subtrees,
    largest first, from which the next root is reckoned. Triggers refuse UPDATE and DELETE.
    """

    __tablename__ = "checkpoints"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[str] = mapped_column(String(64))
    peaks: Mapped[list[Any]]
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
