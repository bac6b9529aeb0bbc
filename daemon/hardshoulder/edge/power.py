"""What supply and ignition say, by the car's signals or by files of the system, and the rest that the module takes."""

from pathlib import Path

from hardshoulder.core.actions import State
from hardshoulder.core.power import Look, Power, PowerReport, PowerState
from hardshoulder.core.responder import Responder
from hardshoulder.core.vocabulary import Vss
from hardshoulder.core.words import POWER_DOWN, POWER_UP
from hardshoulder.edge.courier import Courier
from hardshoulder.edge.location import Receiver
from hardshoulder.edge.recorder import Recorder
from hardshoulder.edge.surroundings import Say
from hardshoulder.settings import PowerSettings

READ_EVERY_S = 1.0
"""How often the files are read; while it sleeps, whenever the loop comes round."""
AWAKE_TURN_S, ASLEEP_TURN_S = 1.0, 30.0
"""The longest that the loop waits by itself; traffic on a bus ends every wait at once."""

_DRIVES = frozenset({State.DRIVING, State.SUSPECT, State.DRIVING_ON})


class PowerWatch:
    """Looks at the car's power once in a turn of the loop; for that one thread."""

    def __init__(self, settings: PowerSettings, say: Say, now_s: float) -> None:
        self._settings, self._say = settings, say
        self._power = Power(settings.limits, now_s)
        self._heard_s = now_s
        self._read_at_s = now_s
        self._file_volts: float | None = None
        self._file_ignition: bool | None = None
        self._broken: set[Path] = set()
        self.report = PowerReport(PowerState.AWAKE, None, None, low_radio=False, hazards=True)
        """What others are told."""

    @property
    def asleep(self) -> bool:
        """Whether the module sleeps."""
        return self.report.state is PowerState.ASLEEP

    @property
    def turn_s(self) -> float:
        """The longest that the loop may wait."""
        return ASLEEP_TURN_S if self.asleep else AWAKE_TURN_S

    def heard(self, now_s: float) -> None:
        """Something came on a bus."""
        self._heard_s = now_s

    def look(self, responder: Responder, now_s: float, *, busy: bool) -> bool:
        """Takes in how the car is; whether what is told of it changed. busy: an alert is on its way."""
        self._read(now_s)
        ignition, volts = self._ignition(responder, now_s), self._volts(responder, now_s)
        in_use = responder.incident is not None or responder.state is not State.PARKED
        drives = responder.state in _DRIVES
        verdict = self._power.look(Look(in_use, drives, ignition, volts, self._heard_s, busy), now_s)
        low_radio = not verdict.radio and verdict.state is not PowerState.ASLEEP
        before = self.report
        self.report = PowerReport(verdict.state, ignition, volts, low_radio, verdict.hazards)
        return (before.state, before.low_radio, before.hazards) != (verdict.state, low_radio, verdict.hazards)

    def obey(self, courier: Courier | None, recorder: Recorder, receiver: Receiver) -> None:
        """What rests by what was found."""
        report = self.report
        supply = "unknown" if report.supply_v is None else f"{report.supply_v:.1f} V"
        given_up = [name for name, gone in (("radio", report.low_radio), ("hazards", not report.hazards)) if gone]
        self._say(
            "warning" if given_up else "info",
            f"power={report.state.value} supply={supply} given-up={','.join(given_up) or 'nothing'}",
        )
        recorder.rest(self.asleep)
        receiver.rest(self.asleep)
        if courier is not None:
            courier.rest("asleep" if self.asleep else "low-supply" if report.low_radio else None)

    def _ignition(self, responder: Responder, now_s: float) -> bool | None:
        if self._settings.ignition_file is not None:
            return self._file_ignition
        state = responder.senses.value(Vss.POWER_STATE, now_s)
        return True if state in POWER_UP else False if state in POWER_DOWN else None

    def _volts(self, responder: Responder, now_s: float) -> float | None:
        if self._settings.supply_file is not None:
            return self._file_volts
        return responder.senses.number(Vss.SUPPLY_VOLTAGE, now_s)

    def _read(self, now_s: float) -> None:
        if now_s < self._read_at_s:
            return
        self._read_at_s = now_s + READ_EVERY_S
        settings = self._settings
        volts, ignition = self._number(settings.supply_file), self._number(settings.ignition_file)
        self._file_volts = None if volts is None else volts * settings.supply_scale
        self._file_ignition = None if ignition is None else ignition != 0

    def _number(self, path: Path | None) -> float | None:
        """What a file of the system says; None: nobody knows, which changes nothing."""
        if path is None:
            return None
        try:
            number = float(path.read_text("ascii"))
        except (OSError, ValueError) as error:
            if path not in self._broken:
                self._broken.add(path)
                self._say("warning", f"{path}: {getattr(error, 'strerror', None) or 'no number'}; it is not known")
            return None
        self._broken.discard(path)
        return number
