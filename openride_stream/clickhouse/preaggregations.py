"""The pre-aggregations: mergeable states of the distinct events of one day, one definition for both uses.

The same SELECT fills a pre-aggregated day and answers for a day that has none, so that a figure cannot
depend on which path it took.
"""

from typing import Final

from openride_stream.clickhouse.distinct import NO_ROUTE
from openride_stream.clickhouse.people import RIDER_STEPS, USER_DAYS
from openride_stream.clickhouse.recomputed import PreAggregation

__all__ = ["ALL", "RIDER_STEPS", "USER_DAYS", "PreAggregation"]


def _distinct_if(column: str, event_type: str) -> str:
    return f"uniqExactStateIf({column}, event_type = '{event_type}')"


_PLACE = (("city", "e.city"), ("state", "e.state"))

BOOKINGS: Final = PreAggregation(
    name="daily_bookings",
    table="daily_bookings",
    source="booking_events",
    keys=(*_PLACE, ("route_id", "e.route_id"), ("currency", "e.currency")),
    states=(
        ("created", _distinct_if("booking_id", "booking.created")),
        ("confirmed", _distinct_if("booking_id", "booking.confirmed")),
        ("cancelled", _distinct_if("booking_id", "booking.cancelled")),
        ("completed", _distinct_if("booking_id", "booking.completed")),
        ("confirmations", "countIf(event_type = 'booking.confirmed')"),
        ("value", "sumIf(toDecimal128(total_price, 2), event_type = 'booking.confirmed')"),
        ("seats", "sumIf(toUInt64(seats_booked), event_type = 'booking.confirmed')"),
    ),
)

_SUCCESS = "event_type = 'payment.success'"
PAYMENTS: Final = PreAggregation(
    name="daily_payments",
    table="daily_payments",
    source="payment_events",
    keys=(*_PLACE, ("payment_method", "e.payment_method"), ("currency", "e.currency")),
    states=(
        ("initiated", _distinct_if("payment_id", "payment.initiated")),
        ("succeeded", _distinct_if("payment_id", "payment.success")),
        ("failed", _distinct_if("payment_id", "payment.failed")),
        ("refunded", _distinct_if("payment_id", "payment.refunded")),
        ("revenue", f"sumIf(toDecimal128(amount, 2), {_SUCCESS})"),
        ("refunds", "sumIf(toDecimal128(refund_amount, 2), event_type = 'payment.refunded')"),
        (
            "processing_times",
            f"quantileExactInclusiveStateIf(0.95)(assumeNotNull(processing_time_ms), "
            f"{_SUCCESS} AND processing_time_ms IS NOT NULL)",
        ),
        ("processing_sum_ms", f"sumIf(toUInt64(ifNull(processing_time_ms, 0)), {_SUCCESS})"),
        ("processing_count", f"countIf({_SUCCESS} AND e.processing_time_ms IS NOT NULL)"),
    ),
)

_COMPLETED = "event_type = 'trip.completed'"
TRIPS: Final = PreAggregation(
    name="daily_trips",
    table="daily_trips",
    source="trip_events",
    keys=(*_PLACE, ("route_id", "e.route_id"), ("currency", "e.currency")),
    states=(
        ("started", _distinct_if("trip_id", "trip.started")),
        ("completed", _distinct_if("trip_id", "trip.completed")),
        ("cancelled", _distinct_if("trip_id", "trip.cancelled")),
        ("completions", f"countIf({_COMPLETED})"),
        ("duration_minutes", f"sumKahanStateIf(ifNull(e.duration_minutes, 0.), {_COMPLETED})"),
        ("distance_km", f"sumKahanStateIf(ifNull(e.distance_km, 0.), {_COMPLETED})"),
        ("on_time", f"countIf({_COMPLETED} AND e.on_time)"),
        ("earnings", f"sumIf(toDecimal128(driver_earnings, 2), {_COMPLETED})"),
        ("commission", f"sumIf(toDecimal128(platform_commission, 2), {_COMPLETED})"),
        ("drivers", "uniqExactState(driver_id)"),
    ),
)


