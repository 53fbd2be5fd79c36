"""`GET /v1/analytics/trends`."""

from typing import Final

from pydantic import Field

from openride_stream.api.analyses import Trends
from openride_stream.api.choices import Granularity, TrendMetric
from openride_stream.clickhouse.queries.trends import trends
from openride_stream.events.topics import EVENT_TABLES
from web.caching import answered
from web.context import Context
from web.endpoint import REVALIDATED, Endpoint, Reply
from web.ranges import MetricsQuery, question_of


class TrendsQuery(MetricsQuery):
    """Which figure, in which buckets."""

    metric: TrendMetric = Field(
        "bookings_created",
        description="The figure, as the metrics endpoints have it for each bucket: revenue is total_revenue, "
        "registrations new_registrations, payment_success_rate success_rate in per cent, "
        "avg_trip_duration minutes, active_drivers of trip events.",
    )
    granularity: Granularity = Field("daily", description="How long a bucket is.")


_SOURCES: Final[dict[TrendMetric, tuple[str, ...]]] = {
    "bookings_created": ("booking_events",),
    "bookings_confirmed": ("booking_events",),
    "revenue": ("payment_events",),
    "trips_completed": ("trip_events",),
    "active_users": EVENT_TABLES,
    "active_drivers": ("trip_events",),
    "registrations": ("user_events",),
    "payment_success_rate": ("payment_events",),
    "avg_trip_duration": ("trip_events",),
}


async def _trends(context: Context, query: TrendsQuery) -> Reply:
    question = question_of(query, context)
    of_people = query.metric == "registrations"
    # Routes and bookings tell the place of events that were stored before them; registrations have none,
    # but an earlier one that comes in late is the one that counts from then on.
    return await answered(
        context,
        question,
        trends,
        query.metric,
        sources=_SOURCES[query.metric],
        since_ms=0 if of_people else question.start_ms,
        whole=("route_events", "booking_events") if question.placed and not of_people else (),
    )


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/analytics/trends",
        role="analyst",
        summary="One figure over time: by hour, day, week or month.",
        answer=_trends,
        request=TrendsQuery,
        response=Trends,
        others=REVALIDATED,
        example={
            "data_points": [
                {"timestamp": "2026-01-01T00:00:00Z", "value": 1200},
                {"timestamp": "2026-01-02T00:00:00Z", "value": 0},
            ]
        },
    ),
)
