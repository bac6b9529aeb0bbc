"""Which channel of a recording is which bus of the car, and one timeline out of its clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from hardshoulder.core.plan import CarPlan
from hardshoulder.errors import UserError
from hardshoulder.profile import Profile
from hardshoulder_sim.recordings.logs import LogFrame

SURVEY_FRAMES = 20_000
"""Frames looked at before the first is judged, so that the most usual channel wins and not the first."""

HOLE_AT_LEAST_S = 0.5
HOLE_CYCLES = 5
"""Nothing at all for so many cycles of the fastest wanted message: the logger missed it, not the car."""

BACK_STEP_S = 1.0
FORWARD_STEP_S = 6 * 3600.0
"""Beyond these the recording's clock was set; a car that slept so long starts afresh as well."""


def log_channels(profile: Profile) -> dict[str, tuple[str, ...]]:
    """What recordings call each bus of the car, most usual first."""
    return {bus.name: tuple(bus.log_channels) for bus in profile.bus}


class Channels:
    """Binds channels to buses, one to one, while the frames come in.

    A bus takes, in this order: the channel given for it; the first of its profile's
    `log_channels` that the recording has, or its own name; and where the car has a single bus and none of
    those appears, the first channel on which a wanted identifier does. Two channels are never one
    bus: the same identifier carries another payload on the other.

    routes: (channel, identifier) to bus, for the wanted identifiers of what is bound.
    unsettled: whether `meet` still has something to learn from a frame that is not in `routes`.
    """

    def __init__(self, plan: CarPlan, listed: Mapping[str, Sequence[str]], given: Mapping[str, str]) -> None:
        """listed: bus to its usual channels (see `log_channels`). given: bus to channel.

        Raises UserError for a bus that the car has not, or a channel given twice.
        """
        # The car's own recordings call a bus as its profile does.
        self._listed = {bus: (*listed.get(bus, ()), bus) for bus in plan.buses}
        self._wanted: dict[str, set[int]] = {bus: set() for bus in plan.buses}
        for message in plan.messages:
            self._wanted[message.bus].add(message.can_id)
        # A tester's requests are heard, but are no sign of which channel is which bus: any car may be asked.
        self._testers = {bus: {can_id for named, can_id in plan.workshop if named == bus} for bus in plan.buses}
        self._given = dict(given)
        self.bound: dict[str, str] = {}
        self.seen: dict[str, None] = {}  # in the order of their appearance
        self.routes: dict[tuple[str, int], str] = {}
        _check_given(self._given, tuple(self._listed))
        for bus, channel in self._given.items():
            self._bind(bus, channel)
        self.unsettled = True

    def survey(self, frames: Iterable[LogFrame]) -> None:
        """Decides what the first frames can decide; the most usual channel of a bus wins."""
        frames = list(frames)
        self.seen |= dict.fromkeys(frame.channel for frame in frames)
        for bus in self._unbound():
            listed = [name for name in self._listed[bus] if name in self.seen and name not in self.bound.values()]
            if listed:
                self._bind(bus, listed[0])
        for frame in frames:
            if not self._unbound():
                break
            self.meet(frame.channel, frame.can_id)
        self._settle()

    def meet(self, channel: str, can_id: int) -> str | None:
        """The bus of a frame that is not in `routes`, if it can be told now."""
        self.seen[channel] = None
        for bus in self._unbound():
            alone = len(self._listed) == 1
            fits = channel in self._listed[bus] or (alone and can_id in self._wanted[bus])
            if fits and channel not in self.bound.values():
                self._bind(bus, channel)
        self._settle()
        return self.routes.get((channel, can_id))

    def channel_of(self, bus: str) -> str | None:
        """The channel bound to the bus."""
        return self.bound.get(bus)

    def check(self, path: object) -> list[str]:
        """After the last frame: notes on what was left unused. Raises UserError where nothing can be right."""
        heard = ", ".join(self.seen)
        absent = [f"{bus}={channel}" for bus, channel in self._given.items() if channel not in self.seen]
        if absent:
            raise UserError(f"{path}: --bus {absent[0]}: the recording has no such channel; it has {heard}")
        if not self.bound and len(self._listed) > 1:
            buses = ", ".join(self._listed)
            raise UserError(
                f"{path}: none of the channels {heard} is known to the profile; "
                f"say which is which with --bus NAME=CHANNEL for {buses}"
            )
        return [f"bus {bus} is not in the recording (channels: {heard})" for bus in self._unbound()]

    def _unbound(self) -> list[str]:
        return [bus for bus in self._listed if bus not in self.bound]

    def _bind(self, bus: str, channel: str) -> None:
        self.bound[bus] = channel
        self.routes |= {(channel, can_id): bus for can_id in self._wanted[bus] | self._testers[bus]}

    def _settle(self) -> None:
        missing = any(channel not in self.seen for channel in self.bound.values())
        self.unsettled = missing or bool(self._unbound())


def _check_given(given: Mapping[str, str], buses: tuple[str, ...]) -> None:
    for bus, channel in given.items():
        if bus not in buses:
            raise UserError(f"--bus {bus}={channel}: the profile has no bus {bus}; it has {', '.join(buses)}")
    twice = sorted({channel for channel in given.values() if list(given.values()).count(channel) > 1})
    if twice:
        raise UserError(f"--bus: channel {twice[0]} is given for two buses; one channel is one bus")


class Passage(Enum):
    """How one frame follows the one before."""

    ON = "on"
    DISORDER = "disorder"
    HOLE = "hole"
    CLOCK_SET = "clock-set"


@dataclass(slots=True)
class LogClock:
    """Seconds since the first frame, never running backwards.

    base_s: what is subtracted from the recording's stamps. last_s: the latest time.
    hole_s: the gap that counts as a hole.
    """

    hole_s: float
    base_s: float
    last_s: float = 0.0

    def advance(self, at_s: float) -> tuple[float, Passage]:
        """The time of the next frame, and how it follows."""
        now_s = at_s - self.base_s
        step_s = now_s - self.last_s
        if not -BACK_STEP_S <= step_s <= FORWARD_STEP_S:
            self.base_s = at_s - self.last_s
            return self.last_s, Passage.CLOCK_SET
        if step_s < 0:
            return self.last_s, Passage.DISORDER
        self.last_s = now_s
        return now_s, Passage.HOLE if step_s > self.hole_s else Passage.ON


def hole_s(plan: CarPlan) -> float:
    """The gap in a whole recording that counts as a hole for this car."""
    return max(HOLE_AT_LEAST_S, HOLE_CYCLES * min(message.cycle_s for message in plan.messages))
