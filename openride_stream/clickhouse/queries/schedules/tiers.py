"""Figures of executions by tier: outcomes, levels, waiting and processing times."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from openride_stream.clickhouse.client import Row
from openride_stream.clickhouse.queries.rounding import average, percentage, two_places
from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.span import TIERS, Span

SHARES: Final = (0.5, 0.95, 0.99)

_COUNTS: Final = """
    countIf(level = 'info') AS infos, countIf(level = 'warning') AS warnings,
    countIf(level = 'error') AS errors,
    countIf(execution_result = 'success') AS succeeded,
    countIf(execution_result IN ('failure', 'timeout')) AS failed,
    countIf(execution_result = 'retry') AS retried, max(retry_count) AS most_retries"""
_DRIFT: Final = "toUnixTimestamp64Milli(started_processing_at) - toUnixTimestamp64Milli(scheduled_at)"
ALL: Final = ""
"""Stands for the tiers together."""


def durations_sql(value: str, name: str, *, shares: bool = True) -> str:
    """SQL of the figures that `durations` reads, of a nullable number of ms; `shares` are quantiles."""
    asked, given = ", ".join(map(str, SHARES)), f"({value}) IS NOT NULL"
    quantiles = f", quantilesExactInclusiveIf({asked})(assumeNotNull({value}), {given}) AS {name}_shares"
    return (
        f"count({value}) AS {name}_count, toString(sum(toInt128(ifNull({value}, 0)))) AS {name}_sum, "
        f"ifNull(max({value}), 0) AS {name}_max{quantiles if shares else ''}"
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
    source: Source, span: Span, *, whole: bool = True, shares: bool = True, drift: bool = False
) -> dict[str, Row]:
    """Rows by tier, and of `ALL` of them; none of a tier without executions, `ALL` is always there.

    Not `whole` they have waiting times alone; without `shares` times have no quantiles. With `drift` they say
    how late executions started as well. What `ALL` has is counts and sums, and the quantiles of the drift.
    """
    columns = ["schedule_type", "waited"]
    aggregates = ["count() AS total", durations_sql("waited", "queue", shares=shares)]
    if whole:
        columns += ["level", "execution_result", "retry_count", "total_processing_time_ms"]
        processing = durations_sql("toNullable(total_processing_time_ms)", "processing", shares=shares)
        aggregates += [_COUNTS, processing]
    grouped = "schedule_type"
    if drift:
        columns += ["scheduled_at", "started_processing_at"]
        aggregates.append(durations_sql(f"toNullable({_DRIFT})", "drift"))
        grouped = "GROUPING SETS ((schedule_type), ())"
    found = await source.select(
        f"SELECT toString(schedule_type) AS tier, {', '.join(aggregates)} "
        f"FROM {source.rows(span, columns)} GROUP BY {grouped}",
        span.params(),
    )
    rows = {row["tier"]: row for row in found if row["tier"] in TIERS}
    whole_row = next((row for row in found if row["tier"] not in TIERS), {"tier": ALL})
    return rows | {ALL: whole_row | _together([*rows.values()], whole=whole)}


def _together(rows: Sequence[Row], *, whole: bool) -> Row:
    """Counts and sums of tiers together: each tier is many executions, and quantiles of them are dear."""
    names = ("total", "infos", "warnings", "errors", "succeeded", "failed", "retried", "processing_count")
    sums: Row = {name: sum(row[name] for row in rows) for name in (names if whole else ("total",))}
    if whole:
        sums["processing_sum"] = str(sum(int(row["processing_sum"]) for row in rows))
        sums["most_retries"] = max((row["most_retries"] for row in rows), default=0)
    return sums


def success_rate(row: Row | None) -> float:
    """Per cent of what ended one way or the other: a retry is yet to end, and who cancels does not fail."""
    return percentage(row["succeeded"], row["succeeded"] + row["failed"]) if row else 0.0


async def queue_times(source: Source, span: Span) -> dict[str, Any]:
    """`GET /v1/schedule-analytics/queue-times`."""
    rows = await by_tier(source, span, whole=False)
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
