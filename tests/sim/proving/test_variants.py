"""The variants are the reference car with less to see, and compile like any profile."""

import tomllib

import pytest

from hardshoulder.core.vocabulary import Vss
from hardshoulder_sim.nodes import messages_of
from hardshoulder_sim.proving.cars import CarKind
from hardshoulder_sim.proving.variants import NODE_BUSES, Variant, as_toml, mapped, plan_of, variant_profile
from hardshoulder_sim.reference import reference_messages

EVERY = [(car, variant) for car in CarKind for variant in Variant]


@pytest.mark.parametrize(("car", "variant"), EVERY)
def test_what_is_written_reads_back(car: CarKind, variant: Variant) -> None:
    profile = variant_profile(car, variant)
    assert tomllib.loads(as_toml(profile)) == profile


@pytest.mark.parametrize(("car", "variant"), EVERY)
def test_every_variant_compiles_and_reads_only_what_the_car_sends(car: CarKind, variant: Variant) -> None:
    plan = plan_of(car, variant)
    assert plan.profile == f"{car.value}-{variant.value}"
    assert Vss.SPEED in mapped(plan)
    assert {message.name for message in plan.messages} <= set(messages_of(plan.propulsion))


@pytest.mark.parametrize("car", CarKind)
def test_the_whole_variant_is_the_shipped_profile(car: CarKind) -> None:
    whole, two = plan_of(car, Variant.WHOLE), plan_of(car, Variant.TWO_BUS)
    assert mapped(whole) == mapped(two)
    assert len(mapped(whole)) > 25
    assert whole.buses == ("main",)
    assert all(message.counter and message.checksum for message in whole.messages if message.name[:3] != "GNS")


@pytest.mark.parametrize("car", CarKind)
def test_in_the_two_bus_variant_every_message_is_where_its_node_is(car: CarKind) -> None:
    plan = plan_of(car, Variant.TWO_BUS)
    assert plan.buses == ("powertrain", "body")
    for message in plan.messages:
        assert message.bus == NODE_BUSES[reference_messages()[message.name].sender]
    assert plan.hazard.command is not None and plan.hazard.command.bus == "body"


@pytest.mark.parametrize("car", CarKind)
def test_the_lean_variant_has_speed_pedal_and_one_sign_of_life(car: CarKind) -> None:
    engine = set() if car is CarKind.ELECTRIC else {Vss.ENGINE_SPEED}
    contactors = set() if car.burns else {Vss.POWER_CONNECTED}
    assert mapped(plan_of(car, Variant.LEAN)) == {Vss.SPEED, Vss.PEDAL_POSITION, *engine, *contactors}


@pytest.mark.parametrize("car", CarKind)
def test_the_unprotected_variant_believes_any_frame(car: CarKind) -> None:
    plan = plan_of(car, Variant.UNPROTECTED)
    assert mapped(plan) == mapped(plan_of(car, Variant.WHOLE))
    assert not any(message.counter or message.checksum for message in plan.messages)
    assert plan.hazard.command is not None and plan.hazard.command.checksum is not None


@pytest.mark.parametrize("variant", Variant)
def test_only_the_mild_hybrid_among_the_petrol_cars_coasts_with_its_engine_off(variant: Variant) -> None:
    coasting = {car: plan_of(car, variant).traits.coasts_engine_off for car in CarKind if car.burns}
    assert coasting == {CarKind.AUTOMATIC: False, CarKind.MANUAL: False, CarKind.MILD_HYBRID: True}
