"""`hardshoulder check`: what would be decoded, transmitted and published, and what is missing."""

import errno
import os
import shutil
import socket
import ssl
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hardshoulder.core.frame import id_text
from hardshoulder.core.plan import CarPlan, MessagePlan
from hardshoulder.core.vocabulary import DRIVE_EVIDENCE, Vss
from hardshoulder.edge.bus import BusError, split_url
from hardshoulder.plan_cache import Bundle
from hardshoulder.settings import BusSettings, MqttSettings, Settings

BROKER_WITHIN_S = 2.0


def describe(bundle: Bundle) -> Iterator[str]:
    """The lines that tell what the daemon would do."""
    plan, settings = bundle.plan, bundle.settings
    mode = "armed" if settings.armed else "monitor"
    car = f"profile {plan.profile} ({plan.propulsion.value}), ruleset {plan.ruleset}"
    yield f"vehicle {settings.vehicle}, {car}, mode {mode}"
    if bundle.candidate is not None:
        yield from _describe_candidate(plan, bundle.candidate)
    yield "decodes:"
    for message in plan.messages:
        yield from _describe_message(message)
    yield "transmits:"
    yield from _describe_transmission(bundle)
    yield "publishes:"
    yield from _describe_publishing(settings)
    yield from (f"note: {note}" for note in plan.dropped)


def _describe_candidate(plan: CarPlan, candidate: CarPlan) -> Iterator[str]:
    # On demand: it is written in pydantic, and most cars try nothing.
    from hardshoulder.candidate import differences

    yield f"tries the ruleset {candidate.ruleset} silently:"
    changes = differences(plan, candidate)
    yield from (f"  {change}" for change in changes or ["the same as the active one"])


def _describe_message(message: MessagePlan) -> Iterator[str]:
    guards = [name for name, part in (("counter", message.counter), ("checksum", message.checksum)) if part is not None]
    guard = " and ".join(guards) or "no protection"
    yield f"  {message.bus} {id_text(message.can_id)} {message.name}, every {message.cycle_s:g} s, {guard}"
    yield from (f"    {signal.vss}" for signal in message.signals)


def _describe_transmission(bundle: Bundle) -> Iterator[str]:
    if not bundle.allowed:
        yield f"  nothing: this profile takes no command; the driver is told: {bundle.plan.hazard_button}"
    for entry in bundle.allowed:
        payloads = " or ".join(payload.hex().upper() for payload in entry.payloads)
        when = "while an incident is open" if bundle.settings.armed else "never: mode is monitor"
        yield f"  {entry.bus} {id_text(entry.can_id)}#{payloads} (fixed bits {entry.mask.hex().upper()}), {when}"


def _describe_publishing(settings: Settings) -> Iterator[str]:
    if settings.mqtt is None:
        yield "  nothing: no broker is configured"
        return
    root = f"hardshoulder/v1/{settings.vehicle}"
    yield f"  to {settings.mqtt.host}:{settings.mqtt.port}: {root}/incident, {root}/status, {root}/presence"
    for other in settings.mqtt.fallbacks:
        yield f"  or to {other.host}:{other.port}, when those before it fail"
    yield f"  kept in {settings.storage.folder} until acknowledged on {root}/ack"


def missing(bundle: Bundle) -> Iterator[str]:
    """One line for each thing without which the car could not be protected, now and here."""
    yield from _missing_signals(bundle.plan)
    yield from _missing_buses(bundle)
    settings = bundle.settings
    if settings.mqtt is None:
        yield "no [mqtt] in the configuration: alerts would reach nobody"
    else:
        yield from _missing_broker(settings.mqtt)
    yield from _missing_folder(settings.storage.folder)
    if settings.notice_command and shutil.which(settings.notice_command[0]) is None:
        yield f"notice.command: there is no program {settings.notice_command[0]}"


def _missing_signals(plan: CarPlan) -> Iterator[str]:
    mapped = {signal.vss for message in plan.messages for signal in message.signals}
    if Vss.SPEED not in mapped:
        yield f"the profile maps no {Vss.SPEED}: a shutdown while moving cannot be told from one at rest"
    if not mapped & set(DRIVE_EVIDENCE):
        yield f"the profile maps none of {', '.join(DRIVE_EVIDENCE)}: nothing says that the drive is lost"


