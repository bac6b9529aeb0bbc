"""What a vehicle profile says of the car's hands: hazard command and display; and how the car is known."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field as Key
from pydantic import model_validator

from hardshoulder.core.notices import TEXT_KEYS
from hardshoulder.core.plan import CommandStyle, Readback, Release
from hardshoulder.toml_file import Strict


class CommandKeys(Strict):
    """The frame that asks for the hazards: every signal of it, and what the other bits are."""

    message: str
    on: dict[str, int]
    off: dict[str, int]
    unused_bits: Literal[0, 1]
    style: Annotated[CommandStyle, Key(strict=False)]
    period_s: Annotated[float, Key(ge=0.01, le=2)]
    pulse_frames: Annotated[int, Key(ge=1, le=20)] = 3
    masks_indicators: bool = False

    @model_validator(mode="after")
    def _can_be_suspended(self) -> Self:
        if self.masks_indicators and self.style is CommandStyle.TOGGLE:
            raise ValueError("`masks_indicators`: a toggle cannot be taken back and made anew blindly; leave it out")
        return self


class HazardKeys(Strict):
    """How hazards are asked for and seen."""

    readback: Annotated[Readback, Key(strict=False)]
    until: Annotated[Release, Key(strict=False)] = Release.DRIVE_ON
    command: CommandKeys | None = None


class DisplayKeys(Strict):
    """The frame that shows the driver a notice: for each notice the raw number of every signal."""

    message: str
    unused_bits: Literal[0, 1]
    period_s: Annotated[float, Key(ge=0.1, le=10)]
    clear: dict[str, int]
    notices: Annotated[dict[str, dict[str, int]], Key(min_length=1)]

    @model_validator(mode="after")
    def _known(self) -> Self:
        if unknown := sorted(self.notices.keys() - {*TEXT_KEYS, "stopped"}):
            raise ValueError(
                f"notices: there is no {', '.join(unknown)}; use {', '.join(sorted({*TEXT_KEYS, 'stopped'}))}"
            )
        return self


class VinPartKeys(Strict):
    """A signal that carries characters of the VIN, eight at most, the first in its highest byte."""

    message: str
    signal: str


class VinKeys(Strict):
    """Where the car says its VIN, in the order of the characters. pattern: what a car of this profile is called."""

    parts: Annotated[list[VinPartKeys], Key(min_length=1, max_length=17)]
    pattern: str

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"`pattern` is no regular expression: {error}") from None
        return self
