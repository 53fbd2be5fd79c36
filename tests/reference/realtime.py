"""What `GET /v1/metrics/realtime` has to say, by plain loops over the events as they were sent."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.reference.moments import event_ms
from tests.reference.world import PEOPLE

HOUR_MS = 3_600_000
TIERS = {
    "mongo_periodic": "time_in_mongo_queue_ms",
    "clickhouse_delayed": "time_in_clickhouse_queue_ms",
    "redis_immediate": "time_in_redis_queue_ms",
}


def realtime(sent: Iterable[dict[str, Any]], now_ms: int, currency: str, live_hours: int) -> dict[str, Any]:
    """The figures at `now_ms` of distinct events; schedule executions have a `schedule_type`."""
    events = list({event.get("event_id", event.get("analytics_id")): event for event in sent}.values())
    times = {id(event): _ms(event) for event in events}

    def within(window_ms: int, *types: str) -> list[dict[str, Any]]:
        return [
            event
            for event in events
            if now_ms - window_ms < times[id(event)] <= now_ms and (not types or event["event_type"] in types)
        ]

    recent = [event for event in within(300_000) if "schedule_type" not in event]
    drivers = {event["driver_id"].lower() for event in recent if "driver_id" in _named(event)}
    users = {event[role].lower() for event in recent for role in _named(event)}
    live_ms = live_hours * HOUR_MS
    # An hour longer: by the clocks of phones a trip may end before it began.
    ending = within(live_ms + HOUR_MS, "trip.completed", "trip.cancelled")
    ended = {event["trip_id"] for event in ending}
    started = {event["trip_id"] for event in within(live_ms, "trip.started")}
    confirmed = within(HOUR_MS, "booking.confirmed")
    revenue = sum(
        Decimal(str(event["total_price"]))
        for event in confirmed
        if (event.get("currency") or "NGN") == currency
    )
    return {
        "active_users": len(users),
        "active_drivers": len(drivers),
        "active_trips": len(started - ended),
        "bookings_last_hour": len({event["booking_id"] for event in within(HOUR_MS, "booking.created")}),
        "revenue_last_hour": f"{revenue:.2f}",
        "avg_wait_time_minutes": _wait(
            within(HOUR_MS, "trip.started"), within(live_ms, "booking.created"), times
        ),
        "queue_times": {tier: _queue(within(HOUR_MS), tier) for tier in TIERS},
        "events_per_second": _rounded(Decimal(len(within(60_000))) / 60),
    }


def _named(event: dict[str, Any]) -> tuple[str, ...]:
    return PEOPLE[event["event_type"].split(".", maxsplit=1)[0]]


def _ms(event: dict[str, Any]) -> int:
    return event_ms(event.get("event_timestamp") or event["started_processing_at"])


def _wait(started: list[dict[str, Any]], created: list[dict[str, Any]], times: dict[int, int]) -> float:
    def newest(of: list[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
        return {event[name]: event for event in sorted(of, key=lambda event: times[id(event)])}

    booked = newest(created, "booking_id")
    waits = [
        times[id(event)] - times[id(booked[event["booking_id"]])]
        for event in newest(started, "trip_id").values()
        if event["booking_id"] in booked
    ]
    waits = [wait for wait in waits if wait >= 0]
    return _rounded(Decimal(sum(waits)) / len(waits) / 60_000) if waits else 0.0


def _queue(recent: list[dict[str, Any]], tier: str) -> dict[str, float]:
    waited = sorted(
        event[TIERS[tier]]
        for event in recent
        if event.get("schedule_type") == tier and event.get(TIERS[tier]) is not None
    )
    return {"count": len(waited), "p50_ms": _quantile(waited, 0.5), "p95_ms": _quantile(waited, 0.95)}


def _quantile(ordered: list[float], share: float) -> float:
    if not ordered:
        return 0.0
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _rounded(number: Decimal) -> float:
    return float(number.quantize(Decimal("0.01"), ROUND_HALF_UP))
