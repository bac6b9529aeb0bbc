"""The tables of the fleet; the unique keys are what keeps anything from being done twice.

A change here needs a migration in `store/migrations/versions`; a test compares the two.
"""

from datetime import UTC, datetime
from enum import Enum

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy import Enum as EnumColumn
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hardshoulder_fleet.core.checkin import CallOff, CheckIn, Tow


class ErrandKind(Enum):
    """What is done outside a transaction."""

    SEND_LINK = "send-link"
    REQUEST_TOW = "request-tow"
    WATCH_TOW = "watch-tow"
    FIND_TOW = "find-tow"
    CANCEL_TOW = "cancel-tow"


class Utc(TypeDecorator[datetime]):
    """A time in UTC; SQLite itself knows no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        assert value.tzinfo is not None, "a time has a time zone"
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _words(states: type[Enum]) -> EnumColumn:
    """A column that holds the value of a state, not the name it has in Python."""
    return EnumColumn(
        states,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda all_: [s.value for s in all_],
    )


class Base(DeclarativeBase):
    """What all tables share."""


class CheckInRow(Base):
    """One check-in for each incident. newest_sequence, newest_event_id: of the report that counts.

    lost_contact: opened because the car fell silent, and the report is the fleet's own. wants_help: see
    `core.checkin.wants_help`.
    """

    __tablename__ = "check_in"

    incident_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    vehicle: Mapped[str] = mapped_column(String(64), index=True)
    state: Mapped[CheckIn] = mapped_column(_words(CheckIn), index=True)
    opened_at: Mapped[datetime] = mapped_column(Utc)
    changed_at: Mapped[datetime] = mapped_column(Utc, index=True)
    newest_sequence: Mapped[int]
    newest_event_id: Mapped[str] = mapped_column(String(128))
    lost_contact: Mapped[bool] = mapped_column(default=False)
    wants_help: Mapped[bool] = mapped_column(default=False)


class EventRow(Base):
    """Every event of a car, once. payload: the whole event as JSON."""

    __tablename__ = "event"
    __table_args__ = (Index("event_of_incident", "incident_id", "sequence"),)

    event_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("check_in.incident_id"))
    sequence: Mapped[int]
    received_at: Mapped[datetime] = mapped_column(Utc)
    payload: Mapped[str] = mapped_column(Text)


class StoryRow(Base):
    """A line of the story that the car did not tell."""

    __tablename__ = "story"

    number: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("check_in.incident_id"), index=True)
    at: Mapped[datetime] = mapped_column(Utc)
    who: Mapped[str] = mapped_column(String(32))
    what: Mapped[str] = mapped_column(Text)


class DeadlineRow(Base):
    """Until when the driver may answer; gone when she has, or when a person has been called."""

    __tablename__ = "deadline"

    incident_id: Mapped[str] = mapped_column(ForeignKey("check_in.incident_id"), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(Utc, index=True)


class QuoteRow(Base):
    """A price that was shown. number: in the order they came; used: a tow was ordered for it."""

    __tablename__ = "quote"
    __table_args__ = (UniqueConstraint("incident_id", "quote_id", name="one_quote"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("check_in.incident_id"))
    quote_id: Mapped[str] = mapped_column(String(128))
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    terms: Mapped[str] = mapped_column(Text)
    arrives_within_minutes: Mapped[int]
    valid_until: Mapped[datetime] = mapped_column(Utc)
    used: Mapped[bool] = mapped_column(default=False)


class TowRow(Base):
    """An ordered tow; of each check-in at most one that has not ended. order_ref: the provider's, once it has it.

    reference: what the provider was told to call our order. heard_at: its last word. doubt_at: when a
    person is called because of it; doubted: that has happened and the reason is still there.
    unsettled: it has ended for us, and the provider may have it. called_off: who wants it not to
    come. refusal: why the provider sends it all the same. eta_minutes: as the provider said at eta_at.
    """

    __tablename__ = "tow"
    __table_args__ = (
        Index(
            "one_tow_on_its_way",
            "incident_id",
            unique=True,
            sqlite_where=text("NOT ended"),
            postgresql_where=text("NOT ended"),
        ),
        Index("watched_tows", "doubt_at", sqlite_where=text("NOT ended"), postgresql_where=text("NOT ended")),
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("check_in.incident_id"))
    quote_number: Mapped[int] = mapped_column(ForeignKey("quote.number"), unique=True)
    reference: Mapped[str] = mapped_column(String(160))
    order_ref: Mapped[str | None] = mapped_column(String(128), unique=True)
    state: Mapped[Tow] = mapped_column(_words(Tow))
    ended: Mapped[bool] = mapped_column(default=False)
    unsettled: Mapped[bool] = mapped_column(default=False)
    consent_text: Mapped[str] = mapped_column(Text)
    ordered_at: Mapped[datetime] = mapped_column(Utc)
    changed_at: Mapped[datetime] = mapped_column(Utc)
    heard_at: Mapped[datetime] = mapped_column(Utc)
    doubt_at: Mapped[datetime | None] = mapped_column(Utc)
    doubted: Mapped[bool] = mapped_column(default=False)
    called_off: Mapped[CallOff | None] = mapped_column(_words(CallOff))
    refusal: Mapped[str | None] = mapped_column(Text)
    eta_minutes: Mapped[int | None]
    eta_at: Mapped[datetime | None] = mapped_column(Utc)


class ReportRow(Base):
    """What a provider said about an order, once; it may come before the order's own answer."""

    __tablename__ = "report"

    order_ref: Mapped[str] = mapped_column(String(128), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[Tow] = mapped_column(_words(Tow))
    eta_minutes: Mapped[int | None]
    received_at: Mapped[datetime] = mapped_column(Utc)


class ErrandRow(Base):
    """Something to be done outside. subject: what it is done for, once. leased_until: somebody is at it."""

    __tablename__ = "errand"
    __table_args__ = (
        UniqueConstraint("kind", "subject", name="one_errand"),
        Index(
            "open_errands", "due_at", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")
        ),
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("check_in.incident_id"), index=True)
    kind: Mapped[ErrandKind] = mapped_column(_words(ErrandKind))
    subject: Mapped[str] = mapped_column(String(160))
    due_at: Mapped[datetime] = mapped_column(Utc)
    leased_until: Mapped[datetime | None] = mapped_column(Utc)
    attempts: Mapped[int] = mapped_column(default=0)
    ended_at: Mapped[datetime | None] = mapped_column(Utc)
    reason: Mapped[str | None] = mapped_column(Text)


class ContactRow(Base):
    """The newest word of each vehicle on `status` and `presence`.

    presence_id, status_id: the events they came with, so that the same one again is no news. connection: the number
    that the car gave to the connection of its presence. online: None until the broker has said. changed_at: when that
    was heard to change. status: the whole event as JSON; status_at: as the car stamped it, trusted or not; heard_at:
    when it was heard from the car itself, and not kept by the broker. moving_kph, moving_at: of the last status on the
    move; gone when it said otherwise. missed_at: when the line of a car that is missed broke; wait_from: the grace is
    counted from then. held: it went together with too many others. incident_id: the check-in that knows of it; told:
    and has not heard since that the car is back.
    """

    __tablename__ = "contact"
    __table_args__ = (
        Index(
            "missed_cars",
            "wait_from",
            sqlite_where=text("wait_from IS NOT NULL"),
            postgresql_where=text("wait_from IS NOT NULL"),
        ),
    )

    vehicle: Mapped[str] = mapped_column(String(64), primary_key=True)
    presence_id: Mapped[str | None] = mapped_column(String(128))
    connection: Mapped[int | None] = mapped_column(BigInteger)
    online: Mapped[bool | None]
    changed_at: Mapped[datetime | None] = mapped_column(Utc)
    status_id: Mapped[str | None] = mapped_column(String(128))
    status: Mapped[str | None] = mapped_column(Text)
    status_at: Mapped[datetime | None] = mapped_column(Utc)
    heard_at: Mapped[datetime | None] = mapped_column(Utc)
    moving_kph: Mapped[float | None]
    moving_at: Mapped[datetime | None] = mapped_column(Utc)
    missed_at: Mapped[datetime | None] = mapped_column(Utc)
    wait_from: Mapped[datetime | None] = mapped_column(Utc)
    held: Mapped[bool] = mapped_column(default=False)
    incident_id: Mapped[str | None] = mapped_column(ForeignKey("check_in.incident_id"))
    told: Mapped[bool] = mapped_column(default=False)


class RejectedRow(Base):
    """A message that no car of ours could have meant; the newest of them are kept for whoever asks."""

    __tablename__ = "rejected"

    number: Mapped[int] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(Utc)
    topic: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    payload_bytes: Mapped[int]
    beginning: Mapped[str] = mapped_column(Text)


class ChangeRow(Base):
    """One row: how often anything that is shown has changed."""

    __tablename__ = "change"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
