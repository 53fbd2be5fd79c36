"""Events of `openride.events.route`."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field

from openride_stream.events.scalars import (
    ClockTime,
    Currency,
    Id,
    Money,
    Seats,
    Text,
    UInt32,
    Weekday,
)
from openride_stream.events.types_common import Event


class Route(Event):
    """What every event of a route names."""

    route_id: Id
    driver_id: Id
    route_name: Text


class RouteCreated(Route):
    """A driver offers a route; its origin is the place of the events that name it."""

    event_type: Literal["route.created"]
    origin_city: Text
    destination_city: Text
    origin_state: Text
    destination_state: Text
    stops_count: UInt32
    seats_total: Seats
    base_price: Money
    departure_time: ClockTime
    active_days: list[Weekday]
    currency: NotRequired[Currency | None]


class RouteActivated(Route):
    """A route takes bookings again."""

    event_type: Literal["route.activated"]
    previous_status: NotRequired[Annotated[Text | None, Field(default="PAUSED")]]
    new_status: NotRequired[Annotated[Text | None, Field(default="ACTIVE")]]


class RouteCancelled(Route):
    """A driver withdrew a route."""

    event_type: Literal["route.cancelled"]
    cancellation_reason: NotRequired[Text | None]
    active_bookings_count: NotRequired[Annotated[UInt32 | None, Field(default=0)]]


class RouteUpdated(Route):
    """A driver changed a route."""

    event_type: Literal["route.updated"]
    updated_fields: list[Text]
