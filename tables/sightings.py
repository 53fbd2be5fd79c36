"""From the accepted events of a batch to the facts that live tables hold. Pure; whole columns at once."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openride_stream.events.topics import BY_NAME, Domain, Tier
from tables.series import (
    ALL_SERIES,
    BOOKINGS,
    DRIVERS,
    ENDED,
    EVENTS,
    QUEUED,
    REVENUE,
    RIDERS,
    STARTED,
    Facts,
    Series,
    code_of,
    hashes,
    made,
)

Rows = Sequence[Mapping[str, Any]]
Sightings = dict[Series, Facts]

TIERS: Final[tuple[Tier, ...]] = ("mongo_periodic", "clickhouse_delayed", "redis_immediate")
AHEAD_MS: Final = 600_000
"""How far ahead of the clock an event may lie to be taken: it counts once the clock has come to it."""
SLACK_MS: Final = 600_000
"""How far the clocks of two workers may lie apart."""

_EVENT_TIME: Final = itemgetter("event_timestamp")
_EVENT_ID: Final = itemgetter("event_id")
_COUNTED_ONE_BY_ONE: Final = 64
_PARTIES: Final[Mapping[Domain, tuple[tuple[Series, str], ...]]] = {
    "user": ((RIDERS, "user_id"),),
    "booking": ((RIDERS, "rider_id"), (DRIVERS, "driver_id")),
    "payment": ((RIDERS, "rider_id"),),
    "trip": ((RIDERS, "rider_id"), (DRIVERS, "driver_id")),
    "route": ((DRIVERS, "driver_id"),),
    "location": ((DRIVERS, "driver_id"),),
    "schedule": (),
}
WAIT_FIELD: Final[Mapping[Tier, str]] = {
    "mongo_periodic": "time_in_mongo_queue_ms",
    "clickhouse_delayed": "time_in_clickhouse_queue_ms",
    "redis_immediate": "time_in_redis_queue_ms",
}


def sightings(topic: str, rows: Rows, now_ms: int, live_ms: int) -> Sightings:
    """The facts of `rows`, accepted events of `topic`, that are of use to any window that ends at the clock.

    Args:
        topic: one of the contract's topics.
        rows: decoded events; `event_timestamp` in milliseconds since the epoch.
        now_ms: the clock.
        live_ms: how long open trips and their bookings are remembered, in milliseconds.
    """
    at = np.fromiter(map(_EVENT_TIME, rows), np.int64, len(rows))
    live = (at > now_ms - oldest_of_use_ms(live_ms)) & (at <= now_ms + AHEAD_MS + SLACK_MS)
    if not live.all():
        rows, at = [row for row, taken in zip(rows, live, strict=True) if taken], at[live]
    if not rows:
        return {}
    source = BY_NAME[topic]
    found = {series: _party(series, field, rows, at) for series, field in _PARTIES[source.domain]}
    found[EVENTS] = _events(rows, at, now_ms)
    for series, of in _OF_TYPES.get(source.domain, ()):
        found[series] = of(rows)
    if source.tier is not None:
        found[QUEUED] = _queued(rows, source.tier)
    kept = {series: _within(seen, series, now_ms, live_ms) for series, seen in found.items()}
    return {series: seen for series, seen in kept.items() if len(seen)}


def oldest_of_use_ms(live_ms: int) -> int:
    """How old a fact may be that some worker can still need, in milliseconds."""
    return max(series.horizon_ms(live_ms) for series in ALL_SERIES) + SLACK_MS


def _within(seen: Facts, series: Series, now_ms: int, live_ms: int) -> Facts:
    """Those that are young enough, one an identity where they are past by every worker's clock.

    Of what lies ahead of a clock each may be the newest for a while.
    """
    young = seen["at"] > now_ms - series.horizon_ms(live_ms) - SLACK_MS
    past = seen["at"] <= now_ms - SLACK_MS
    recent = seen[young & ~past]
    return np.concatenate([series.distinct(seen[young & past]), recent]) if past.any() else recent


def _party(series: Series, field: str, rows: Rows, at: npt.NDArray[np.int64]) -> Facts:
    return made(series, hashes([row[field] for row in rows]), at)


def _events(rows: Rows, at: npt.NDArray[np.int64], now_ms: int) -> Facts:
    """The events of the last minute, of a large batch only some: each then counts for several.

    Which ones is for their identities to say, so that the same event is in the sample of every batch of
    that size, and where batches of several sizes hold it, it counts for the least.
    """
    recent = at > now_ms - EVENTS.horizon_ms(0) - SLACK_MS
    if not recent.any():
        return np.empty(0, EVENTS.dtype)
    ids = hashes(list(map(_EVENT_ID, rows)))[recent]
    of_the_minute = int(np.count_nonzero(at > now_ms - EVENTS.horizon_ms(0)))
    halvings = max(0, (of_the_minute - 1) // _COUNTED_ONE_BY_ONE).bit_length()
    sampled = ids >> np.uint64(64 - halvings) == 0 if halvings else np.ones(len(ids), bool)
    return made(EVENTS, ids[sampled], at[recent][sampled], share=64 - halvings)


def _created(rows: Rows) -> Facts:
    return _named(BOOKINGS, _of_type(rows, "booking.created"), "booking_id")


def _confirmed(rows: Rows) -> Facts:
    chosen = _of_type(rows, "booking.confirmed")
    cents = [int(row["total_price"].replace(".", "")) for row in chosen]
    codes = [code_of(row["currency"]) for row in chosen]
    return _named(REVENUE, chosen, "event_id", cents=cents, currency=codes)


def _started(rows: Rows) -> Facts:
    chosen = _of_type(rows, "trip.started")
    return _named(STARTED, chosen, "trip_id", booking=hashes([row["booking_id"] for row in chosen]))


def _ended(rows: Rows) -> Facts:
    return _named(ENDED, _of_type(rows, "trip.completed", "trip.cancelled"), "trip_id")


_OF_TYPES: Final[Mapping[Domain, tuple[tuple[Series, Callable[[Rows], Facts]], ...]]] = {
    "booking": ((BOOKINGS, _created), (REVENUE, _confirmed)),
    "trip": ((STARTED, _started), (ENDED, _ended)),
}


def _queued(rows: Rows, tier: Tier) -> Facts:
    field = WAIT_FIELD[tier]
    chosen = [row for row in rows if row.get(field) is not None and not row.get("is_update")]
    waited = [float(row[field]) for row in chosen]
    return _named(QUEUED, chosen, "analytics_id", tier=TIERS.index(tier), waited_ms=waited)


def _of_type(rows: Rows, *types: str) -> Rows:
    return [row for row in rows if row["event_type"] in types]


def _named(series: Series, rows: Rows, field: str, **columns: Any) -> Facts:
    at = np.fromiter(map(_EVENT_TIME, rows), np.int64, len(rows))
    return made(series, hashes([row[field] for row in rows]), at, **columns)
