"""The pre-aggregation of people: who was active on a day, and when riders got to the steps of the funnel."""

from typing import Final

from openride_stream.clickhouse.recomputed import PreAggregation


def _times(event_type: str, rider: str = "e.rider_id") -> str:
    return f"groupUniqArrayIf(event_timestamp, event_type = '{event_type}' AND e.rider_id = {rider})"


_STEPS: Final = ("created", "initiated", "succeeded", "completed")
_NEVER: Final = "CAST([], 'Array(DateTime64(3, \\'UTC\\'))')"


def _user_days(source: str, *ids: str, **times: str) -> PreAggregation:
    """`times`: SQL of when the user got to a step of the funnel, where the source tells of it."""
    several = len(ids) > 1
    return PreAggregation(
        name=f"user_days/{source}",
        table="user_days",
        source=source,
        keys=(("source", f"'{source}'"), ("user_id", "e.person" if several else f"e.{ids[0]}")),
        states=tuple((step, times.get(step, _NEVER)) for step in _STEPS),
        people=f"[{', '.join(ids)}]" if several else "",
        repeatable=True,
    )


# One row a user and day, with no place: whoever registered here may be active anywhere.
USER_DAYS: Final = (
    _user_days("user_events", "user_id"),
    _user_days("booking_events", "rider_id", "driver_id", created=_times("booking.created", "e.person")),
    _user_days(
        "payment_events",
        "rider_id",
        initiated=_times("payment.initiated"),
        succeeded=_times("payment.success"),
    ),
    _user_days("trip_events", "rider_id", "driver_id", completed=_times("trip.completed", "e.person")),
    _user_days("route_events", "driver_id"),
    _user_days("location_events", "driver_id"),
)
