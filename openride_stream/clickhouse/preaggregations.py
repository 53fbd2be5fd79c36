"""The pre-aggregations: one definition fills a day that is kept, and answers for a day that is not.

So a figure cannot depend on which path it took. Bookings, payments and trips have a row for each distinct
event, with what figures are made of and nothing else: sets of ids of every route and day were tried, and
merging tens of thousands of small sets took several times as long as counting their ids anew.
"""

from typing import Final

from openride_stream.clickhouse.distinct import NO_ROUTE
from openride_stream.clickhouse.people import RIDER_STEPS, USER_DAYS
from openride_stream.clickhouse.recomputed import SEEN, TIME, PreAggregation, merged

__all__ = ["ALL", "MERGED", "RIDER_STEPS", "USER_DAYS", "PreAggregation"]

_PLACE: Final = (("city", "e.city"), ("state", "e.state"))
_EVENT: Final = (("kind", "e.event_type"), (TIME, f"e.{TIME}"), *_PLACE, ("currency", "e.currency"))

# Only an event without a city of its own has its route's place: with one, no row need be told apart by its
# route. A booking is kept while its route is not known: it may still be told of.
_ROUTE: Final = f"if(e.city = '', e.route_id, {NO_ROUTE})"
_BOOKING: Final = f"if(e.city = '' AND e.route_id = {NO_ROUTE}, e.booking_id, {NO_ROUTE})"

BOOKINGS: Final = PreAggregation(
    name="daily_bookings.booking_events",
    table="daily_bookings",
    source="booking_events",
    keys=(
        *_EVENT,
        ("route_id", "e.route_id"),
        ("booking_id", "e.booking_id"),
        ("price", "e.total_price"),
        ("seats", "e.seats_booked"),
    ),
    grouped=False,
)

# `amount` is what was paid, or paid back.
PAYMENTS: Final = PreAggregation(
    name="daily_payments.payment_events",
    table="daily_payments",
    source="payment_events",
    keys=(
        *_EVENT,
        ("route_id", _ROUTE),
        ("booking_id", _BOOKING),
        ("payment_id", "e.payment_id"),
        ("payment_method", "e.payment_method"),
        ("amount", "if(e.event_type = 'payment.refunded', e.refund_amount, e.amount)"),
        ("processing_time_ms", "e.processing_time_ms"),
    ),
    grouped=False,
    route_of_booking=True,
)

TRIPS: Final = PreAggregation(
    name="daily_trips.trip_events",
    table="daily_trips",
    source="trip_events",
    keys=(
        *_EVENT,
        ("route_id", "e.route_id"),
        ("trip_id", "e.trip_id"),
        ("driver_id", "e.driver_id"),
        ("duration_minutes", "ifNull(e.duration_minutes, 0.)"),
        ("distance_km", "ifNull(e.distance_km, 0.)"),
        ("on_time", "ifNull(e.on_time, false)"),
        ("earnings", "e.driver_earnings"),
        ("commission", "e.platform_commission"),
    ),
    grouped=False,
)


def _active(source: str, *ids: str, route: str = NO_ROUTE, of_booking: bool = False) -> PreAggregation:
    several = len(ids) > 1
    return PreAggregation(
        name=f"active_users.{source}",
        table="daily_users",
        source=source,
        keys=(
            ("source", f"'{source}'"),
            *_PLACE,
            ("route_id", route),
            ("booking_id", _BOOKING if of_booking else NO_ROUTE),
            ("user_id", "e.person" if several else f"e.{ids[0]}"),
        ),
        counts=SEEN,
        people=f"[{', '.join(ids)}]" if several else "",
        repeatable=True,
        route_of_booking=of_booking,
    )


# One for each source: sources expire at different ages, and a day is recomputed only from its own.
ACTIVE_USERS: Final = (
    _active("user_events", "user_id"),
    _active("booking_events", "rider_id", "driver_id", route=_ROUTE),
    _active("payment_events", "rider_id", route=_ROUTE, of_booking=True),
    _active("trip_events", "rider_id", "driver_id", route=_ROUTE),
    _active("route_events", "driver_id", route=_ROUTE),
    _active("location_events", "driver_id"),
)


def _activity(source: str) -> PreAggregation:
    return PreAggregation(
        name=f"hourly_activity/{source}",
        table="hourly_activity",
        source=source,
        keys=(
            ("hour", f"toStartOfHour({TIME}, 'UTC')"),
            ("source", f"'{source}'"),
            ("event_type", "e.event_type"),
            *_PLACE,
        ),
        counts=(("events", "count()"),),
    )


HOURLY_ACTIVITY: Final = tuple(_activity(active.source) for active in ACTIVE_USERS)

ALL: Final = (BOOKINGS, PAYMENTS, TRIPS, *ACTIVE_USERS, *HOURLY_ACTIVITY, *USER_DAYS, *RIDER_STEPS)

MERGED: Final = (merged("active_users.merged", ACTIVE_USERS), merged("user_days.merged", USER_DAYS))
"""Made of the builds of others once those are clean: half as many rows, of days that are over."""

_MERGED_OF: Final = {kept.parts: kept for kept in MERGED}


def merged_of(parts: tuple[PreAggregation, ...]) -> PreAggregation | None:
    """What is made of exactly these."""
    return _MERGED_OF.get(parts)
