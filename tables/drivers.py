"""Where drivers are, from the live state."""

import uuid
from dataclasses import dataclass

import numpy as np

from tables.known import Column, among
from tables.located import Located
from tables.placed_series import DEGREE, NO_SPEED, POSITIONS
from tables.state import LiveState


@dataclass(frozen=True, slots=True)
class DriverPosition:
    """The last position of a driver: degrees, kilometres an hour, milliseconds since the epoch."""

    driver_id: str
    city: str | None
    lat: float
    lon: float
    speed_kmh: float | None
    last_seen_ms: int
    trip_id: str | None


def positions(
    state: LiveState, now_ms: int, city: str | None, limit: int
) -> tuple[int, list[DriverPosition]]:
    """How many active drivers have told their position, and the first `limit`, seen last first.

    Args:
        state: what is known.
        now_ms: the clock, since the epoch.
        city: only drivers there, by their position's own city, else that of the trip that they are on.
        limit: at most so many.
    """
    state.settle(now_ms)
    located = Located(state, now_ms)
    seen = state.window(POSITIONS, now_ms)
    drivers, driver_cities = located.active_drivers()
    there = drivers[located.chosen(driver_cities, city)]
    chosen = np.flatnonzero(among(seen["id"], there))
    at = seen["at"]
    first = chosen[np.lexsort((seen["low"][chosen], seen["high"][chosen], -at[chosen]))][:limit]
    ids = seen["id"][first]
    places = driver_cities[np.searchsorted(drivers, ids)]
    trips = map(_uuid, *(half.tolist() for half in located.active_trips.by_driver(ids)))
    listed = zip(
        map(_uuid, seen["high"][first].tolist(), seen["low"][first].tolist()),
        map(located.names.get, places.tolist()),
        (seen["lat"][first] / DEGREE).tolist(),
        (seen["lon"][first] / DEGREE).tolist(),
        _speeds(seen["speed"][first]),
        at[first].tolist(),
        trips,
        strict=True,
    )
    return len(chosen), [DriverPosition(str(driver), *rest) for driver, *rest in listed]


def _speeds(tenths: Column) -> list[float | None]:
    return [None if tenth == NO_SPEED else tenth / 10 for tenth in tenths.tolist()]


def _uuid(high: int, low: int) -> str | None:
    return str(uuid.UUID(int=high << 64 | low)) if high or low else None
