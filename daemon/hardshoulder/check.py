"""`hardshoulder check`: what would be decoded, transmitted and published, and what is missing."""

import os
import socket
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
    yield f"vehicle {settings.vehicle}, profile {plan.profile} ({plan.propulsion.value}), mode {mode}"
    yield "decodes:"
    for message in plan.messages:
        yield from _describe_message(message)
    yield "transmits:"
    yield from _describe_transmission(bundle)
    yield "publishes:"
    yield from _describe_publishing(settings)
    yield from (f"note: {note}" for note in plan.dropped)


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
    """Looks without opening: a running daemon may have the bus."""
    try:
        interface, channel = split_url(bus.url)
    except BusError as error:
        yield str(error)
        return
    if interface == "socketcan" and not Path("/sys/class/net", channel).exists():
        yield f"bus {bus.name}: there is no network interface {channel}"
    if interface == "slcan" and not Path(channel.split("@")[0]).exists():
        yield f"bus {bus.name}: there is no device {channel}"


def _missing_broker(mqtt: MqttSettings) -> Iterator[str]:
    try:
        socket.create_connection((mqtt.host, mqtt.port), timeout=BROKER_WITHIN_S).close()
    except OSError as error:
        yield f"no broker answers at {mqtt.host}:{mqtt.port}: {error.strerror or error}"
    for name in ("password_file", "ca_file", "cert_file", "key_file"):
        file = getattr(mqtt, name)
        if file is not None and not os.access(file, os.R_OK):
            yield f"mqtt.{name}: cannot read {file}"


def _missing_folder(folder: Path) -> Iterator[str]:
    if not folder.is_dir():
        yield f"storage folder {folder} is not there; alerts would be kept in memory only"
        return
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        yield f"storage folder {folder} cannot be written; alerts would be kept in memory only: {error.strerror}"
