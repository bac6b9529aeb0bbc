"""Draws how a car's messages reach us: buses, jitter, load, the age of its sensors."""

from random import Random

from hardshoulder_sim.proving.variants import NODE_BUSES, Variant
from hardshoulder_sim.scenarios import Wiring

OWN_PER_S = 280
"""Frames a second that the reference car sends itself, at most."""

CLASH_PER_S = 30
"""Those under an identifier that means something else on the other bus."""

BUSY_PER_S = 400


def draw_wiring(variant: Variant, random: Random) -> Wiring:
    """Up to 400 frames a second on all buses together."""
    two = variant is Variant.TWO_BUS
    return Wiring(
        buses=NODE_BUSES if two else {},
        clash=two,
        jitter_share=random.choice((0.005, 0.01, 0.02, 0.05)),
        foreign_per_s=random.uniform(0.0, BUSY_PER_S - OWN_PER_S - (CLASH_PER_S if two else 0)),
        noise=random.choice((0.5, 1.0, 1.0, 3.0)),
    )
