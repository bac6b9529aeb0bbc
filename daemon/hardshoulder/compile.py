"""Profile and DBC in, the core's plan out.

The daemon runs it in a child process (`hardshoulder compile`), so that neither cantools nor
pydantic weighs on the process that watches the car.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

from cantools.database.can import Signal

from hardshoulder import __version__
from hardshoulder.core.bits import insert, mask_of
from hardshoulder.core.frame import EXTENDED, STANDARD_ID_MAX
from hardshoulder.core.plan import (
    CarPlan,
    FieldKind,
    HazardCommand,
    HazardPlan,
    MessagePlan,
    Multiplex,
    SignalPlan,
    Traits,
)
from hardshoulder.core.vocabulary import UNITS, Vss
from hardshoulder.errors import UserError
from hardshoulder.profile import FACTORS, CommandKeys, Profile, SignalKeys, load_profile, raws_of, shipped_profiles
from hardshoulder.resolve import Resolver, can_id_of, check_messages, dbc_paths, needed_signals, read_all
from hardshoulder.ruleset import Layer, merged, name_of

STALE_AFTER_AT_LEAST_S = 0.5
STALE_AFTER_CYCLES = 4
CLASSIC_PAYLOAD = 8

# ISO 15765-4: what a tester asks all control units with, and each of the eight that answer for emissions.
TESTER_IDS = (0x7DF, *range(0x7E0, 0x7E8))


def _signal_plan(work: Resolver, vss: Vss, keys: SignalKeys) -> SignalPlan | None:
    key = f'signals."{vss}"'
    signal = work.signal(f"{key}.signal", keys.message, keys.signal)
    if signal is None:
        return None
    place = work.field_of(key, keys.message, signal)
    if place is None:
        return None
    work.check_raws(f"{key}.not_available", place, keys.not_available)
    ranges = {raw: raws_of(raw) for raw in keys.values}
    work.check_raws(
        f"{key}.values", place, [end for raws in ranges.values() for end in dict.fromkeys((raws[0], raws[-1]))]
    )
    factor = 1.0 if keys.unit is None else FACTORS[UNITS[vss]][keys.unit]
    scale = float(signal.scale) * keys.scale * factor
    if scale == 0 and not keys.values:
        work.problem(key, f"the scale of {keys.signal} is 0: every reading would be the same; correct it")
    cycle_s = keys.cycle_s or work.cycle_s(keys.message)
    lowest, highest = keys.valid or (None, None)
    return SignalPlan(
        vss=vss,
        field=place,
        scale=scale,
        offset=(float(signal.offset) * keys.scale + keys.offset) * factor,
        minimum=None if lowest is None else lowest * factor,
        maximum=None if highest is None else highest * factor,
        not_available=tuple(keys.not_available),
        values=tuple((raw, value) for written, value in keys.values.items() for raw in ranges[written]),
        multiplex=(*_multiplex(work, key, keys.message, signal), *_flags(work, key, keys)),
        cycle_s=cycle_s,
        stale_after_s=keys.stale_after_s or max(STALE_AFTER_AT_LEAST_S, STALE_AFTER_CYCLES * cycle_s),
    )


def _multiplex(work: Resolver, key: str, message: str, signal: Signal) -> tuple[Multiplex, ...]:
    """The selectors from this signal up to the outermost one."""
    gates = []
    while signal.multiplexer_signal is not None:
        values = tuple(signal.multiplexer_ids or ())
        selector = work.signal(key, message, signal.multiplexer_signal)
        place = None if selector is None else work.field_of(key, message, selector)
        if selector is None or place is None:
            break
        gates.append(Multiplex(place, values))
        signal = selector
    return tuple(gates)


def _flags(work: Resolver, key: str, keys: SignalKeys) -> tuple[Multiplex, ...]:
    """The fields of the message that say whether this signal can be believed, with the raws that say so."""
    flags = []
    for name, raws in keys.valid_while.items():
        place = work.field(f"{key}.valid_while", keys.message, name)
        if place is not None:
            bits = replace(place, kind=FieldKind.UNSIGNED)
            work.check_raws(f"{key}.valid_while.{name}", bits, raws)
            flags.append(Multiplex(bits, tuple(raws)))
    return tuple(flags)


def _message_plan(work: Resolver, name: str, signals: tuple[SignalPlan, ...]) -> MessagePlan:
    return MessagePlan(
        name=name,
        bus=work.bus(name),
        can_id=can_id_of(work.messages[name].message),
        length=work.length(name),
        cycle_s=work.cycle_s(name),
        counter=work.counter(name),
        checksum=work.checksum(name),
        signals=signals,
    )


def _messages(work: Resolver) -> tuple[MessagePlan, ...]:
    """The messages that signals are read from, in the profile's order."""
    by_message: dict[str, list[SignalPlan]] = {}
    for vss, keys in work.profile.signals.items():
        if keys.message in work.messages and (plan := _signal_plan(work, vss, keys)) is not None:
            by_message.setdefault(keys.message, []).append(plan)
    return tuple(_message_plan(work, name, tuple(signals)) for name, signals in by_message.items())


