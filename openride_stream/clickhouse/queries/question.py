"""What every metrics endpoint is asked, and how a place filter reads in SQL."""

from dataclasses import dataclass
from typing import Final

from openride_stream.api.choices import Granularity
from openride_stream.clickhouse.client import Param
from openride_stream.clickhouse.distinct import NO_ROUTE, routes

# A row's place: its own city and state when it has a city, else its route's origin. Empty is none.
CITY_SQL: Final = "if(t.city != '', t.city, r.origin_city)"
STATE_SQL: Final = "if(t.city != '', t.state, r.origin_state)"


@dataclass(frozen=True, slots=True)
class Question:
    """A range [start_ms, end_ms) of event time, a currency, and optional filters.

    `zone` (IANA) is that of the days of a daily series; all others are of UTC.
    """

    start_ms: int
    end_ms: int
    currency: str
    city: str | None = None
    state: str | None = None
    granularity: Granularity | None = None
    zone: str = "UTC"

    @property
    def placed(self) -> bool:
        """Whether a place filter is given."""
        return self.city is not None or self.state is not None

    def params(self) -> dict[str, Param]:
        """Server-side parameters that `here` and money sums use."""
        params: dict[str, Param] = {"currency": self.currency}
        if self.city is not None:
            params["city"] = self.city
        if self.state is not None:
            params["state"] = self.state
        return params

    def here(self, database: str) -> str:
        """SQL condition on a row `t` (city, state, route_id): its place passes the filters."""
        if not self.placed:
            return "1"
        given = [name for name in ("city", "state") if getattr(self, name) is not None]
        own = " AND ".join(f"t.{name} = {{{name}:String}}" for name in given)
        origin = " AND ".join(f"origin_{name} = {{{name}:String}}" for name in given)
        # The routes from there are few: to look for each row's among them takes half the time of a join.
        from_there = f"SELECT route_id FROM {named_routes(database)} WHERE {origin}"
        return f"(t.city != '' AND {own}) OR (t.city = '' AND t.route_id IN ({from_there}))"


def named_routes(database: str) -> str:
    """A subquery of every route's origin, but of the nil id, which stands for no route: nobody's place."""
    return f"(SELECT * FROM {routes(database)} WHERE route_id != {NO_ROUTE})"


def routed(database: str, rows: str) -> str:
    """`rows` (a subquery) as `t`, with their routes as `r`."""
    return f"({rows}) AS t LEFT JOIN {named_routes(database)} AS r ON t.route_id = r.route_id"
