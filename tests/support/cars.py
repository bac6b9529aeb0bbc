"""What findings should weigh, said once more and independently of the code: by car, contradiction and message."""

from dataclasses import dataclass

from hardshoulder.core.actions import Finding
from hardshoulder.core.plan import CarPlan, Traits
from hardshoulder.core.vocabulary import Propulsion, Value, Vss
from support.plain import plain_car

F = Finding

SAYS: dict[Finding, dict[Vss, Value]] = {
    F.CRASH: {Vss.AIRBAG_DEPLOYED: True},
    F.SWITCHED_OFF: {Vss.POWER_STATE: "OFF", Vss.IGNITION_SWITCH: "OFF"},
    F.POWER_LOST: {Vss.POWER_STATE: "OFF"},
    F.CONTACTORS_OPEN: {Vss.POWER_CONNECTED: False},
    F.ENGINE_STOPPED: {Vss.ENGINE_RUNNING: False, Vss.ENGINE_SPEED: 0.0},
    F.DRIVE_NOT_READY: {Vss.DRIVE_READY: False},
    F.SUPPLY_COLLAPSED: {Vss.SUPPLY_VOLTAGE: 8.0},
    F.STOP_NOW: {Vss.OVERHEATED: True},
    F.LIMP_HOME: {Vss.LIMP_HOME: True},
    F.MALFUNCTION: {Vss.MALFUNCTION: True},
}
"""The findings that a car can simply say, and how."""

MESSAGE = {
    F.CRASH: "Crash", F.SWITCHED_OFF: "Power", F.POWER_LOST: "Power", F.CONTACTORS_OPEN: "Contactors",
    F.ENGINE_STOPPED: "Engine", F.DRIVE_NOT_READY: "Drive", F.SUPPLY_COLLAPSED: "Supply", F.STOP_NOW: "Warnings",
    F.LIMP_HOME: "Drive", F.MALFUNCTION: "Warnings",
}  # fmt: skip
HOLD_S = {
    F.CRASH: 0.0, F.SWITCHED_OFF: 0.6, F.POWER_LOST: 0.6, F.CONTACTORS_OPEN: 0.2, F.ENGINE_STOPPED: 0.3,
    F.DRIVE_NOT_READY: 0.3, F.SUPPLY_COLLAPSED: 0.7, F.STOP_NOW: 1.0, F.LIMP_HOME: 0.5, F.MALFUNCTION: 0.0,
}  # fmt: skip
OPENS = {F.CRASH, F.SWITCHED_OFF, F.POWER_LOST, F.CONTACTORS_OPEN, F.ENGINE_STOPPED, F.DRIVE_NOT_READY}


@dataclass(frozen=True)
class Car:
    """A kind of car. rests: it says when its engine rests. ready, torque: it says so at all."""

    propulsion: Propulsion
    coasts: bool = False
    start_stop_kph: float = 0.0
    rests: bool = True
    ready: bool = True
    torque: bool = True

    @property
    def plan(self) -> CarPlan:
        """The car as the core knows it."""
        absent = {Vss.ENGINE_RESTS: self.rests, Vss.DRIVE_READY: self.ready, Vss.DRIVE_TORQUE: self.torque}
        return plain_car(
            self.propulsion,
            without=frozenset(vss for vss, mapped in absent.items() if not mapped),
            traits=Traits(self.start_stop_kph, self.coasts),
        )

    def maps(self, finding: Finding) -> bool:
        """Whether the car has what says so."""
        carried = {signal.vss for message in self.plan.messages for signal in message.signals}
        return SAYS[finding].keys() <= carried

    def weight(self, finding: Finding) -> float:
        """What the finding weighs while nothing speaks against it."""
        electric, hybrid = (self.propulsion is kind for kind in (Propulsion.ELECTRIC, Propulsion.HYBRID))
        if finding in (F.CRASH, F.SWITCHED_OFF, F.POWER_LOST):
            return 1.0
        if finding is F.CONTACTORS_OPEN:
            return 1.0 if electric or hybrid else 0.0
        if finding is F.ENGINE_STOPPED:
            return 0.0 if electric else 1.0 if not hybrid and (not self.coasts or self.rests) else 0.4
        if finding is F.DRIVE_NOT_READY:
            return 1.0 if electric or hybrid else 0.6
        return {F.SUPPLY_COLLAPSED: 0.6, F.MALFUNCTION: 0.2}.get(finding, 0.4)

    def contradicted(self, finding: Finding, *, ready: bool, pushing: bool, turning: bool) -> bool:
        """Whether the drive says that it cannot be so."""
        pushes, says_ready = pushing and self.torque, ready and self.ready
        if finding in (F.SWITCHED_OFF, F.POWER_LOST, F.ENGINE_STOPPED):
            return pushes or says_ready
        if finding is F.CONTACTORS_OPEN:
            return pushes or (turning and self.maps(F.ENGINE_STOPPED))
        return pushes and finding is F.DRIVE_NOT_READY

    def verdict(self, said: set[Finding], *, pushing: bool) -> Finding | None:
        """The kind of the incident that these findings, said at once, add up to; None when they open none.

        They count one after the other: what opens it names it, until something joins that tells more.
        """
        held = {finding for finding in said if self.maps(finding) and self.weight(finding)}
        if F.SWITCHED_OFF in held:
            held.discard(F.POWER_LOST)
        drive = {"ready": F.DRIVE_NOT_READY not in said, "pushing": pushing, "turning": F.ENGINE_STOPPED not in said}
        denied = {finding for finding in held if self.contradicted(finding, **drive)}
        stages = sorted({HOLD_S[finding] for finding in held})
        names = [self._name({each for each in held if HOLD_S[each] <= stage}, denied) for stage in stages]
        return min((name for name in names if name), key=list(Finding).index, default=None)

    def _name(self, held: set[Finding], denied: set[Finding]) -> Finding | None:
        """What these would be called together, were they all."""
        weights = {finding: self.weight(finding) / (2 if finding in denied else 1) for finding in held}
        heaviest: dict[str, float] = {}
        for finding, weight in weights.items():
            witness = "denied" if finding in denied else MESSAGE[finding]
            heaviest[witness] = max(weight, heaviest.get(witness, 0.0))
        if not held & OPENS or round(sum(heaviest.values()), 6) < 1.0:
            return None
        in_order = [finding for finding in Finding if finding in held]
        return next((finding for finding in in_order if weights[finding] >= 0.5), in_order[0])


KINDS: dict[str, Car] = {
    "combustion": Car(Propulsion.COMBUSTION),
    "start-stop": Car(Propulsion.COMBUSTION, start_stop_kph=25.0, rests=False),
    "coasting": Car(Propulsion.COMBUSTION, coasts=True),
    "coasting in silence": Car(Propulsion.COMBUSTION, coasts=True, rests=False),
    "hybrid": Car(Propulsion.HYBRID),
    "electric": Car(Propulsion.ELECTRIC),
}
CARS = [
    Car(car.propulsion, car.coasts, car.start_stop_kph, car.rests, ready, torque)
    for car in KINDS.values() for ready in (True, False) for torque in (True, False)
]  # fmt: skip
