"""`GET /v1/analytics/geographic`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from openride_stream.api.choices import GeographicMetric
from openride_stream.clickhouse.client import ClickHouse, Param, Row
from openride_stream.clickhouse.days import DayState
from openride_stream.clickhouse.distinct import agreed_booking_routes, booking_routes
from openride_stream.clickhouse.preaggregations import (
    ACTIVE_USERS,
    GEOGRAPHIC_BOOKINGS,
    GEOGRAPHIC_PAYMENTS,
    PreAggregation,
)
from openride_stream.clickhouse.queries.question import CITY_SQL, STATE_SQL, Question, routed
from openride_stream.clickhouse.queries.rounding import money
from openride_stream.clickhouse.queries.source import DAYS, Source, states_of_range, touched

_Days = Mapping[str, Sequence[DayState]]
_RoutesOf = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class _Figure:
    """What is shown for each place: where it is kept, and SQL of it and of whether there is any."""

    sources: tuple[PreAggregation, ...]
    columns: tuple[str, ...]
    value: str
    some: str


_FIGURES: Final[dict[GeographicMetric, _Figure]] = {
    "bookings": _Figure((GEOGRAPHIC_BOOKINGS,), ("bookings",), "uniqExactMerge(t.bookings)", "value > 0"),
    "revenue": _Figure(
        (GEOGRAPHIC_PAYMENTS,),
        ("currency", "payments", "revenue"),
        "sumIf(t.revenue, t.currency = {currency:String})",
        "uniqExactMergeIf(t.payments, t.currency = {currency:String}) > 0",
    ),
    "users": _Figure(
        (
            GEOGRAPHIC_BOOKINGS,
            GEOGRAPHIC_PAYMENTS,
            *(active for active in ACTIVE_USERS if active.source not in {"booking_events", "payment_events"}),
        ),
        ("users",),
        "uniqExactMerge(t.users)",
        "value > 0",
    ),
}

# Largest first, then by name; what has none comes last. A place that is unsure stays, wherever it is.
# Plain hash joins: from the second time on ClickHouse would swap sides, and the states are the larger one.
_SQL: Final = """
SELECT {city} AS place_city, {state} AS place_state, {value} AS value, max(t.unsure) AS unsure
FROM {rows} WHERE ({here}) OR t.unsure GROUP BY place_city, place_state HAVING {some} OR unsure
ORDER BY value DESC, place_state = '', place_state, place_city = '', place_city
SETTINGS join_algorithm = 'hash'
"""


async def geographic(store: ClickHouse, question: Question, metric: GeographicMetric) -> dict[str, Any]:
    """The figure by place; null and null is what has no place."""
    figure = _FIGURES[metric]
    days = await touched(store, figure.sources, question)
    # Bookings whose events name several routes are rare: only then is it worked out which of them counts.
    rows = await _places(store, question, figure, days, agreed_booking_routes)
    if any(row["unsure"] for row in rows):
        rows = await _places(store, question, figure, days, _sure_booking_routes)
    return {
        "data_points": [
            {
                "state": row["place_state"] or None,
                "city": row["place_city"] or None,
                "value": money(row["value"]) if metric == "revenue" else row["value"],
            }
            for row in rows
        ]
    }


async def _places(
    store: ClickHouse, question: Question, figure: _Figure, days: _Days, routes_of: _RoutesOf
) -> list[Row]:
    source = _rows(store.database, question, figure, days, routes_of)
    sql = _SQL.format(
        city=CITY_SQL,
        state=STATE_SQL,
        value=figure.value,
        some=figure.some,
        rows=routed(store.database, source.sql),
        here=question.here(),
    )
    return await store.select(sql, {**source.params, **question.params()})


def _sure_booking_routes(database: str, condition: str) -> str:
    return f"(SELECT *, 0 AS unsure FROM {booking_routes(database, condition)})"


def _rows(database: str, question: Question, figure: _Figure, days: _Days, routes_of: _RoutesOf) -> Source:
    """The states of all sources with the route that tells their place where they have no city."""
    parts: list[str] = []
    params: dict[str, Param] = {}
    for number, kept in enumerate(figure.sources):
        variant = kept.only(("city", "state", "route_id", "booking_id", *figure.columns))
        source = states_of_range(database, variant, days[kept.name], question, DAYS, prefix=f"p{number}_")
        params |= source.params
        parts.append(_with_route(database, source.sql, kept, figure.columns, routes_of))
    return Source(" UNION ALL ".join(parts), params)


def _with_route(
    database: str, rows: str, kept: PreAggregation, columns: tuple[str, ...], routes_of: _RoutesOf
) -> str:
    selected = ", ".join(f"s.{column} AS {column}" for column in ("city", "state", *columns))
    if kept is not GEOGRAPHIC_PAYMENTS:
        return f"SELECT {selected}, s.route_id AS route_id, 0 AS unsure FROM ({rows}) AS s"
    # Of the bookings only those that are asked for: there are many more.
    asked = f"booking_id IN (SELECT booking_id FROM ({rows}) WHERE city = '')"
    return (
        f"SELECT {selected}, b.route_id AS route_id, b.unsure AS unsure FROM ({rows}) AS s "
        f"LEFT JOIN {routes_of(database, asked)} AS b ON s.booking_id = b.booking_id"
    )
