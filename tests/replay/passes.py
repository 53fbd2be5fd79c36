"""Small passes over the shipped trips, for the tests."""

import dataclasses

from openride_stream.replay.dressing import Roughness, dressed
from openride_stream.replay.lifecycle import Pass, Recipe, make_pass, shift_to_end
from openride_stream.replay.parcels import Parcel
from openride_stream.replay.story import Tariff
from openride_stream.replay.trips import Trip, read_trips
from openride_stream.replay.wheel import Wheel
from tests.events.batches import NOW_MS, POLICY

END_MS = NOW_MS


def trips(limit: int = 150) -> list[Trip]:
    return read_trips(limit=limit)


def wheel(limit: int = 150) -> Wheel:
    return Wheel.of(trips(limit))


def turned_pass(limit: int = 150) -> Pass:
    """A pass over the first turn of the wheel."""
    some = wheel(limit).trips
    return make_pass(some, Recipe(1, shift_to_end(some, END_MS), 0, Tariff("NGN", "NGN"), 0.5, 28))


def small_pass(limit: int = 150, **changes: object) -> Pass:
    some = trips(limit)
    recipe = Recipe(1, shift_to_end(some, END_MS), 0, Tariff("NGN", "NGN"), 0.5, 28)
    return make_pass(some, dataclasses.replace(recipe, **changes))  # type: ignore[arg-type]


def parcels(limit: int = 150, **rough: float) -> list[Parcel]:
    one = small_pass(limit)
    roughness = Roughness(**rough)  # type: ignore[arg-type]
    return list(dressed(one.events(), one.recipe.ids().scope, roughness, dict(POLICY.retention_days)))
