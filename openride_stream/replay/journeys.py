"""Trips on the road: started, completed or broken off, with the driver's location along the way."""

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from openride_stream.replay.bookings import Booking, minutes_of
from openride_stream.replay.ids import Ids
from openride_stream.replay.story import MINUTE_MS, Story, rfc3339
from openride_stream.replay.zones import Zone

COMMISSION: Final = Decimal("0.20")
_APPROACH_MS: Final = 4 * MINUTE_MS
_NOISE_DEGREES: Final = 0.0008
_KM_PER_DEGREE: Final = 111.2


class Leg(NamedTuple):
    """A straight drive between two coordinates in two zones; `trip_id` is None while the car is empty."""

    start_ms: int
    end_ms: int
    start: tuple[float, float]
    end: tuple[float, float]
    zones: tuple[Zone, Zone]
    trip_id: str | None


def trip_id_of(ids: Ids, booking: Booking) -> str:
    """The id of the trip that fulfils a booking."""
    return ids.of(f"trip/{booking.booking_id}")


def started(story: Story, booking: Booking, trip_id: str, at_ms: int) -> None:
    """The rider is aboard."""
    trip = booking.ride.trip
    fields = {
        "trip_id": trip_id,
        **booking.fields(),
        "scheduled_departure": rfc3339(booking.departs_ms),
        "actual_departure": rfc3339(at_ms),
        "start_lat": trip.pickup.lat,
        "start_lon": trip.pickup.lon,
        "passengers_count": trip.passengers,
    }
    story.add("trip.started", at_ms, trip_id, trip.pickup, fields)


def completed(story: Story, booking: Booking, trip_id: str) -> None:
    """The rider has arrived: the platform keeps its commission, the driver the rest."""
    ride = booking.ride
    commission = (ride.trip.total * COMMISSION).quantize(Decimal("0.01"), ROUND_HALF_UP)
    fields = {
        "trip_id": trip_id,
        **booking.fields(),
        "actual_departure": rfc3339(ride.pickup_ms),
        "actual_arrival": rfc3339(ride.dropoff_ms),
        "duration_minutes": minutes_of(ride),
        "distance_km": ride.trip.distance_km,
        "end_lat": ride.trip.dropoff.lat,
        "end_lon": ride.trip.dropoff.lon,
        "driver_earnings": str(ride.trip.total - commission),
        "platform_commission": str(commission),
        "on_time": ride.pickup_ms - booking.departs_ms <= 5 * MINUTE_MS,
        **story.money(),
    }
    story.add("trip.completed", ride.dropoff_ms, trip_id, ride.trip.dropoff, fields)


def broken_off(story: Story, booking: Booking, trip_id: str, at_ms: int, was_started: bool) -> None:
    """The trip ends before it arrives, or before it begins."""
    fields = {
        "trip_id": trip_id,
        **booking.fields(),
        "cancellation_reason": "the car broke down" if was_started else "the driver did not come",
        "cancelled_by": "DRIVER" if was_started else "SYSTEM",
        "was_started": was_started,
        **({"partial_distance_km": round(booking.ride.trip.distance_km / 4, 2)} if was_started else {}),
    }
    story.add("trip.cancelled", at_ms, trip_id, booking.ride.trip.pickup, fields)


def drive(story: Story, booking: Booking, trip_id: str, floor_ms: int, ping_ms: int) -> None:
    """Locations on the way to the pickup and the dropoff, one every `ping_ms`; none before `floor_ms`."""
    ride = booking.ride
    pickup, dropoff = ride.trip.pickup, ride.trip.dropoff
    waits = (pickup.lat + story.dice.gauss(0, 0.01), pickup.lon + story.dice.gauss(0, 0.01))
    empty = Leg(
        ride.pickup_ms - _APPROACH_MS, ride.pickup_ms, waits, (pickup.lat, pickup.lon), (pickup, pickup), None
    )
    laden = Leg(
        ride.pickup_ms, ride.dropoff_ms, empty.end, (dropoff.lat, dropoff.lon), (pickup, dropoff), trip_id
    )
    for leg in (empty, laden):
        _follow(story, booking.driver_id, leg, floor_ms, ping_ms)


def _follow(story: Story, driver_id: str, leg: Leg, floor_ms: int, ping_ms: int) -> None:
    length_ms = leg.end_ms - leg.start_ms
    north, east = leg.end[0] - leg.start[0], leg.end[1] - leg.start[1]
    bearing, speed_kmh = _course(north, east, leg.start[0], length_ms)
    # Uniform noise: a Gaussian one would be a third of the cost of a location.
    dice, trip = story.dice.random, {"trip_id": leg.trip_id} if leg.trip_id else {}
    first_ms = leg.start_ms + story.dice.randrange(ping_ms)
    for at_ms in range(first_ms, leg.end_ms, ping_ms):
        if at_ms < floor_ms:
            continue
        share = (at_ms - leg.start_ms) / length_ms
        fields = {
            "driver_id": driver_id,
            **trip,
            "lat": round(leg.start[0] + share * north + (dice() - 0.5) * _NOISE_DEGREES, 6),
            "lon": round(leg.start[1] + share * east + (dice() - 0.5) * _NOISE_DEGREES, 6),
            "speed_kmh": round(speed_kmh * (0.8 + 0.4 * dice()), 1),
            "bearing": round(bearing + 10 * dice()) % 360,
            "accuracy_meters": round(3 + 9 * dice(), 1),
        }
        story.add("driver.location.updated", at_ms, driver_id, leg.zones[share >= 0.5], fields)


def _course(north: float, east: float, lat: float, length_ms: int) -> tuple[float, float]:
    """Bearing in degrees and speed in km/h of a straight drive, at most 110 km/h."""
    east *= math.cos(math.radians(lat))
    km = math.hypot(north, east) * _KM_PER_DEGREE
    speed_kmh = min(110.0, km / max(length_ms, 1) * 3_600_000)
    return math.degrees(math.atan2(east, north)) % 360, speed_kmh
