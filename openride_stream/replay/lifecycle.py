"""From trips to the events of a pass: plan, tell every story, merge by event time."""

import random
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
from openride_stream.replay.story import DAY_MS, Chapter, Outgoing, in_time_order
from openride_stream.replay.trips import Trip

LONGEST_LIFE_MS: Final = 4 * DAY_MS  # what a user or a route begins is over by then


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes a pass what it is: the same recipe gives the same events, byte for byte.

    Attributes:
        seed: chosen by the user.
        shift_ms: added to every time of the file.
        loop: number of the pass, from 0.
        currency: the platform's currency; one ride in a hundred is paid in another.
        reminder_share: share (0..1) of bookings that lead to schedule executions.
        location_days: locations are told for this many days before the end of the pass, None for all.
    """

    seed: int
    shift_ms: int
    loop: int
    currency: str
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
        foreign = "USD" if self.currency != "USD" else "EUR"
        return RideStyle(self.currency, foreign, self.reminder_share, floor_ms)


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
        ids, cast, currency = self.recipe.ids(), self.cast, self.recipe.currency
        style = self.recipe.style(self.end_ms)
        chapters = [ride_chapter(ids, cast, ride, style) for ride in self.plan.rides]
        chapters += [route_chapter(ids, cast, route, currency) for route in self.plan.routes]
        chapters += people_chapters(cast, 0, self.end_ms, currency)
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


def people_chapters(cast: Cast, from_ms: int, until_ms: int, currency: str) -> list[Chapter]:
    """Stories of everybody who joins in `from_ms`..`until_ms`."""
    riders = [rider_chapter(cast, n, currency) for n in range(cast.riders.size_at(until_ms))]
    drivers = [driver_chapter(cast, n, currency) for n in range(cast.drivers.size_at(until_ms))]
    return [chapter for chapter in riders + drivers if from_ms <= chapter.start_ms < until_ms]


class LiveCity:
    """Goes on after a pass, for ever: every UTC day is the whole month's trips by their time of day.

    The people and the routes are the pass's; a few join every day. A day is drawn from the seed, the
    pass and the day, so that a program that starts again tells the same events.
    """

    def __init__(self, past: Pass, trips: Sequence[Trip], copies: int) -> None:
        self._past = past
        self._trips = trips
        self._copies = copies

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
        plan = Planner(ids, past.cast, past.plan.routes).plan(self._folded(ids, start_ms))
        currency, style = past.recipe.currency, past.recipe.style(0)
        rides = [ride for ride in plan.rides if ride.start_ms >= begin_ms]
        used = {ride.route.route_id for ride in rides}
        # Telling a ride costs more than planning it: those that are over by now are not told again.
        coming = [ride for ride in rides if ride.dropoff_ms + SETTLE_MS >= resume_ms]
        chapters = [ride_chapter(ids, past.cast, ride, style) for ride in coming]
        chapters += [
            route_chapter(ids, past.cast, route, currency) for route in plan.routes if route.route_id in used
        ]
        joining_ms = max(start_ms, begin_ms, past.end_ms)
        return chapters + people_chapters(past.cast, joining_ms, start_ms + DAY_MS, currency)

    def _folded(self, ids: Ids, start_ms: int) -> list[tuple[int, Trip]]:
        """Every trip of the month on one day, `copies` times, each up to half a minute off its time."""
        dice = random.Random(f"{ids.scope}|fold")
        moved = [
            (start_ms - trip.pickup_ms // DAY_MS * DAY_MS + dice.randrange(-30_000, 30_000), trip)
            for trip in self._trips
            for _ in range(self._copies)
        ]
        return sorted(moved, key=lambda pair: pair[0] + pair[1].pickup_ms)
