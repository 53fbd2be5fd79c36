"""Bookings: created, confirmed when paid for, cancelled or completed."""

from dataclasses import dataclass

from openride_stream.replay.payments import Bill
from openride_stream.replay.plan import Ride
from openride_stream.replay.story import Story, rfc3339


@dataclass(frozen=True, slots=True)
class Booking:
    """One booking of a ride: the one that led to the trip, or a first attempt."""

    ride: Ride
    booking_id: str
    rider_id: str
    driver_id: str
    departs_ms: int

    def fields(self) -> dict[str, object]:
        """The ids that every booking and trip event carries."""
        return {
            "booking_id": self.booking_id,
            "rider_id": self.rider_id,
            "driver_id": self.driver_id,
            "route_id": self.ride.route.route_id,
        }

    def bill(self, story: Story, number: int = 0) -> Bill:
        """What the rider has to pay; every `number` is a payment of its own."""
        payment_id = story.ids.of(f"payment/{self.booking_id}/{number}")
        trip = self.ride.trip
        return Bill(payment_id, self.booking_id, self.rider_id, trip.total, trip.method, trip.pickup)


def created(story: Story, booking: Booking, at_ms: int) -> None:
    """The rider asks for seats."""
    trip = booking.ride.trip
    fields = {
        **booking.fields(),
        "seats_booked": trip.passengers,
        "total_price": float(trip.total),
        "pickup_stop_id": story.ids.of(f"stop/{trip.pickup.name}"),
        "dropoff_stop_id": story.ids.of(f"stop/{trip.dropoff.name}"),
        "pickup_lat": trip.pickup.lat,
        "pickup_lon": trip.pickup.lon,
        "dropoff_lat": trip.dropoff.lat,
        "dropoff_lon": trip.dropoff.lon,
        "scheduled_departure": rfc3339(booking.departs_ms),
        "booking_status": "PENDING",
        **story.money(),
    }
    story.add("booking.created", at_ms, booking.booking_id, trip.pickup, fields)


def confirmed(story: Story, booking: Booking, bill: Bill, at_ms: int) -> None:
    """The seats are the rider's."""
    trip = booking.ride.trip
    fields = {
        **booking.fields(),
        "seats_booked": trip.passengers,
        "total_price": str(trip.total),
        "payment_id": bill.payment_id,
        "confirmation_code": booking.booking_id[:6].upper(),
        **story.money(),
    }
    story.add("booking.confirmed", at_ms, booking.booking_id, trip.pickup, fields)


def cancelled(story: Story, booking: Booking, at_ms: int, *, by: str, refund: bool) -> None:
    """The booking ends without a trip."""
    fields = {
        **booking.fields(),
        "cancelled_by": by,
        "cancellation_reason": "trip did not take place" if refund else "not paid",
        "refund_initiated": refund,
    }
    story.add("booking.cancelled", at_ms, booking.booking_id, booking.ride.trip.pickup, fields)


def completed(story: Story, booking: Booking, trip_id: str, at_ms: int) -> None:
    """The rider has arrived."""
    ride = booking.ride
    fields = {
        **booking.fields(),
        "trip_id": trip_id,
        "seats_booked": ride.trip.passengers,
        "total_price": str(ride.trip.total),
        "actual_departure": rfc3339(ride.pickup_ms),
        "actual_arrival": rfc3339(ride.dropoff_ms),
        "duration_minutes": minutes_of(ride),
        **story.money(),
    }
    story.add("booking.completed", at_ms, booking.booking_id, ride.trip.dropoff, fields)


def minutes_of(ride: Ride) -> float:
    """Minutes from pickup to dropoff, to two places."""
    return round((ride.dropoff_ms - ride.pickup_ms) / 60_000, 2)
