"""Profile and DBC in, the core's plan out.

The only place that knows cantools; the daemon runs it in a child process (`hardshoulder compile`)
so that neither cantools nor pydantic weighs on the process that watches the car.
"""

import hashlib
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from cantools.database.can import Message, Signal

from hardshoulder import __version__
from hardshoulder.core.bits import fits, insert, mask_of
from hardshoulder.core.frame import EXTENDED
from hardshoulder.core.plan import (
    CarPlan,
    Checksum,
    Counter,
    Field,
    FieldKind,
    HazardCommand,
    HazardPlan,
    MessagePlan,
    Multiplex,
    SignalPlan,
    Traits,
)
from hardshoulder.core.vocabulary import UNITS, Vss
from hardshoulder.dbc_file import DbcMessage, read_dbc
from hardshoulder.errors import UserError
from hardshoulder.profile import (
    FACTORS,
    CommandKeys,
    MessageKeys,
    Profile,
    SignalKeys,
    load_profile,
    merge_thresholds,
)
from hardshoulder.toml_file import Strict

STALE_AFTER_AT_LEAST_S = 0.5
STALE_AFTER_CYCLES = 4
CLASSIC_PAYLOAD = 8


@dataclass(slots=True)
class _Compiler:
    """One profile being compiled; problems are collected and told together."""

    profile: Profile
    path: Path
    messages: dict[str, DbcMessage]
    problems: list[str] = field(default_factory=list)

    def problem(self, key: str, text: str) -> None:
        self.problems.append(f"{self.path}: {key}: {text}")

    def signal(self, key: str, message: str, name: str) -> Signal | None:
        """The DBC's signal; a problem and None when there is none."""
        found = self.messages.get(message)
        if found is None:
            return None
        for signal in found.message.signals:
            if signal.name == name:
                return signal
        known = ", ".join(found.signals) or "none"
        self.problem(key, f"{message} in {found.source} has no signal {name!r}; it has {known}")
        return None

    def field(self, key: str, message: str, name: str) -> Field | None:
        """The bit field of a DBC signal."""
        signal = self.signal(key, message, name)
        return None if signal is None else self._field_of(key, message, signal)

    def _field_of(self, key: str, message: str, signal: Signal) -> Field | None:
        kind = FieldKind.FLOAT if signal.is_float else FieldKind.SIGNED if signal.is_signed else FieldKind.UNSIGNED
        made = Field(signal.start, signal.length, signal.byte_order == "little_endian", kind)
        if not fits(made, self.length(message)):
            self.problem(key, f"signal {signal.name} does not fit into the {self.length(message)} bytes of {message}")
            return None
        return made

    def keys(self, message: str) -> MessageKeys:
        """What the profile says of the message as a whole."""
        return self.profile.messages.get(message, MessageKeys())

    def length(self, message: str) -> int:
        """Payload bytes."""
        keys = self.keys(message)
        return self.messages[message].message.length if keys.length is None else keys.length

    def counter(self, message: str) -> Counter | None:
        keys = self.keys(message).counter
        if keys is None:
            return None
        key = f"messages.{message}.counter"
        place = self.field(f"{key}.signal", message, keys.signal)
        if place is not None and keys.modulo > 1 << place.length:
            self.problem(
                f"{key}.modulo", f"{keys.modulo} does not fit into {place.length} bits; at most {1 << place.length}"
            )
        checksum = self.keys(message).checksum
        if checksum is not None and checksum.signal == keys.signal:
            self.problem(f"{key}.signal", f"{keys.signal} is the checksum already; name the signal that counts")
        return None if place is None else Counter(place, keys.modulo)

    def checksum(self, message: str) -> Checksum | None:
        keys = self.keys(message).checksum
        if keys is None:
            return None
        key = f"messages.{message}.checksum"
        place = self.field(f"{key}.signal", message, keys.signal)
        covers = [self.field(f"{key}.covers", message, name) for name in keys.covers]
        if keys.signal in keys.covers:
            self.problem(f"{key}.covers", f"a checksum cannot cover itself; remove {keys.signal}")
        if place is None or any(cover is None for cover in covers):
            return None
        return Checksum(place, keys.kind, keys.data_id, tuple(cover for cover in covers if cover is not None))

    def cycle_s(self, message: str) -> float:
        """From the profile, else from the DBC; a problem when neither says."""
        cycle_s = self.keys(message).cycle_s or self.messages[message].cycle_s
        if cycle_s is None:
            self.problem(
                f"messages.{message}.cycle_s", "neither profile nor DBC gives the cycle time; add it in seconds"
            )
        return cycle_s or 1.0

    def bus(self, message: str) -> str:
        """The message's bus; the only one where the profile has one."""
        named = self.keys(message).bus
        if named is None and len(self.profile.bus) > 1:
            self.problem(f"messages.{message}.bus", "the profile has several buses; say on which this message is")
        return named or self.profile.bus[0].name

    def check_raws(self, key: str, place: Field, raws: list[int]) -> None:
        """A problem for every raw number that the field can never hold."""
        if place.kind is FieldKind.FLOAT:
            return
        lowest = -(1 << place.length - 1) if place.kind is FieldKind.SIGNED else 0
        highest = lowest + (1 << place.length) - 1
        for raw in raws:
            if not lowest <= raw <= highest:
                self.problem(key, f"{raw} can never be read: the raw number is between {lowest} and {highest}")