def _missing_buses(bundle: Bundle) -> Iterator[str]:
    configured = {bus.name: bus for bus in bundle.settings.buses}
    for name in bundle.plan.buses:
        if name not in configured:
            yield f"bus {name} of the profile has no [[bus]] in the configuration"
        else:
            yield from _missing_device(configured[name])


def _missing_device(bus: BusSettings) -> Iterator[str]:
    """Looks without opening the bus: a running daemon may have it."""
    try:
        interface, channel = split_url(bus.url)
    except BusError as error:
        yield str(error)
        return
    if interface == "socketcan" and not Path("/sys/class/net", channel).exists():
        yield f"bus {bus.name}: there is no network interface {channel}"
    elif interface == "slcan" and (problem := _not_serial(Path(channel.split("@")[0]))):
        yield f"bus {bus.name}: {problem}"
    elif interface == "bridge":
        yield from _missing_port(bus, channel)
    elif interface not in ("socketcan", "slcan"):
        import can  # on demand: it imports slowly, and most cars do without

        if interface not in can.interfaces.VALID_INTERFACES:
            yield f"bus {bus.name}: python-can has no interface {interface}"


def _missing_port(bus: BusSettings, channel: str) -> Iterator[str]:
    from hardshoulder.edge.bridge_bus import split_port  # on demand: few cars have one

    try:
        problem = _not_serial(Path(split_port(channel)[0]))
    except ValueError as error:
        problem = str(error)
    if problem:
        yield f"bus {bus.name}: {problem}"


def _not_serial(device: Path) -> str | None:
    """Why this is no serial line; None: it is one."""
    try:
        if not stat.S_ISCHR(device.stat().st_mode):
            return f"{device} is no serial device"
        descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        return f"there is no device {device}"
    except OSError as error:
        # Busy: whoever has it for himself, as a running daemon may, found it to be one.
        return None if error.errno == errno.EBUSY else f"cannot open {device}: {error.strerror}"
    try:
        return None if os.isatty(descriptor) else f"{device} is no serial device"
    finally:
        os.close(descriptor)


def _missing_broker(mqtt: MqttSettings) -> Iterator[str]:
    for host, port in ((mqtt.host, mqtt.port), *((other.host, other.port) for other in mqtt.fallbacks)):
        yield from _missing_answer(host, port)
    unreadable = {
        name: file
        for name in ("password_file", "ca_file", "cert_file", "key_file")
        if (file := getattr(mqtt, name)) is not None and not os.access(file, os.R_OK)
    }
    yield from (f"mqtt.{name}: cannot read {file}" for name, file in unreadable.items())
    if mqtt.ca_file is not None and "ca_file" not in unreadable:
        yield from _missing_authorities(mqtt.ca_file)
    if mqtt.cert_file is not None and not {"cert_file", "key_file"} & set(unreadable):
        yield from _missing_certificate(mqtt.cert_file, mqtt.key_file)


def _missing_answer(host: str, port: int) -> Iterator[str]:
    try:
        socket.create_connection((host, port), timeout=BROKER_WITHIN_S).close()
    except UnicodeError:
        yield f"mqtt.host: {host!r} is no name of a host"
    except OSError as error:
        yield f"no broker answers at {host}:{port}: {error.strerror or error}"


def _missing_authorities(file: Path) -> Iterator[str]:
    try:
        ssl.create_default_context(cafile=file)
    except OSError as error:
        yield f"mqtt.ca_file: {file} holds no certificate that can be used: {_why(error)}"


def _missing_certificate(file: Path, key: Path | None) -> Iterator[str]:
    try:
        # With a password at hand, an encrypted key is an error and no question at the terminal.
        ssl.create_default_context().load_cert_chain(file, key, password="")
    except OSError as error:
        with_key = "" if key is None else f" with {key}"
        yield f"mqtt.cert_file: {file}{with_key} is no certificate and key that can be used: {_why(error)}"


def _why(error: OSError) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return reason.lower().replace("_", " ") if reason else error.strerror or str(error)


def _missing_folder(folder: Path) -> Iterator[str]:
    if not folder.is_dir():
        yield f"storage folder {folder} is not there; alerts would be kept in memory only"
        return
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        yield f"storage folder {folder} cannot be written; alerts would be kept in memory only: {error.strerror}"
