"""What is so now in each city, from the live state."""

from dataclasses import dataclass

import numpy as np

from tables.known import Column, matched
from tables.located import Located
from tables.placed_series import BOOKED, CANCELLED, CONFIRMED, NO_CITY, TRIPS
from tables.realtime import average_minutes, money, waits
from tables.series import HOUR_MS, code_of
from tables.state import LiveState


@dataclass(frozen=True, slots=True)
class City:
    """One city; `city` is None for what has no place. Money is a decimal string."""

    city: str | None
    active_drivers: int
    active_trips: int
    bookings_last_hour: int
    revenue_last_hour: str
    cancellations_last_hour: int
    avg_wait_time_minutes: float


def cities(state: LiveState, now_ms: int, currency: str, city: str | None = None) -> list[City]:
    """Every city that anything of the last hours happened in, most trips first; what has no place is one.

    Args:
        state: what is known.
        now_ms: the clock, since the epoch: windows end there.
        currency: the one that revenue is summed in.
        city: only this one.
    """
    state.settle(now_ms)
    located = Located(state, now_ms)
    confirmed = state.window(CONFIRMED, now_ms, HOUR_MS)
    paid_so = confirmed["currency"] == code_of(currency)
    waits_ms, of_waits = _waits(located)
    none = np.empty(0, np.int64)
    drivers = _grouped(located.active_drivers()[1])
    trips = _grouped(located.active_trips.city)
    booked = _grouped(located.of(state.window(BOOKED, now_ms, HOUR_MS)))
    revenue = _grouped(located.of(confirmed)[paid_so], confirmed["cents"][paid_so])
    cancelled = _grouped(located.of(state.window(CANCELLED, now_ms, HOUR_MS)))
    waited = _grouped(of_waits, waits_ms)
    found = [
        City(
            city=None if code == NO_CITY else located.names.get(code, ""),
            active_drivers=len(drivers.get(code, none)),
            active_trips=len(trips.get(code, none)),
            bookings_last_hour=len(booked.get(code, none)),
            revenue_last_hour=money(revenue.get(code, none)),
            cancellations_last_hour=len(cancelled.get(code, none)),
            avg_wait_time_minutes=_average_minutes(waited.get(code, none)),
        )
        for code in drivers.keys()
        | trips.keys()
        | booked.keys()
        | revenue.keys()
        | cancelled.keys()
        | waited.keys()
    ]
    if city is not None:
        found = [one for one in found if one.city == city]
    return sorted(
        found, key=lambda one: (-one.active_trips, -one.bookings_last_hour, one.city or "\U0010ffff")
    )


def _grouped(cities: Column, values: Column | None = None) -> dict[int, Column]:
    """The values of each city; without values as many zeros."""
    order = np.argsort(cities, kind="stable")
    codes, starts = np.unique(cities[order], return_index=True)
    ordered = np.zeros(len(order), np.int64) if values is None else values[order]
    return dict(zip(codes.tolist(), np.split(ordered, starts[1:]), strict=True)) if len(codes) else {}


def _waits(located: Located) -> tuple[Column, Column]:
    """Of trips that started in the last hour: how long after their booking, in milliseconds, and the city."""
    trips, waits_ms = waits(located.state, located.now_ms)
    placed = located.state.window(TRIPS, located.now_ms)
    return waits_ms, matched(trips, placed["id"], located.of(placed))


def _average_minutes(waits_ms: Column) -> float:
    return average_minutes(waits_ms)
