"""Who drives whom on which route, and when it was booked: the plan that the stories are told from."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from openride_stream.replay.cast import Cast
from openride_stream.replay.ids import Ids
from openride_stream.replay.story import HOUR_MS, MINUTE_MS
from openride_stream.replay.trips import Trip

READY_AFTER_MS: Final = 2 * HOUR_MS  # from a driver's registration to the first route
LONGEST_LEAD_MS: Final = 4 * HOUR_MS  # nothing of a ride is earlier than this before its pickup
SETTLE_MS: Final = 2 * MINUTE_MS  # nothing of a ride is later than this after its end
_TRIES: Final = 8

FirstAttempt = Literal["none", "declined", "cancelled", "broken_off"]
_ATTEMPTS: Final[tuple[FirstAttempt, ...]] = ("none", "declined", "cancelled", "broken_off")
_ATTEMPT_WEIGHTS: Final = (87, 3, 7, 3)


@dataclass(frozen=True, slots=True)
class Route:
    """A pair of zones that a driver serves, from its creation to its cancellation, if any."""

    route_id: str
    driver: int
    first: Trip
    seats: int
    created_ms: int
    cancelled_ms: int | None = None

    @property
    def name(self) -> str:
        """The two zones, as riders read it."""
        return f"{self.first.pickup.name} → {self.first.dropoff.name}"


@dataclass(frozen=True, slots=True)
class Ride:
    """One trip with its rider, driver and route; all times are of the pass, not of the file.

    A first attempt that failed (see `first_attempt`) starts at `start_ms`; the booking that led to
    the trip is made at `booked_ms`.
    """

    name: str
    trip: Trip
    rider: int
    driver: int
    route: Route
    start_ms: int
    booked_ms: int
    pickup_ms: int
    dropoff_ms: int
    first_attempt: FirstAttempt


@dataclass(slots=True)
class Plan:
    """Rides by pickup time, and the routes that were opened for them."""

    rides: list[Ride] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)


class Planner:
    """Assigns trips one after the other; the outcome depends on `ids` and the order of the trips alone."""

    def __init__(self, ids: Ids, cast: Cast, routes: Iterable[Route] = ()) -> None:
        self._ids = ids
        self._cast = cast
        self._dice = random.Random(f"{ids.scope}|plan")
        self._free_from_ms: defaultdict[int, int] = defaultdict(int)
        self._serving: defaultdict[tuple[str, str], list[Route]] = defaultdict(list)
        self._last_use_ms: dict[str, int] = {}
        self._plan = Plan()
        for route in routes:
            if route.cancelled_ms is None:
                self._serving[_pair(route.first)].append(route)

    def plan(self, trips: Sequence[tuple[int, Trip]]) -> Plan:
        """The plan of `trips`, each with the milliseconds that it is shifted by, in order of pickup."""
        for number, (shift_ms, trip) in enumerate(trips):
            self._plan.rides.append(self._ride(f"ride/{number}", shift_ms, trip))
        self._plan.routes = [self._maybe_cancelled(route) for route in self._plan.routes]
        return self._plan

    def _ride(self, name: str, shift_ms: int, trip: Trip) -> Ride:
        pickup_ms, dropoff_ms = trip.pickup_ms + shift_ms, trip.dropoff_ms + shift_ms
        booked_ms = pickup_ms - self._dice.randrange(4 * MINUTE_MS, 22 * MINUTE_MS)
        attempt = self._dice.choices(_ATTEMPTS, _ATTEMPT_WEIGHTS)[0]
        start_ms = booked_ms - 4 * MINUTE_MS
        if attempt != "none":
            start_ms -= self._dice.randrange(16 * MINUTE_MS, 40 * MINUTE_MS)
        route = self._route(trip, start_ms)
        self._free_from_ms[route.driver] = dropoff_ms + MINUTE_MS
        self._last_use_ms[route.route_id] = dropoff_ms
        rider = self._dice.randrange(self._cast.riders.size_at(start_ms))
        times = {
            "start_ms": start_ms,
            "booked_ms": booked_ms,
            "pickup_ms": pickup_ms,
            "dropoff_ms": dropoff_ms,
        }
        return Ride(name, trip, rider, route.driver, route, **times, first_attempt=attempt)

    def _route(self, trip: Trip, start_ms: int) -> Route:
        serving = self._serving[_pair(trip)]
        for route in serving:
            if route.seats >= trip.passengers and self._free_from_ms[route.driver] <= start_ms:
                return route
        driver = self._free_driver(start_ms)
        ready_ms = self._cast.drivers.joins_ms(driver) + READY_AFTER_MS
        created_ms = max(ready_ms, start_ms - self._dice.randrange(10 * MINUTE_MS, 2 * HOUR_MS))
        route_id = self._ids.of(f"route/{len(self._plan.routes)}")
        route = Route(route_id, driver, trip, max(4, trip.passengers), created_ms)
        serving.append(route)
        self._plan.routes.append(route)
        return route

    def _free_driver(self, at_ms: int) -> int:
        # With nobody free the driver who is free first takes one ride too many at a time.
        ready = self._cast.drivers.size_at(at_ms - READY_AFTER_MS)
        tried = [self._dice.randrange(ready) for _ in range(_TRIES)]
        return min(tried, key=lambda driver: max(at_ms, self._free_from_ms[driver]))

    def _maybe_cancelled(self, route: Route) -> Route:
        if self._dice.random() >= 0.06:
            return route
        after_ms = self._dice.randrange(10 * MINUTE_MS, 2 * HOUR_MS)
        return replace(route, cancelled_ms=self._last_use_ms[route.route_id] + after_ms)


def _pair(trip: Trip) -> tuple[str, str]:
    return trip.pickup.name, trip.dropoff.name
