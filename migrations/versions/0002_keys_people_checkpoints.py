"""Keys, people, checkpoints: which key seals, who a token stands for, signed notes on the log."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("home", sa.Column("master_key", sa.JSON(), nullable=True))
    op.add_column("home", sa.Column("signing_key", sa.LargeBinary(), nullable=True))
    op.add_column("home", sa.Column("signing_public", sa.String(length=64), nullable=True))
    op.add_column(
        "accounts",
        sa.Column("allow_local", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("accounts", sa.Column("told", sa.JSON(), nullable=True))
    op.create_table(
        "people",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_people")),
    )
    op.create_index(op.f("ix_people_name"), "people", ["name"], unique=False)
    op.create_table(
        "checkpoints",
        sa.Column("size", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("peaks", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_checkpoints")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON checkpoints EXECUTE FUNCTION audit_entries_append_only()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER checkpoints_no_{change.lower()} BEFORE {change} ON checkpoints"
            " BEGIN SELECT RAISE(ABORT, 'the checkpoints are append-only'); END"
        )


def downgrade() -> None:
    op.drop_table("checkpoints")
    op.drop_table("people")
    op.drop_column("accounts", "told")
    op.drop_column("accounts", "allow_local")
    for column in ("signing_public", "signing_key", "master_key"):
        op.drop_column("home", column)
