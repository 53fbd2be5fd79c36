"""The pre-aggregations of people: who was active on a day, and when riders got to the steps of the funnel.

They have no place: whoever registered in one may be active anywhere.
"""

from typing import Final

from openride_stream.clickhouse.recomputed import SEEN, PreAggregation


def _user_days(source: str, *ids: str) -> PreAggregation:
    several = len(ids) > 1
    return PreAggregation(
        name=f"user_days.{source}",
        table="user_days",
        source=source,
        keys=(("source", f"'{source}'"), ("user_id", "e.person" if several else f"e.{ids[0]}")),
        counts=SEEN,
        people=f"[{', '.join(ids)}]" if several else "",
        repeatable=True,
    )


USER_DAYS: Final = (
    _user_days("user_events", "user_id"),
    _user_days("booking_events", "rider_id", "driver_id"),
    _user_days("payment_events", "rider_id"),
    _user_days("trip_events", "rider_id", "driver_id"),
    _user_days("route_events", "driver_id"),
    _user_days("location_events", "driver_id"),
)


def _rider_steps(source: str, *steps: str) -> PreAggregation:
    return PreAggregation(
        name=f"rider_steps/{source}",
        table="rider_steps",
        source=source,
        keys=(
            ("source", f"'{source}'"),
            ("step", "e.event_type"),
            ("user_id", "e.rider_id"),
            ("reached_at", "e.event_timestamp"),
        ),
        events=f"event_type IN ({', '.join(repr(step) for step in steps)})",
        repeatable=True,
        grouped=False,
    )


RIDER_STEPS: Final = (
    _rider_steps("booking_events", "booking.created"),
    _rider_steps("payment_events", "payment.initiated", "payment.success"),
    _rider_steps("trip_events", "trip.completed"),
)