def _active(source: str, ids: str, route: str) -> PreAggregation:
    return PreAggregation(
        name=f"daily_users/{source}",
        table="daily_users",
        source=source,
        keys=(("source", f"'{source}'"), *_PLACE, ("route_id", route)),
        states=(("users", f"uniqExactState(arrayJoin([{ids}]))"),),
        repeatable=True,
    )


# One for each source: sources expire at different ages, and a day is recomputed only from its own.
ACTIVE_USERS: Final = (
    _active("user_events", "user_id", NO_ROUTE),
    _active("booking_events", "rider_id, driver_id", "e.route_id"),
    _active("payment_events", "rider_id", NO_ROUTE),
    _active("trip_events", "rider_id, driver_id", "e.route_id"),
    _active("route_events", "driver_id", "e.route_id"),
    _active("location_events", "driver_id", NO_ROUTE),
)


def _activity(source: str) -> PreAggregation:
    return PreAggregation(
        name=f"hourly_activity/{source}",
        table="hourly_activity",
        source=source,
        keys=(
            ("hour", "toStartOfHour(event_timestamp, 'UTC')"),
            ("source", f"'{source}'"),
            ("event_type", "e.event_type"),
            *_PLACE,
        ),
        states=(("events", "count()"),),
    )


HOURLY_ACTIVITY: Final = tuple(_activity(active.source) for active in ACTIVE_USERS)

# Only an event without a city of its own has its route's: with one, no row need be told apart by its route.
_ROUTE_OF_PLACE: Final = f"if(e.city = '', e.route_id, {NO_ROUTE})"

DRIVER_EARNINGS: Final = PreAggregation(
    name="driver_earnings",
    table="driver_earnings",
    source="trip_events",
    keys=(
        ("driver_id", "e.driver_id"),
        *_PLACE,
        ("route_id", _ROUTE_OF_PLACE),
        ("currency", "e.currency"),
    ),
    states=(
        ("trips", "uniqExactState(trip_id)"),
        ("completions", "count()"),
        ("earnings", "sum(toDecimal128(driver_earnings, 2))"),
        ("distance_km", "sumKahanState(ifNull(e.distance_km, 0.))"),
    ),
    events=_COMPLETED,
)

# Bookings and payments by place; the users of other sources have theirs in daily_users. A payment without a
# city keeps its booking's id: the booking, and so its route, may arrive after the day was built.
GEOGRAPHIC_BOOKINGS: Final = PreAggregation(
    name="geographic/booking_events",
    table="geographic",
    source="booking_events",
    keys=(
        ("source", "'booking_events'"),
        *_PLACE,
        ("route_id", _ROUTE_OF_PLACE),
        ("booking_id", NO_ROUTE),
        ("currency", "''"),
    ),
    states=(
        ("bookings", _distinct_if("e.booking_id", "booking.created")),
        ("payments", "uniqExactStateIf(e.booking_id, 0)"),
        ("revenue", "toDecimal128(0, 2)"),
        # It makes two rows of each: that is nothing to states of distinct ids, which are all there are here.
        ("users", "uniqExactState(arrayJoin([rider_id, driver_id]))"),
    ),
)

GEOGRAPHIC_PAYMENTS: Final = PreAggregation(
    name="geographic/payment_events",
    table="geographic",
    source="payment_events",
    keys=(
        ("source", "'payment_events'"),
        *_PLACE,
        ("route_id", NO_ROUTE),
        ("booking_id", f"if(e.city = '', e.booking_id, {NO_ROUTE})"),
        ("currency", "e.currency"),
    ),
    states=(
        ("bookings", "uniqExactStateIf(e.booking_id, 0)"),
        ("payments", _distinct_if("e.payment_id", "payment.success")),
        ("revenue", f"sumIf(toDecimal128(amount, 2), {_SUCCESS})"),
        ("users", "uniqExactState(rider_id)"),
    ),
)

ALL: Final = (
    BOOKINGS,
    PAYMENTS,
    TRIPS,
    *ACTIVE_USERS,
    *HOURLY_ACTIVITY,
    DRIVER_EARNINGS,
    GEOGRAPHIC_BOOKINGS,
    GEOGRAPHIC_PAYMENTS,
    *USER_DAYS,
    *RIDER_STEPS,
)
