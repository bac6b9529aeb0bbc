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
            self.car.heard(message, at_s)
            for vss in sorted(carried & self.said.keys()):
                self.senses.update(vss, self.said[vss], at_s)
            self.car.note(message, at_s)
        return self

    def keep(self, until_s: float) -> "Bench":
        """Everything is said again every 0.2 s, and at until_s; a foot on the pedal is never quite still."""
        said = {vss.name.lower(): value for vss, value in self.said.items()}
        pedal = float(said.get("pedal_position", 0.0))
        while self.now_s + 0.2 < until_s:
            if pedal:
                said["pedal_position"] = pedal + (0.01 if self.said[Vss.PEDAL_POSITION] == pedal else 0.0)
            self.say(self.now_s + 0.2, **said)
        return self.say(until_s, **said)
