"""Alembic's entry: runs on the connection that socialstrike.db.migrate hands over."""

from alembic import context

from socialstrike.db.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite can roll a CREATE TABLE back; with the transaction opened by the caller, a kill in
    # the middle of a migration leaves the tables as they were.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