def needed_signals(profile: Profile) -> dict[str, frozenset[str]]:
    """Message name to the DBC signals that the profile relies on."""
    needed: dict[str, set[str]] = {}
    for signal in profile.signals.values():
        needed.setdefault(signal.message, set()).add(signal.signal)
    if profile.hazard.command is not None:
        command = profile.hazard.command
        needed.setdefault(command.message, set()).update(command.on, command.off)
    for name, wanted in needed.items():
        keys = profile.messages.get(name, MessageKeys())
        wanted |= {part.signal for part in (keys.counter, keys.checksum) if part is not None}
        wanted |= set(keys.checksum.covers) if keys.checksum is not None else set()
    return {name: frozenset(wanted) for name, wanted in needed.items()}


def _from_package(reference: str, path: Path) -> Path:
    """`opendbc:NAME`: a file of the package opendbc, where it is installed."""
    name = reference.removeprefix("opendbc:")
    spec = importlib.util.find_spec("opendbc")
    folders = [] if spec is None else [Path(place) for place in spec.submodule_search_locations or ()]
    for folder in folders:
        if (found := folder / "dbc" / f"{name}.dbc").is_file():
            return found
    state = "is not installed" if spec is None else f"has no file {name}.dbc"
    raise UserError(
        f"{path}: dbc: the package opendbc {state}; install it, or name the file: `dbc` in the configuration, or --dbc"
    )


def dbc_paths(profile: Profile, path: Path, given: tuple[Path, ...]) -> tuple[Path, ...]:
    """The DBC files to read: those given, else the one the profile names. Raises UserError."""
    if given:
        return given
    if profile.dbc is None:
        raise UserError(
            f"{path}: dbc: this profile ships without its DBC file; name it: `dbc` in the configuration, or --dbc"
        )
    if profile.dbc.startswith("opendbc:"):
        return (_from_package(profile.dbc, path),)
    return (path.parent / profile.dbc,)


def _check_messages(work: _Compiler, needed: dict[str, frozenset[str]], files: tuple[Path, ...]) -> None:
    """Problems of messages that are missing, that nobody uses, and that cannot be told apart."""
    for name in sorted(needed.keys() - work.messages.keys()):
        work.problem(f"message {name}", f"not in {', '.join(map(str, files))}; name the DBC file that has it")
    for name in work.profile.messages:
        if name not in needed:
            work.problem(f"messages.{name}", "no signal and no command uses this message; remove it or mend its name")
    first: dict[tuple[str, int], str] = {}
    for name in dict.fromkeys(keys.message for keys in work.profile.signals.values()):
        if name in work.messages:
            place = work.bus(name), _can_id(work.messages[name].message)
            if (other := first.setdefault(place, name)) != name:
                work.problem(
                    f"message {name}", f"has the id of {other} on bus {place[0]}; say on which bus each one is"
                )


def _read_all(paths: tuple[Path, ...], needed: dict[str, frozenset[str]]) -> tuple[dict[str, DbcMessage], list[str]]:
    found: dict[str, DbcMessage] = {}
    notes: list[str] = []
    for path in paths:
        messages, more = read_dbc(path, needed)
        found = messages | found  # the file given first wins
        notes += more
    return found, notes


def _signal_plan(work: _Compiler, vss: Vss, keys: SignalKeys) -> SignalPlan | None:
    key = f'signals."{vss}"'
    signal = work.signal(f"{key}.signal", keys.message, keys.signal)
    if signal is None:
        return None
    place = work._field_of(key, keys.message, signal)
    if place is None:
        return None
    work.check_raws(f"{key}.not_available", place, keys.not_available)
    work.check_raws(f"{key}.values", place, [int(raw) for raw in keys.values])
    factor = 1.0 if keys.unit is None else FACTORS[UNITS[vss]][keys.unit]
    scale = float(signal.scale) * keys.scale * factor
    if scale == 0 and not keys.values:
        work.problem(key, f"the scale of {keys.signal} is 0: every reading would be the same; correct it")
    cycle_s = work.cycle_s(keys.message)
    lowest, highest = keys.valid or (None, None)
    return SignalPlan(
        vss=vss,
        field=place,
        scale=scale,
        offset=(float(signal.offset) * keys.scale + keys.offset) * factor,
        minimum=None if lowest is None else lowest * factor,
        maximum=None if highest is None else highest * factor,
        not_available=tuple(keys.not_available),
        values=tuple((int(raw), value) for raw, value in keys.values.items()),
        multiplex=_multiplex(work, key, keys.message, signal),
        cycle_s=cycle_s,
        stale_after_s=keys.stale_after_s or max(STALE_AFTER_AT_LEAST_S, STALE_AFTER_CYCLES * cycle_s),
    )


