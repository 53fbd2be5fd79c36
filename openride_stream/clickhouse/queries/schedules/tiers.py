"""Figures of executions by tier: outcomes, levels, waiting and processing times."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse, Row
from openride_stream.clickhouse.queries.rounding import average, percentage, two_places
from openride_stream.clickhouse.queries.schedules.executions import executions
from openride_stream.clickhouse.queries.schedules.span import TIERS, Span

QUEUES: Final[Mapping[str, str]] = {
    "mongo_periodic": "time_in_mongo_queue_ms",
    "clickhouse_delayed": "time_in_clickhouse_queue_ms",
    "redis_immediate": "time_in_redis_queue_ms",
}
"""Of each tier the field that says how long an execution waited in the tier's own queue."""
SHARES: Final = (0.5, 0.95, 0.99)

_CASES: Final = ", ".join(f"schedule_type = '{tier}', {field}" for tier, field in QUEUES.items())
_WAITED: Final = f"multiIf({_CASES}, NULL)"
_COUNTS: Final = """
    countIf(level = 'info') AS infos, countIf(level = 'warning') AS warnings,
    countIf(level = 'error') AS errors,
    countIf(execution_result = 'success') AS succeeded,
    countIf(execution_result IN ('failure', 'timeout')) AS failed,
    countIf(execution_result = 'retry') AS retried, ifNull(max(retry_count), 0) AS most_retries"""
ALL: Final = ""
"""Stands for the tiers together."""


def durations_sql(value: str, name: str) -> str:
    """SQL of the figures that `durations` reads, of a nullable number of milliseconds."""
    shares, given = ", ".join(map(str, SHARES)), f"({value}) IS NOT NULL"
    return (
        f"countIf({given}) AS {name}_count, toString(sum(toInt128(ifNull({value}, 0)))) AS {name}_sum, "
        f"quantilesExactInclusiveIf({shares})(assumeNotNull({value}), {given}) AS {name}_shares, "
        f"ifNull(max({value}), 0) AS {name}_max"
    )


def durations(row: Row | None, name: str) -> dict[str, Any]:
    """Count, mean, quantiles and maximum (ms) from a row of `durations_sql`; all 0 of nothing."""
    count = row[f"{name}_count"] if row else 0
    if not row or not count:
        return {"count": 0, "avg_ms": 0.0, "p50_ms": 0.0, "p95_ms": 0.0, "p99_ms": 0.0, "max_ms": 0}
    p50, p95, p99 = (two_places(float(share)) for share in row[f"{name}_shares"])
    mean = average(Decimal(row[f"{name}_sum"]), count)
    return {
        "count": count,
        "avg_ms": mean,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "max_ms": row[f"{name}_max"],
    }


async def by_tier(
    store: ClickHouse, span: Span, *, whole: bool = True, more: Sequence[str] = ()
) -> dict[str, Row]:
    """Rows by tier, and of `ALL` of them; none of a tier without executions, `ALL` is always there.

    Not `whole` they have waiting times alone. `more` are further aggregates, as SQL over `scheduled_at` and
    `started_processing_at` as well.
    """
    columns = ["schedule_type", *QUEUES.values()]
    aggregates = ["count() AS total", durations_sql("waited", "queue")]
    if whole:
        columns += ["level", "execution_result", "retry_count", "total_processing_time_ms"]
        aggregates += [_COUNTS, durations_sql("toNullable(total_processing_time_ms)", "processing")]
    if more:
        columns += ["scheduled_at", "started_processing_at"]
        aggregates += more
    rows = executions(store.database, span.condition(), columns)
    found = await store.select(
        f"SELECT schedule_type, {', '.join(aggregates)} FROM (SELECT *, {_WAITED} AS waited FROM {rows}) "
        "GROUP BY GROUPING SETS ((schedule_type), ())",
        span.params(),
    )
    return {row["schedule_type"]: row for row in found}


def success_rate(row: Row | None) -> float:
    """Per cent of what ended one way or the other: a retry is yet to end, and who cancels does not fail."""
    return percentage(row["succeeded"], row["succeeded"] + row["failed"]) if row else 0.0


async def queue_times(store: ClickHouse, span: Span) -> dict[str, Any]:
    """`GET /v1/schedule-analytics/queue-times`."""
    rows = await by_tier(store, span, whole=False)
    return {
        "time_range": span.told(),
        "tiers": {tier: durations(rows.get(tier), "queue") for tier in TIERS},
    }


def tier_figures(rows: Mapping[str, Row]) -> dict[str, Any]:
    """Executions, outcomes, waiting and processing times of each tier."""
    return {tier: _figures(rows.get(tier)) for tier in TIERS}


def _figures(row: Row | None) -> dict[str, Any]:
    return {
        "total_records": row["total"] if row else 0,
        "success_count": row["succeeded"] if row else 0,
        "failure_count": row["failed"] if row else 0,
        "success_rate": success_rate(row),
        "error_count": row["errors"] if row else 0,
        "retries": row["retried"] if row else 0,
        "queue_time": durations(row, "queue"),
        "processing_time": durations(row, "processing"),
    }
