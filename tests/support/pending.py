"""Events as the outbox keeps them."""

import json

from hardshoulder.edge.outbox import INCIDENT_PRIORITY, PendingEvent

PAGE_BYTES = 4096
"""Of an SQLite file."""


def pending(
    event_id: str, subject: str | None = None, priority: int = INCIDENT_PRIORITY, padding: int = 0
) -> PendingEvent:
    """An event as the courier stores it; by default each is about something else."""
    payload = json.dumps({"id": event_id, "padding": "x" * padding}).encode()
    return PendingEvent(event_id, f"topic/{event_id}", subject or f"about-{event_id}", payload, priority, 1000.0)


def ids(events: list[PendingEvent]) -> list[str]:
    """Which events these are."""
    return [event.event_id for event in events]
