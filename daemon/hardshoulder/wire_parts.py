"""Parts of the contract that stand below its messages: what every one is made of, and what a status tells in groups."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from hardshoulder.core.actions import Finding
from hardshoulder.core.power import PowerState


def _as_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is out of range") from error


Time = Annotated[AwareDatetime, AfterValidator(_as_utc)]
"""RFC 3339, in UTC."""

Count = Annotated[int, Field(ge=0)]


class Sent(BaseModel):
    """What the car sends."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class DisagreementData(Sent):
    """A breakdown that the candidate ruleset saw otherwise. `kind` is the active ruleset's, null where it saw none."""

    verdict: Literal["other-kind", "only-active", "only-candidate"]
    at: Time
    kind: Finding | None
    candidate_kind: Finding | None
    speed_kph: float | None


class ShadowData(Sent):
    """A candidate ruleset that runs silently beside the active one, and how often the two agreed since the start.

    `running` is false once the candidate has failed and was let go. `latest` holds the last disagreements alone.
    """

    ruleset: str
    running: bool
    agreed: Count
    other_kind: Count
    only_active: Count
    only_candidate: Count
    latest: tuple[DisagreementData, ...]


class CoarseLocationData(Sent):
    """Where the car is to about a kilometre: degrees with two decimals. age_s: how old that is."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    age_s: float


class PowerData(Sent):
    """The module's power. `asleep`: nothing more comes until something wakes the car.

    `ignition` (terminal 15) and `supply_v` (the permanent supply, terminal 30, volts) are null where nobody knows.
    `given_up`: what is not used while the supply is below its floor.
    """

    state: PowerState
    ignition: bool | None
    supply_v: float | None
    given_up: tuple[Literal["radio", "hazards"], ...]
