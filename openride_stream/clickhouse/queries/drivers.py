"""`GET /v1/metrics/drivers`."""

import asyncio
from fractions import Fraction
from typing import Any, Final

from openride_stream.api.choices import DriverOrder
from openride_stream.clickhouse.client import Param, Row
from openride_stream.clickhouse.preaggregations import TRIPS
from openride_stream.clickhouse.queries.distinct_ids import TRIPS_COMPLETED
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.rounding import average_money, money, total
from openride_stream.clickhouse.queries.series import distinct_series
from openride_stream.clickhouse.queries.source import rows_of
from openride_stream.clickhouse.reader import Reader

_COLUMNS: Final = ("kind", "driver_id", "trip_id", "currency", "earnings", "distance_km")
_SHARES: Final = (10, 25, 50, 75, 90, 99)

# Ids are ordered as text, which is how they are shown; UUIDs compare by their second half first.
_DRIVERS_SQL: Final = """
SELECT t.driver_id AS driver_id, uniqExact(t.trip_id) AS trips,
       sumIf(toDecimal128(t.earnings, 2), t.currency = {{currency:String}}) AS earnings,
       countIf(t.currency = {{currency:String}}) AS paid,
       count() AS completions, sumKahan(t.distance_km) AS distance_km,
       uniqExact(t.span) AS active_days
FROM {rows} WHERE {here} GROUP BY driver_id
ORDER BY {order} DESC, toString(driver_id) LIMIT {{limit:UInt32}}
"""

# Of each share the two drivers between whom it lies, by rank: share * (drivers - 1), from 0.
_DISTRIBUTION_SQL: Final = """
SELECT count() AS drivers, sum(earned) AS earnings, arraySort(groupArray(earned)) AS sorted,
       arrayMap(share -> sorted[1 + intDiv(share * (drivers - 1), 100)], {shares}) AS low,
       arrayMap(share -> sorted[least(2 + intDiv(share * (drivers - 1), 100), drivers)], {shares}) AS high
FROM
(
    SELECT t.driver_id AS driver_id,
           sumIf(toDecimal128(t.earnings, 2), t.currency = {{currency:String}}) AS earned
    FROM {rows} WHERE {here} GROUP BY driver_id
)
"""


async def drivers(store: Reader, question: Question, limit: int, sort: DriverOrder) -> dict[str, Any]:
    """The first `limit` drivers who completed trips; how what all of them earned is distributed."""
    source = await rows_of(store, TRIPS, _COLUMNS, question)
    rows = f"({source.sql}) AS t"
    params: dict[str, Param] = {**source.params, **question.params(), "limit": limit}
    here = f"{TRIPS_COMPLETED.meant} AND ({question.here(store.database)})"
    first, (all_of_them,) = await asyncio.gather(
        store.select(_DRIVERS_SQL.format(rows=rows, here=here, order=sort), params),
        store.select(_DISTRIBUTION_SQL.format(rows=rows, here=here, shares=list(_SHARES)), params),
    )
    answer: dict[str, Any] = {
        "drivers": [_driver(row) for row in first],
        "distribution": _distribution(all_of_them),
    }
    if question.granularity:
        answer["time_series"] = await distinct_series(store, TRIPS_COMPLETED, question)
    return answer


def _driver(row: Row) -> dict[str, Any]:
    return {
        "driver_id": row["driver_id"],
        "total_trips": row["trips"],
        "total_earnings": money(row["earnings"]),
        "avg_earnings_per_trip": average_money(row["earnings"], row["paid"]),
        "total_distance_km": total(row["distance_km"] or 0.0, row["completions"]),
        "active_days": row["active_days"],
    }


def _distribution(row: Row) -> dict[str, str]:
    quantiles = {
        f"p{share}": money(_between(Fraction(low), Fraction(high), share, row["drivers"]))
        for share, low, high in zip(_SHARES, row["low"], row["high"], strict=True)
    }
    return {**quantiles, "mean": average_money(row["earnings"], row["drivers"])}


def _between(low: Fraction, high: Fraction, share: int, drivers: int) -> Fraction:
    rank = Fraction(share * (drivers - 1), 100)
    return low + (rank - rank.__floor__()) * (high - low)
