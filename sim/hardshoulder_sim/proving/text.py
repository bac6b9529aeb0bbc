"""An evaluation as lines for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def as_lines(record: Record) -> Iterator[str]:
    """The whole evaluation."""
    yield (
        f"evaluation: seed {record['seed']}, version {record['version']}, generator {record['generator']}, "
        f"ruleset {record['ruleset']}"
    )
    yield f"  {record['scope']}"
    if record["faults"]:
        yield from _faults(record)
    if record["hours"]:
        yield from _drives(record)
    yield from _lists(record)
    if "recorded" in record:
        yield from _recorded(record["recorded"])


def _faults(record: Record) -> Iterator[str]:
    hidden = record["faults_in_gear"]
    yield (
        f"shutdowns: {record['faults']:,}, observable {record['faults_observable']:,}; "
        f"recall {_percent(record['recall'])} (true recall above {_percent(record['recall_lower95'])} with 95 %)"
    )
    yield (
        f"  of {hidden['combustion']:,} with an engine alone, {hidden['shown_by_the_pedal_alone']:,} showed first "
        "by a pedal that nothing answered"
    )
    yield f"  delay from the first sign: {_delay(record, 'delay')}"
    yield f"    where a message says it: {_delay(record, 'delay_where_said')}"
    yield f"    where silence does: {_delay(record, 'delay_where_silent')}"
    yield f"  delay from the loss of drive: {_delay(record, 'delay_from_lost')}"
    for title, key in (
        ("shutdown", "by_shutdown"),
        ("propulsion", "by_propulsion"),
        ("profile", "by_variant"),
        ("speed", "by_speed"),
        ("first sign", "by_sign"),
    ):
        yield from _groups(title, record[key])
    yield from _confusion(record["confusion"])


def _groups(title: str, groups: Mapping[str, Record]) -> Iterator[str]:
    yield f"  {title:<30} {'faults':>7} {'found':>6} {'p50':>7} {'p95':>7} {'max':>7}   from loss: p50     p95     max"
    for name, group in groups.items():
        seen = [group[f"delay_{share}_s"] for share in ("p50", "p95", "max")]
        lost = [group[f"delay_from_lost_{share}_s"] for share in ("p50", "p95", "max")]
        figures = " ".join(f"{_seconds(value):>7}" for value in seen)
        behind = " ".join(f"{_seconds(value):>7}" for value in lost)
        yield f"    {name:<28} {group['faults']:>7,} {group['found']:>6,} {figures}        {behind}"


def _confusion(table: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    yield "  what each was called in the end:"
    for shutdown, kinds in table.items():
        yield f"    {shutdown:<28} " + ", ".join(f"{kind} {count:,}" for kind, count in kinds.items())


def _drives(record: Record) -> Iterator[str]:
    yield (
        f"ordinary driving: {record['hours']:,.2f} h; false alarms {record['false_alarms']:,}, per 1,000 h "
        f"{record['false_alarms_per_1000_h']:,.1f}, with 95 % below {record['false_alarms_per_1000_h_upper95']:,.1f}"
        + ("" if record["false_alarms"] else " (rule of three)")
    )
    yield f"    {'look-alike':<28} {'times':>7} {'alarms':>7}   chance of an alarm, with 95 % below"
    for name, alike in record["look_alikes"].items():
        bound = alike["false_alarm_chance_upper95"]
        yield (
            f"    {name:<28} {alike['occurrences']:>7,} {alike['false_alarms']:>7,}   "
            f"{'-' if bound is None else f'{100.0 * bound:.3f} %'}"
        )


def _lists(record: Record) -> Iterator[str]:
    for title, key in (("missed", "misses"), ("called something else", "named_otherwise")):
        for item in record[key]:
            yield (
                f"{title}: {item['shutdown']} ({item['car']}, {item['variant']}) at {item['speed_kph']} km/h, shown by "
                f"{item['shown_by']} at {item['observable_s']} s, {item['why'] or 'called ' + item['kind']}: "
                f"{item['command']}"
            )
    for title, key in (("false alarm", "alarms"), ("alarmed again", "repeated")):
        for item in record[key]:
            yield (
                f"{title}: {item['kind']} at {item['at_s']} s and {item['speed_kph']} km/h "
                f"({item['look_alike'] or 'same shutdown'}; {', '.join(item['evidence'])}): {item['command']}"
            )
    for item in record["failed"]:
        yield f"could not be judged: {item['failure']}: {item['command']}"
    for item in record["unobservable"]:
        yield (
            f"not observable ({item['variant']}): {item['faults']} × {item['reason']}"
            f" ({item['found']} of them found all the same; {', '.join(item['examples'])})"
        )


def _recorded(drives: Sequence[Record]) -> Iterator[str]:
    total_s = sum(drive["duration_s"] for drive in drives)
    alarms = sum(len(drive["incidents"]) for drive in drives)
    yield f"recorded drives, counted apart: {len(drives)} replays, {total_s / 60.0:.1f} minutes, {alarms} incidents"
    for drive in drives:
        kinds = ", ".join(drive["incidents"]) or "no incident"
        dbc = f" with {', '.join(drive['dbc'])}" if drive["dbc"] else ""
        yield f"    {drive['log']} as {drive['profile']}{dbc}: {drive['duration_s']:.0f} s, {kinds}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100.0 * share:.2f} %"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _delay(record: Record, name: str) -> str:
    parts = (f"{share} {_seconds(record[f'{name}_{share}_s'])} s" for share in ("p50", "p95", "max"))
    return ", ".join(parts)
