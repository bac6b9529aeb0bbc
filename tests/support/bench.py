"""One car's senses and condition without decoder and responder: values go in at times that a test says exactly."""

from hardshoulder.core.condition import Condition
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Value, Vss


class Bench:
    """A car on the bench."""

    def __init__(self, plan: CarPlan) -> None:
        self.plan = plan
        self.senses = Senses(plan)
        self.car = Condition(self.senses)
        self.said: dict[Vss, Value] = {}
        self.now_s = 0.0

    def say(self, at_s: float, **values: Value) -> "Bench":
        """The messages that carry these signals come, with all that was ever said in them."""
        named = {Vss[name.upper()]: value for name, value in values.items()}
        self.said |= named
        self.now_s = at_s
        for message in self.plan.messages:
            carried = {signal.vss for signal in message.signals}
            if not carried & named.keys():
                continue
            self.senses.heard(message, at_s, believed=True)
            self.car.silence.heard(message, at_s)
            for vss in sorted(carried & self.said.keys()):
                self.senses.update(vss, self.said[vss], at_s)
            self.car.note(message, at_s)
        return self

    def press(self, at_s: float, percent: float, **values: Value) -> "Bench":
        """A foot goes down: seen once on its way, which a sensor that leaps is not."""
        return self.say(at_s, pedal_position=percent - 0.02).say(at_s, pedal_position=percent, **values)

    def keep(self, until_s: float) -> "Bench":
        """Everything is said again every 0.2 s, and at until_s; neither a foot nor a torque is ever quite still."""
        said = {vss.name.lower(): value for vss, value in self.said.items()}
        restless = {
            name: (float(value), -0.01 if name == "drive_torque" and float(value) < 20.0 else 0.01)
            for name, value in said.items()
            if name in ("pedal_position", "drive_torque") and (value or name == "drive_torque")
        }
        while self.now_s + 0.2 < until_s:
            for name, (value, by) in restless.items():
                said[name] = value + (by if self.said[Vss[name.upper()]] == value else 0.0)
            self.say(self.now_s + 0.2, **said)
        return self.say(until_s, **said)
