"""The realtime figures of the contract, from the live state.

Every window ends at the clock, to the millisecond.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import numpy as np

from openride_stream.clickhouse.queries.rounding import average
from openride_stream.events.topics import Tier
from tables.known import Column, among, matched
from tables.series import (
    BOOKINGS,
    DRIVERS,
    ENDED,
    EVENTS,
    HOUR_MS,
    QUEUED,
    REVENUE,
    RIDERS,
    STARTED,
    code_of,
)
from tables.sightings import TIERS
from tables.state import LiveState
from tables.wait_sketch import WaitSketch, sketches

ACTIVE_MS: Final = 300_000
_RATE_MS: Final = 60_000
_MINUTE_MS: Final = 60_000
_CENT: Final = Decimal("0.01")
_PASSES: Final = 8


@dataclass(frozen=True, slots=True)
class QueueTimes:
    """How long the executions of one schedule tier waited, over the last hour."""

    count: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What the contract's realtime answer says of events; money is a decimal string."""

    active_users: int
    active_drivers: int
    active_trips: int
    bookings_last_hour: int
    revenue_last_hour: str
    avg_wait_time_minutes: float
    queue_times: dict[Tier, QueueTimes]
    events_per_second: float


def figures(state: LiveState, now_ms: int, currency: str) -> Figures:
    """The figures at `now_ms` (ms since the epoch); `currency` is the one that revenue is summed in."""
    state.settle(now_ms)
    drivers = state.window(DRIVERS, now_ms, ACTIVE_MS)["id"]
    riders = state.window(RIDERS, now_ms, ACTIVE_MS)["id"]
    return Figures(
        active_users=len(drivers) + int(np.count_nonzero(~among(riders, drivers))),
        active_drivers=len(drivers),
        active_trips=_active_trips(state, now_ms),
        bookings_last_hour=len(state.window(BOOKINGS, now_ms, HOUR_MS)),
        revenue_last_hour=_revenue(state, now_ms, currency),
        avg_wait_time_minutes=_average_wait_minutes(state, now_ms),
        queue_times=_queue_times(state, now_ms),
        events_per_second=rounded(
            _weights(state.window(EVENTS, now_ms, _RATE_MS)["share"]) / (_RATE_MS / 1000)
        ),
    )


def _weights(shares: Column) -> int:
    """How many events a sample stands for."""
    counts = np.bincount(shares, minlength=65)
    return sum(int(count) << (64 - share) for share, count in enumerate(counts) if count)


def _active_trips(state: LiveState, now_ms: int) -> int:
    ended = state.window(ENDED, now_ms)["id"]
    return int(np.count_nonzero(~among(state.window(STARTED, now_ms)["id"], ended)))


def _revenue(state: LiveState, now_ms: int, currency: str) -> str:
    confirmed = state.window(REVENUE, now_ms, HOUR_MS)
    return money(confirmed["cents"][confirmed["currency"] == code_of(currency)])


def currencies_paid(state: LiveState, now_ms: int) -> frozenset[int]:
    """The currencies that the last hour's revenue is in, by their codes."""
    state.settle(now_ms)
    rest = state.window(REVENUE, now_ms, HOUR_MS)["currency"]
    found: set[int] = set()
    # A few passes are quicker than to sort a million codes that are nearly all the same.
    while len(rest) and len(found) < _PASSES:
        found.add(int(rest[0]))
        rest = rest[rest != rest[0]]
    return frozenset(found.union(np.unique(rest).tolist()))


def money(cents: Column) -> str:
    """The sum of amounts in hundredths, as a decimal string."""
    # Summed by Python: 64 bits might not hold it.
    return str((Decimal(sum(cents.tolist())) / 100).quantize(_CENT))


def _average_wait_minutes(state: LiveState, now_ms: int) -> float:
    return average_minutes(waits(state, now_ms)[1])


def average_minutes(waits_ms: Column) -> float:
    """The mean of waits in milliseconds, in minutes; 0 of none.

    Exactly: a wait of 0.9 s is 0.015 minutes, half a hundredth, which a double falls short of.
    """
    return average(Decimal(int(waits_ms.sum())), len(waits_ms) * _MINUTE_MS)


def waits(state: LiveState, now_ms: int) -> tuple[Column, Column]:
    """Trips that started in the last hour, and how long after their booking each did, in milliseconds.

    Those whose booking is not known, or that started before it, are left out.
    """
    started, created = state.window(STARTED, now_ms, HOUR_MS), state.window(BOOKINGS, now_ms)
    booked = among(started["booking"], created["id"])
    trips = started["id"][booked]
    waits_ms = started["at"][booked] - matched(started["booking"][booked], created["id"], created["at"])
    return trips[waits_ms >= 0], waits_ms[waits_ms >= 0]


def _queue_times(state: LiveState, now_ms: int) -> dict[Tier, QueueTimes]:
    return {
        tier: QueueTimes(sketch.count, *map(rounded, sketch.quantiles_ms(0.5, 0.95)))
        for tier, sketch in waits_by_tier(state, now_ms).items()
    }


def waits_by_tier(state: LiveState, now_ms: int) -> dict[Tier, WaitSketch]:
    """How long the executions of each tier waited, over the last hour."""
    queued = state.window(QUEUED, now_ms, HOUR_MS)
    return dict(zip(TIERS, sketches(queued["code"], len(TIERS)), strict=True))


def rounded(number: float) -> float:
    """To two places, half up."""
    return float(Decimal(number).quantize(_CENT, ROUND_HALF_UP))
