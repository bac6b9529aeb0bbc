"""One case of the proving ground, named so that it can be made again from its name alone."""

import re
from dataclasses import dataclass
from enum import StrEnum

from hardshoulder.core.plan import CarPlan
from hardshoulder.errors import UserError
from hardshoulder_sim.proving.cars import CarKind
from hardshoulder_sim.proving.variants import Variant, plan_of
from hardshoulder_sim.scenarios import Run

GENERATOR_VERSION = "3"
"""Changes whenever a seed no longer makes the same cases."""

_NAME = re.compile(r"(\d{1,18})\.(fault|drive|recording|alike)\.(\d{1,9})(?:\.([a-z0-9-]+))?")


class CaseKind(StrEnum):
    """FAULT: a short drive that ends in a shutdown. DRIVE: an ordinary one, full of look-alikes, heard live.
    RECORDING: the same as a logger wrote it. ALIKE: a single look-alike.
    """

    FAULT = "fault"
    DRIVE = "drive"
    RECORDING = "recording"
    ALIKE = "alike"


@dataclass(frozen=True, slots=True, order=True)
class CaseId:
    """`seed.kind.index`, and for a single look-alike `.name`."""

    seed: int
    kind: CaseKind
    index: int
    name: str = ""

    def __str__(self) -> str:
        return f"{self.seed}.{self.kind}.{self.index}" + (f".{self.name}" if self.name else "")


def parse_case(text: str) -> CaseId:
    """The case of that name. Raises UserError for what is none."""
    found = _NAME.fullmatch(text)
    if found is None or bool(found[4]) != (found[2] == CaseKind.ALIKE):
        raise UserError(f"{text}: no case; it is SEED.fault.N, SEED.drive.N, SEED.recording.N or SEED.alike.N.NAME")
    return CaseId(int(found[1]), CaseKind(found[2]), int(found[3]), found[4] or "")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A look-alike that happens in a case, and when."""

    name: str
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Case:
    """A drive to be judged. shutdown: of a fault case; "" otherwise. begin_s: when the fault begins."""

    case_id: CaseId
    car: CarKind
    variant: Variant
    run: Run
    shutdown: str = ""
    kinds: tuple[str, ...] = ()
    begin_s: float | None = None
    alikes: tuple[Occurrence, ...] = ()

    @property
    def plan(self) -> CarPlan:
        """How the responder sees this car."""
        return plan_of(self.car, self.variant)

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return self.run.scenario.duration_s
