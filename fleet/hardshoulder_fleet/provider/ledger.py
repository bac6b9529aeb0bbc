"""Quotes, orders and reports in one SQLite file: what is in it goes on after a restart."""

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hardshoulder_fleet.core.checkin import Tow
from hardshoulder_fleet.core.views import Price
from hardshoulder_fleet.provider.settings import NEXT, Pauses
from hardshoulder_fleet.provider.tariff import Offer

_VERSION = 1
_BUSY_S = 2.0
_SCHEMA = """
CREATE TABLE quote (
    quote_id TEXT PRIMARY KEY, amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, terms TEXT NOT NULL,
    arrives_within_minutes INTEGER NOT NULL, valid_until REAL NOT NULL
) STRICT;
CREATE TABLE tow_order (
    order_ref TEXT PRIMARY KEY, quote_id TEXT NOT NULL UNIQUE REFERENCES quote, reference TEXT NOT NULL,
    callback_url TEXT NOT NULL, state TEXT NOT NULL, sequence INTEGER NOT NULL, next_at REAL, arrives_at REAL NOT NULL
) STRICT;
-- One tow for one reference; only one that came to nothing makes room for another.
CREATE UNIQUE INDEX one_order ON tow_order (reference) WHERE state NOT IN ('cancelled', 'failed');
CREATE TABLE report (
    order_ref TEXT NOT NULL REFERENCES tow_order, sequence INTEGER NOT NULL, body BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, next_try_at REAL NOT NULL, heard INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (order_ref, sequence)
) STRICT;
"""
_ORDER = "order_ref, quote_id, reference, callback_url, state, sequence, next_at, arrives_at"


class LedgerError(Exception):
    """The file cannot be used; the text is one sentence."""


class RefusedError(Exception):
    """An order that is not taken. expired: the quote was good once. The text is one sentence."""

    def __init__(self, sentence: str, *, expired: bool = False) -> None:
        super().__init__(sentence)
        self.expired = expired


