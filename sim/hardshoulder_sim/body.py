"""The simulated body controller: takes hazard requests from the bus, serves the driver's button, flashes the lamps."""

from hardshoulder.core.bits import extract, mask_of
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import Field
from hardshoulder.core.protection import checksum_holds
from hardshoulder_sim.physics.driver import Indicator
from hardshoulder_sim.reference import ReferenceMessage, field_of, reference_messages

REQUEST_ON = 1
REQUEST_MAX = 2
MISSED_FRAMES = 3
COUNTER_MAY_SKIP = 2
BUTTON_HELD_S = 0.3
FLASHES_PER_MINUTE = (60.0, 120.0)
"""UN Regulation 48, 6.5.9.1: 90 flashes a minute, 30 more or less."""


class RequestGuard:
    """Believes a hazard request only when length, reserved bits, checksum and counter are right.

    The counter may skip as many frames as may be lost without dropping the request; after a
    longer silence any other counter begins a new series. A frame that is not believed changes
    nothing, so a stream of them, or one frame for ever, times out like silence.
    """

    def __init__(self, message: ReferenceMessage) -> None:
        request = field_of(message.definition, "Request")
        assert request is not None
        assert message.counter is not None
        assert message.checksum is not None
        self._message = message
        self._request: Field = request
        self._counter = message.counter
        self._checksum = message.checksum
        known = (request, message.counter.field, message.checksum.field)
        self._known = int.from_bytes(mask_of(known, message.definition.length), "big")
        self._timeout_s = MISSED_FRAMES * message.cycle_s
        self._wants_on = False
        self._last_count = 0
        self._believed_at_s: float | None = None

    def _well_formed(self, data: bytes) -> bool:
        if len(data) != self._message.definition.length or int.from_bytes(data, "big") & ~self._known:
            return False
        if not checksum_holds(self._message.can_id, data, self._checksum):
            return False
        return extract(data, self._request) <= REQUEST_MAX

    def _in_series(self, count: int, at_s: float) -> bool:
        if self._believed_at_s is None:
            return True
        step = (count - self._last_count) % self._counter.modulo
        if at_s - self._believed_at_s >= self._timeout_s:
            return step != 0
        return 1 <= step <= COUNTER_MAY_SKIP + 1

    def receive(self, frame: Frame) -> bool:
        """Whether the frame was believed."""
        if not self._well_formed(frame.data):
            return False
        count = extract(frame.data, self._counter.field)
        if not self._in_series(count, frame.at_s):
            return False
        self._wants_on = extract(frame.data, self._request) == REQUEST_ON
        self._last_count, self._believed_at_s = count, frame.at_s
        return True

    def wants_on(self, at_s: float) -> bool:
        """Whether a request holds at that time; three missed frames drop it."""
        return self._wants_on and self._believed_at_s is not None and at_s - self._believed_at_s < self._timeout_s


class BodyController:
    """The lamps and who wants them lit.

    Bus request or button make the hazards flash, and the button is latched. The driver has the last word: her press
    ends what flashes, whoever asked for it, and a request counts again when it was taken back and made anew.
    rejected: request frames that were not believed.
    """

    def __init__(self, flashes_per_minute: float = 90.0) -> None:
        low, high = FLASHES_PER_MINUTE
        if not low <= flashes_per_minute <= high:
            raise ValueError(f"{flashes_per_minute} flashes a minute are not lawful")
        self._guard = RequestGuard(reference_messages()["HSR_HazardRequest"])
        self._period_s = 60.0 / flashes_per_minute
        self._latched = False
        self._overruled = False
        self._pressed_at_s: float | None = None
        self._indicator = Indicator.NEUTRAL
        self._hazard = False
        self._settled_at_s = 0.0
        self._flashing_since_s: float | None = None
        self.rejected = 0

    def receive(self, frame: Frame) -> None:
        """Takes a hazard request from the bus."""
        if not self._guard.receive(frame):
            self.rejected += 1
        self._settle(frame.at_s)

    def press_button(self, at_s: float) -> None:
        """The driver presses the hazard button: what flashes goes dark, what is dark flashes."""
        self._latched, self._overruled = not self._hazard, self._hazard
        self._pressed_at_s = at_s
        self._settle(at_s)

    def step(self, at_s: float, indicator: Indicator) -> None:
        """Lets time pass: requests run out, the stalk may have moved."""
        self._indicator = indicator
        self._settle(at_s)

    def _settle(self, at_s: float) -> None:
        """Starts a new flash, lamps lit first, whenever hazards or indicator begin."""
        self._settled_at_s = at_s
        asked = self._guard.wants_on(at_s)
        self._overruled = self._overruled and asked
        was, self._hazard = self._hazard, self._latched or (asked and not self._overruled)
        if not (self._hazard or self._indicator is not Indicator.NEUTRAL):
            self._flashing_since_s = None
        elif self._flashing_since_s is None or (self._hazard and not was):
            self._flashing_since_s = at_s

    @property
    def requested(self) -> bool:
        """Whether the bus has asked for hazards and the request still holds."""
        return self._guard.wants_on(self._settled_at_s)

    @property
    def hazard_active(self) -> bool:
        """Whether the hazard lights are flashing, dark or lit."""
        return self._hazard

    @property
    def indicator(self) -> Indicator:
        """Where the stalk stands."""
        return self._indicator

    def button_pressed(self, at_s: float) -> bool:
        """Whether the finger is still on the button."""
        return self._pressed_at_s is not None and at_s - self._pressed_at_s < BUTTON_HELD_S

    def lamps(self, at_s: float) -> tuple[bool, bool]:
        """(left, right) lit at that time."""
        if self._flashing_since_s is None:
            return False, False
        lit = (at_s - self._flashing_since_s) % self._period_s < 0.5 * self._period_s
        left = self._hazard or self._indicator is Indicator.LEFT
        right = self._hazard or self._indicator is Indicator.RIGHT
        return lit and left, lit and right
