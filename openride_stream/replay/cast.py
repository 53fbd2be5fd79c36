"""Who takes part: riders and drivers, and when each of them joins.

Joining follows a closed formula, so that who is there at a time is known without replaying the past:
a share is there before the first trip, the rest joins evenly up to the last one, and at the same pace
after it.
"""

from dataclasses import dataclass
from typing import Final

from openride_stream.replay.ids import Ids
from openride_stream.replay.story import DAY_MS, HOUR_MS

_GOLDEN: Final = 0.6180339887498949
_BEFORE_FIRST_MS: Final = 6 * HOUR_MS
_EARLY_SPREAD_MS: Final = 3 * DAY_MS


@dataclass(frozen=True, slots=True)
class Crowd:
    """People of one role, numbered from 0 by a fixed rule.

    `early` of them join in the three days before `first_ms`, the other `late` evenly over
    `first_ms`..`last_ms`; whoever is numbered `early + late` or more joins later at that pace.
    """

    early: int
    late: int
    first_ms: int
    last_ms: int

    def joins_ms(self, number: int) -> int:
        """When person `number` registers."""
        if number < self.early:
            share = (number + 1) * _GOLDEN % 1.0
            return self.first_ms - _BEFORE_FIRST_MS - int(share * _EARLY_SPREAD_MS)
        return self.first_ms + (number - self.early + 1) * self._pace_ms()

    def size_at(self, ms: int) -> int:
        """How many have joined by `ms`, which is not before `first_ms`; their numbers are 0 to this."""
        return self.early + max(0, (ms - self.first_ms) // self._pace_ms())

    def _pace_ms(self) -> int:
        return max(1, (self.last_ms - self.first_ms) // self.late)


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody who takes part in a pass, and their ids."""

    ids: Ids
    riders: Crowd
    drivers: Crowd

    def rider_id(self, number: int) -> str:
        """The user_id of a rider."""
        return self.ids.of(f"rider/{number}")

    def driver_id(self, number: int) -> str:
        """The user_id of a driver."""
        return self.ids.of(f"driver/{number}")


def cast_for(ids: Ids, trips: int, first_ms: int, last_ms: int) -> Cast:
    """The people for so many trips between two times: one rider for four trips, one driver for sixteen."""
    riders, drivers = max(4, trips // 4), max(3, trips // 16)
    early_riders, early_drivers = max(2, riders * 3 // 10), max(2, drivers * 7 // 10)
    return Cast(
        ids,
        Crowd(early_riders, riders - early_riders, first_ms, last_ms),
        Crowd(early_drivers, drivers - early_drivers, first_ms, last_ms),
    )
