"""Buses on which somebody acts for us, a microcontroller or the kernel, and has to be told again and again to do so."""

from abc import ABC, abstractmethod
from math import inf
from typing import NamedTuple


class Wish(NamedTuple):
    """What the daemon wants of whoever acts for it at the other end.

    incident: one is open. hazards: it wants the hazard lights. confirmed: they were seen to flash.
    lease_until_s: when frames and hazards end without further word, monotonic; infinity: never.
    """

    incident: bool
    hazards: bool
    confirmed: bool
    lease_until_s: float


QUIET = Wish(incident=False, hazards=False, confirmed=False, lease_until_s=-inf)


class TendedBus(ABC):
    """What such a bus has beside the methods of `Bus`.

    The loop that decides calls it and no thread of its own, so that a loop that hangs is missed.
    """

    @property
    @abstractmethod
    def ready(self) -> bool:
        """Whether the other end has answered; until then the bus is open and not up."""

    @abstractmethod
    def keep_alive(self, wish: Wish, now_s: float) -> None:
        """Tells the wish, when it changed or it is time. Raises BusError when the other end is gone."""

    @abstractmethod
    def next_due_s(self) -> float:
        """When `keep_alive` has something to do."""

    def hush(self, can_id: int | None) -> None:  # noqa: B027 - a microcontroller has a permit of its own
        """Ends at once what is sent for us on this id without further word; None: whatever it is."""
