"""What the pages say, in plain words; which words is decided here, how they look in the templates."""

from datetime import datetime, timedelta, tzinfo
from hashlib import sha256
from typing import NamedTuple

from hardshoulder_fleet.core.checkin import CallOff, CheckIn, Tow
from hardshoulder_fleet.core.contact import LOST_CONTACT
from hardshoulder_fleet.core.views import CheckInView, Clock, Entry, OutageView, Quote, TowView

_LAMPS_ON = frozenset({"confirmed", "drivers"})
_UNDER_WAY = frozenset({"driving", "suspect", "rolling"})
_NO_LONGER_STUCK: dict[str, tuple[str, ...]] = {
    "recovered": ("Your car has drive again. Drive on only if it feels safe.",),
    "driving-on": ("Your car drives again. Put the phone away until you have stopped at a safe place.",),
    "closed": (),
    "parked": (),
}
"""Where "get out and stand behind the barrier" would be the wrong thing to read."""

_WHEREVER_SHE_IS = (
    "Driving? Stop at a safe place before you answer.",
    "Broken down? Hazard lights on, then get out away from traffic and behind the barrier.",
)
"""Nobody knows how she is; a phone or a car without a network is the likeliest."""

STATES = {
    CheckIn.ASKED: "Asked, no answer yet",
    CheckIn.SAFE: "Says: safe",
    CheckIn.TOW_WANTED: "Looks at a price",
    CheckIn.TOW_ORDERED: "Tow ordered",
    CheckIn.EMERGENCY: "Emergency",
    CheckIn.ESCALATED: "Needs a person",
    CheckIn.CLOSED: "Closed",
}
"""For the operator."""

TOWS = {
    Tow.REQUESTED: "Tow ordered",
    Tow.ASSIGNED: "A truck is assigned",
    Tow.EN_ROUTE: "The truck is on its way",
    Tow.ON_SITE: "The truck is with you",
    Tow.COMPLETED: "Tow completed",
    Tow.CANCELLED: "The tow was cancelled",
    Tow.FAILED: "The tow could not be done",
}
"""For the driver, and the operator sees the same."""

_HAPPENED = {
    "Tow requested": "The provider has taken your order.",
    "Tow assigned": "A truck was assigned.",
    "Tow en-route": "The truck set out.",
    "Tow on-site": "The truck was with you.",
}
"""How lines of the story that are for an operator begin, and what the driver reads in their place."""

TOW_STEPS = (Tow.REQUESTED, Tow.ASSIGNED, Tow.EN_ROUTE, Tow.ON_SITE)

_COMING = (Tow.REQUESTED, Tow.ASSIGNED, Tow.EN_ROUTE)
_LATE_MINUTES = 5
"""So much later than said is still any moment now."""
_BY = {
    CallOff.DRIVER: "the driver",
    CallOff.OPERATOR: "an operator",
    CallOff.CLOSING: "the closing of the check-in",
    CallOff.SPARE: "the order of another one",
}

KINDS = {
    "crash": "Crash",
    "switched-off": "Switched off while moving",
    "power-lost": "Power lost",
    "contactors-open": "Battery disconnected",
    "engine-stopped": "Engine stopped",
    "drive-not-ready": "Drive not ready",
    "no-torque": "No torque",
    "bus-silent": "Car's network silent",
    "drive-silent": "Drive silent",
    "supply-collapsed": "12 V supply collapsed",
    "no-drive": "No drive",
    "stalled": "Stalled in traffic",
    "stop-now": "Red warning lamp",
    "limp-home": "Reduced power",
    "malfunction": "Stored a fault",
}
CARS = {
    "parked": "parked",
    "driving": "driving",
    "suspect": "moving",
    "rolling": "still rolling",
    "stranded": "standing",
    "recovered": "has drive again",
    "driving-on": "drives again",
    "closed": "incident over",
}
HAZARDS = {
    "off": "off",
    "requested": "asked for",
    "confirmed": "flashing",
    "unconfirmed": "not seen flashing",
    "refused": "not switched on",
    "unavailable": "by hand only",
    "drivers": "flashing (driver)",
    "released": "off again",
}


