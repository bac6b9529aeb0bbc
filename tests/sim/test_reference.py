"""The compiled encoders write what cantools and the core's protection would, to the bit."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.protection import checksum_holds, protect
from hardshoulder_sim.reference import ReferenceMessage, Value, reference_messages

MESSAGES = reference_messages()
PROTECTION = {"Counter", "Checksum"}


def by_the_oracle(message: ReferenceMessage, values: dict[str, Value], count: int) -> bytes:
    whole = dict(values)
    if message.counter is not None:
        whole["Counter"] = count % message.counter.modulo
    if message.checksum is not None:
        whole["Checksum"] = 0
    return protect(message.can_id, message.definition.encode(whole, strict=False), None, message.checksum)


def drawn(message: ReferenceMessage, random: Random) -> dict[str, Value]:
    """A value or a word for each signal, the ends of its range among them."""
    values: dict[str, Value] = {}
    for signal in message.definition.signals:
        if signal.name in PROTECTION:
            continue
        words = [str(word) for word in (signal.choices or {}).values()]
        lowest, highest = float(signal.minimum or 0.0), float(signal.maximum or 0.0)
        if words and (signal.length <= 3 or random.random() < 0.2):
            values[signal.name] = random.choice(words)
        else:
            values[signal.name] = random.choice((lowest, highest, random.uniform(lowest, highest)))
    return values


@pytest.mark.parametrize("name", MESSAGES)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 40))
def test_every_message_is_encoded_as_cantools_does(name: str, seed: int, count: int) -> None:
    message, values = MESSAGES[name], drawn(MESSAGES[name], Random(seed))
    assert message.encode(values, count) == by_the_oracle(message, values, count)


@pytest.mark.parametrize("name", MESSAGES)
def test_every_raw_value_of_a_short_signal_is_encoded_as_cantools_does(name: str) -> None:
    message = MESSAGES[name]
    for signal in message.definition.signals:
        if signal.name in PROTECTION or signal.length > 8:
            continue
        values = drawn(message, Random(1))
        for raw in range(1 << signal.length):
            values[signal.name] = raw * signal.scale + signal.offset
            assert message.encode(values, raw) == by_the_oracle(message, values, raw)


@pytest.mark.parametrize("name", [name for name, message in MESSAGES.items() if message.checksum is not None])
def test_the_core_believes_every_checksum(name: str) -> None:
    message = MESSAGES[name]
    assert message.checksum is not None
    for seed in range(50):
        assert checksum_holds(message.can_id, message.encode(drawn(message, Random(seed)), seed), message.checksum)


@pytest.mark.parametrize("value", [-0.3, 16384.0])
def test_a_value_that_does_not_fit_is_refused(value: float) -> None:
    engine = MESSAGES["PCM_Engine"]
    with pytest.raises(ValueError, match="EngineSpeed"):
        engine.encode({"EngineState": "RUNNING", "EngineSpeed": value, "FuelLevel": 50.0}, 0)


def test_an_unknown_word_and_a_missing_signal_are_errors() -> None:
    engine = MESSAGES["PCM_Engine"]
    with pytest.raises(KeyError):
        engine.encode({"EngineState": "DANCING", "EngineSpeed": 800.0, "FuelLevel": 50.0}, 0)
    with pytest.raises(KeyError):
        engine.encode({"EngineState": "RUNNING", "EngineSpeed": 800.0}, 0)
