"""The whole line in one process: the production code around a simulated clock, bus, disk and network."""
