"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """From nothing."""
    _incidents()
    _waiting()
    _tows()
    op.create_table(
        "rejected",
        sa.Column("number", sa.Integer(), primary_key=True),
        _time("received_at"),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload_bytes", sa.Integer(), nullable=False),
        sa.Column("beginning", sa.Text(), nullable=False),
    )
    change = op.create_table(
        "change",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("count", sa.Integer(), nullable=False),
    )
    op.bulk_insert(change, [{"number": 1, "count": 0}])


def _incidents() -> None:
    op.create_table(
        "check_in",
        sa.Column("incident_id", sa.String(128), primary_key=True),
        sa.Column("vehicle", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False, index=True),
        _time("opened_at"),
        _time("changed_at", index=True),
        sa.Column("newest_sequence", sa.Integer(), nullable=False),
        sa.Column("newest_event_id", sa.String(128), nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("event_id", sa.String(128), primary_key=True),
        _incident(),
        sa.Column("sequence", sa.Integer(), nullable=False),
        _time("received_at"),
        sa.Column("payload", sa.Text(), nullable=False),
    )
    op.create_index("event_of_incident", "event", ["incident_id", "sequence"])
    op.create_table(
        "story",
        sa.Column("number", sa.Integer(), primary_key=True),
        _incident(index=True),
        _time("at"),
        sa.Column("who", sa.String(32), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
    )


def _waiting() -> None:
    op.create_table(
        "deadline",
        sa.Column("incident_id", sa.String(128), sa.ForeignKey("check_in.incident_id"), primary_key=True),
        _time("due_at", index=True),
    )
    op.create_table(
        "errand",
        sa.Column("number", sa.Integer(), primary_key=True),
        _incident(index=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(160), nullable=False),
        _time("due_at"),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text()),
        sa.UniqueConstraint("kind", "subject", name="one_errand"),
    )
    still_open = sa.text("ended_at IS NULL")
    op.create_index("open_errands", "errand", ["due_at"], sqlite_where=still_open, postgresql_where=still_open)


def _tows() -> None:
    op.create_table(
        "quote",
        sa.Column("number", sa.Integer(), primary_key=True),
        _incident(),
        sa.Column("quote_id", sa.String(128), nullable=False),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("arrives_within_minutes", sa.Integer(), nullable=False),
        _time("valid_until"),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("incident_id", "quote_id", name="one_quote"),
    )
    op.create_table(
        "tow",
        sa.Column("number", sa.Integer(), primary_key=True),
        _incident(),
        sa.Column("quote_number", sa.Integer(), sa.ForeignKey("quote.number"), nullable=False, unique=True),
        sa.Column("order_ref", sa.String(128), unique=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("consent_text", sa.Text(), nullable=False),
        _time("ordered_at"),
        _time("changed_at"),
    )
    alive = sa.text("NOT ended")
    op.create_index(
        "one_tow_on_its_way", "tow", ["incident_id"], unique=True, sqlite_where=alive, postgresql_where=alive
    )
    op.create_table(
        "report",
        sa.Column("order_ref", sa.String(128), primary_key=True),
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(32), nullable=False),
        _time("received_at"),
    )


def _incident(*, index: bool = False) -> "sa.Column[str]":
    return sa.Column("incident_id", sa.String(128), sa.ForeignKey("check_in.incident_id"), nullable=False, index=index)


def _time(name: str, *, index: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, index=index)