def what(view: CheckInView) -> str:
    """The breakdown and the car, for the operator."""
    if view.kind == LOST_CONTACT:
        return f"Lost contact; was {last_heard_doing(view)}"
    return f"{KINDS.get(view.kind, view.kind)}; car {CARS.get(view.car_state, view.car_state)}"


def last_heard_doing(view: CheckInView) -> str:
    """Of a car that fell silent: `driving at 110 km/h`, as it was heard last."""
    car = CARS.get(view.car_state, view.car_state)
    doing = {"has drive again": "driving again", "drives again": "driving again"}.get(car, car)
    return doing if view.speed_kph is None else f"{doing} at {view.speed_kph:.0f} km/h"


def is_merely_silent(view: CheckInView) -> bool:
    """Whether the car fell silent and nobody has said that anything is wrong: it can wait for those who have."""
    return view.kind == LOST_CONTACT and not view.wants_help and view.state is not CheckIn.CLOSED


def outage(of: OutageView) -> str:
    """Why nobody is asked, for the operator."""
    return (
        f"{counted(of.cars, 'car')} fell silent on the road within a minute of each other. That looks like the"
        " network or the broker, so their drivers are not asked yet."
    )


def noticed(view: CheckInView) -> tuple[str, ...]:
    """The evidence for the driver: what the car saw, without the names of signals."""
    return tuple(dict.fromkeys(sentence.split(":")[0].rstrip(".") + "." for sentence in view.noticed))


def told_to_her(view: CheckInView) -> list[Entry]:
    """What she and the provider did, without the names that only an operator needs."""
    lines = [entry for entry in view.story if entry.who in ("driver", "provider")]
    return [Entry(line.at, line.who, _in_her_words(line.what)) for line in lines]


def _in_her_words(what: str) -> str:
    return next((said for beginning, said in _HAPPENED.items() if what.startswith(beginning)), what)


def what_to_do(view: CheckInView) -> tuple[str, ...]:
    """What keeps her safe now, the most urgent first."""
    if view.kind == LOST_CONTACT:
        return _WHEREVER_SHE_IS
    if view.car_state in _NO_LONGER_STUCK:
        return _NO_LONGER_STUCK[view.car_state]
    if view.car_state in _UNDER_WAY:
        return (*_button(view), "Steer to the hard shoulder and stop, as far from the traffic as you can.")
    return (*_button(view), "Get out on the side away from traffic.", "Stand behind the barrier, away from the car.")


def lamps(view: CheckInView) -> str:
    """What she need not do herself: the hazard lights, as long as they are known to flash."""
    return "Your hazard lights are on." if view.hazards in _LAMPS_ON and view.car_state not in _NO_LONGER_STUCK else ""


def _button(view: CheckInView) -> tuple[str, ...]:
    button = view.hazard_button or "the red triangle"
    if view.hazards in _LAMPS_ON:
        return ()
    if view.hazards == "requested":
        return (f"Your hazard lights are coming on. If they do not: {button}.",)
    return (f"Switch on your hazard lights: {button}.",)


def consent_text(quote: Quote, zone: tzinfo) -> str:
    """What the driver agrees to. It is shown, and stored once she has said yes to it."""
    return (
        f"I order a tow for {quote.price.text()}.\n"
        f"The truck is expected within {counted(quote.arrives_within_minutes, 'minute')} of the order.\n"
        f"This price holds until {quote.valid_until.astimezone(zone):%H:%M %Z on %d %b %Y}.\n"
        f"Terms: {quote.terms}"
    )


def mark_of(text: str) -> str:
    """What a yes says about the words it was given to; a fleet that would put them otherwise by now sees it."""
    return sha256(text.encode()).hexdigest()[:32]


class Arrival(NamedTuple):
    """When the truck comes, in two pieces: the second is what matters. said: the first is of the provider, so old."""

    lead: str
    when: str
    said: str


