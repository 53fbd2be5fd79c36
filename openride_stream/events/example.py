"""A full example of every event type: what the schemas, the docs and the tests show."""

from collections.abc import Mapping
from typing import Any, Final

EXECUTION_NAME: Final = "schedule.execution"
"""What a schedule execution is called among the schemas; it has no event_type of its own."""

_USER, _DRIVER = "8a1f6a0e-3d1c-4f1e-9f43-0b6f6f0f3c11", "b7d9d2a4-52a5-4b8f-8f0e-6a1f5f2f7a22"
_ROUTE, _BOOKING = "c3f1e2d4-7b6a-4c5d-9e8f-1a2b3c4d5e33", "d4a2f3e5-8c7b-4d6e-af90-2b3c4d5e6f44"
_PAYMENT, _TRIP = "e5b304f6-9d8c-4e7f-b0a1-3c4d5e6f7a55", "f6c41507-ae9d-4f80-81b2-4d5e6f7a8b66"
_STOP_FROM, _STOP_TO = "07d52618-bfae-4091-92c3-5e6f7a8b9c77", "18e63729-c0bf-41a2-a3d4-6f7a8b9cad88"
_DEPARTURE, _ARRIVAL = "2026-03-02T07:30:00Z", "2026-03-02T08:12:30.250Z"

_ON_BOOKING: Final = {"booking_id": _BOOKING, "rider_id": _USER, "driver_id": _DRIVER, "route_id": _ROUTE}
_ON_PAYMENT: Final = {"payment_id": _PAYMENT, "booking_id": _BOOKING, "rider_id": _USER, "currency": "NGN"}
_ON_TRIP: Final = {"trip_id": _TRIP, **_ON_BOOKING}
_ON_ROUTE: Final = {"route_id": _ROUTE, "driver_id": _DRIVER, "route_name": "Lekki - Ikeja"}
_PAID: Final = {"amount": "4500.00", "payment_method": "card", "provider": "interswitch"}