@dataclass(frozen=True, slots=True)
class Order:
    """An ordered tow. sequence: of its last report. next_at, arrives_at: seconds since 1970, None when it ended."""

    order_ref: str
    quote_id: str
    reference: str
    callback_url: str
    state: Tow
    sequence: int
    next_at: float | None
    arrives_at: float

    def minutes_left(self, now: float) -> int | None:
        """Until the truck is with the car; None where that is known or does not matter."""
        if self.state not in (Tow.ASSIGNED, Tow.EN_ROUTE):
            return None
        return max(0, round((self.arrives_at - now) / 60))


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be told. attempts: so far. next_try_at: seconds since 1970."""

    order_ref: str
    sequence: int
    body: bytes
    attempts: int
    next_try_at: float


class Ledger:
    """To be used from one thread. A method returns once its change is on the disk. now: seconds since 1970."""

    def __init__(self, path: Path, pauses: Pauses) -> None:
        """Raises LedgerError."""
        self._pauses = pauses
        try:
            self._connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            self._prepare(path)
        except sqlite3.Error as error:
            raise LedgerError(f"The provider's database {path} cannot be used: {error}.") from None

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def add_quote(self, offer: Offer, valid_until: float) -> str:
        """Its new id."""
        quote_id = uuid.uuid4().hex
        row = (quote_id, offer.price.amount_minor, offer.price.currency, offer.terms, offer.arrives_within_minutes)
        self._connection.execute("INSERT INTO quote VALUES (?, ?, ?, ?, ?, ?)", (*row, valid_until))
        return quote_id

    def take_order(self, quote_id: str, reference: str, callback_url: str, now: float) -> tuple[Order, bool]:
        """The order, and whether it is new. Raises RefusedError.

        The same reference gets the order it has. Only after one that came to nothing may it order
        again, on another quote: the repeated request of a cancelled tow must not bring one.
        """
        with self._together():
            there = self._find("quote_id = ?", quote_id)
            if there is not None and there.reference != reference:
                raise RefusedError("This quote was used for another order.")
            there = there or self._find("reference = ? AND state NOT IN ('cancelled', 'failed')", reference)
            if there is not None:
                return there, False
            order_ref = uuid.uuid4().hex
            arrives_at = now + 60 * self._minutes_of_valid(quote_id, now)
            next_at = now + (self._pauses.after(Tow.REQUESTED) or 0.0)
            row = (order_ref, quote_id, reference, callback_url, Tow.REQUESTED.value, 0, next_at, arrives_at)
            self._connection.execute(f"INSERT INTO tow_order ({_ORDER}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            return self._get(order_ref), True

    def order(self, order_ref: str) -> Order | None:
        """None for one that nobody placed."""
        return self._find("order_ref = ?", order_ref)

    def order_for(self, reference: str) -> Order | None:
        """The newest under this reference."""
        return self._find("reference = ? ORDER BY rowid DESC LIMIT 1", reference)

    def price_of(self, order: Order) -> Price:
        """What it was ordered for."""
        query = "SELECT amount_minor, currency FROM quote WHERE quote_id = ?"
        return Price(*self._connection.execute(query, (order.quote_id,)).fetchone())

    def unfinished(self) -> list[str]:
        """The orders that go on or of which a report was not heard."""
        query = """SELECT order_ref FROM tow_order WHERE next_at IS NOT NULL
            UNION SELECT order_ref FROM report WHERE NOT heard"""
        return [str(row[0]) for row in self._connection.execute(query)]

    def advance(self, order_ref: str, now: float) -> Order:
        """The order, one state further if the time for that has come; its report stands beside it."""
        with self._together():
            order = self._get(order_ref)
            if order.next_at is None or order.next_at > now:
                return order
            return self._enter(order, NEXT[order.state], now)

    def cancel(self, order_ref: str, now: float) -> Order:
        """The order called off, unless it had ended. Raises RefusedError once the truck is with the car."""
        with self._together():
            order = self._get(order_ref)
            if order.state is Tow.ON_SITE:
                raise RefusedError("Our truck is with the car already.")
            return order if order.next_at is None else self._enter(order, Tow.CANCELLED, now)

    def next_report(self, order_ref: str) -> Report | None:
        """The first that was not heard: they are told in their order."""
        query = """SELECT order_ref, sequence, body, attempts, next_try_at FROM report
            WHERE order_ref = ? AND NOT heard ORDER BY sequence LIMIT 1"""
        row = self._connection.execute(query, (order_ref,)).fetchone()
        return None if row is None else Report(*row)

    def heard(self, report: Report) -> None:
        """It need not be told again."""
        statement = "UPDATE report SET heard = 1, attempts = attempts + 1 WHERE order_ref = ? AND sequence = ?"
        self._connection.execute(statement, (report.order_ref, report.sequence))

    def not_heard(self, report: Report, next_try_at: float) -> None:
        """It is told again then."""
        statement = "UPDATE report SET attempts = attempts + 1, next_try_at = ? WHERE order_ref = ? AND sequence = ?"
        self._connection.execute(statement, (next_try_at, report.order_ref, report.sequence))

    def _enter(self, order: Order, state: Tow, now: float) -> Order:
        pause_s = self._pauses.after(state)
        next_at = None if pause_s is None else now + pause_s
        sequence = order.sequence + 1
        self._connection.execute(
            "UPDATE tow_order SET state = ?, sequence = ?, next_at = ? WHERE order_ref = ?",
            (state.value, sequence, next_at, order.order_ref),
        )
        self._connection.execute(
            "INSERT INTO report (order_ref, sequence, body, next_try_at) VALUES (?, ?, ?, ?)",
            (order.order_ref, sequence, _body(order, state, sequence, now), now),
        )
        return self._get(order.order_ref)

    def _minutes_of_valid(self, quote_id: str, now: float) -> int:
        query = "SELECT arrives_within_minutes, valid_until FROM quote WHERE quote_id = ?"
        row = self._connection.execute(query, (quote_id,)).fetchone()
        if row is None:
            raise RefusedError("We made no such quote.")
        if row[1] <= now:
            raise RefusedError("Its time is over; please ask for a new price.", expired=True)
        return int(row[0])

    def _get(self, order_ref: str) -> Order:
        order = self._find("order_ref = ?", order_ref)
        assert order is not None, f"no order {order_ref}"
        return order

    def _find(self, condition: str, value: str) -> Order | None:
        row = self._connection.execute(f"SELECT {_ORDER} FROM tow_order WHERE {condition}", (value,)).fetchone()
        if row is None:
            return None
        order_ref, quote_id, reference, callback_url, state, *times = row
        return Order(order_ref, quote_id, reference, callback_url, Tow(state), *times)

    def _prepare(self, path: Path) -> None:
        self._connection.execute("PRAGMA foreign_keys = ON")
        # For as long as this process lives: two providers on one file would tell everything twice.
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._connection.execute("BEGIN EXCLUSIVE")
        self._connection.execute("COMMIT")
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise LedgerError(f"The provider's database {path} has version {version}; this provider knows {_VERSION}.")
        if version == 0:
            self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")

    @contextmanager
    def _together(self) -> Iterator[None]:
        """All of it or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _body(order: Order, state: Tow, sequence: int, now: float) -> bytes:
    """Made once: a report that is told again is the same to the byte."""
    report: dict[str, object] = {"order_ref": order.order_ref, "state": state.value, "sequence": sequence}
    minutes = replace(order, state=state).minutes_left(now)
    return json.dumps(report if minutes is None else report | {"eta_minutes": minutes}).encode()
