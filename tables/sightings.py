"""From the accepted events of a batch to the facts that live tables hold. Pure; whole columns at once."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from openride_stream.events.accept import Accepted
from openride_stream.events.topics import BY_NAME, Domain, SourceTopic, Tier
from tables.arrivals import Arrived, arrivals
from tables.part import Part
from tables.parts import RowsPart, part_of
from tables.placed import placed_sightings, without_names_of_nothing
from tables.placed_series import ARRIVALS, EVERY_SERIES
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
    Facts,
    Series,
    added,
    joined,
    made,
)

Sightings = dict[Series, Facts]

TIERS: Final[tuple[Tier, ...]] = ("mongo_periodic", "clickhouse_delayed", "redis_immediate")
AHEAD_MS: Final = 600_000
"""How far ahead of the clock an event may lie to be taken: it counts once the clock has come to it."""
SLACK_MS: Final = 600_000
"""How far the clocks of two workers may lie apart."""

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
_IDENTITIES: Final[Mapping[Domain, tuple[str, ...]]] = {
    "user": ("event_id", "user_id"),
    "booking": ("event_id", "booking_id", "rider_id", "driver_id", "route_id"),
    "payment": ("event_id", "payment_id", "booking_id", "rider_id"),
    "trip": ("event_id", "trip_id", "booking_id", "rider_id", "driver_id", "route_id"),
    "route": ("event_id", "driver_id"),
    "location": ("event_id", "driver_id"),
    "schedule": ("event_id",),
}
"""What every event of a domain has."""
WAIT_FIELD: Final[Mapping[Tier, str]] = {
    "mongo_periodic": "time_in_mongo_queue_ms",
    "clickhouse_delayed": "time_in_clickhouse_queue_ms",
    "redis_immediate": "time_in_redis_queue_ms",
}


def sightings(
    topic: str, accepted: Accepted, now_ms: int, live_ms: int, arrived: Arrived | None = None
) -> Sightings:
    """The facts of accepted events of `topic` that are of use to any window that ends at the clock.

    Args:
        topic: one of the contract's topics.
        accepted: events of one batch.
        now_ms: the clock.
        live_ms: how long open trips and their bookings are remembered, in milliseconds.
        arrived: when Kafka got the records of the batch; None: nothing is told of that.
    """
    part = part_of(accepted)
    if not len(part.at):
        return {}
    came = {} if arrived is None else {ARRIVALS: arrivals(part, arrived, now_ms - HOUR_MS - SLACK_MS)}
    first_ms, last_ms = int(part.at.min()), int(part.at.max())
    oldest_ms, newest_ms = now_ms - oldest_of_use_ms(live_ms), now_ms + AHEAD_MS + SLACK_MS
    if first_ms <= oldest_ms or last_ms > newest_ms:
        part = part.taken((part.at > oldest_ms) & (part.at <= newest_ms))
    found = _facts(BY_NAME[topic], part, now_ms)
    if first_ms <= now_ms - SLACK_MS:
        found = {series: _within(seen, series, now_ms, live_ms) for series, seen in found.items()}
    return without_names_of_nothing({series: seen for series, seen in (found | came).items() if len(seen)})


def _facts(source: SourceTopic, part: Part, now_ms: int) -> Sightings:
    if isinstance(part, RowsPart):
        part.look_for(_IDENTITIES[source.domain])
    found = {series: made(series, part.ids(field), part.at) for series, field in _PARTIES[source.domain]}
    found[EVENTS] = _events(part, now_ms)
    for series, of in _OF_TYPES.get(source.domain, ()):
        found[series] = of(part)
    found |= placed_sightings(source.domain, part, now_ms, now_ms - SLACK_MS)
    if source.tier is not None:
        found[QUEUED] = _queued(part, source.tier)
    return found


def oldest_of_use_ms(live_ms: int) -> int:
    """How old a fact may be that some worker can still need, in milliseconds."""
    return max(series.horizon_ms(live_ms) for series in EVERY_SERIES) + SLACK_MS


def _within(seen: Facts, series: Series, now_ms: int, live_ms: int) -> Facts:
    """Those that are young enough, one an identity where they are past by every worker's clock.

    Of what lies ahead of a clock each may be the newest for a while.
    """
    young = seen["at"] > now_ms - series.horizon_ms(live_ms) - SLACK_MS
    past = seen["at"] <= now_ms - SLACK_MS
    recent = seen[young & ~past]
    return joined([series.distinct(seen[young & past]), recent]) if past.any() else recent


def _events(part: Part, now_ms: int) -> Facts:
    """The events of the last minute, of a large batch only some: each then counts for several.

    Which ones is for their identities to say, so that the same event is in the sample of every batch of
    that size, and where batches of several sizes hold it, it counts for the least.
    """
    ids, at = part.ids("event_id"), part.at
    oldest_ms = now_ms - EVENTS.horizon_ms(0) - SLACK_MS
    if len(at) and at.min() <= oldest_ms:
        recent = at > oldest_ms
        ids, at = ids[recent], at[recent]
    of_the_minute = int(np.count_nonzero(at > now_ms - EVENTS.horizon_ms(0)))
    halvings = max(0, (of_the_minute - 1) // _COUNTED_ONE_BY_ONE).bit_length()
    if halvings:
        sampled = ids >> np.uint64(64 - halvings) == 0
        ids, at = ids[sampled], at[sampled]
    return made(EVENTS, ids, at, share=64 - halvings)


def _created(part: Part) -> Facts:
    return _named(BOOKINGS, part.of_type("booking.created"), "booking_id")


def _confirmed(part: Part) -> Facts:
    chosen = part.of_type("booking.confirmed")
    if not len(chosen.at):
        return np.empty(0, REVENUE.dtype)
    return _named(
        REVENUE, chosen, "event_id", cents=chosen.cents("total_price"), currency=chosen.currencies()
    )


def _started(part: Part) -> Facts:
    chosen = part.of_type("trip.started")
    return _named(STARTED, chosen, "trip_id", booking=chosen.ids("booking_id"))


def _ended(part: Part) -> Facts:
    return _named(ENDED, part.of_type("trip.completed", "trip.cancelled"), "trip_id")


_OF_TYPES: Final[Mapping[Domain, tuple[tuple[Series, Callable[[Part], Facts]], ...]]] = {
    "booking": ((BOOKINGS, _created), (REVENUE, _confirmed)),
    "trip": ((STARTED, _started), (ENDED, _ended)),
}


def _queued(part: Part, tier: Tier) -> Facts:
    waited_ms = part.numbers(WAIT_FIELD[tier])
    # Only updates say whether they are any.
    chosen = ~np.isnan(waited_ms) & np.isnan(part.numbers("is_update"))
    waited_ms = waited_ms[chosen]
    return _named(QUEUED, part.taken(chosen), "analytics_id", tier=TIERS.index(tier), waited_ms=waited_ms)


def _named(series: Series, part: Part, field: str, **columns: Any) -> Facts:
    return added(series, part.ids(field), part.at, **columns)
