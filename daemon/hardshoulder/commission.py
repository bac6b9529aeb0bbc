"""`hardshoulder commission`: at standstill, with a person in the car, the hazards are flashed once and seen.

bus ─▶ every message and the VIN fit the profile ─▶ permit (a driver's test) ─▶ lamps ─▶ readback ─▶ person ─▶ record.
Any doubt ends it with one sentence, with the lamps off and no record.
"""

import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from hardshoulder import __version__
from hardshoulder.core.actions import HazardState
from hardshoulder.core.bits import extract
from hardshoulder.core.decode import Decoder
from hardshoulder.core.frame import Frame, id_text
from hardshoulder.core.hazard import Hazard
from hardshoulder.core.permit import Permit
from hardshoulder.core.plan import CarPlan, Readback, VinPart
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Vss
from hardshoulder.edge.links import Links
from hardshoulder.errors import UserError
from hardshoulder.plan_cache import Bundle
from hardshoulder.record import Record, withdraw_record, write_record

FLASH_S = 3.0
LISTEN_S = 10.0
"""For every message to be heard; the slowest VINs come every few seconds."""
GO_DARK_S = 4.0
TURN_S = 0.05


class Bench:
    """The car on its buses, as the daemon would meet it, and a permit that knows no lease but a driver's test."""

    def __init__(self, bundle: Bundle) -> None:
        self.plan: CarPlan = bundle.plan
        self.senses = Senses(self.plan)
        self.hazard = Hazard(self.plan.hazard, self.plan.thresholds, self.senses)
        self.permit = Permit(bundle.allowed, armed=bundle.settings.armed)
        self.heard: set[str] = set()
        self._decoder = Decoder(self.plan)
        parts = self.plan.vin.parts if self.plan.vin is not None else ()
        self._vin: dict[VinPart, str] = dict.fromkeys(parts, "")
        wanted = self._decoder.wanted | self.permit.listed | {(part.bus, part.can_id) for part in parts}
        self._links = Links(bundle.settings.buses, wanted)

    def close(self) -> None:
        """Shuts the gate and gives the buses back."""
        self.permit.close()
        self._links.close()

    @property
    def missing(self) -> list[str]:
        """The messages that have not been heard as the profile describes them."""
        faults = {name: fault.value for name, fault in self._decoder.faults}
        return [
            f"{message.bus} {id_text(message.can_id)} {message.name}"
            + (f" ({faults[message.name]})" if message.name in faults else "")
            for message in self.plan.messages
            if message.name not in self.heard
        ]

    @property
    def vin(self) -> str:
        """The VIN as far as it was heard; "" while a part is missing."""
        return "".join(self._vin.values()) if all(self._vin.values()) else ""

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Lets the car talk and the lamps have their frames; whether `until` came true. Raises UserError."""
        end_s = time.monotonic() + seconds
        while not until():
            now_s = time.monotonic()
            if now_s >= end_s:
                return False
            self._links.open_missing(now_s)
            due_s = min(end_s, now_s + TURN_S, self.hazard.next_deadline())
            for key, _ in self._links.selector.select(max(0.0, due_s - now_s)):
                for frame in self._links.receive(key.data, now_s):
                    self._take(frame)
            self._send(time.monotonic())
        return True

    def _take(self, frame: Frame) -> None:
        if self.permit.overhear(frame.bus, frame.can_id, frame.at_s):
            raise UserError(
                f"another sender is heard on {frame.bus} {id_text(frame.can_id)}: "
                "this profile must not command this car; ship it receive-only"
            )
        for part in self._vin:
            if (part.bus, part.can_id, part.length) == (frame.bus, frame.can_id, len(frame.data)):
                self._read_vin(part, frame.data)
        decoded = self._decoder.decode(frame)
        if decoded is None:
            return
        self.senses.heard(decoded.message, frame.at_s, believed=decoded.believed)
        if decoded.believed:
            self.heard.add(decoded.message.name)
        for vss, value in decoded.readings:
            self.senses.update(vss, value, frame.at_s)

    def _read_vin(self, part: VinPart, data: bytes) -> None:
        if all(extract(data, gate.selector) in gate.values for gate in part.multiplex):
            raw = extract(data, part.field) & ((1 << part.field.length) - 1)
            self._vin[part] = raw.to_bytes(part.field.length // 8, "big").decode("ascii", "replace").strip("\0 ")

    def _send(self, now_s: float) -> None:
        self.hazard.look(now_s)
        for frame in self.hazard.due(now_s):
            if self.permit.check(frame.bus, frame.can_id, frame.data, now_s) is None:
                self._links.send(frame, now_s)

    def check_standing(self) -> None:
        """Raises UserError unless the car says that it stands."""
        speed_kph = self.senses.motion_kph(time.monotonic())
        if speed_kph is None:
            raise UserError(f"{Vss.SPEED} is not heard: nobody knows whether the car stands; switch the ignition on")
        if speed_kph >= self.plan.thresholds.standstill_below_kph:
            raise UserError(f"the car moves at {speed_kph:.0f} km/h: commission it at standstill")


class Dialogue:
    """Says what is done, and asks the person in the car."""

    def __init__(self, answers: TextIO | None = None, out: TextIO | None = None) -> None:
        self._answers, self._out = answers or sys.stdin, out or sys.stdout

    def say(self, text: str) -> None:
        """A line for the person."""
        print(text, file=self._out, flush=True)

    def confirm(self, question: str, otherwise: str) -> None:
        """Asks until it is yes or no. Raises UserError with `otherwise` for no, and when nobody answers."""
        while True:
            print(f"{question} [yes/no] ", end="", file=self._out, flush=True)
            line = self._answers.readline()
            if not line:
                raise UserError("nobody answered; commissioning needs a person at the terminal")
            if line.strip().lower() in ("yes", "no"):
                break
        if line.strip().lower() == "no":
            raise UserError(otherwise)


def commission(config: Path, bundle: Bundle, dialogue: Dialogue | None = None) -> Path:
    """The whole procedure; the record that was written. Raises UserError with what keeps the car from being armed."""
    talk = dialogue or Dialogue()
    if bundle.plan.hazard.command is None:
        raise UserError(f"{config}: profile {bundle.plan.profile} takes no command, so there is nothing to commission")
    if not bundle.settings.armed:
        raise UserError(f'{config}: mode is "monitor", which sends nothing at all; set mode = "armed" to commission it')
    talk.confirm(
        "The hazard lights will flash for three seconds. Are you in the car, and does it stand safely?",
        "not commissioned: it needs a person in a car that stands safely",
    )
    bench = Bench(bundle)
    try:
        vin = _identify(bench, bundle, talk)
        withdraw_record(config)
        seen = _flash(bench, talk)
    finally:
        bench.close()
    talk.confirm(
        "Did the hazard lights flash, all of them, and are they dark again?",
        "not commissioned: the lamps did not do what they were asked for; compare `check` with the car's documents",
    )
    record = Record(
        vehicle=bundle.settings.vehicle,
        profile=bundle.plan.profile,
        digest=bundle.plan.digest,
        software=__version__,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        vin=vin,
        seen=seen,
    )
    path = write_record(config, record)
    talk.say(f"commissioned: {path}")
    return path


def _identify(bench: Bench, bundle: Bundle, talk: Dialogue) -> str:
    """Bus, ids and VIN fit the profile; the VIN, where the car says it."""
    plan = bench.plan
    talk.say(f"listening for {len(plan.messages)} messages")
    if not bench.run(LISTEN_S, lambda: not bench.missing and (plan.vin is None or bool(bench.vin))):
        lacking = [*bench.missing, *(["the VIN"] if plan.vin is not None and not bench.vin else [])]
        raise UserError(f"not heard within {LISTEN_S:g} s as profile {plan.profile} describes it: {', '.join(lacking)}")
    bench.check_standing()
    if plan.vin is None:
        talk.confirm(
            f"This car does not tell its VIN. Is it {bundle.settings.vehicle}, and a car of profile {plan.profile}?",
            f"not commissioned: this is not {bundle.settings.vehicle}, or profile {plan.profile} is for another car",
        )
    elif re.fullmatch(plan.vin.pattern, bench.vin) is None:
        raise UserError(
            f"the VIN {bench.vin} does not fit {plan.vin.pattern!r}: profile {plan.profile} is for another car"
        )
    else:
        talk.say(f"VIN {bench.vin}")
    return bench.vin


def _flash(bench: Bench, talk: Dialogue) -> bool:
    """Three seconds of hazards, read back where the car tells; whether it did."""
    readable = bench.plan.hazard.readback is not Readback.NONE
    if bench.hazard.flashing(time.monotonic()):
        raise UserError("the hazard lights flash already: switch them off, and commission again")
    begin_s = time.monotonic()
    bench.permit.open_for_test(begin_s, FLASH_S + GO_DARK_S)
    bench.hazard.request(begin_s)
    try:
        bench.run(FLASH_S, lambda: _moved(bench))
        state = bench.hazard.state
    finally:
        over_s = bench.hazard.release(time.monotonic())
        bench.run(GO_DARK_S, lambda: _is_over(bench, over_s))
    bench.check_standing()
    if readable and state is not HazardState.CONFIRMED:
        raise UserError(f"the hazards were asked for and not seen to flash ({state.value}): the profile does not fit")
    if readable and bench.hazard.flashing(time.monotonic()):
        raise UserError("the hazards flash on after they were taken back; switch them off, and do not arm this car")
    talk.say("the car tells that they flashed" if readable else "this car cannot tell whether they flashed")
    return readable


def _moved(bench: Bench) -> bool:
    speed_kph = bench.senses.motion_kph(time.monotonic())
    return speed_kph is None or speed_kph >= bench.plan.thresholds.standstill_below_kph


def _is_over(bench: Bench, over_s: float) -> bool:
    now_s = time.monotonic()
    return now_s > over_s and not bench.hazard.flashing(now_s)
