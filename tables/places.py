"""Where routes begin, as far as live facts name them: ClickHouse knows, and is asked for each route once."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from tables.known import Column, Window, among
from tables.placed_series import NO_CITY, code_of_city
from tables.series import hashes

MOST_AT_ONCE: Final = 2_000
_AGAIN_S: Final = 10.0
_NEVER: Final = 0.0


class RouteOrigins:
    """The city of origin by route, in columns that are sorted by route; 0 where it is not known yet."""

    def __init__(self) -> None:
        self._routes = np.empty(0, np.uint64)
        self._cities = np.empty(0, np.uint32)
        self._ask_again_s = np.empty(0, np.float64)
        self._names: dict[int, str] = {}

    @property
    def names(self) -> Mapping[int, str]:
        """What the cities are called, by number."""
        return self._names

    def of(self, routes: Column) -> Column:
        """The city of each route; `NO_CITY` where it is not known."""
        found = np.zeros(len(routes), np.uint32)
        known = among(routes, self._routes)
        found[known] = self._cities[np.searchsorted(self._routes, routes[known])]
        return found

    def keep(self, named: Window) -> None:
        """Know of the routes that live facts name, and of no others."""
        routes = named["id"]
        kept = among(routes, self._routes)
        places = np.searchsorted(self._routes, routes[kept])
        cities, again_s = np.zeros(len(routes), np.uint32), np.full(len(routes), _NEVER)
        cities[kept], again_s[kept] = self._cities[places], self._ask_again_s[places]
        self._routes, self._cities, self._ask_again_s = routes, cities, again_s
        if len(self._names) > len(routes):
            left = set(cities.tolist())
            self._names = {code: name for code, name in self._names.items() if code in left}

    def wanted(self, named: Window, now_s: float) -> list[str]:
        """The ids of routes to ask for now: some whose origin is not known, each again after ten seconds."""
        self.keep(named)
        due = np.flatnonzero((self._cities == NO_CITY) & (self._ask_again_s <= now_s))[:MOST_AT_ONCE]
        self._ask_again_s[due] = now_s + _AGAIN_S
        halves = zip(named["high"][due].tolist(), named["low"][due].tolist(), strict=True)
        return [str(uuid.UUID(int=high << 64 | low)) for high, low in halves]

    def learn(self, origins: Sequence[tuple[str, str]]) -> None:
        """Take in (route, city) of routes that are wanted; a route that is not is nothing."""
        if not origins:
            return
        routes = hashes([route for route, _ in origins])
        known = among(routes, self._routes)
        places = np.searchsorted(self._routes, routes)
        for (_, city), place, is_known in zip(origins, places.tolist(), known.tolist(), strict=True):
            if is_known and (code := code_of_city(city)) != NO_CITY:
                self._cities[place] = code
                self._names[code] = city
