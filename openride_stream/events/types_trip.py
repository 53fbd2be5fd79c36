"""Events of `openride.events.trip` and `openride.events.location`."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field

from openride_stream.events.scalars import (
    Amount,
    Bearing,
    CancelledBy,
    Currency,
    Flag,
    Id,
    Latitude,
    Longitude,
    Money,
    Seats,
    Text,
    Timestamp,
)
from openride_stream.events.types_common import Event


class Trip(Event):
    """What every event of a trip names."""

    trip_id: Id
    booking_id: Id
    driver_id: Id
    rider_id: Id
    route_id: Id


class TripStarted(Trip):
    """The driver set off with the rider."""

    event_type: Literal["trip.started"]
    scheduled_departure: Timestamp
    actual_departure: Timestamp
    start_lat: Latitude
    start_lon: Longitude
    passengers_count: Seats


class TripCompleted(Trip):
    """The trip reached its end."""

    event_type: Literal["trip.completed"]
    actual_departure: Timestamp
    actual_arrival: Timestamp
    duration_minutes: Amount
    distance_km: Amount
    end_lat: Latitude
    end_lon: Longitude
    driver_earnings: Money
    platform_commission: Money
    on_time: Flag
    currency: NotRequired[Currency | None]


class TripCancelled(Trip):
    """The trip ended early or never began."""

    event_type: Literal["trip.cancelled"]
    cancellation_reason: Text
    cancelled_by: CancelledBy
    was_started: NotRequired[Annotated[Flag | None, Field(default=False)]]
    partial_distance_km: NotRequired[Amount | None]


class DriverLocationUpdated(Event):
    """Where a driver is: some 70 % of all events."""

    event_type: Literal["driver.location.updated"]
    driver_id: Id
    lat: Latitude
    lon: Longitude
    trip_id: NotRequired[Id | None]
    speed_kmh: NotRequired[Amount | None]
    bearing: NotRequired[Bearing | None]
    accuracy_meters: NotRequired[Amount | None]
