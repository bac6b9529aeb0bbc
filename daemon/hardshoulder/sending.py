"""The car's hands, compiled: every bit of the frames that may be sent, and where the car says who it is."""

from cantools.database.can import Signal

from hardshoulder.core.actions import Use
from hardshoulder.core.bits import insert, mask_of
from hardshoulder.core.permit import Allowed
from hardshoulder.core.plan import (
    CarPlan,
    Checksum,
    Counter,
    DisplayPlan,
    HazardCommand,
    HazardPlan,
    Multiplex,
    VinPart,
    VinPlan,
)
from hardshoulder.resolve import Resolver, can_id_of

CLASSIC_PAYLOAD = 8
VIN_CHARACTER_BITS = 8


def _payload(work: Resolver, key: str, message: str, unused_bits: int, values: dict[str, int]) -> bytes:
    """A payload with the named signals set; every other bit as `unused_bits` says, protection zero."""
    payload = bytearray([0xFF if unused_bits else 0] * work.length(message))
    keys = work.keys(message)
    protection = [part.signal for part in (keys.counter, keys.checksum) if part is not None]
    if missing := set(work.messages[message].signals) - set(protection) - values.keys():
        work.problem(key, f"say what {', '.join(sorted(missing))} shall be: every signal is sent")
    for name in sorted(values.keys() & set(protection)):
        work.problem(f"{key}.{name}", "counter and checksum are written for every frame; leave it out")
    for name, raw in [*values.items(), *((name, 0) for name in protection)]:
        place = work.field(key, message, name)
        if place is None:
            continue
        if not 0 <= raw < 1 << place.length:
            work.problem(f"{key}.{name}", f"{raw} does not fit; give 0 to {(1 << place.length) - 1}")
        else:
            insert(payload, place, raw)
    return bytes(payload)


def _classic(work: Resolver, key: str, message: str, payload: bytes) -> None:
    if len(payload) > CLASSIC_PAYLOAD:
        work.problem(f"{key}.message", f"{message} has {len(payload)} bytes; a frame that is sent has at most 8")


def hazard_plan(work: Resolver) -> HazardPlan:
    """How hazards are asked for, seen and let go."""
    keys = work.profile.hazard
    command = keys.command
    if command is None or command.message not in work.messages:
        return HazardPlan(None, keys.readback, keys.until)
    on, off = (
        _payload(work, f"hazard.command.{which}", command.message, command.unused_bits, values)
        for which, values in (("on", command.on), ("off", command.off))
    )
    if on == off:
        work.problem("hazard.command", "on and off are the same frame; they have to differ in a signal")
    _classic(work, "hazard.command", command.message, on)
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


def display_plan(work: Resolver) -> DisplayPlan | None:
    """How the driver is shown a notice; None where the profile has no display."""
    keys = work.profile.display
    if keys is None or keys.message not in work.messages:
        return None
    made = {
        name: _payload(work, f"display.{name}", keys.message, keys.unused_bits, values)
        for name, values in {"clear": keys.clear, **keys.notices}.items()
    }
    clear = made.pop("clear")
    _classic(work, "display", keys.message, clear)
    command = work.profile.hazard.command
    if command is not None and command.message == keys.message:
        work.problem("display.message", f"{keys.message} asks for the hazards already; a display is another message")
    return DisplayPlan(
        bus=work.bus(keys.message),
        can_id=can_id_of(work.messages[keys.message].message),
        period_s=keys.period_s,
        clear=clear,
        payloads=tuple(made.items()),
        counter=work.counter(keys.message),
        checksum=work.checksum(keys.message),
    )


def vin_plan(work: Resolver) -> VinPlan | None:
    """Where the car says its VIN; None where the profile does not know."""
    keys = work.profile.vin
    if keys is None:
        return None
    parts = [_vin_part(work, f"vin.parts[{place}]", part.message, part.signal) for place, part in enumerate(keys.parts)]
    return VinPlan(tuple(part for part in parts if part is not None), keys.pattern)


def _vin_part(work: Resolver, key: str, message: str, name: str) -> VinPart | None:
    signal = work.signal(key, message, name)
    place = None if signal is None else work.field_of(key, message, signal)
    if signal is None or place is None:
        return None
    if place.length % VIN_CHARACTER_BITS:
        work.problem(key, f"{name} has {place.length} bits; characters of the VIN have eight each")
    can_id = can_id_of(work.messages[message].message)
    return VinPart(work.bus(message), can_id, work.length(message), place, multiplex_of(work, key, message, signal))


def multiplex_of(work: Resolver, key: str, message: str, signal: Signal) -> tuple[Multiplex, ...]:
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


def _fixed_bits(length: int, counter: Counter | None, checksum: Checksum | None) -> bytes:
    """A mask of the payload bits that never change: all but counter and checksum."""
    moving = mask_of(tuple(part.field for part in (counter, checksum) if part is not None), length)
    return bytes(byte ^ 0xFF for byte in moving)


def allow_list(plan: CarPlan) -> tuple[Allowed, ...]:
    """What may ever be sent to this car, bit for bit: the frames of its hazard command and of its display."""
    command, display = plan.hazard.command, plan.display
    allowed = []
    # Twice the listed rate is let through, for a loop that ran late once.
    if command is not None:
        mask = _fixed_bits(len(command.on), command.counter, command.checksum)
        gap_s = command.period_s / 2
        allowed.append(Allowed(command.bus, command.can_id, mask, (command.on, command.off), gap_s))
    if display is not None:
        mask = _fixed_bits(len(display.clear), display.counter, display.checksum)
        payloads = tuple(dict.fromkeys((display.clear, *(payload for _, payload in display.payloads))))
        gap_s = display.period_s / 2
        allowed.append(Allowed(display.bus, display.can_id, mask, payloads, gap_s, Use.DISPLAY))
    return tuple(allowed)
