"""The last hour minute by minute, and who was active in it, from the live state."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tables.known import Column, Window, among
from tables.located import Located
from tables.placed_series import BOOKED, CANCELLED, COMPLETED, CONFIRMED, PAID, TRIPS, UNPAID
from tables.realtime import money
from tables.series import DRIVERS, HOUR_MS, RIDERS, code_of
from tables.state import LiveState

MINUTE_MS: Final = 60_000
MINUTES: Final = 60
ACTIVE_MINUTES: Final = (1, 5, 15, 60)


@dataclass(frozen=True, slots=True)
class Minute:
    """What happened in the minute that begins at `start_ms` (since the epoch); money is a decimal string."""

    start_ms: int
    trips_started: int
    trips_completed: int
    bookings_created: int
    bookings_cancelled: int
    revenue: str
    payments_success: int
    payments_failed: int


@dataclass(frozen=True, slots=True)
class Active:
    """Distinct users, and drivers among them, that an event of the last `minutes` names."""

    minutes: int
    active_users: int
    active_drivers: int


def minutes(state: LiveState, now_ms: int, currency: str, city: str | None = None) -> list[Minute]:
    """The last 60 minutes of the clock, the earliest first; the one that `now_ms` is in is the last.

    Args:
        state: what is known.
        now_ms: the clock, since the epoch.
        currency: the one that revenue is summed in.
        city: only what happened there.
    """
    state.settle(now_ms)
    located = Located(state, now_ms)
    first_ms = (now_ms // MINUTE_MS - MINUTES + 1) * MINUTE_MS
    confirmed = state.window(CONFIRMED, now_ms, HOUR_MS)

    def there(facts: Window, of: Callable[[Window], Column]) -> Column:
        # Everywhere: where each is need not be known.
        return np.ones(len(facts), bool) if city is None else located.chosen(of(facts), city)

    def counted(facts: Window, of: Callable[[Window], Column]) -> list[int]:
        places = (facts["at"][there(facts, of)] - first_ms) // MINUTE_MS
        return [*map(int, np.bincount(places[places >= 0], minlength=MINUTES))]

    def placed(*of: Window) -> list[list[int]]:
        return [counted(facts, located.of) for facts in of]

    def paid(*of: Window) -> list[list[int]]:
        return [counted(facts, located.of_payments) for facts in of]

    columns: list[list[Any]] = [
        *placed(*(state.window(series, now_ms, HOUR_MS) for series in (TRIPS, COMPLETED, BOOKED, CANCELLED))),
        _revenue(confirmed, there(confirmed, located.of), code_of(currency), first_ms),
        *paid(*(state.window(series, now_ms, HOUR_MS) for series in (PAID, UNPAID))),
    ]
    starts = range(first_ms, first_ms + MINUTES * MINUTE_MS, MINUTE_MS)
    return [Minute(start_ms, *counts) for start_ms, *counts in zip(starts, *columns, strict=True)]


def _revenue(confirmed: Window, there: Column, currency: int, first_ms: int) -> list[str]:
    chosen = there & (confirmed["currency"] == currency)
    places, cents = (confirmed["at"][chosen] - first_ms) // MINUTE_MS, confirmed["cents"][chosen]
    return [money(cents[places == place]) for place in range(MINUTES)]


def active(state: LiveState, now_ms: int) -> list[Active]:
    """Who was active in the last 1, 5, 15 and 60 minutes before `now_ms` (since the epoch)."""
    state.settle(now_ms)
    found = []
    for length in ACTIVE_MINUTES:
        drivers, riders = (
            state.window(series, now_ms, length * MINUTE_MS)["id"] for series in (DRIVERS, RIDERS)
        )
        users = len(drivers) + int(np.count_nonzero(~among(riders, drivers)))
        found.append(Active(length, users, len(drivers)))
    return found
