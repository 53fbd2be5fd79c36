from collections import Counter

from openride_stream.replay.story import DAY_MS, HOUR_MS
from openride_stream.replay.trips import read_trips
from openride_stream.replay.wheel import Wheel

TRIPS = read_trips()
WHEEL = Wheel.of(TRIPS)


def test_a_turn_holds_every_trip_once_and_ends_as_the_evening_begins() -> None:
    assert sorted(trip.row for trip in WHEEL.trips) == sorted(trip.row for trip in TRIPS)
    assert WHEEL.turn_ms == 31 * DAY_MS
    dropoffs = [trip.dropoff_ms for trip in WHEEL.trips]
    assert max(dropoffs) - min(dropoffs) <= WHEEL.turn_ms
    assert max(dropoffs) % DAY_MS // HOUR_MS in (20, 21)  # five in the afternoon of New York


def test_the_turns_that_follow_hold_every_trip_once_a_turn() -> None:
    shift_ms = 7 * DAY_MS + 12_345
    end_ms = max(trip.dropoff_ms for trip in WHEEL.trips) + shift_ms
    first = end_ms // DAY_MS - 1
    days = [WHEEL.day(day, shift_ms) for day in range(first, first + 64)]
    for turn in (1, 2):
        moved = shift_ms + turn * WHEEL.turn_ms
        rows = Counter(trip.row for day in days for moved_ms, trip in day if moved_ms == moved)
        assert set(rows.values()) == {1}
        assert len(rows) == len(TRIPS)
    pickups = [moved_ms + trip.pickup_ms for day in days for moved_ms, trip in day]
    assert pickups == sorted(pickups)
    assert all(
        moved_ms + trip.dropoff_ms > end_ms - DAY_MS and moved_ms > shift_ms
        for day in days
        for moved_ms, trip in day
    )


def test_the_busiest_hours_follow_at_once() -> None:
    end_ms = max(trip.dropoff_ms for trip in WHEEL.trips)
    days = [WHEEL.day(end_ms // DAY_MS + later, 0) for later in range(2)]
    ahead = [moved_ms + trip.pickup_ms - end_ms for day in days for moved_ms, trip in day]
    soon = sum(0 <= ms < 4 * HOUR_MS for ms in ahead)
    assert soon > 1.2 * sum(4 * HOUR_MS <= ms < 24 * HOUR_MS for ms in ahead) / 5
