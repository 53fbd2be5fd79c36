"""The trips of a file as a wheel that turns for ever: after the last of them the first ones come again."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from openride_stream.replay.story import DAY_MS, HOUR_MS
from openride_stream.replay.trips import Trip

_RUSH_HOURS: Final = 4


@dataclass(frozen=True, slots=True)
class Wheel:
    """One turn of trips, by pickup time; a turn is `turn_ms` long, whole days.

    The first turn ends as the busiest hours of the day begin: whoever shifts its end to now sees the
    city at its liveliest.
    """

    trips: tuple[Trip, ...]
    turn_ms: int

    @classmethod
    def of(cls, trips: Sequence[Trip]) -> Self:
        """The wheel of `trips` (by pickup time, not empty), each of them once."""
        turn_ms = -(-(trips[-1].pickup_ms - trips[0].pickup_ms + 1) // DAY_MS) * DAY_MS
        end_ms = _last_rush_ms(trips)
        turned = [trip if trip.dropoff_ms <= end_ms else _moved(trip, -turn_ms) for trip in trips]
        return cls(tuple(sorted(turned, key=lambda trip: (trip.pickup_ms, trip.row))), turn_ms)

    def day(self, day: int, shift_ms: int) -> list[tuple[int, Trip]]:
        """The trips picked up on UTC day number `day`, each with what its times are shifted by, in order.

        The wheel's first turn, shifted by `shift_ms`, is not among them: only those that follow it.
        """
        start_ms, found = day * DAY_MS, []
        for trip in self.trips:
            turns = -(-(start_ms - trip.pickup_ms - shift_ms) // self.turn_ms)
            moved_ms = shift_ms + turns * self.turn_ms
            if turns >= 1 and trip.pickup_ms + moved_ms < start_ms + DAY_MS:
                found.append((moved_ms, trip))
        return sorted(found, key=lambda pair: (pair[0] + pair[1].pickup_ms, pair[1].row))


def _last_rush_ms(trips: Sequence[Trip]) -> int:
    """The last time within the trips' span at which the busiest hours of a day begin."""
    by_hour = Counter(trip.pickup_ms % DAY_MS // HOUR_MS for trip in trips)

    def rush(hour: int) -> int:
        return sum(by_hour[(hour + later) % 24] for later in range(_RUSH_HOURS))

    begins_ms = max(range(24), key=rush) * HOUR_MS
    end_ms = max(trip.dropoff_ms for trip in trips)
    return (end_ms - begins_ms) // DAY_MS * DAY_MS + begins_ms


def _moved(trip: Trip, by_ms: int) -> Trip:
    return replace(trip, pickup_ms=trip.pickup_ms + by_ms, dropoff_ms=trip.dropoff_ms + by_ms)
