"""How the daemon does, as one frozen value: made by the loop, read by whoever asks; as JSON and as metrics."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

CONTENT_JSON = "application/json"
CONTENT_METRICS = "text/plain; version=0.0.4"


@dataclass(frozen=True, slots=True)
class LastIncident:
    """The incident of which last something was reported; without its place, which is nobody's business here."""

    incident_id: str
    sequence: int
    kind: str
    state: str
    hazards: str
    open: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The daemon at one turn of its loop. turned_at_s, started_at_s: of the monotonic clock.

    buses: by name, whether it is up. invalid_frames, bus_errors: counts since the start, as `message.reason` and
    `bus.kind`. power: awake, parked or asleep; then the loop comes round every 30 s.
    outbox: alerts that the fleet has not acknowledged.
    """

    vehicle: str
    software: str
    profile: str
    profile_digest: str
    ruleset: str
    mode: str
    process: int
    started_at_s: float
    turned_at_s: float
    state: str = "starting"
    health: str = "starting"
    missing: tuple[str, ...] = ()
    buses: Mapping[str, bool] = field(default_factory=dict)
    bus_errors: Mapping[str, int] = field(default_factory=dict)
    invalid_frames: Mapping[str, int] = field(default_factory=dict)
    power: str = "awake"
    broker_connected: bool = False
    outbox: int = 0
    incidents: int = 0
    last_incident: LastIncident | None = None


def as_json(snapshot: Snapshot, now_s: float) -> str:
    """The snapshot with ages in place of times, which mean nothing to others."""
    values = asdict(snapshot)
    values["uptime_s"] = round(now_s - values.pop("started_at_s"), 1)
    values["turned_s_ago"] = round(max(0.0, now_s - values.pop("turned_at_s")), 1)
    return json.dumps(values) + "\n"


def as_metrics(snapshot: Snapshot, now_s: float) -> str:
    """The text format of Prometheus, version 0.0.4."""
    return "".join(f"{line}\n" for line in _metrics(snapshot, now_s))


def _metrics(snapshot: Snapshot, now_s: float) -> Iterator[str]:
    names = {name: getattr(snapshot, name) for name in ("vehicle", "software", "profile", "ruleset", "mode")}
    yield from _metric("info", "gauge", "Which daemon this is.", {_labels(**names): 1})
    state = {_labels(state=snapshot.state, health=snapshot.health): 1}
    yield from _metric("state_info", "gauge", "What the car does, and how much of it is seen.", state)
    yield from _metric("uptime_seconds", "gauge", "Since the start.", {"": now_s - snapshot.started_at_s})
    turned = {"": max(0.0, now_s - snapshot.turned_at_s)}
    yield from _metric("turned_seconds_ago", "gauge", "Since the loop went round last; above 2 it hangs.", turned)
    buses = {_labels(bus=name): int(up) for name, up in snapshot.buses.items()}
    yield from _metric("bus_up", "gauge", "Whether the bus is open and answers.", buses)
    errors = {_pair(name, "bus", "kind"): count for name, count in snapshot.bus_errors.items()}
    yield from _metric("bus_errors_total", "counter", "What CAN controllers reported.", errors)
    invalid = {_pair(name, "message", "reason"): count for name, count in snapshot.invalid_frames.items()}
    yield from _metric("invalid_frames_total", "counter", "Frames that were refused.", invalid)
    yield from _metric("missing_signals", "gauge", "Signals that should come and do not.", {"": len(snapshot.missing)})
    connected = {"": int(snapshot.broker_connected)}
    yield from _metric("broker_connected", "gauge", "Whether the broker is there.", connected)
    yield from _metric("outbox_alerts", "gauge", "Alerts that the fleet has not acknowledged.", {"": snapshot.outbox})
    yield from _metric("incidents_total", "counter", "Incidents opened since the start.", {"": snapshot.incidents})
    is_open = snapshot.last_incident is not None and snapshot.last_incident.open
    yield from _metric("incident_open", "gauge", "Whether an incident is open.", {"": int(is_open)})


def _metric(name: str, kind: str, text: str, values: Mapping[str, float]) -> Iterator[str]:
    if values:
        yield f"# HELP hardshoulder_{name} {text}"
        yield f"# TYPE hardshoulder_{name} {kind}"
    for labels, value in values.items():
        yield (
            f"hardshoulder_{name}{labels} {value:g}"
            if isinstance(value, int)
            else (f"hardshoulder_{name}{labels} {value:.3f}")
        )


def _pair(dotted: str, first: str, second: str) -> str:
    head, _, tail = dotted.rpartition(".")
    return _labels(**{first: head, second: tail})


def _labels(**labels: str) -> str:
    escaped = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for name, value in labels.items()
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"
