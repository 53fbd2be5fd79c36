"""One ride from the first search to the rating: the story that ties the domains together."""

from dataclasses import dataclass
from decimal import Decimal

from openride_stream.replay import bookings, journeys, payments, schedules
from openride_stream.replay.bookings import Booking
from openride_stream.replay.cast import Cast
from openride_stream.replay.ids import Ids
from openride_stream.replay.payments import Bill
from openride_stream.replay.plan import Ride
from openride_stream.replay.story import MINUTE_MS, Chapter, Outgoing, Story, Tariff


@dataclass(frozen=True, slots=True)
class RideStyle:
    """What the stories of rides depend on beyond the plan.

    `reminder_share` (0..1) of the bookings lead to schedule executions. Drivers tell their location every
    `ping_ms`, but not before `location_floor_ms`: the location table keeps fewer days than the file of
    trips covers.
    """

    tariff: Tariff
    reminder_share: float
    location_floor_ms: int
    ping_ms: int


def ride_chapter(ids: Ids, cast: Cast, ride: Ride, style: RideStyle) -> Chapter:
    """The story of a ride."""
    return Chapter(ride.start_ms, lambda: _tell(ids, cast, ride, style))


def _tell(ids: Ids, cast: Cast, ride: Ride, style: RideStyle) -> list[Outgoing]:
    story = Story(ids, ride.name, style.tariff)
    if story.dice.random() < 0.01:
        story.foreign_currency = style.tariff.other()
    rider_id = cast.rider_id(ride.rider)
    _activity(story, rider_id, ride, ride.start_ms + story.dice.randrange(MINUTE_MS), "search")
    if ride.first_attempt != "none":
        _first_attempt(story, _booking(story, cast, ride, "first", ride.start_ms + 8 * MINUTE_MS))
    late_ms = story.dice.randrange(-2 * MINUTE_MS, 8 * MINUTE_MS)
    booking = _booking(story, cast, ride, "trip", ride.pickup_ms - late_ms)
    bill, confirmed_ms = _book(story, booking)
    trip_id = _travel(story, booking, bill)
    journeys.drive(story, booking, trip_id, style.location_floor_ms, style.ping_ms)
    if story.dice.random() < style.reminder_share:
        schedules.remind(story, booking.booking_id, story.dice.randrange(confirmed_ms, ride.pickup_ms))
    if story.dice.random() < 0.4:
        _activity(story, rider_id, ride, ride.dropoff_ms + story.dice.randrange(20_000, 100_000), "rating")
    return story.told()


def _booking(story: Story, cast: Cast, ride: Ride, name: str, departs_ms: int) -> Booking:
    booking_id = story.ids.of(f"booking/{ride.name}/{name}")
    return Booking(ride, booking_id, cast.rider_id(ride.rider), cast.driver_id(ride.driver), departs_ms)


def _book(story: Story, booking: Booking) -> tuple[Bill, int]:
    """Create, pay for and confirm the booking within four minutes; returns what was paid, and when."""
    dice, at_ms = story.dice, booking.ride.booked_ms
    bookings.created(story, booking, at_ms)
    bill = booking.bill(story)
    at_ms += dice.randrange(5_000, 20_000)
    payments.initiated(story, bill, at_ms)
    if bill.method == "cash":
        # The driver takes it as the rider boards.
        payments.succeeded(story, bill, booking.ride.pickup_ms - 5_000)
    else:
        bill, at_ms = _pay(story, booking, bill, at_ms)
    at_ms += dice.randrange(1_000, 5_000)
    bookings.confirmed(story, booking, bill, at_ms)
    return bill, at_ms


def _pay(story: Story, booking: Booking, bill: Bill, at_ms: int) -> tuple[Bill, int]:
    """Pay, after a failure once more: mostly as a new payment, sometimes as the same one."""
    if story.dice.random() < 0.06:
        at_ms = payments.failed(story, bill, at_ms) + story.dice.randrange(20_000, 60_000)
        if story.dice.random() < 0.7:
            bill = booking.bill(story, 1)
        payments.initiated(story, bill, at_ms)
    return bill, payments.succeeded(story, bill, at_ms)


def _travel(story: Story, booking: Booking, bill: Bill) -> str:
    """The trip itself and its end; returns the trip_id."""
    ride, trip_id = booking.ride, journeys.trip_id_of(story.ids, booking)
    journeys.started(story, booking, trip_id, ride.pickup_ms)
    journeys.completed(story, booking, trip_id)
    bookings.completed(story, booking, trip_id, ride.dropoff_ms + story.dice.randrange(1_000, 10_000))
    if bill.method == "card" and story.dice.random() < 0.01:
        refund_ms = ride.dropoff_ms + story.dice.randrange(20_000, 110_000)
        payments.refunded(story, bill, refund_ms, Decimal("0.5"), "complaint")
    return trip_id


def _first_attempt(story: Story, booking: Booking) -> None:
    """A booking that led to no trip; it is over at least four minutes before the next one is made."""
    ride, dice = booking.ride, story.dice
    at_ms = ride.start_ms + MINUTE_MS
    bookings.created(story, booking, at_ms)
    bill = booking.bill(story)
    payments.initiated(story, bill, at_ms + 10_000)
    if ride.first_attempt == "declined":
        failed_ms = payments.failed(story, bill, at_ms + 10_000)
        bookings.cancelled(story, booking, failed_ms + 30_000, by="SYSTEM", refund=False)
        return
    paid_ms = payments.succeeded(story, bill, at_ms + 10_000)
    bookings.confirmed(story, booking, bill, paid_ms + 2_000)
    ends_ms = at_ms + dice.randrange(6 * MINUTE_MS, 10 * MINUTE_MS)
    if ride.first_attempt == "broken_off":
        _break_off(story, booking, ends_ms)
    by = "SYSTEM" if ride.first_attempt == "broken_off" else dice.choice(("RIDER", "DRIVER"))
    bookings.cancelled(story, booking, ends_ms + 1_000, by=by, refund=True)
    payments.refunded(story, bill, ends_ms + 60_000, Decimal(1), "booking cancelled")


def _break_off(story: Story, booking: Booking, ends_ms: int) -> None:
    trip_id = journeys.trip_id_of(story.ids, booking)
    was_started = story.dice.random() < 0.7
    if was_started:
        journeys.started(story, booking, trip_id, booking.departs_ms - 2 * MINUTE_MS)
    journeys.broken_off(story, booking, trip_id, ends_ms, was_started)


def _activity(story: Story, rider_id: str, ride: Ride, at_ms: int, activity: str) -> None:
    dice, zone = story.dice, ride.trip.pickup
    fields = {
        "user_id": rider_id,
        "activity_type": activity,
        "device_info": {"os": dice.choice(("android", "ios")), "app_version": f"5.{dice.randrange(12)}"},
        "ip_address": f"102.89.{dice.randrange(256)}.{dice.randrange(1, 255)}",
        "location": {"lat": zone.lat, "lon": zone.lon},
    }
    story.add("user.activity", at_ms, rider_id, zone, fields)
