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
    """A range [start_ms, end_ms) of event time, a currency, and optional filters."""

    start_ms: int
    end_ms: int
    currency: str
    city: str | None = None
    state: str | None = None
    granularity: Granularity | None = None

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

    def here(self) -> str:
        """SQL condition: the row's place passes the filters.

        Rows are `t` (city, state, route_id), routes are `r`; see `with_routes`.
        """
        terms = []
        if self.city is not None:
            terms.append(f"{CITY_SQL} = {{city:String}}")
        if self.state is not None:
            terms.append(f"{STATE_SQL} = {{state:String}}")
        return " AND ".join(terms) or "1"

    def with_routes(self, database: str, rows: str) -> str:
        """`rows` (a subquery) as `t`, with their routes as `r` where a place filter needs them."""
        return routed(database, rows) if self.placed else f"({rows}) AS t"


def routed(database: str, rows: str) -> str:
    """`rows` (a subquery) as `t`, with their routes as `r`."""
    # The nil id stands for no route in `t`: a route that somebody gave it is nobody's place.
    named = f"(SELECT * FROM {routes(database)} WHERE route_id != {NO_ROUTE})"
    return f"({rows}) AS t LEFT JOIN {named} AS r ON t.route_id = r.route_id"
