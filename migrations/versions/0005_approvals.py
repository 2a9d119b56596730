"""Deciding together: a campaign's quorum, who may approve, and what was approved."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "campaigns", sa.Column("quorum", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.create_table(
        "approvers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvers")),
        sa.UniqueConstraint("name", name=op.f("uq_approvers_name")),
        sa.UniqueConstraint("public_key", name=op.f("uq_approvers_public_key")),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("approver_id", sa.Integer(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_approvals_delivery_id_deliveries")
        ),
        sa.ForeignKeyConstraint(
            ["approver_id"], ["approvers.id"], name=op.f("fk_approvals_approver_id_approvers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    op.create_index(op.f("ix_approvals_delivery_id"), "approvals", ["delivery_id"], unique=False)


def downgrade() -> None:
    op.drop_table("approvals")
    op.drop_table("approvers")
    op.drop_column("campaigns", "quorum")
