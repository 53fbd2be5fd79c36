"""`GET /v1/schedule-analytics/performance/schedule/{schedule_id}`."""

import asyncio
from decimal import Decimal
from typing import Any, Final

from openride_stream.clickhouse.queries.rounding import average
from openride_stream.clickhouse.queries.schedules.pages import Search, page
from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.span import HOUR_MS, Span
from openride_stream.clickhouse.queries.schedules.tiers import (
    ALL,
    by_tier,
    durations,
    success_rate,
    tier_figures,
)
from openride_stream.clock import rfc3339

RECENT_ERRORS: Final = 10

_SERIES: Final = """
SELECT toUnixTimestamp(toStartOfHour(started_processing_at)) AS hour_s, count() AS total,
       countIf(level = 'error') AS errors, countIf(execution_result = 'success') AS succeeded,
       countIf(execution_result IN ('failure', 'timeout')) AS failed,
       toString(sum(toInt128(total_processing_time_ms))) AS processing_sum
FROM {rows} GROUP BY hour_s
"""


async def performance(source: Source, span: Span) -> dict[str, Any]:
    """One schedule: outcomes, times by tier, how late it starts, its last errors, hour by hour."""
    assert span.schedule_id is not None, "of one schedule"
    errors = Search(
        *(span.start_ms, span.end_ms, span.end_ms, RECENT_ERRORS),
        schedule_id=span.schedule_id,
        level="error",
        long=False,
    )
    rows, series, recent = await asyncio.gather(
        by_tier(source, span, drift=True),
        _series(source, span),
        page(source.store, source.hours, errors),
    )
    whole = rows[ALL]
    return {
        "schedule_id": span.schedule_id,
        "time_range": span.told(),
        "total_records": whole["total"],
        "success_rate": success_rate(whole),
        "error_count": whole["errors"],
        "retries": whole["retried"],
        "max_retry_count": whole["most_retries"],
        "drift": durations(whole, "drift"),
        "tiers": tier_figures(rows),
        "recent_errors": recent["executions"],
        "time_series": series,
    }


async def _series(source: Source, span: Span) -> list[dict[str, Any]]:
    """Every UTC hour of the span; the first and the last one are cut to it."""
    columns = (
        *("started_processing_at", "level", "execution_result"),
        "total_processing_time_ms",
    )
    found = await source.select(_SERIES.format(rows=source.rows(span, columns)), span.params())
    by_hour = {row["hour_s"] * 1000: row for row in found}
    first_ms = span.start_ms // HOUR_MS * HOUR_MS
    return [_point(ms, by_hour.get(ms)) for ms in range(first_ms, span.end_ms, HOUR_MS)]


def _point(hour_ms: int, row: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "timestamp": rfc3339(hour_ms),
        "total_records": row["total"] if row else 0,
        "error_count": row["errors"] if row else 0,
        "success_rate": success_rate(row),
        "avg_execution_time_ms": average(Decimal(row["processing_sum"]), row["total"]) if row else 0.0,
    }
