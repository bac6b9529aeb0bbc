"""The truth about a fault: when drive power was lost, and when the bus first showed it.

Both come from the physical state and from what the profile maps; the detector's code has no part in it.

t_lost: the first step from which on the drive could push no more, however hard it was asked.

t_observable: the first instant, at or after t_lost and above the alert speed, at which a mapped message tells a dead
drive from a healthy one. A message tells it

- by what it says: airbag fired; power mode down; contactors not closed; drive not ready; 12 V below what any
  control unit is made for, with no starter turning; engine standing, where this car never stops it by itself in
  such a moment, or where a mapped signal says that it did not;
- by what does not follow: the pedal asks for a push that a healthy drive would give, and for longer than a
  healthy drive ever takes (a gear change, a restart) none has come; where no torque is mapped, the car must be
  `SLOWER_KPH` slower than the weakest road car would be after so much pedal on the steepest road there is.
  That car never gets faster than this one was when the pedal was pressed: a speed limiter lets no car do so;
- by its absence: it was due and did not come, while another node still speaks.

It tells it only if the car stays above the alert speed for `SHOWS_FOR_S` more, and a pedal that asks stays down for as
long: brown-outs and garbled frames say the same meanwhile. An airbag needs no such time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hardshoulder.core.plan import CarPlan
from hardshoulder.core.vocabulary import Vss
from hardshoulder_sim.physics.engine import STALLS_BELOW_RAD_S, EnginePhase
from hardshoulder_sim.physics.journey import Journey
from hardshoulder_sim.physics.traction import Contactors
from hardshoulder_sim.physics.vehicle import ANSWERS, GRAVITY_MPS2, asked_n, ignition_on
from hardshoulder_sim.physics.vehicle_spec import IGNITION, VehicleSpec
from hardshoulder_sim.proving.cars import CarKind
from hardshoulder_sim.proving.variants import mapped

ASKS_NM = 150.0
"""Torque at the wheels that the pedal asks for: more than noise, less than holding a motorway speed."""

NO_PUSH_NM = 0.0
SLOWER_KPH = 3.0
STEEPEST = 0.08
"""Rise of the steepest main roads: more than that explains no loss of speed."""

WEAKEST_W_PER_KG = 25.0
WORST_ROLLING = 0.013
WORST_DRAG_PER_M = 3.2e-4
"""A laden small car: 45 kW at the wheels, 1,800 kg, and the shape of a van."""

SURELY_ANSWERED = 0.35
"""With less of the pedal some engine of some car holds it back in a low gear, and nothing is wrong."""

SHOWS_FOR_S = 0.5
LETS_GO = 0.1
"""A pedal that is up again."""

NO_TORQUE, NO_SPEED = "pedal without torque", "pedal without speed"
_QUESTIONS = frozenset({NO_TORQUE, NO_SPEED})

COLLAPSED_V = 9.0
CONFIRMED_WITHIN_S = 1.0
ANSWER_S: Mapping[CarKind, float] = {
    CarKind.AUTOMATIC: 0.5,
    CarKind.MANUAL: 0.5,
    CarKind.MILD_HYBRID: 0.7,
    CarKind.HYBRID: 0.4,
    CarKind.ELECTRIC: 0.3,
}
"""No healthy drive of that kind takes longer from a pressed pedal to a push: a gear change, the restart of an engine
that rested, the lag of a motor. A test holds the generator's healthy cars to it."""

_DRIVE_NODES = ("PCM", "BMS")
_ALIVE = frozenset({Vss.ENGINE_RUNNING, Vss.ENGINE_SPEED, Vss.POWER_CONNECTED, Vss.DRIVE_READY})


