"""An evaluation as one self-contained page: tables, our own style, no network."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

Record = Mapping[str, Any]
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0.2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.scope { border-left: 4px solid #b8860b; padding: 0.4rem 0.8rem; background: #b8860b18; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 0.8rem; padding: 0; }
.figures li { list-style: none; border: 1px solid #8886; border-radius: 0.4rem; padding: 0.6rem 0.8rem; }
.figures b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.25rem 0.6rem; border-bottom: 1px solid #8884; vertical-align: top; }
th { font-weight: 600; } td.number, th.number { text-align: right; white-space: nowrap; }
code { font-size: 0.85em; user-select: all; } .bad { color: #c0392b; font-weight: 600; } .good { color: #1e8449; }
"""


def as_page(record: Record) -> str:
    """The page as HTML; everything that comes from elsewhere is escaped."""
    title = f"Evaluation, seed {record['seed']}"
    body = "\n".join(_body(record, title))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _body(record: Record, title: str) -> Iterator[str]:
    made = f"version {record['version']}, generator {record['generator']}, ruleset {record['ruleset']}"
    yield f"<h1>{escape(title)}</h1><p>{escape(made)}</p>"
    yield f'<p class="scope">{escape(record["scope"])}</p>'
    yield _figures(record)
    for name, key in (
        ("By shutdown", "by_shutdown"),
        ("By propulsion", "by_propulsion"),
        ("By profile", "by_variant"),
        ("By speed", "by_speed"),
        ("By what showed it first", "by_sign"),
    ):
        yield _section(name, _groups(record[key])) if record[key] else ""
    yield _section("What each was called", _confusion(record["confusion"])) if record["confusion"] else ""
    yield _section("Look-alikes", _alikes(record["look_alikes"])) if record["look_alikes"] else ""
    yield from _lists(record)


def _figures(record: Record) -> str:
    hours = record["hours"]
    items = [
        (f"{record['recall']:.2%}" if record["recall"] is not None else "-", "recall", not record["misses"]),
        (f"{record['faults_observable']:,} of {record['faults']:,}", "shutdowns observable", None),
        (f"{record['false_alarms']:,} in {hours:,.1f} h", "false alarms", not record["false_alarms"]),
        (_value(record["false_alarms_per_1000_h_upper95"]), "per 1,000 h at most, with 95 %", None),
        (f"{_value(record['delay_p50_s'])} s", "delay, median", None),
        (f"{_value(record['delay_p95_s'])} s", "delay, 95 of 100 below", None),
        (f"{_value(record['delay_max_s'])} s", "delay, longest", None),
        (f"{_value(record['delay_where_said_p95_s'])} s", "where a message says it, 95 of 100 below", None),
        (f"{_value(record['delay_where_silent_p95_s'])} s", "where silence does, 95 of 100 below", None),
    ]
    marks = {None: "", True: ' class="good"', False: ' class="bad"'}
    cells = (f"<li><b{marks[good]}>{escape(value)}</b>{escape(what)}</li>" for value, what, good in items)
    return f'<ul class="figures">{"".join(cells)}</ul>'


def _section(name: str, table: str) -> str:
    return f"<h2>{escape(name)}</h2>\n{table}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th{_number(place > 0)}>{escape(text)}</th>" for place, text in enumerate(heads))
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _number(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _cell(value: object) -> str:
    if isinstance(value, str):
        text = f"<code>{escape(value)}</code>" if value.startswith("hardshoulder-sim ") else escape(value)
        return f"<td>{text}</td>"
    return f'<td class="number">{escape(_value(value))}</td>'


def _value(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _groups(groups: Mapping[str, Record]) -> str:
    keys = [f"{name}_{share}_s" for name in ("delay", "delay_from_lost") for share in ("p50", "p95", "max")]
    heads = ("", "faults", "found", "delay p50", "p95", "max", "from loss p50", "p95", "max")
    return _table(heads, ([name, g["faults"], g["found"], *(g[key] for key in keys)] for name, g in groups.items()))


def _confusion(table: Mapping[str, Mapping[str, int]]) -> str:
    kinds = sorted({kind for row in table.values() for kind in row})
    return _table(("shutdown", *kinds), ([name, *(row.get(kind) for kind in kinds)] for name, row in table.items()))


def _alikes(alikes: Mapping[str, Record]) -> str:
    heads = ("look-alike", "occurrences", "false alarms", "chance of an alarm below (95 %)")
    rows = (
        [name, alike["occurrences"], alike["false_alarms"], _chance(alike["false_alarm_chance_upper95"])]
        for name, alike in alikes.items()
    )
    return _table(heads, rows)


def _chance(share: float | None) -> str:
    return "-" if share is None else f"{share:.3%}"


_LISTS = (
    ("Missed", "misses", ("shutdown", "car", "variant", "shown_by", "speed_kph", "observable_s", "why", "command")),
    ("Could not be judged", "failed", ("case", "failure", "command")),
    ("Called something else", "named_otherwise", ("shutdown", "car", "variant", "kind", "shown_by", "command")),
    ("False alarms", "alarms", ("look_alike", "kind", "at_s", "speed_kph", "evidence", "command")),
    ("Alarmed again", "repeated", ("kind", "at_s", "speed_kph", "evidence", "command")),
    ("What no signal shows", "unobservable", ("variant", "reason", "faults", "found", "examples")),
    ("Recorded drives, counted apart", "recorded", ("log", "profile", "duration_s", "frames", "incidents")),
)


def _lists(record: Record) -> Iterator[str]:
    for title, key, columns in _LISTS:
        items = record.get(key) or []
        if items:
            heads = tuple(column.removesuffix("_s").replace("_", " ") for column in columns)
            yield _section(title, _table(heads, ([_plain(item[column]) for column in columns] for item in items)))


def _plain(value: object) -> object:
    return (", ".join(map(str, value)) or "none") if isinstance(value, list) else value
