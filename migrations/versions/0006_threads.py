"""Threads, what a post asks of its platform, and posts that disappeared."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("posts", sa.Column("options", sa.JSON(), nullable=True))
    op.add_column("deliveries", sa.Column("after_id", sa.Integer(), nullable=True))
    op.add_column("deliveries", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deliveries", sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_deliveries_after",
        "deliveries",
        ["after_id"],
        unique=False,
        sqlite_where=sa.text("after_id IS NOT NULL"),
        postgresql_where=sa.text("after_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_after", table_name="deliveries")
    op.drop_column("deliveries", "gone_at")
    op.drop_column("deliveries", "seen_at")
    op.drop_column("deliveries", "after_id")
    op.drop_column("posts", "options")
