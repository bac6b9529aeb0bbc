"""The parts that perform what the core decided: buses, broker, disk, driver notices."""
