"""`GET /v1/metrics/trips`."""

import asyncio
from typing import Any, Final

from openride_stream.clickhouse.preaggregations import TRIPS
from openride_stream.clickhouse.queries.distinct_ids import (
    TRIP_DRIVERS,
    TRIP_STAGES,
    TRIPS_CANCELLED,
    TRIPS_COMPLETED,
    TRIPS_STARTED,
)
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.rounding import average, money, percentage
from openride_stream.clickhouse.queries.series import distinct_series
from openride_stream.clickhouse.queries.source import rows_of
from openride_stream.clickhouse.reader import Reader

_COLUMNS: Final = (
    *("kind", "trip_id", "driver_id", "duration_minutes", "distance_km", "on_time"),
    *("currency", "earnings", "commission"),
)
_have: Final = TRIP_STAGES.have

# completion_rate: of the trips started *here*, those that were completed anywhere.
_COUNTS_SQL: Final = f"""
SELECT countIf({_have(TRIPS_STARTED)}) AS started,
       countIf({_have(TRIPS_COMPLETED)}) AS completed,
       countIf({_have(TRIPS_CANCELLED)}) AS cancelled
       {{rate}}
FROM ({{trips}})
"""
_RATE: Final = f""",
    countIf({_have(TRIPS_STARTED)} AND {_have(TRIPS_COMPLETED, anywhere=True)}) AS finished
"""

_SUMS_SQL: Final = f"""
SELECT {TRIP_DRIVERS.count()} AS drivers,
       countIf(ended) AS completions,
       sumKahanIf(t.duration_minutes, ended) AS duration_minutes,
       sumKahanIf(t.distance_km, ended) AS distance_km,
       countIf(ended AND t.on_time) AS on_time,
       sumIf(toDecimal128(t.earnings, 2), ended AND t.currency = {{{{currency:String}}}}) AS earnings,
       sumIf(toDecimal128(t.commission, 2), ended AND t.currency = {{{{currency:String}}}}) AS commission
FROM (SELECT t.*, {TRIPS_COMPLETED.meant} AS ended FROM {{rows}} WHERE {{here}}) AS t
"""


async def trips(store: Reader, question: Question) -> dict[str, Any]:
    """Distinct trips by status; averages over completions in minutes and kilometres."""
    source = await rows_of(store, TRIPS, _COLUMNS, question)
    rows = f"({source.sql}) AS t"
    params = {**source.params, **question.params()}
    counts_sql = _COUNTS_SQL.format(
        rate=_RATE if question.placed else "",
        trips=TRIP_STAGES.by_id(rows, question.here(store.database) if question.placed else ""),
    )
    (counts,), (row,) = await asyncio.gather(
        store.select(counts_sql, params),
        store.select(_SUMS_SQL.format(here=question.here(store.database), rows=rows), params),
    )
    finished = counts["finished"] if question.placed else counts["completed"]
    answer: dict[str, Any] = {
        "trips_started": counts["started"],
        "trips_completed": counts["completed"],
        "trips_cancelled": counts["cancelled"],
        "completion_rate": percentage(finished, counts["started"]),
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
