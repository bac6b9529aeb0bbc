"""The last word of each vehicle, and check-ins for those that fell silent."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """From 0002. Whoever has asked for help before still wants it."""
    for name in ("lost_contact", "wants_help"):
        op.add_column("check_in", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE check_in SET wants_help = TRUE WHERE state IN ('tow-wanted', 'tow-ordered', 'emergency')")
    op.create_index("ix_check_in_vehicle", "check_in", ["vehicle"])
    time = sa.DateTime(timezone=True)
    op.create_table(
        "contact",
        sa.Column("vehicle", sa.String(64), primary_key=True),
        sa.Column("presence_id", sa.String(128)),
        sa.Column("online", sa.Boolean()),
        sa.Column("changed_at", time),
        sa.Column("status_id", sa.String(128)),
        sa.Column("status", sa.Text()),
        sa.Column("status_at", time),
        sa.Column("heard_at", time),
        sa.Column("moving_kph", sa.Double()),
        sa.Column("moving_at", time),
        sa.Column("missed_at", time),
        sa.Column("wait_from", time),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("incident_id", sa.String(128), sa.ForeignKey("check_in.incident_id")),
        sa.Column("told", sa.Boolean(), nullable=False),
    )
    missed = sa.text("wait_from IS NOT NULL")
    op.create_index("missed_cars", "contact", ["wait_from"], sqlite_where=missed, postgresql_where=missed)
