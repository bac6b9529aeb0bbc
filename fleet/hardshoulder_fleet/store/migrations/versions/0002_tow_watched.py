"""A tow is watched, called off and looked for: the provider's last word, and our name for the order."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_LONG_AGO = "1970-01-01 00:00:00.000000"


def upgrade() -> None:
    """From 0001, with the tows that are there."""
    _columns()
    # Until now the provider was told the incident alone. A tow that is asked for again keeps that name.
    op.execute("UPDATE tow SET reference = incident_id, heard_at = changed_at")
    op.execute("UPDATE tow SET doubt_at = changed_at WHERE NOT ended")
    op.execute(
        "INSERT INTO errand (incident_id, kind, subject, due_at, attempts)"
        " SELECT incident_id, 'watch-tow', CAST(number AS TEXT), changed_at, 0"
        " FROM tow WHERE NOT ended AND order_ref IS NOT NULL"
    )


def _columns() -> None:
    time = sa.DateTime(timezone=True)
    for column in (
        sa.Column("reference", sa.String(160), nullable=False, server_default=""),
        sa.Column("heard_at", time, nullable=False, server_default=_LONG_AGO),
        sa.Column("doubt_at", time),
        sa.Column("doubted", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("unsettled", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("called_off", sa.String(32)),
        sa.Column("refusal", sa.Text()),
        sa.Column("eta_minutes", sa.Integer()),
        sa.Column("eta_at", time),
    ):
        op.add_column("tow", column)
    op.add_column("report", sa.Column("eta_minutes", sa.Integer()))
    op.create_index("watched_tows", "tow", ["doubt_at"], sqlite_where=_OPEN, postgresql_where=_OPEN)


_OPEN = sa.text("NOT ended")
