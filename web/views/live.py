"""`GET /v1/realtime/…`: what is so now by driver, city and minute, from the live tables."""

from collections.abc import Hashable
from dataclasses import asdict
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from openride_stream.api.anomalies import Anomalies
from openride_stream.api.live import Activity, Cities, DriverPositions, Minutes
from openride_stream.clock import rfc3339
from tables.by_city import cities
from tables.drivers import positions
from tables.minutes import active, minutes
from tables.watch import level, told
from web.context import Context
from web.endpoint import Endpoint, NoParameters
from web.lately import Lately, moment
from web.system_health import SystemHealth
from web.views.live_questions import CitiesQuery, MinutesQuery, PositionsQuery

# Of a large platform an answer takes tens of milliseconds.
_FRESH_S: Final = 1.0

Query = TypeVar("Query", bound=BaseModel)


async def _drivers(context: Context, query: PositionsQuery) -> dict[str, Any]:
    now_ms, freshness, health = await moment(context)
    total, found = positions(context.live.state, now_ms, query.city, query.limit)
    listed = [
        {
            "driver_id": one.driver_id,
            "city": one.city,
            "lat": one.lat,
            "lon": one.lon,
            "speed_kmh": one.speed_kmh,
            "last_seen": rfc3339(one.last_seen_ms),
            "trip_id": one.trip_id,
        }
        for one in found
    ]
    return {**freshness, **_told(health), "total": total, "drivers": listed}


async def _cities(context: Context, query: CitiesQuery) -> dict[str, Any]:
    now_ms, freshness, health = await moment(context)
    found = cities(context.live.state, now_ms, _currency(context, query), query.city)
    return {**freshness, **_told(health), "cities": [*map(asdict, found[: query.limit])]}


async def _minutes(context: Context, query: MinutesQuery) -> dict[str, Any]:
    now_ms, freshness, health = await moment(context)
    found = [
        asdict(one) for one in minutes(context.live.state, now_ms, _currency(context, query), query.city)
    ]
    listed = [{"timestamp": rfc3339(one.pop("start_ms")), **one} for one in found]
    return {**freshness, **_told(health), "minutes": listed}


async def _active(context: Context, query: NoParameters) -> dict[str, Any]:
    del query
    now_ms, freshness, health = await moment(context)
    return {**freshness, **_told(health), "windows": [*map(asdict, active(context.live.state, now_ms))]}


async def _anomalies(context: Context, query: NoParameters) -> dict[str, Any]:
    del query
    now_ms, freshness, health = await moment(context)
    del now_ms
    found = context.live.judgement
    return {
        **freshness,
        **_told(health),
        "judged_until": None if found.until_ms is None else rfc3339(found.until_ms),
        "why_not": found.why,
        "days": found.days,
        "levels": [*map(level, found.newest)],
        "anomalies": [*map(told, found.anomalies)],
    }


def _told(health: SystemHealth) -> dict[str, Any]:
    return {"system_health": health.level, "reasons": health.reasons}


def _currency(context: Context, query: MinutesQuery) -> str:
    return query.currency or context.settings.currency


def _itself(context: Context, query: Query) -> Hashable:
    del context
    return query


_LATELY: Final = {
    "timestamp": "2026-11-22T09:00:04.120Z",
    "as_of": "2026-11-22T09:00:03.902Z",
    "system_health": "healthy",
    "reasons": [],
}


_LEVEL: Final = {
    "series": "payments_failed",
    "start": "2026-11-22T08:41:00.000Z",
    "end": "2026-11-22T08:49:00.000Z",
    "observed": 61.0,
    "expected": 15.0,
    "score": 10.87,
}


def endpoints() -> tuple[Endpoint, ...]:
    """Each with answers of its own that are good for a moment."""
    return (
        Endpoint(
            "GET",
            "/v1/realtime/drivers",
            "viewer",
            "Where each active driver was seen last, how fast, and on which trip.",
            Lately(_itself, _drivers, _FRESH_S).answer,
            request=PositionsQuery,
            response=DriverPositions,
            example={
                **_LATELY,
                "total": 214,
                "drivers": [
                    {
                        "driver_id": "9b2f1f2e-1111-4222-8333-444455556666",
                        "city": "Lagos",
                        "lat": 6.4281,
                        "lon": 3.4219,
                        "speed_kmh": 38.5,
                        "last_seen": "2026-11-22T09:00:02.870Z",
                        "trip_id": "f6c41507-ae9d-4f80-81b2-4d5e6f7a8b66",
                    }
                ],
            },
        ),
        Endpoint(
            "GET",
            "/v1/realtime/cities",
            "viewer",
            "Each city now: drivers, trips under way, bookings, revenue and waits of the last hour.",
            Lately(_itself, _cities, _FRESH_S).answer,
            request=CitiesQuery,
            response=Cities,
            example={
                **_LATELY,
                "cities": [
                    {
                        "city": "Lagos",
                        "active_drivers": 171,
                        "active_trips": 143,
                        "bookings_last_hour": 340,
                        "revenue_last_hour": "1470200.00",
                        "cancellations_last_hour": 21,
                        "avg_wait_time_minutes": 4.12,
                    }
                ],
            },
        ),
        Endpoint(
            "GET",
            "/v1/realtime/minutes",
            "viewer",
            "The last sixty minutes one by one: trips, bookings, cancellations, revenue, payments.",
            Lately(_itself, _minutes, _FRESH_S).answer,
            request=MinutesQuery,
            response=Minutes,
            example={
                **_LATELY,
                "minutes": [
                    {
                        "timestamp": "2026-11-22T09:00:00.000Z",
                        "trips_started": 3,
                        "trips_completed": 2,
                        "bookings_created": 7,
                        "bookings_cancelled": 1,
                        "revenue": "30977.50",
                        "payments_success": 6,
                        "payments_failed": 1,
                    }
                ],
            },
        ),
        Endpoint(
            "GET",
            "/v1/realtime/active",
            "viewer",
            "Distinct users and drivers of the last 1, 5, 15 and 60 minutes.",
            Lately(_itself, _active, _FRESH_S).answer,
            response=Activity,
            example={
                **_LATELY,
                "windows": [
                    {"minutes": 1, "active_users": 402, "active_drivers": 188},
                    {"minutes": 5, "active_users": 912, "active_drivers": 214},
                    {"minutes": 15, "active_users": 1640, "active_drivers": 260},
                    {"minutes": 60, "active_users": 3310, "active_drivers": 318},
                ],
            },
        ),
        Endpoint(
            "GET",
            "/v1/realtime/anomalies",
            "viewer",
            "What of the last hour is unusual, each series against the same time on earlier days.",
            Lately(_itself, _anomalies, _FRESH_S).answer,
            response=Anomalies,
            example={
                **_LATELY,
                "judged_until": "2026-11-22T08:59:00.000Z",
                "why_not": None,
                "days": 8,
                "levels": [_LEVEL | {"observed": 17.0, "score": 0.31}],
                "anomalies": [{**_LEVEL, "direction": "high"}],
            },
        ),
    )
