"""Which of a car's connections its last presence is about: it may have several brokers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """From 0003. Of what was heard before, the number is not known."""
    op.add_column("contact", sa.Column("connection", sa.BigInteger()))