def arrival(tow: TowView, quote: Quote | None, now: datetime) -> Arrival | None:
    """How long it may still take; None when the truck is there, does not come, or nobody knows."""
    if tow.ended or tow.state not in _COMING:
        return None
    if tow.eta_minutes is not None and tow.eta_at is not None:
        due, how = tow.eta_at + timedelta(minutes=tow.eta_minutes), "in about"
        said = _said_so(tow.eta_at, now)
    elif quote is not None:
        due, how, said = tow.ordered_at + timedelta(minutes=quote.arrives_within_minutes), "within", ""
    else:
        return None
    minutes = -(-int((due - now).total_seconds()) // 60)
    if minutes > 0:
        return Arrival("It should be with you", f"{how} {counted(minutes, 'minute')}", said)
    if minutes > -_LATE_MINUTES:
        return Arrival("It should be with you", "any moment now", said)
    return Arrival("It should have been with you", f"{counted(-minutes, 'minute')} ago", said)


def _said_so(then: datetime, now: datetime) -> str:
    just_now = now - then < timedelta(minutes=1)
    return "The provider has just said so." if just_now else f"The provider said so {ago(then, now)} ago."


def tow_says(tow: TowView) -> str:
    """How it stands, in a few words."""
    if tow.unsettled:
        return "It is not known yet whether the tow was ordered"
    if tow.called_off is not None and tow.state in (Tow.CANCELLED, Tow.FAILED):
        return "The tow was called off"
    return TOWS[tow.state]


def tow_for_operator(tow: TowView, quote: Quote | None, now: datetime) -> str:
    """How it stands, when the truck comes, what became of calling it off."""
    said = [tow_says(tow)]
    if coming := arrival(tow, quote, now):
        age = f" (said {ago(tow.eta_at, now)} ago)" if coming.said and tow.eta_at else ""
        late = "late: due " if coming.lead != "It should be with you" else ""
        said.append(late + coming.when + age)
    if not tow.ended and tow.refusal:
        said.append(f"not called off: {tow.refusal}")
    elif not tow.ended and tow.called_off is not None:
        said.append(f"is being called off by {_BY[tow.called_off]}")
    return "; ".join(said)


def state(view: CheckInView) -> str:
    """Of a check-in, for the operator."""
    if view.state is CheckIn.SAFE and view.tow is not None and view.tow.called_off is CallOff.DRIVER:
        return "Called off the tow"
    return STATES[view.state]


def time_left(until: datetime, now: datetime) -> str:
    """`9 minutes`, rounded down, because a price that has ended orders nothing."""
    minutes = int((until - now).total_seconds()) // 60
    return counted(minutes, "minute") if minutes > 0 else "less than a minute"


def why(view: CheckInView) -> str:
    """What made a person necessary, from the story; nothing where the state itself says it."""
    if view.state is not CheckIn.ESCALATED:
        return ""
    return next((entry.what for entry in reversed(view.story) if entry.who == "fleet"), "")


def counted(number: int, thing: str) -> str:
    """`1 minute`, `2 minutes`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def ago(then: datetime, now: datetime) -> str:
    """How long ago, short enough for a column: `40 s`, `7 min`, `2 h 05`."""
    passed_s = max(0, int((now - then).total_seconds()))
    if passed_s < 60:
        return f"{passed_s} s"
    hours, minutes = divmod(passed_s // 60, 60)
    return f"{hours} h {minutes:02d}" if hours else f"{minutes} min"


def place_doubts(view: CheckInView) -> str:
    """How far off and how old the place is; nothing where that does not matter or nobody knows."""
    doubts = []
    if view.place_within_m is not None:
        far = view.place_within_m
        doubts.append(f"within about {far / 1000:.0f} km" if far >= 1000 else f"within about {far:.0f} m")
    if view.place_age_s is not None and view.place_age_s >= 10:
        minutes, seconds = divmod(int(view.place_age_s), 60)
        doubts.append(f"{minutes} min old" if minutes else f"{seconds} s old")
    return ", ".join(doubts)


CLOCKS = {
    Clock.SET: "",
    Clock.UNSET: "The car's clock was not set: its times are counted back from when its report came.",
    Clock.CORRECTED: "The car's clock was set after it reported; it has corrected its times.",
}


def place(view: CheckInView) -> str:
    """Degrees for a map, as a geo: link has them; nothing when the car did not know."""
    if view.latitude is None or view.longitude is None:
        return ""
    return f"{view.latitude:.5f},{view.longitude:.5f}"
