"""Events of `openride.events.booking`."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field

from openride_stream.events.scalars import (
    Amount,
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


class Booking(Event):
    """What every event of a booking names."""

    booking_id: Id
    rider_id: Id
    driver_id: Id
    route_id: Id


class BookingCreated(Booking):
    """A rider asked for seats on a route."""

    event_type: Literal["booking.created"]
    seats_booked: Seats
    total_price: Money
    pickup_stop_id: Id
    dropoff_stop_id: Id
    pickup_lat: Latitude
    pickup_lon: Longitude
    dropoff_lat: Latitude
    dropoff_lon: Longitude
    scheduled_departure: Timestamp
    booking_status: NotRequired[Annotated[Text | None, Field(default="PENDING")]]
    currency: NotRequired[Currency | None]


class BookingConfirmed(Booking):
    """A booking was paid for and confirmed."""

    event_type: Literal["booking.confirmed"]
    seats_booked: Seats
    total_price: Money
    payment_id: Id
    confirmation_code: Text
    currency: NotRequired[Currency | None]


class BookingCancelled(Booking):
    """A booking ended before its trip."""

    event_type: Literal["booking.cancelled"]
    cancelled_by: CancelledBy
    cancellation_reason: NotRequired[Text | None]
    refund_initiated: NotRequired[Annotated[Flag | None, Field(default=False)]]


class BookingCompleted(Booking):
    """The trip of a booking ended."""

    event_type: Literal["booking.completed"]
    trip_id: Id
    seats_booked: Seats
    total_price: Money
    actual_departure: Timestamp
    actual_arrival: Timestamp
    duration_minutes: Amount
    currency: NotRequired[Currency | None]
