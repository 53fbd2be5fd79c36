"""`GET /v1/metrics/{users,bookings,payments,trips}`; drivers and routes are in `rankings`."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from openride_stream.api.figures import Bookings, Payments, Trips, Users
from openride_stream.clickhouse.queries.bookings import bookings
from openride_stream.clickhouse.queries.payments import payments
from openride_stream.clickhouse.queries.trips import trips
from openride_stream.clickhouse.queries.users import users
from openride_stream.events.topics import EVENT_TABLES
from web.caching import Query, answered
from web.context import Context
from web.endpoint import REVALIDATED, Endpoint, Reply
from web.ranges import MetricsQuery, question_of


async def _users(context: Context, query: MetricsQuery) -> Reply:
    question = question_of(query, context)
    # Users of payments are placed by their booking's route; either may have a time after the end.
    whole = ("route_events", "booking_events") if question.placed else ()
    # Whoever an event names is active, so every domain counts; totals reach back to the first event.
    return await answered(context, question, users, sources=EVENT_TABLES, since_ms=0, whole=whole)


async def _bookings(context: Context, query: MetricsQuery) -> Reply:
    return await _in_range(context, query, bookings, "booking_events")


async def _payments(context: Context, query: MetricsQuery) -> Reply:
    # A payment's place may be that of its booking's route, and the booking may be of any day.
    return await _in_range(context, query, payments, "payment_events", "booking_events")


async def _trips(context: Context, query: MetricsQuery) -> Reply:
    return await _in_range(context, query, trips, "trip_events")


async def _in_range(
    context: Context, query: MetricsQuery, figures: Query, source: str, *placed_by: str
) -> Reply:
    question = question_of(query, context)
    # A route that arrives late places events that were stored before it.
    whole = ("route_events", *placed_by) if question.placed else ()
    return await answered(
        context, question, figures, sources=(source,), since_ms=question.start_ms, whole=whole
    )


def _endpoint(
    name: str, summary: str, answer: Any, response: type[BaseModel], example: Mapping[str, Any]
) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"/v1/metrics/{name}",
        role="viewer",
        summary=summary,
        answer=answer,
        request=MetricsQuery,
        response=response,
        example=example,
        others=REVALIDATED,
    )


ENDPOINTS: Final = (
    _endpoint(
        "users",
        "Active users, registrations, verification and driver activation.",
        _users,
        Users,
        {
            "dau": 1840,
            "wau": 6210,
            "mau": 14872,
            "new_registrations": 912,
            "total_users": 20415,
            "kyc_completion_rate": 81.25,
            "driver_activation_rate": 64.1,
        },
    ),
    _endpoint(
        "bookings",
        "Bookings by status, their rates and their value.",
        _bookings,
        Bookings,
        {
            "bookings_created": 1200,
            "bookings_confirmed": 1080,
            "bookings_cancelled": 60,
            "bookings_completed": 990,
            "conversion_rate": 90.0,
            "cancellation_rate": 5.0,
            "avg_booking_value": "4312.55",
            "total_booking_value": "4657554.00",
            "seats_booked": 1733,
            "time_series": [{"timestamp": "2026-01-01T00:00:00Z", "value": 1200}],
        },
    ),
    _endpoint(
        "payments",
        "Payments by outcome and method, processing times and revenue.",
        _payments,
        Payments,
        {
            "payments_initiated": 1100,
            "payments_success": 1050,
            "payments_failed": 50,
            "payments_refunded": 12,
            "success_rate": 95.45,
            "avg_processing_time_ms": 842.17,
            "p95_processing_time_ms": 2310.5,
            "total_revenue": "4528125.50",
            "total_refunded": "51750.00",
            "net_revenue": "4476375.50",
            "by_method": [
                {"payment_method": "card", "payments_success": 700, "total_revenue": "3018750.25"},
                {"payment_method": "wallet", "payments_success": 350, "total_revenue": "1509375.25"},
            ],
        },
    ),
    _endpoint(
        "trips",
        "Trips by status, their averages, punctuality and earnings.",
        _trips,
        Trips,
        {
            "trips_started": 1010,
            "trips_completed": 990,
            "trips_cancelled": 20,
            "completion_rate": 98.02,
            "avg_duration_minutes": 23.4,
            "avg_distance_km": 11.82,
            "on_time_performance": 91.21,
            "total_driver_earnings": "3622500.40",
            "total_platform_commission": "905625.10",
            "active_drivers": 214,
        },
    ),
)
