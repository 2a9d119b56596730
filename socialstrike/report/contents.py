"""What was said, with the salts that tie it to the commitments in the log."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike.audit.export import Seen, attachment
from socialstrike.db.models import Account, Delivery, Post
from socialstrike.queue.job import content


def contents(session: Session, seen: Seen) -> Iterator[str]:
    """The contents of deliveries that the ``seen`` entries commit to, as attachments."""
    statement = (
        select(
            Delivery.content_hash,
            Delivery.salt,
            Delivery.text,
            Post.link,
            Post.media,
            Post.options,
            Delivery.after_id,
            Account.name,
            Account.platform,
        )
        .join(Post, Post.id == Delivery.post_id)
        .join(Account, Account.id == Delivery.account_id)
        .order_by(Delivery.id)
    )
    for row in session.execute(statement.execution_options(yield_per=500)):
        if seen.content(row.content_hash):
            said = content(
                row.platform,
                row.name,
                row.text,
                row.link,
                row.media,
                after=row.after_id,
                options=row.options,
            )
            yield attachment("content", content=row.content_hash, salt=row.salt, said=said)
