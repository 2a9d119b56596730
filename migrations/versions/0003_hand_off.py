"""Hand-off: what a platform's own scheduler holds, and what is to become of it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BEFORE = "'publishing', 'published'"
_AFTER = "'publishing', 'handed_off', 'published'"
_REST = "'failed', 'uncertain', 'parked', 'missed', 'cancelled', 'retracted'"
_COLUMNS = ("take_backs", "take_back", "scheduled_id", "handed_at", "hand_off_at")


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("hand_off_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deliveries", sa.Column("handed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deliveries", sa.Column("scheduled_id", sa.Text(), nullable=True))
    op.add_column("deliveries", sa.Column("take_back", sa.String(length=16), nullable=True))
    op.add_column(
        "deliveries",
        sa.Column("take_backs", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.create_index(
        "ix_deliveries_hand_off",
        "deliveries",
        ["account_id", "hand_off_at"],
        unique=False,
        sqlite_where=sa.text("hand_off_at IS NOT NULL"),
        postgresql_where=sa.text("hand_off_at IS NOT NULL"),
    )
    _states(_BEFORE, _AFTER)


def downgrade() -> None:
    # The older tables have no such state; a look-up settles what became of each.
    op.execute("UPDATE deliveries SET state = 'uncertain' WHERE state = 'handed_off'")
    _states(_AFTER, _BEFORE)
    op.drop_index("ix_deliveries_hand_off", "deliveries")
    for column in _COLUMNS:
        op.drop_column("deliveries", column)


def _states(before: str, after: str) -> None:
    """Let the column hold other states."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_deliveries_state"), "deliveries", type_="check")
        op.create_check_constraint(
            op.f("ck_deliveries_state"), "deliveries", f"state IN ('scheduled', {after}, {_REST})"
        )
        return
    # SQLite cannot alter a CHECK, and a table that others refer to cannot be made anew inside the
    # transaction; its documentation has this way for a change that leaves the rows as they are.
    op.execute("PRAGMA writable_schema = ON")
    op.execute(
        "UPDATE sqlite_master SET sql = replace(sql, "  # noqa: S608  (our own words)
        f"'{_quoted(before)}', '{_quoted(after)}') WHERE type = 'table' AND name = 'deliveries'"
    )
    op.execute("PRAGMA writable_schema = RESET")


def _quoted(words: str) -> str:
    return words.replace("'", "''")