_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "user.registered": {
        "user_id": _USER,
        "phone": "+2348012345678",
        "role": "RIDER",
        "full_name": "Ada Obi",
        "email": "ada@example.org",
        "referral_code": "RIDE-42",
    },
    "user.kyc_verified": {
        "user_id": _USER,
        "kyc_status": "VERIFIED",
        "verification_notes": "Passport",
        "verified_by": "desk-3",
    },
    "user.upgraded_to_driver": {"user_id": _USER, "previous_role": "RIDER", "new_role": "DRIVER"},
    "user.activity": {
        "user_id": _USER,
        "activity_type": "route_search",
        "device_info": {"os": "android", "version": 15},
        "ip_address": "203.0.113.7",
        "location": {"lat": 6.4281, "lon": 3.4219},
    },
    "booking.created": {
        **_ON_BOOKING,
        "seats_booked": 2,
        "total_price": "4500.00",
        "pickup_stop_id": _STOP_FROM,
        "dropoff_stop_id": _STOP_TO,
        "pickup_lat": 6.4281,
        "pickup_lon": 3.4219,
        "dropoff_lat": 6.6018,
        "dropoff_lon": 3.3515,
        "scheduled_departure": _DEPARTURE,
        "booking_status": "PENDING",
        "currency": "NGN",
    },
    "booking.confirmed": {
        **_ON_BOOKING,
        "seats_booked": 2,
        "total_price": "4500.00",
        "payment_id": _PAYMENT,
        "confirmation_code": "K7Q2",
        "currency": "NGN",
    },
    "booking.cancelled": {
        **_ON_BOOKING,
        "cancelled_by": "RIDER",
        "cancellation_reason": "Plans changed",
        "refund_initiated": True,
    },
    "booking.completed": {
        **_ON_BOOKING,
        "trip_id": _TRIP,
        "seats_booked": 2,
        "total_price": "4500.00",
        "actual_departure": _DEPARTURE,
        "actual_arrival": _ARRIVAL,
        "duration_minutes": 42.5,
        "currency": "NGN",
    },
    "payment.initiated": {**_ON_PAYMENT, **_PAID, "provider_transaction_id": "ISW-1001"},
    "payment.success": {
        **_ON_PAYMENT,
        **_PAID,
        "provider_transaction_id": "ISW-1001",
        "processing_time_ms": 812,
        "card_last4": "4242",
    },
    "payment.failed": {
        **_ON_PAYMENT,
        **_PAID,
        "error_code": "51",
        "error_message": "Insufficient funds",
        "provider_transaction_id": "ISW-1001",
        "processing_time_ms": 640,
    },
    "payment.refunded": {
        **_ON_PAYMENT,
        "refund_amount": "2250.00",
        "original_amount": "4500.00",
        "refund_reason": "One seat returned",
        "refunded_by": "desk-3",
        "provider_refund_id": "ISW-R-17",
    },
    "trip.started": {
        **_ON_TRIP,
        "scheduled_departure": _DEPARTURE,
        "actual_departure": _DEPARTURE,
        "start_lat": 6.4281,
        "start_lon": 3.4219,
        "passengers_count": 2,
    },
    "trip.completed": {
        **_ON_TRIP,
        "actual_departure": _DEPARTURE,
        "actual_arrival": _ARRIVAL,
        "duration_minutes": 42.5,
        "distance_km": 27.4,
        "end_lat": 6.6018,
        "end_lon": 3.3515,
        "driver_earnings": "3825.00",
        "platform_commission": "675.00",
        "on_time": True,
        "currency": "NGN",
    },
    "trip.cancelled": {
        **_ON_TRIP,
        "cancellation_reason": "Breakdown",
        "cancelled_by": "DRIVER",
        "was_started": True,
        "partial_distance_km": 3.2,
    },
    "route.created": {
        **_ON_ROUTE,
        "origin_city": "Lagos",
        "destination_city": "Ikeja",
        "origin_state": "Lagos",
        "destination_state": "Lagos",
        "stops_count": 4,
        "seats_total": 4,
        "base_price": "2250.00",
        "departure_time": "07:30:00",
        "active_days": ["MON", "TUE", "WED", "THU", "FRI"],
        "currency": "NGN",
    },
    "route.activated": {**_ON_ROUTE, "previous_status": "PAUSED", "new_status": "ACTIVE"},
    "route.cancelled": {**_ON_ROUTE, "cancellation_reason": "Car sold", "active_bookings_count": 0},
    "route.updated": {**_ON_ROUTE, "updated_fields": ["base_price"]},
    "driver.location.updated": {
        "driver_id": _DRIVER,
        "lat": 6.4281,
        "lon": 3.4219,
        "trip_id": _TRIP,
        "speed_kmh": 38.5,
        "bearing": 271.0,
        "accuracy_meters": 4.5,
    },
}

_EXECUTION: Final = {
    "schedule_type": "redis_immediate",
    "schedule_id": "departure-reminder",
    "schedule_name": "Remind the rider of the departure",
    "event_type": "reminder",
    "event_action": "send_push",
    "event_entity_id": _BOOKING,
    "correlation_id": "c-2026-03-02-0001",
    "level": "info",
    "scheduled_at": "2026-03-02T07:00:00Z",
    "started_processing_at": "2026-03-02T07:00:00.120Z",
    "completed_at": "2026-03-02T07:00:00.310Z",
    "analytics_id": "29f7483a-d1c0-42b3-b4e5-7a8b9cadbe99",
    "execution_result": "success",
    "retry_count": 0,
    "time_in_mongo_queue_ms": 1200,
    "time_in_clickhouse_queue_ms": 340,
    "time_in_redis_queue_ms": 18,
    "total_processing_time_ms": 190,
    "kafka_publish_time_ms": 6,
    "processed_by_node": "scheduler-2",
    "kafka_topic": "openride.schedules.redis",
    "kafka_partition": 3,
    "kafka_offset": 1841,
    "source_redis_key": "sched:departure-reminder",
}


def example(name: str) -> dict[str, Any]:
    """A valid event of the type `name` (or `EXECUTION_NAME`) as its producer sends it, a new dict each time.

    Raises:
        KeyError: no such type.
    """
    if name == EXECUTION_NAME:
        return dict(_EXECUTION)
    return {
        "event_type": name,
        "event_id": "3a08594b-e2d1-43c4-85f6-8b9cadbecfaa",
        "event_timestamp": "2026-03-02T08:15:00.000Z",
        "schema_version": 1,
        "city": "Lagos",
        "state": "Lagos",
        **_FIELDS[name],
    }
