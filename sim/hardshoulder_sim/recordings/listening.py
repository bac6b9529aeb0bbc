"""How to listen to a replay: what is drawn, compared or written down hears all of it and changes none."""

from collections.abc import Sequence
from typing import Protocol

from hardshoulder.core.actions import Action
from hardshoulder.core.frame import Frame
from hardshoulder.core.responder import Responder


class Listener(Protocol):
    """Hears everything in the order of time. The responder may be looked at, never driven."""

    def begin(self, responder: Responder) -> None:
        """Before the first frame."""

    def took(self, actions: Sequence[Action]) -> None:
        """What the core asked for; before the frame or the time that made it do so is told."""

    def heard(self, frame: Frame) -> None:
        """The core has taken this frame."""

    def passed(self, now_s: float) -> None:
        """Time has passed for the core, without a frame."""

    def missed(self, from_s: float, to_s: float) -> None:
        """The recording has a hole, and the core knows it."""


class Deaf:
    """Nobody listens."""

    def begin(self, responder: Responder) -> None:
        """Nothing."""

    def took(self, actions: Sequence[Action]) -> None:
        """Nothing."""

    def heard(self, frame: Frame) -> None:
        """Nothing."""

    def passed(self, now_s: float) -> None:
        """Nothing."""

    def missed(self, from_s: float, to_s: float) -> None:
        """Nothing."""
