"""`GET /v1/metrics/trips`."""

from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.preaggregations import TRIPS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.rounding import average, money, percentage
from openride_stream.clickhouse.queries.series import distinct_series
from openride_stream.clickhouse.queries.source import states

# completion_rate: of the trips started *here*, those that were completed anywhere.
_SQL: Final = """
SELECT
    finalizeAggregation(started_here) AS started,
    finalizeAggregation(completed_here) AS completed,
    finalizeAggregation(cancelled_here) AS cancelled,
    started + finalizeAggregation(completed_any)
        - finalizeAggregation(started_here + completed_any) AS finished,
    finalizeAggregation(drivers_here) AS drivers,
    completions, duration_minutes, distance_km, on_time, earnings, commission
FROM
(
    SELECT
        uniqExactMergeStateIf(t.started, here) AS started_here,
        uniqExactMergeStateIf(t.completed, here) AS completed_here,
        uniqExactMergeStateIf(t.cancelled, here) AS cancelled_here,
        uniqExactMergeState(t.completed) AS completed_any,
        uniqExactMergeStateIf(t.drivers, here) AS drivers_here,
        sumIf(t.completions, here) AS completions,
        sumKahanMergeIf(t.duration_minutes, here) AS duration_minutes,
        sumKahanMergeIf(t.distance_km, here) AS distance_km,
        sumIf(t.on_time, here) AS on_time,
        sumIf(t.earnings, here AND t.currency = {{currency:String}}) AS earnings,
        sumIf(t.commission, here AND t.currency = {{currency:String}}) AS commission
    FROM (SELECT t.*, {here} AS here FROM {rows}) AS t
)
"""


async def trips(store: ClickHouse, question: Question) -> dict[str, Any]:
    """Distinct trips by status; averages over completions in minutes and kilometres."""
    source = await states(store, TRIPS, question)
    sql = _SQL.format(here=question.here(), rows=question.with_routes(store.database, source.sql))
    row = (await store.select(sql, {**source.params, **question.params()}))[0]
    finished = row["finished"] if question.placed else row["completed"]
    answer: dict[str, Any] = {
        "trips_started": row["started"],
        "trips_completed": row["completed"],
        "trips_cancelled": row["cancelled"],
        "completion_rate": percentage(finished, row["started"]),
        "avg_duration_minutes": average(row["duration_minutes"] or 0.0, row["completions"]),
        "avg_distance_km": average(row["distance_km"] or 0.0, row["completions"]),
        "on_time_performance": percentage(row["on_time"], row["completions"]),
        "total_driver_earnings": money(row["earnings"]),
        "total_platform_commission": money(row["commission"]),
        "active_drivers": row["drivers"],
    }
    if question.granularity:
        answer["time_series"] = await distinct_series(store, (TRIPS,), "started", question)
    return answer
