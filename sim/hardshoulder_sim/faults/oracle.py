"""What arrived, counted from outside: breakdowns that happened on one side, rows on the fleet's disk on the other.

No counter of the programs under test is asked. The sentence: N incidents in, N at the fleet, none twice, none silent,
in order.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Arrived:
    """One check-in of the fleet, as its database has it.

    sequences: of its reports, in the order in which they were committed. shown: the number of the report that counts.
    state: what that one says. links: how often its driver is to be asked.
    """

    incident_id: str
    vehicle: str
    sequences: tuple[int, ...]
    shown: int
    state: str
    links: int


def arrived(database: Path) -> list[Arrived]:
    """Every check-in in this file, in the order in which they were opened; a car that fell silent has no incident."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10.0)) as connection:
        rows = connection.execute(
            "SELECT incident_id, vehicle, newest_sequence, newest_event_id FROM check_in WHERE NOT lost_contact"
            " ORDER BY rowid"
        ).fetchall()
        return [_arrived(connection, *row) for row in rows]


def _arrived(
    connection: sqlite3.Connection, incident_id: str, vehicle: str, newest: int, newest_event_id: str
) -> Arrived:
    events = connection.execute(
        "SELECT event_id, sequence, payload FROM event WHERE incident_id = ? ORDER BY rowid", (incident_id,)
    ).fetchall()
    links = connection.execute(
        "SELECT count(*) FROM errand WHERE kind = 'send-link' AND incident_id = ?", (incident_id,)
    ).fetchone()[0]
    state = next(json.loads(payload)["data"]["state"] for event_id, _, payload in events if event_id == newest_event_id)
    return Arrived(incident_id, vehicle, tuple(sequence for _, sequence, _ in events), newest, state, int(links))


def broken(incident: Arrived) -> list[str]:
    """What is wrong with one check-in by itself; nothing, as it should be."""
    complaints = []
    said = incident.sequences
    if twice := [number for number, times in Counter(said).items() if times > 1]:
        complaints.append(f"{incident.incident_id}: the reports {twice} are there twice")
    if incident.shown != max(said):
        complaints.append(f"{incident.incident_id}: shows report {incident.shown}, and {max(said)} is the newest")
    if incident.links != 1:
        complaints.append(f"{incident.incident_id}: its driver is asked {incident.links} times")
    return complaints


def compare(breakdowns: int, incidents: Sequence[Arrived]) -> list[str]:
    """The sentence, for this many breakdowns that happened; a complaint for each way in which it is broken."""
    complaints = [complaint for incident in incidents for complaint in broken(incident)]
    if len(incidents) < breakdowns:
        complaints.append(f"lost: {breakdowns} incidents in, {len(incidents)} at the fleet")
    if len(incidents) > breakdowns:
        complaints.append(f"doubled: {breakdowns} incidents in, {len(incidents)} at the fleet")
    return complaints
