"""A database file, a desk on it, and the world around a desk, closed when the test is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hardshoulder_fleet.desk import Desk
from support.desks import make_desk
from support.tows import World


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fleet.sqlite3"


@pytest.fixture
def desk(path: Path) -> Iterator[Desk]:
    made = make_desk(path)
    yield made
    made._database.close()


@pytest.fixture
def world(path: Path) -> Iterator[World]:
    made = World(path)
    yield made
    made.desk._database.close()
