"""`GET /v1/metrics/routes`."""

from decimal import Decimal
from typing import Any, Final

from openride_stream.clickhouse.client import Param, Row
from openride_stream.clickhouse.distinct import NO_ROUTE
from openride_stream.clickhouse.distinct import routes as descriptions
from openride_stream.clickhouse.preaggregations import BOOKINGS, TRIPS
from openride_stream.clickhouse.queries.distinct_ids import BOOKINGS_CONFIRMED, TRIPS_STARTED
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.rounding import average, money
from openride_stream.clickhouse.queries.series import distinct_series
from openride_stream.clickhouse.queries.source import rows_of
from openride_stream.clickhouse.reader import Reader

_BOOKED: Final = ("kind", "route_id", "booking_id", "currency", "price", "seats")
_DRIVEN: Final = ("kind", "route_id", "trip_id")

# The nil id names no route. A route that is booked before it is told of is there, without its description.
_SQL: Final = """
SELECT b.route_id AS route_id, b.bookings AS bookings, b.revenue AS revenue, b.seats AS seats,
       s.started AS started, d.driver_id AS driver_id, d.route_name AS route_name,
       d.origin_city AS origin_city, d.destination_city AS destination_city, d.seats_total AS seats_total
FROM
(
    SELECT t.route_id AS route_id, uniqExact(t.booking_id) AS bookings,
           sumIf(toDecimal128(t.price, 2), t.currency = {{currency:String}}) AS revenue,
           sum(toUInt64(t.seats)) AS seats
    FROM {booked} WHERE {confirmed} AND ({here}) AND t.route_id != {nil} GROUP BY route_id
    ORDER BY bookings DESC, toString(route_id) LIMIT {{limit:UInt32}}
) AS b
LEFT JOIN
(
    SELECT t.route_id AS route_id, uniqExact(t.trip_id) AS started
    FROM {driven} WHERE {begun} AND ({here}) GROUP BY route_id
) AS s ON b.route_id = s.route_id
LEFT JOIN {descriptions} AS d ON b.route_id = d.route_id
ORDER BY bookings DESC, toString(route_id)
"""


async def routes(store: Reader, question: Question, limit: int) -> dict[str, Any]:
    """The `limit` routes with most bookings confirmed in the range; value in one currency."""
    booked = await rows_of(store, BOOKINGS, _BOOKED, question, prefix="b")
    driven = await rows_of(store, TRIPS, _DRIVEN, question, prefix="t")
    sql = _SQL.format(
        booked=f"({booked.sql}) AS t",
        driven=f"({driven.sql}) AS t",
        descriptions=descriptions(store.database),
        here=question.here(store.database),
        confirmed=BOOKINGS_CONFIRMED.meant,
        begun=TRIPS_STARTED.meant,
        nil=NO_ROUTE,
    )
    params: dict[str, Param] = {**booked.params, **driven.params, **question.params(), "limit": limit}
    answer: dict[str, Any] = {"routes": [_route(row) for row in await store.select(sql, params)]}
    if question.granularity:
        answer["time_series"] = await distinct_series(store, BOOKINGS_CONFIRMED, question)
    return answer


def _route(row: Row) -> dict[str, Any]:
    known = row["seats_total"] > 0  # every route has at least one seat
    offered = row["seats_total"] * row["started"]
    return {
        "route_id": row["route_id"],
        "route_name": row["route_name"] if known else None,
        "origin_city": row["origin_city"] if known else None,
        "destination_city": row["destination_city"] if known else None,
        "driver_id": row["driver_id"] if known else None,
        "total_bookings": row["bookings"],
        "total_revenue": money(row["revenue"]),
        "seats_total": row["seats_total"] if known else None,
        "avg_occupancy": average(Decimal(row["seats"]), offered) if offered else None,
    }
