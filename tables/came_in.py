"""Events that came in, minute by minute, and how late they were, from the live state."""

from dataclasses import dataclass

import numpy as np

from tables.arrivals import MINUTE_MS, MINUTES
from tables.placed_series import ARRIVALS
from tables.realtime import rounded
from tables.series import HOUR_MS
from tables.state import LiveState
from tables.wait_sketch import BUCKETS, WaitSketch


@dataclass(frozen=True, slots=True)
class MinuteIn:
    """What Kafka got in the minute that begins at `start_ms` (since the epoch).

    `events` is None where nobody knows; lateness (milliseconds) where no event came.
    """

    start_ms: int
    events: int | None
    late_p50_ms: float | None = None
    late_p95_ms: float | None = None
    late_p99_ms: float | None = None


def came_in(state: LiveState, now_ms: int, known_since_ms: int | None) -> list[MinuteIn]:
    """The last 60 minutes of the clock, the earliest first; the one that `now_ms` is in is the last.

    Args:
        state: what is known.
        now_ms: the clock, since the epoch.
        known_since_ms: a minute that ended before that is not known; None: none is.
    """
    state.settle(now_ms)
    first_ms = (now_ms // MINUTE_MS - MINUTES + 1) * MINUTE_MS
    seen = state.window(ARRIVALS, now_ms, HOUR_MS)
    at_ms = seen["at"]
    places = (at_ms - first_ms) // MINUTE_MS
    weights = state.thinning.weights(at_ms, seen["share"])
    within = places >= 0
    cells = places[within] * BUCKETS + seen["late"][within]
    counts = np.bincount(cells, weights[within], MINUTES * BUCKETS).astype(np.int64).reshape(MINUTES, BUCKETS)
    starts = range(first_ms, first_ms + MINUTES * MINUTE_MS, MINUTE_MS)
    return [
        _minute(start_ms, WaitSketch(of_minute), known_since_ms)
        for start_ms, of_minute in zip(starts, counts, strict=True)
    ]


def _minute(start_ms: int, late: WaitSketch, known_since_ms: int | None) -> MinuteIn:
    if not late.count:
        is_known = known_since_ms is not None and start_ms + MINUTE_MS > known_since_ms
        return MinuteIn(start_ms, 0 if is_known else None)
    return MinuteIn(start_ms, late.count, *map(rounded, late.quantiles_ms(0.5, 0.95, 0.99)))
