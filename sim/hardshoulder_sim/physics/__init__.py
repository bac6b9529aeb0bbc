"""How a car moves, breaks down and rolls out: state and time in, state out; no bus, no frame."""
