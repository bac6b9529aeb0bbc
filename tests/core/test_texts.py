"""What a person reads of frames and values."""

import pytest

from hardshoulder.core.frame import EXTENDED, id_text
from hardshoulder.core.plan import as_text
from hardshoulder.core.vocabulary import Value


@pytest.mark.parametrize(
    ("can_id", "text"),
    [(0, "000"), (0x1F0, "1F0"), (0x7FF, "7FF"), (EXTENDED, "00000000"), (EXTENDED | 0x18DAF110, "18DAF110")],
)
def test_an_identifier_is_written_as_candump_does(can_id: int, text: str) -> None:
    assert id_text(can_id) == text


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), ("OFF", "OFF"), (0.0, "0"), (431.5, "431.5"), (1.0, "1")]
)
def test_a_value_is_written_as_a_person_reads_it(value: Value, text: str) -> None:
    assert as_text(value) == text
