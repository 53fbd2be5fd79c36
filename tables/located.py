"""Where the facts of the live state are: their own city, else where their route begins."""

from functools import cached_property

import numpy as np

from tables.known import Column, Window, among, matched
from tables.placed_series import BOOKED, CITIES, NO_CITY, POSITIONS, TRIPS, code_of_city
from tables.realtime import ACTIVE_MS
from tables.series import DRIVERS, ENDED
from tables.state import LiveState


class Located:
    """The places of a settled state at one moment; cities are numbers, `NO_CITY` where there is none."""

    def __init__(self, state: LiveState, now_ms: int) -> None:
        self.state = state
        self.now_ms = now_ms

    def of(self, facts: Window) -> Column:
        """The city of facts that have a city and a route."""
        cities = facts["city"]
        unknown = cities == NO_CITY
        if unknown.any():
            cities[unknown] = self.state.origins.of(facts["route"][unknown])
        return cities

    def of_payments(self, payments: Window) -> Column:
        """The city of payments: their own, else where the route of their booking begins."""
        cities = payments["city"]
        unknown = cities == NO_CITY
        if unknown.any():
            booked = self.state.window(BOOKED, self.now_ms)
            routes = matched(payments["booking"][unknown], booked["id"], booked["route"])
            cities[unknown] = self.state.origins.of(routes)
        return cities

    @cached_property
    def active_trips(self) -> "ActiveTrips":
        """Trips that have started and not ended."""
        started = self.state.window(TRIPS, self.now_ms)
        active = ~among(started["id"], self.state.window(ENDED, self.now_ms)["id"])
        columns = {name: started[name][active] for name in ("id", "at", "high", "low", "driver")}
        return ActiveTrips(columns, self.of(started)[active])

    def active_drivers(self) -> tuple[Column, Column]:
        """Drivers that an event of the last five minutes names, and the city of each.

        That of their last position, else of the trip that they are on.
        """
        drivers = self.state.window(DRIVERS, self.now_ms, ACTIVE_MS)["id"]
        positions = self.state.window(POSITIONS, self.now_ms)
        cities = matched(drivers, positions["id"], positions["city"])
        return drivers, np.where(cities == NO_CITY, self.active_trips.city_by_driver(drivers), cities)

    @cached_property
    def names(self) -> dict[int, str]:
        """What the cities are called."""
        named = self.state.window(CITIES, self.now_ms)
        written = zip(named["id"].tolist(), named["name"].tolist(), strict=True)
        return {**self.state.origins.names, **{code: name.decode() for code, name in written}}

    def chosen(self, cities: Column, city: str | None) -> Column:
        """Which of them are in `city`; all when it is None, none when nobody has told of it."""
        if city is None:
            return np.ones(len(cities), bool)
        code = code_of_city(city)
        return cities == code if self.names.get(code) == city else np.zeros(len(cities), bool)


class ActiveTrips:
    """Trips under way, in order of identity.

    Attributes:
        city: of each.
    """

    def __init__(self, columns: dict[str, Column], city: Column) -> None:
        self._columns = columns
        self.city = city
        newest = np.lexsort((columns["id"], columns["at"], columns["driver"]))
        drivers = columns["driver"][newest]
        last = np.append(drivers[1:] != drivers[:-1], True)[: len(drivers)]
        self._drivers, self._last = drivers[last], newest[last]

    def city_by_driver(self, drivers: Column) -> Column:
        """The city of the trip that each driver is on (of several the one that started last)."""
        return matched(drivers, self._drivers, self.city[self._last])

    def by_driver(self, drivers: Column) -> tuple[Column, Column]:
        """The two halves of the id of that trip; zeros where there is none."""
        high, low = (self._columns[name][self._last] for name in ("high", "low"))
        return matched(drivers, self._drivers, high), matched(drivers, self._drivers, low)
