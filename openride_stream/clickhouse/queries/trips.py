"""`GET /v1/metrics/trips`."""

from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.preaggregations import TRIPS
from openride_stream.clickhouse.queries.distinct_ids import (
    TRIP_DRIVERS,
    TRIPS_CANCELLED,
    TRIPS_COMPLETED,
    TRIPS_STARTED,
    in_both,
)
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.rounding import average, money, percentage
from openride_stream.clickhouse.queries.series import distinct_series
from openride_stream.clickhouse.queries.source import rows_of

_COLUMNS: Final = (
    *("kind", "trip_id", "driver_id", "duration_minutes", "distance_km", "on_time"),
    *("currency", "earnings", "commission"),
)

_SQL: Final = f"""
SELECT {TRIPS_STARTED.count("here")} AS started,
       {TRIPS_COMPLETED.count("here")} AS completed,
       {TRIPS_CANCELLED.count("here")} AS cancelled,
       {{finished}} AS finished,
       {TRIP_DRIVERS.count("here")} AS drivers,
       countIf(ended) AS completions,
       sumKahanIf(t.duration_minutes, ended) AS duration_minutes,
       sumKahanIf(t.distance_km, ended) AS distance_km,
       countIf(ended AND t.on_time) AS on_time,
       sumIf(toDecimal128(t.earnings, 2), ended AND t.currency = {{{{currency:String}}}}) AS earnings,
       sumIf(toDecimal128(t.commission, 2), ended AND t.currency = {{{{currency:String}}}}) AS commission
FROM (SELECT t.*, {{here}} AS here, here AND {TRIPS_COMPLETED.meant} AS ended FROM {{rows}}) AS t
"""

# completion_rate: of the trips started *here*, those that were completed anywhere.
_FINISHED: Final = in_both("t.trip_id", f"here AND {TRIPS_STARTED.meant}", TRIPS_COMPLETED.meant)


async def trips(store: ClickHouse, question: Question) -> dict[str, Any]:
    """Distinct trips by status; averages over completions in minutes and kilometres."""
    source = await rows_of(store, TRIPS, _COLUMNS, question)
    sql = _SQL.format(
        finished=_FINISHED if question.placed else "completed",
        here=question.here(),
        rows=question.with_routes(store.database, source.sql),
    )
    row = (await store.select(sql, {**source.params, **question.params()}))[0]
    answer: dict[str, Any] = {
        "trips_started": row["started"],
        "trips_completed": row["completed"],
        "trips_cancelled": row["cancelled"],
        "completion_rate": percentage(row["finished"], row["started"]),
        "avg_duration_minutes": average(row["duration_minutes"] or 0.0, row["completions"]),
        "avg_distance_km": average(row["distance_km"] or 0.0, row["completions"]),
        "on_time_performance": percentage(row["on_time"], row["completions"]),
        "total_driver_earnings": money(row["earnings"]),
        "total_platform_commission": money(row["commission"]),
        "active_drivers": row["drivers"],
    }
    if question.granularity:
        answer["time_series"] = await distinct_series(store, TRIPS_STARTED, question)
    return answer
