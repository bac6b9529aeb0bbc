"""Alembic's way in: runs the migrations in the transaction that `store.database` has begun."""

from alembic import context

from hardshoulder_fleet.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
context.run_migrations()
