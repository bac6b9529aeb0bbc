"""Profile and DBC in, the core's plan out.

The daemon runs it in a child process (`hardshoulder compile`), so that neither cantools nor
pydantic weighs on the process that watches the car.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

from hardshoulder.core.frame import EXTENDED, STANDARD_ID_MAX
from hardshoulder.core.plan import (
    CarPlan,
    FieldKind,
    MessagePlan,
    Multiplex,
    SignalPlan,
    Traits,
)
from hardshoulder.core.vocabulary import UNITS, Vss
from hardshoulder.errors import UserError
from hardshoulder.profile import FACTORS, Profile, SignalKeys, load_profile, raws_of, shipped_profiles
from hardshoulder.resolve import Resolver, can_id_of, check_messages, dbc_paths, needed_signals, read_all
from hardshoulder.ruleset import Layer, merged, name_of
from hardshoulder.sending import display_plan, hazard_plan, multiplex_of, vin_plan

STALE_AFTER_AT_LEAST_S = 0.5
STALE_AFTER_CYCLES = 4

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
        multiplex=(*multiplex_of(work, key, keys.message, signal), *_flags(work, key, keys)),
        cycle_s=cycle_s,
        stale_after_s=keys.stale_after_s or max(STALE_AFTER_AT_LEAST_S, STALE_AFTER_CYCLES * cycle_s),
    )


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


def _digest(files: tuple[Path, ...]) -> str:
    """Of the files alone: a car that was commissioned stays commissioned when its software is updated."""
    digest = hashlib.sha256()
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
    hazard, display, vin = hazard_plan(work), display_plan(work), vin_plan(work)
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
        display=display,
        vin=vin,
        ruleset=name_of(_shipped_layer(profile, path), profile.layer, config),
    )
