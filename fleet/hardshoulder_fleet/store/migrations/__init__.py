"""Alembic's scripts; `store.database` runs them."""