def _multiplex(work: _Compiler, key: str, message: str, signal: Signal) -> tuple[Multiplex, ...]:
    """The selectors from this signal up to the outermost one."""
    gates = []
    while signal.multiplexer_signal is not None:
        values = tuple(signal.multiplexer_ids or ())
        selector = work.signal(key, message, signal.multiplexer_signal)
        place = None if selector is None else work._field_of(key, message, selector)
        if selector is None or place is None:
            break
        gates.append(Multiplex(place, values))
        signal = selector
    return tuple(gates)


def _can_id(message: Message) -> int:
    return message.frame_id | (EXTENDED if message.is_extended_frame else 0)


def _message_plan(work: _Compiler, name: str, signals: tuple[SignalPlan, ...]) -> MessagePlan:
    return MessagePlan(
        name=name,
        bus=work.bus(name),
        can_id=_can_id(work.messages[name].message),
        length=work.length(name),
        cycle_s=work.cycle_s(name),
        counter=work.counter(name),
        checksum=work.checksum(name),
        signals=signals,
    )


def _payload(work: _Compiler, command: CommandKeys, which: str, values: dict[str, int]) -> bytes:
    """A payload with the named signals set; every other bit as `unused_bits` says, protection zero."""
    key = f"hazard.command.{which}"
    payload = bytearray([0xFF if command.unused_bits else 0] * work.length(command.message))
    keys = work.keys(command.message)
    protection = [part.signal for part in (keys.counter, keys.checksum) if part is not None]
    if missing := set(work.messages[command.message].signals) - set(protection) - values.keys():
        work.problem(key, f"say what {', '.join(sorted(missing))} shall be: every signal is sent")
    for name in sorted(values.keys() & set(protection)):
        work.problem(f"{key}.{name}", "counter and checksum are written for every frame; leave it out")
    for name, raw in [*values.items(), *((name, 0) for name in protection)]:
        place = work.field(key, command.message, name)
        if place is None:
            continue
        if not 0 <= raw < 1 << place.length:
            work.problem(f"{key}.{name}", f"{raw} does not fit; give 0 to {(1 << place.length) - 1}")
        else:
            insert(payload, place, raw)
    return bytes(payload)


def _hazard_plan(work: _Compiler) -> HazardPlan:
    keys = work.profile.hazard
    command = keys.command
    if command is None or command.message not in work.messages:
        return HazardPlan(None, keys.readback)
    on, off = (_payload(work, command, which, values) for which, values in (("on", command.on), ("off", command.off)))
    if on == off:
        work.problem("hazard.command", "on and off are the same frame; they have to differ in a signal")
    if len(on) > CLASSIC_PAYLOAD:
        work.problem(
            "hazard.command.message", f"{command.message} has {len(on)} bytes; a frame that is sent has at most 8"
        )
    return HazardPlan(
        HazardCommand(
            bus=work.bus(command.message),
            can_id=_can_id(work.messages[command.message].message),
            on=on,
            off=off,
            style=command.style,
            period_s=command.period_s,
            pulse_frames=command.pulse_frames,
            counter=work.counter(command.message),
            checksum=work.checksum(command.message),
        ),
        keys.readback,
    )


def fixed_bits(command: HazardCommand) -> bytes:
    """A mask of the payload bits that never change: all but counter and checksum."""
    free = tuple(part.field for part in (command.counter, command.checksum) if part is not None)
    moving = mask_of(free, len(command.on))
    return bytes(byte ^ 0xFF for byte in moving)


def _digest(files: tuple[Path, ...]) -> str:
    digest = hashlib.sha256(__version__.encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def compile_profile(
    path: Path,
    dbc: tuple[Path, ...] = (),
    language: str = "en",
    overrides: Strict | None = None,
) -> CarPlan:
    """The plan of the car that the profile describes.

    dbc: files that replace the one named in the profile. overrides: thresholds that win over
    the profile's. Raises UserError with every problem found.
    """
    profile = load_profile(path)
    files = dbc_paths(profile, path, dbc)
    needed = needed_signals(profile)
    found, notes = _read_all(files, needed)
    work = _Compiler(profile, path, found)
    _check_messages(work, needed, files)
    by_message: dict[str, list[SignalPlan]] = {}
    for vss, keys in profile.signals.items():
        if keys.message in found and (plan := _signal_plan(work, vss, keys)) is not None:
            by_message.setdefault(keys.message, []).append(plan)
    messages = tuple(_message_plan(work, name, tuple(signals)) for name, signals in by_message.items())
    hazard = _hazard_plan(work)
    if work.problems:
        raise UserError(*dict.fromkeys(work.problems))
    return CarPlan(
        profile=profile.name,
        digest=_digest((path, *files)),
        propulsion=profile.propulsion,
        traits=Traits(profile.traits.start_stop_below_kph, profile.traits.coasts_engine_off),
        thresholds=merge_thresholds(profile.thresholds, *([overrides] if overrides is not None else [])),
        buses=tuple(bus.name for bus in profile.bus),
        messages=messages,
        hazard=hazard,
        hazard_button=profile.hazard_button.get(language, profile.hazard_button["en"]),
        dropped=tuple(notes),
    )