@dataclass(frozen=True, slots=True)
class Truth:
    """What happened and what is to be expected; times in seconds since the case began, None: never.

    begin_s: when the fault began. shown_by: what made it observable. unobservable: why no signal of this variant
    can show it. kinds: names of an incident that fit. incident: whether one is expected.
    """

    begin_s: float | None
    lost_s: float | None
    observable_s: float | None
    shown_by: str
    speed_kph: float | None
    kinds: tuple[str, ...]
    incident: bool
    unobservable: str = ""


class Witness:
    """Hears the car from inside; keeps when the drive was lost and when it first showed."""

    def __init__(self, kind: CarKind, plan: CarPlan, vehicle: VehicleSpec, begin_s: float) -> None:
        self._begin_s = begin_s
        self._plan, self._vehicle = plan, vehicle
        self._known = mapped(plan)
        self._messages = {m.name: frozenset(signal.vss for signal in m.signals) for m in plan.messages}
        self._answer_s = ANSWER_S[kind]
        self._stops_engine = kind in (CarKind.HYBRID, CarKind.MILD_HYBRID)
        self._hybrid = kind is CarKind.HYBRID
        self._motor = kind in (CarKind.HYBRID, CarKind.ELECTRIC)
        self.lost_s: float | None = None
        self.shown_s: float | None = None
        self.shown_by = ""
        self.speed_kph: float | None = None
        self._asked_s: float | None = None
        self._least_mps = self._asked_mps = self._noted_s = 0.0
        self._missed: tuple[float, str, float] | None = None
        self._candidate: tuple[float, str, float] | None = None

    # What it hears ------------------------------------------------------------------------

    def said(self, name: str, at_s: float, journey: Journey) -> None:
        """A message went out."""
        if at_s < self._begin_s:
            return
        self._follow(at_s, journey)
        signals = self._messages.get(name)
        if signals is None or self.lost_s is None:
            return
        self._confirm(name, at_s)
        self._last_of(journey, at_s)
        tell = self._tell(name, signals, journey, at_s)
        if tell:
            self._show(at_s, tell, journey.vehicle.speed_mps * 3.6, crash=tell == "airbag")

    def missed(self, name: str, at_s: float, journey: Journey) -> None:
        """A message was due and its sender was silent."""
        if at_s < self._begin_s:
            return
        self._follow(at_s, journey)
        signals = self._messages.get(name)
        if self.lost_s is None or self._missed is not None or not signals or not signals & _ALIVE:
            return
        if name.partition("_")[0] in _DRIVE_NODES:
            self._missed = (at_s, name, journey.vehicle.speed_mps * 3.6)

    def _confirm(self, name: str, at_s: float) -> None:
        """Silence tells something only while somebody else still speaks."""
        if self._missed is None or name.partition("_")[0] == self._missed[1].partition("_")[0]:
            return
        missed_s, silent, speed_kph = self._missed
        if missed_s < at_s:
            self._show(missed_s, f"silence of {silent}", speed_kph)

    def _show(self, at_s: float, tell: str, speed_kph: float, crash: bool = False) -> None:
        """A sign; it counts once the car has gone on for long enough."""
        if crash:
            self.shown_s, self.shown_by, self.speed_kph = min(at_s, self.shown_s or at_s), tell, speed_kph
        elif self._candidate is None or at_s < self._candidate[0]:
            self._candidate = (at_s, tell, speed_kph)

    def _last_of(self, journey: Journey, at_s: float) -> None:
        """Whether the earliest sign has been shown by a car that is still fast."""
        if self._candidate is None or self.shown_s is not None or at_s < self._candidate[0] + SHOWS_FOR_S:
            return
        if journey.vehicle.speed_mps * 3.6 >= self._plan.thresholds.alert_above_kph:
            self.shown_s, self.shown_by, self.speed_kph = self._candidate

    def _follow(self, at_s: float, journey: Journey) -> None:
        """The drive is lost when it is lost for good."""
        if journey.vehicle.powered:
            self.lost_s = self.shown_s = self._missed = self._asked_s = self._candidate = None
        elif self.lost_s is None:
            self.lost_s = at_s

    # What tells it ------------------------------------------------------------------------

    def _tell(self, name: str, signals: frozenset[Vss], journey: Journey, at_s: float) -> str:
        vehicle, controls = journey.vehicle, journey.controls
        if name == "PCM_Drive":
            self._note_pedal(journey, at_s)
        if Vss.AIRBAG_DEPLOYED in signals and vehicle.airbag:
            return "airbag"
        up = controls.power_mode in IGNITION and ignition_on(vehicle, controls)
        if Vss.POWER_STATE in signals and not up:
            return "power mode"
        open_ = vehicle.traction is not None and vehicle.traction.contactors is not Contactors.CLOSED
        if Vss.POWER_CONNECTED in signals and open_:
            return "contactors"
        if Vss.DRIVE_READY in signals and vehicle.drive not in ANSWERS:
            return "drive not ready"
        if Vss.SUPPLY_VOLTAGE in signals and vehicle.supply.voltage_v < COLLAPSED_V:
            return "12 V"
        if Vss.ENGINE_SPEED in signals and self._engine_tells(journey):
            return "engine"
        return self._unanswered(signals, journey, at_s)

    def _engine_tells(self, journey: Journey) -> bool:
        """A standing engine, unless the car may have stopped it by itself as far as its signals say."""
        engine = journey.vehicle.engine
        if engine is None or self._hybrid or engine.speed_rad_s >= STALLS_BELOW_RAD_S:
            return False
        if Vss.ENGINE_RESTS in self._known:
            return engine.phase is EnginePhase.OFF
        may_stop_below_kph = self._plan.traits.start_stop_below_kph
        return not self._stops_engine and journey.vehicle.speed_mps * 3.6 >= may_stop_below_kph

    def _note_pedal(self, journey: Journey, at_s: float) -> None:
        """Since when the pedal asks, and how slow the weakest car could have become meanwhile."""
        vehicle, pedal = journey.vehicle, journey.driver.pedal
        asked_nm = asked_n(self._vehicle, vehicle, pedal) * self._vehicle.wheel_radius_m
        if pedal < LETS_GO or journey.driver.brake > 0.0:
            self._take_back()
        if asked_nm < ASKS_NM or journey.driver.brake > 0.0:
            self._asked_s = None
        elif self._asked_s is None:
            self._asked_s, self._least_mps, self._asked_mps = at_s, vehicle.speed_mps, vehicle.speed_mps
        else:
            answered = at_s >= self._asked_s + self._answer_s
            surely = pedal if answered and (self._motor or pedal >= SURELY_ANSWERED) else 0.0
            push_mps2 = surely * WEAKEST_W_PER_KG / max(self._least_mps, 1.0)
            against_mps2 = (WORST_ROLLING + STEEPEST) * GRAVITY_MPS2 + WORST_DRAG_PER_M * self._least_mps**2
            least_mps = self._least_mps + (push_mps2 - against_mps2) * (at_s - self._noted_s)
            self._least_mps = min(self._asked_mps, least_mps)
        self._noted_s = at_s

    def _take_back(self) -> None:
        """A question that was not asked for long enough: the foot is off."""
        if self._candidate is not None and self._candidate[1] in _QUESTIONS:
            self._candidate = None

    def _unanswered(self, signals: frozenset[Vss], journey: Journey, at_s: float) -> str:
        """The pedal's question to which no answer came."""
        if self._asked_s is None or at_s < self._asked_s + self._answer_s or Vss.PEDAL_POSITION not in self._known:
            return ""
        if Vss.DRIVE_TORQUE in signals and journey.vehicle.drive_nm <= NO_PUSH_NM:
            return NO_TORQUE
        if Vss.SPEED in signals and Vss.DRIVE_TORQUE not in self._known:
            missing_kph = (self._least_mps - journey.vehicle.speed_mps) * 3.6
            return NO_SPEED if missing_kph >= SLOWER_KPH else ""
        return ""
