"""The proving ground: a simulated car, recorded drives, replay and splice through the daemon's own core."""
