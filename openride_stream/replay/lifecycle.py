"""From trips to the events of a pass: plan, tell every story, merge by event time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Final

from openride_stream.replay.cast import Cast, cast_for
from openride_stream.replay.ids import Ids
from openride_stream.replay.people import driver_chapter, rider_chapter
from openride_stream.replay.plan import LONGEST_LEAD_MS, SETTLE_MS, Plan, Planner
from openride_stream.replay.rides import RideStyle, ride_chapter
from openride_stream.replay.routes import route_chapter
from openride_stream.replay.schedules import LONGEST_MS, regular_chapters
from openride_stream.replay.story import DAY_MS, Chapter, Outgoing, Tariff, in_time_order
from openride_stream.replay.trips import Trip
from openride_stream.replay.wheel import Wheel

LONGEST_LIFE_MS: Final = 4 * DAY_MS  # what a user or a route begins is over by then
PING_MS: Final = 36_000  # makes about 70 % of all events a location
# Two or three cars are on the road at a time, four in the evening: one to two events a second.
LIVE_PING_MS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes a pass what it is: the same recipe gives the same events, byte for byte.

    Attributes:
        seed: chosen by the user.
        shift_ms: added to every time of the file.
        loop: number of the pass, from 0.
        tariff: what the fares are in; one ride in a hundred is paid in another currency.
        reminder_share: share (0..1) of bookings that lead to schedule executions.
        location_days: locations are told for this many days before the end of the pass, None for all.
    """

    seed: int
    shift_ms: int
    loop: int
    tariff: Tariff
    reminder_share: float
    location_days: int | None

    def ids(self) -> Ids:
        """The scope of everything that happens in the pass."""
        return Ids(f"{self.seed}|{self.shift_ms}|{self.loop}")

    def style(self, end_ms: int) -> RideStyle:
        """How rides are told in a pass that ends at `end_ms`."""
        floor_ms = 0
        if self.location_days is not None:
            floor_ms = end_ms // DAY_MS * DAY_MS - self.location_days * DAY_MS
        return RideStyle(self.tariff, self.reminder_share, floor_ms, PING_MS)

    def live_style(self) -> RideStyle:
        """How rides are told as they happen."""
        return RideStyle(self.tariff, self.reminder_share, 0, LIVE_PING_MS)


def shift_to_end(trips: Sequence[Trip], end_ms: int) -> int:
    """The shift in ms that has the last trip over and settled at `end_ms`."""
    return end_ms - SETTLE_MS - max(trip.dropoff_ms for trip in trips)


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over the trips: its people, its plan and its time span in ms since the epoch."""

    recipe: Recipe
    cast: Cast
    plan: Plan
    start_ms: int
    end_ms: int

    def events(self) -> Iterator[Outgoing]:
        """All events by event time; none after the pass's end."""
        return takewhile(lambda event: event.at_ms < self.end_ms, in_time_order(self._chapters()))

    def _chapters(self) -> list[Chapter]:
        ids, cast, tariff = self.recipe.ids(), self.cast, self.recipe.tariff
        style = self.recipe.style(self.end_ms)
        chapters = [ride_chapter(ids, cast, ride, style) for ride in self.plan.rides]
        chapters += [route_chapter(ids, cast, route, tariff) for route in self.plan.routes]
        chapters += people_chapters(cast, 0, self.end_ms, tariff)
        return sorted(chapters, key=lambda chapter: chapter.start_ms)


def make_pass(trips: Sequence[Trip], recipe: Recipe) -> Pass:
    """The pass of `recipe` over `trips` (by pickup time, not empty)."""
    first_ms = trips[0].pickup_ms + recipe.shift_ms - LONGEST_LEAD_MS
    end_ms = max(trip.dropoff_ms for trip in trips) + recipe.shift_ms + SETTLE_MS
    ids = recipe.ids()
    cast = cast_for(ids, len(trips), first_ms, end_ms)
    plan = Planner(ids, cast).plan([(recipe.shift_ms, trip) for trip in trips])
    start_ms = min(cast.drivers.joins_ms(n) for n in range(cast.drivers.early))
    return Pass(recipe, cast, plan, start_ms, end_ms)


def people_chapters(cast: Cast, from_ms: int, until_ms: int, tariff: Tariff) -> list[Chapter]:
    """Stories of everybody who joins in `from_ms`..`until_ms`."""
    riders = [rider_chapter(cast, n, tariff) for n in range(cast.riders.size_at(until_ms))]
    drivers = [driver_chapter(cast, n, tariff) for n in range(cast.drivers.size_at(until_ms))]
    return [chapter for chapter in riders + drivers if from_ms <= chapter.start_ms < until_ms]


class LiveCity:
    """Goes on after a pass over the first turn of a wheel, for ever: as many trips a day as there were.

    The people and the routes are the pass's; a few join every day. The platform's regular schedules run, of
    which the pass tells nothing: a month of them would be most of it. A day is drawn from the seed, the
    pass and the day, so that a program that starts again tells the same events.
    """

    def __init__(self, past: Pass, wheel: Wheel) -> None:
        self._past = past
        self._wheel = wheel

    def events(self, begin_ms: int, resume_ms: int = 0) -> Iterator[Outgoing]:
        """Events from `resume_ms` on of the rides that begin at `begin_ms` or later, without end.

        Routes of those rides may have been opened up to `LONGEST_LEAD_MS` before `begin_ms`.
        """
        told = in_time_order(self._chapters(begin_ms, resume_ms))
        return (event for event in told if event.at_ms >= resume_ms)

    def _chapters(self, begin_ms: int, resume_ms: int) -> Iterator[Chapter]:
        waiting: list[Chapter] = []
        from_day = max(begin_ms, resume_ms - LONGEST_LIFE_MS) // DAY_MS
        # A ride picked up on the next day can begin on this one.
        for day in count(from_day):
            waiting += self._day(day, begin_ms, resume_ms)
            waiting.sort(key=lambda chapter: chapter.start_ms)
            complete_ms = (day + 1) * DAY_MS - LONGEST_LEAD_MS
            ready = sum(chapter.start_ms < complete_ms for chapter in waiting)
            yield from waiting[:ready]
            waiting = waiting[ready:]

    def _day(self, day: int, begin_ms: int, resume_ms: int) -> list[Chapter]:
        past, start_ms = self._past, day * DAY_MS
        ids = Ids(f"{past.recipe.ids().scope}|live|{day}")
        plan = Planner(ids, past.cast, past.plan.routes).plan(self._wheel.day(day, past.recipe.shift_ms))
        tariff, style = past.recipe.tariff, past.recipe.live_style()
        rides = [ride for ride in plan.rides if ride.start_ms >= begin_ms]
        used = {ride.route.route_id for ride in rides}
        # Telling a ride costs more than planning it: those that are over by now are not told again.
        coming = [ride for ride in rides if ride.dropoff_ms + SETTLE_MS >= resume_ms]
        chapters = [ride_chapter(ids, past.cast, ride, style) for ride in coming]
        chapters += [
            route_chapter(ids, past.cast, route, tariff) for route in plan.routes if route.route_id in used
        ]
        working_ms = max(start_ms, begin_ms, resume_ms - LONGEST_MS)
        chapters += regular_chapters(past.recipe.ids(), working_ms, start_ms + DAY_MS, tariff)
        joining_ms = max(start_ms, begin_ms, past.end_ms)
        return chapters + people_chapters(past.cast, joining_ms, start_ms + DAY_MS, tariff)
