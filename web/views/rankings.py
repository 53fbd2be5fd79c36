"""`GET /v1/metrics/{drivers,routes}`."""

from typing import Annotated, Final

from pydantic import Field

from openride_stream.api.choices import DriverOrder
from openride_stream.api.rankings import Drivers, Routes
from openride_stream.clickhouse.queries.drivers import drivers
from openride_stream.clickhouse.queries.routes import routes
from web.caching import answered
from web.context import Context
from web.endpoint import REVALIDATED, Endpoint, Reply
from web.ranges import MetricsQuery, question_of

_MAX_DRIVERS: Final = 1000
_MAX_ROUTES: Final = 500


class DriversQuery(MetricsQuery):
    """How many drivers, and by what."""

    limit: Annotated[int, Field(ge=1, le=_MAX_DRIVERS)] = Field(100, description="At most so many drivers.")
    sort: DriverOrder = Field("earnings", description="Which come first: those with most of this.")


class RoutesQuery(MetricsQuery):
    """How many routes."""

    limit: Annotated[int, Field(ge=1, le=_MAX_ROUTES)] = Field(100, description="At most so many routes.")


async def _drivers(context: Context, query: DriversQuery) -> Reply:
    question = question_of(query, context)
    return await answered(
        context,
        question,
        drivers,
        query.limit,
        query.sort,
        sources=("trip_events",),
        since_ms=question.start_ms,
        whole=("route_events",) if question.placed else (),
    )


async def _routes(context: Context, query: RoutesQuery) -> Reply:
    question = question_of(query, context)
    # What a route is called may arrive long after its bookings.
    return await answered(
        context,
        question,
        routes,
        query.limit,
        sources=("booking_events", "trip_events"),
        since_ms=question.start_ms,
        whole=("route_events",),
    )


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/metrics/drivers",
        role="viewer",
        summary="Drivers by what they earned or how often they drove, and how earnings are distributed.",
        answer=_drivers,
        request=DriversQuery,
        response=Drivers,
        others=REVALIDATED,
        example={
            "drivers": [
                {
                    "driver_id": "9b2f1f2e-1111-4222-8333-444455556666",
                    "total_trips": 182,
                    "total_earnings": "701250.00",
                    "avg_earnings_per_trip": "3853.02",
                    "total_distance_km": 2140.75,
                    "active_days": 26,
                }
            ],
            "distribution": {
                "p10": "12400.00",
                "p25": "58310.50",
                "p50": "143900.00",
                "p75": "301222.75",
                "p90": "480010.00",
                "p99": "655400.20",
                "mean": "190300.41",
            },
        },
    ),
    Endpoint(
        method="GET",
        path="/v1/metrics/routes",
        role="viewer",
        summary="Popular routes: those with most bookings confirmed, their revenue and occupancy.",
        answer=_routes,
        request=RoutesQuery,
        response=Routes,
        others=REVALIDATED,
        example={
            "routes": [
                {
                    "route_id": "5c1e3a52-7777-4888-8999-aaaabbbbcccc",
                    "route_name": "Lekki - Ikeja",
                    "origin_city": "Lagos",
                    "destination_city": "Ikeja",
                    "driver_id": "9b2f1f2e-1111-4222-8333-444455556666",
                    "total_bookings": 96,
                    "total_revenue": "432000.00",
                    "seats_total": 4,
                    "avg_occupancy": 0.83,
                }
            ]
        },
    ),
)
