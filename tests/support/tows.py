"""A desk with errands, a clock that a test moves, and a provider that does what the test says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from hardshoulder_fleet.assistance.interface import NoHelp, Why
from hardshoulder_fleet.core.checkin import Happening, Tow
from hardshoulder_fleet.core.views import CheckInView, Order, Quote, TowView
from hardshoulder_fleet.deeds import Deeds
from hardshoulder_fleet.desk import Desk
from hardshoulder_fleet.errands import Errands
from support.desks import CONSENT, after, car_says, make_desk, quote

NOW = after(11)


@dataclass
class FakeProvider:
    """Keeps orders by their reference. fails: what the next calls end with, the last first.

    refuses: what every cancel ends with. deaf: takes the next requests and answers none of them.
    asked: every call, in its order.
    """

    orders: dict[str, Order] = field(default_factory=dict)
    fails: list[Exception] = field(default_factory=list)
    refuses: Exception | None = None
    deaf: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    name: Callable[[str], str] = "order-{}".format

    def quote(self, *_question: object) -> Quote:
        raise AssertionError("an errand asks for no price")

    def request(self, quote_id: str, reference: str) -> str:
        if not self.deaf:
            self._hear("request", f"{quote_id} {reference}")
        order = self.orders.setdefault(reference, Order(self.name(reference.rpartition("/")[2]), Tow.REQUESTED))
        if self.deaf:
            self._hear("request", f"{quote_id} {reference}")
            raise slow()
        return order.order_ref

    def status(self, order_ref: str) -> Order:
        self._hear("status", order_ref)
        return self._by_ref(order_ref)

    def cancel(self, order_ref: str) -> Order:
        self._hear("cancel", order_ref)
        if self.refuses:
            raise self.refuses
        if self._by_ref(order_ref).state is not Tow.COMPLETED:
            self.goes_on(order_ref, Tow.CANCELLED)
        return self._by_ref(order_ref)

    def find(self, reference: str) -> Order | None:
        self._hear("find", reference)
        return self.orders.get(reference)

    def goes_on(self, order_ref: str, state: Tow, eta_minutes: int | None = None) -> None:
        """What it would answer from now on."""
        reference = next(name for name, order in self.orders.items() if order.order_ref == order_ref)
        self.orders[reference] = Order(order_ref, state, eta_minutes)

    def calls(self, what: str) -> list[str]:
        """The arguments of these calls."""
        return [argument for name, argument in self.asked if name == what]

    def _hear(self, what: str, argument: str) -> None:
        self.asked.append((what, argument))
        if self.fails:
            raise self.fails.pop()

    def _by_ref(self, order_ref: str) -> Order:
        return next(order for order in self.orders.values() if order.order_ref == order_ref)


def slow() -> NoHelp:
    """No answer in time; it may have been heard."""
    return NoHelp("The towing provider did not answer within 5 s.", Why.SLOW)


def refusal(reason: str = "Our truck is with the car already.") -> NoHelp:
    """A no that will stay one."""
    return NoHelp(f"The towing provider refuses: {reason}", Why.REFUSED)


class World:
    """The whole way from a yes to an errand's end. sent: to whom links went; link_fails: what the next end with."""

    def __init__(self, path: Path) -> None:
        self.now = NOW
        self.desk: Desk = make_desk(path)
        self.provider = FakeProvider()
        self.sent: list[str] = []
        self.link_fails: list[Exception] = []
        deeds = Deeds(self.desk, self.send_link, self.provider, self.clock)
        self.errands = Errands(self.desk, deeds, self.clock)

    def clock(self) -> datetime:
        """The time that the test has set."""
        return self.now

    def send_link(self, view: CheckInView) -> None:
        """To the driver's phone."""
        if self.link_fails:
            raise self.link_fails.pop()
        self.sent.append(view.incident_id)

    def run_all(self) -> None:
        """Everything that is due now."""
        while self.errands.watch_deadlines() + self.errands.run_due():
            pass

    def run_until(self, until: datetime) -> None:
        """Everything that becomes due until then, each at its own time."""
        self.run_all()
        while (due_at := self.desk.next_due()) is not None and due_at <= until:
            self.now = max(self.now, due_at)
            self.run_all()
        self.now = until

    def break_down(self) -> None:
        """An alert and its link, out of the way."""
        self.desk.take_event(car_says(), self.now)
        self.run_all()

    def say_yes(self, quote_id: str = "quote-1") -> CheckInView:
        """She asks for a tow, sees this price and says yes."""
        if self.desk.view("incident-1") is None:
            self.break_down()
        self.desk.answer("incident-1", Happening.WANTS_TOW, self.now)
        self.desk.keep_quote("incident-1", quote(quote_id, after(100_000)), self.now)
        return self.desk.order("incident-1", quote_id, CONSENT, self.now)

    def order(self, state: Tow = Tow.EN_ROUTE) -> None:
        """A tow that the provider has, in this state."""
        self.say_yes()
        self.run_all()
        if state is not Tow.REQUESTED:
            self.provider.goes_on("order-1", state)
            self.desk.provider_said("order-1", state, 1, self.now)

    def tow(self) -> TowView:
        """The newest tow, which has to be there."""
        seen = self.view().tow
        assert seen is not None
        return seen

    def view(self) -> CheckInView:
        """What the desk knows."""
        view = self.desk.view("incident-1")
        assert view is not None
        return view

    def said(self, who: str = "fleet") -> list[str]:
        """The story as far as these told it."""
        return [entry.what for entry in self.view().story if entry.who == who]
