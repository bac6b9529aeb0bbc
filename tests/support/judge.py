"""The rules of one car on the bench: what it says goes in at exact times, without decoder and responder."""

from hardshoulder.core.actions import Finding
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.rules import Rules, Watch
from hardshoulder.core.vocabulary import Value, Vss
from support.bench import Bench

HEALTHY: dict[str, Value] = {
    "airbag_deployed": False, "overheated": False, "engine_speed": 900.0, "drive_torque": 0.0, "power_connected": True,
    "power_state": "ON", "supply_voltage": 14.0, "limp_home": False, "malfunction": False,
}  # fmt: skip
"""What a car says that has nothing."""


class Judge:
    """A car at 60 km/h on the bench, with its rules."""

    def __init__(self, plan: CarPlan, kph: float = 60.0) -> None:
        mapped = {signal.vss for message in plan.messages for signal in message.signals}
        self.bench = Bench(plan).say(9.0, speed=kph)
        self.bench.say(9.0, **{name: value for name, value in HEALTHY.items() if Vss[name.upper()] in mapped}).keep(9.9)
        self.rules = Rules(self.bench.car)

    def say(self, at_s: float, **values: Value) -> "Judge":
        """The car says this, and the rules look at it."""
        self.bench.say(at_s, **values)
        self.rules.on_readings(tuple(Vss[name.upper()] for name in values), at_s)
        return self

    def watch(self, finding: Finding) -> Watch:
        """The rule that watches for this."""
        return next(watch for watch in self.rules.watches if watch.rule.finding is finding)
