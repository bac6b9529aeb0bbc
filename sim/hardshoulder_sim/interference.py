"""What happens to a car's messages on their way: silent nodes, lying sensors, garbled frames, strangers' requests."""

from dataclasses import dataclass
from enum import Enum

from hardshoulder_sim.physics.course import Spell

ALL_NODES = frozenset({"PCM", "BMS", "ESC", "BCM", "SUP", "ACU", "GNS", "TCU"})


class Lie(Enum):
    """How a signal departs from the truth.

    FROZEN: says what it said when it began. STUCK: says `amount`, or `word`. ABSENT: says that it has no reading.
    NOISY: deviates by `amount`. SWELL: rises by `amount` (falls, below zero) and comes back, as in half a wave.
    """

    FROZEN = "frozen"
    STUCK = "stuck"
    ABSENT = "absent"
    NOISY = "noisy"
    SWELL = "swell"


@dataclass(frozen=True, slots=True)
class Distortion:
    """One signal of one message that lies."""

    message: str
    signal: str
    lie: Lie
    amount: float = 0.0
    word: str = ""


class Garble(Enum):
    """What befalls single frames.

    RANDOM: the payload is noise. ZEROS, ONES: it is all of that. CHECKSUM: its checksum is wrong.
    COUNTER: its counter stands still. SKIP: its counter jumps. DOUBLED: it comes twice. LATE: it comes after
    the frame that follows it on the bus. SHORT: its last byte is missing.
    """

    RANDOM = "random"
    ZEROS = "zeros"
    ONES = "ones"
    CHECKSUM = "checksum"
    COUNTER = "counter"
    SKIP = "skip"
    DOUBLED = "doubled"
    LATE = "late"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Garbling:
    """So many frames of one message, from the spell's begin on, that are garbled."""

    message: str
    garble: Garble
    frames: int = 1


@dataclass(frozen=True, slots=True)
class Interference:
    """Everything that disturbs the messages of a run.

    outages: nodes that are silent. wakes: the whole bus awake although the ignition is off.
    testers: a workshop's tester asks control units for a session.
    """

    outages: tuple[Spell[frozenset[str]], ...] = ()
    wakes: tuple[Spell[None], ...] = ()
    distortions: tuple[Spell[Distortion], ...] = ()
    garblings: tuple[Spell[Garbling], ...] = ()
    testers: tuple[Spell[None], ...] = ()
