"""The names in a profile, found in its DBC files: messages, signals, bit fields, protection."""

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from cantools.database.can import Message, Signal

from hardshoulder.core.bits import fits
from hardshoulder.core.frame import EXTENDED
from hardshoulder.core.plan import Checksum, Counter, Field, FieldKind
from hardshoulder.dbc_file import DbcMessage, read_dbc
from hardshoulder.errors import UserError
from hardshoulder.profile import MessageKeys, Profile


def can_id_of(message: Message) -> int:
    """The identifier as the core has it, 29-bit ones with EXTENDED set."""
    return message.frame_id | (EXTENDED if message.is_extended_frame else 0)


@dataclass(slots=True)
class Resolver:
    """One profile and its DBC messages; problems are collected and told together.

    path: the profile's file. messages: by name, as far as the DBC files have them.
    """

    profile: Profile
    path: Path
    messages: dict[str, DbcMessage]
    problems: list[str] = field(default_factory=list)

    def problem(self, key: str, text: str) -> None:
        """Notes what is wrong at a key of the profile."""
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
        return None if signal is None else self.field_of(key, message, signal)

    def field_of(self, key: str, message: str, signal: Signal) -> Field | None:
        """The bit field of a signal; a problem and None when it does not fit into the message."""
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
        """The message's alive counter, if the profile names one."""
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
        return None if place is None else Counter(place, keys.modulo, min(keys.max_step, keys.modulo - 1))

    def checksum(self, message: str) -> Checksum | None:
        """The message's checksum, if the profile names one."""
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
        needed.setdefault(signal.message, set()).update((signal.signal, *signal.valid_while))
    if profile.hazard.command is not None:
        command = profile.hazard.command
        needed.setdefault(command.message, set()).update(command.on, command.off)
    if profile.display is not None:
        shown = (profile.display.clear, *profile.display.notices.values())
        needed.setdefault(profile.display.message, set()).update(name for values in shown for name in values)
    for part in profile.vin.parts if profile.vin is not None else ():
        needed.setdefault(part.message, set()).add(part.signal)
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
    names = [profile.dbc] if isinstance(profile.dbc, str) else profile.dbc
    return tuple(_from_package(name, path) if name.startswith("opendbc:") else path.parent / name for name in names)


def check_messages(work: Resolver, needed: dict[str, frozenset[str]], files: tuple[Path, ...]) -> None:
    """Problems of messages that are missing, that nobody uses, and that cannot be told apart."""
    for name in sorted(needed.keys() - work.messages.keys()):
        work.problem(f"message {name}", f"not in {', '.join(map(str, files))}; name the DBC file that has it")
    for name in work.profile.messages:
        if name not in needed:
            work.problem(f"messages.{name}", "no signal and no command uses this message; remove it or mend its name")
    first: dict[tuple[str, int], str] = {}
    for name in dict.fromkeys(keys.message for keys in work.profile.signals.values()):
        if name in work.messages:
            place = work.bus(name), can_id_of(work.messages[name].message)
            if (other := first.setdefault(place, name)) != name:
                work.problem(
                    f"message {name}", f"has the id of {other} on bus {place[0]}; say on which bus each one is"
                )


def read_all(paths: tuple[Path, ...], needed: dict[str, frozenset[str]]) -> tuple[dict[str, DbcMessage], list[str]]:
    """The needed messages of all files, and the notes on them. Raises UserError."""
    found: dict[str, DbcMessage] = {}
    notes: list[str] = []
    for path in paths:
        messages, more = read_dbc(path, needed)
        found = messages | found  # the file given first wins
        notes += more
    return found, notes