def _payload(work: Resolver, command: CommandKeys, which: str, values: dict[str, int]) -> bytes:
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


def _hazard_plan(work: Resolver) -> HazardPlan:
    keys = work.profile.hazard
    command = keys.command
    if command is None or command.message not in work.messages:
        return HazardPlan(None, keys.readback, keys.until)
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
            can_id=can_id_of(work.messages[command.message].message),
            on=on,
            off=off,
            style=command.style,
            period_s=command.period_s,
            pulse_frames=command.pulse_frames,
            counter=work.counter(command.message),
            checksum=work.checksum(command.message),
            masks_indicators=command.masks_indicators,
        ),
        keys.readback,
        keys.until,
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


def _workshop(profile: Profile) -> tuple[tuple[str, int], ...]:
    """(bus, id) of the frames with which a workshop's tester asks, 29-bit ids with EXTENDED set."""
    buses = [bus.name for bus in profile.bus]
    requests = profile.diagnostics.requests
    asked = [(None, TESTER_IDS)] if requests is None else [(keys.bus, tuple(keys.ids)) for keys in requests]
    return tuple(
        dict.fromkeys(
            (bus, can_id if can_id <= STANDARD_ID_MAX else can_id | EXTENDED)
            for named, ids in asked
            for bus in (buses if named is None else [named])
            for can_id in ids
        )
    )


def _shipped_layer(profile: Profile, path: Path) -> Layer:
    """What the package ships for a car of this name; nothing of its own for a car that it does not know."""
    shipped = shipped_profiles().get(profile.name)
    if shipped is None:
        return Layer()
    return profile.layer if shipped.samefile(path) else load_profile(shipped).layer


def compile_profile(
    path: Path, dbc: tuple[Path, ...] = (), language: str = "en", config: Layer | None = None
) -> CarPlan:
    """The plan of the car that the profile describes.

    dbc: files that replace those named in the profile. config: thresholds and switches that win
    over the profile's. Raises UserError with every problem found.
    """
    profile = load_profile(path)
    files = dbc_paths(profile, path, dbc)
    needed = needed_signals(profile)
    found, notes = read_all(files, needed)
    work = Resolver(profile, path, found)
    check_messages(work, needed, files)
    messages = _messages(work)
    hazard = _hazard_plan(work)
    if work.problems:
        raise UserError(*dict.fromkeys(work.problems))
    config = config or Layer()
    rules = merged(profile.layer, config)
    return CarPlan(
        profile=profile.name,
        digest=_digest((path, *files)),
        propulsion=profile.propulsion,
        traits=Traits(profile.traits.start_stop_below_kph, profile.traits.coasts_engine_off),
        thresholds=rules.thresholds,
        buses=tuple(bus.name for bus in profile.bus),
        messages=messages,
        hazard=hazard,
        hazard_button=profile.hazard_button.get(language, profile.hazard_button["en"]),
        dropped=tuple(notes),
        workshop=_workshop(profile),
        switched_off=rules.switched_off,
        ruleset=name_of(_shipped_layer(profile, path), profile.layer, config),
    )
