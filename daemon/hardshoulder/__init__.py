"""The in-car process of Hardshoulder: watches the bus, asks for hazard lights, alerts the fleet."""

__version__ = "0.1.0"
