"""Targets with a defect each, for the fuzzing to find."""

import time
from pathlib import Path

from hardshoulder_fuzz.target import Check, Target

_KEPT: list[bytes] = []


def _crashes(_folder: Path) -> Check:
    def check(data: bytes) -> bool:
        if b"!" in data[:4]:
            raise KeyError("a defect")
        return True

    return check


def _hangs(_folder: Path) -> Check:
    def check(data: bytes) -> bool:
        while b"!" in data[:4]:
            time.sleep(0.1)
        return True

    return check


def _grows(_folder: Path) -> Check:
    def check(data: bytes) -> bool:
        _KEPT.append(data * 10_000)
        return True

    return check


def _seeds() -> list[bytes]:
    return [b"abcdefgh", b"ab!defgh"]


def _sound_seeds() -> list[bytes]:
    return [b"abcdefgh"]


TARGETS = {
    target.name: target
    for target in (
        Target("crashes", "nothing", _seeds, _crashes),
        Target("hangs", "nothing", _seeds, _hangs, limit_s=1),
        Target("grows", "nothing", _sound_seeds, lambda _folder: lambda data: True, _grows),
        Target("sound", "anything", _sound_seeds, lambda _folder: lambda data: len(data) > 4),
    )
}
