"""`GET /v1/analytics/geographic`."""

from typing import Final

from pydantic import Field

from openride_stream.api.analyses import Geographic
from openride_stream.api.choices import GeographicMetric
from openride_stream.clickhouse.queries.geographic import geographic
from openride_stream.events.topics import EVENT_TABLES
from web.caching import answered
from web.context import Context
from web.endpoint import REVALIDATED, Endpoint, Reply
from web.ranges import RangeQuery, question_of


class GeographicQuery(RangeQuery):
    """Which figure is told by place."""

    metric: GeographicMetric = Field(
        "bookings",
        description="Distinct bookings created, revenue of successful payments, or distinct active users.",
    )


_SOURCES: Final[dict[GeographicMetric, tuple[str, ...]]] = {
    "bookings": ("booking_events",),
    "revenue": ("payment_events",),
    "users": EVENT_TABLES,
}


async def _geographic(context: Context, query: GeographicQuery) -> Reply:
    question = question_of(query, context)
    # A payment's place may be that of its booking's route; both may arrive at any time.
    placed_by = ("route_events",) if query.metric == "bookings" else ("route_events", "booking_events")
    return await answered(
        context,
        question,
        geographic,
        query.metric,
        sources=_SOURCES[query.metric],
        since_ms=question.start_ms,
        whole=placed_by,
    )


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/analytics/geographic",
        role="analyst",
        summary="Bookings, revenue or active users by city and state.",
        answer=_geographic,
        request=GeographicQuery,
        response=Geographic,
        others=REVALIDATED,
        example={
            "data_points": [
                {"state": "LA", "city": "Lagos", "value": 812},
                {"state": "LA", "city": "Lekki", "value": 305},
                {"state": None, "city": None, "value": 4},
            ]
        },
    ),
)
