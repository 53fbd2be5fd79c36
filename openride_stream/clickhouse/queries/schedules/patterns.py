"""Errors grouped by what their messages have in common: variable parts are masked."""

import asyncio
from decimal import Decimal
from typing import Any, Final

from openride_stream.clickhouse.queries.rounding import average
from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.span import Span
from openride_stream.clock import rfc3339

SCHEDULES_NAMED: Final = 100
PATTERNS_TOLD: Final = 50

_SQL: Final = """
SELECT pattern, countIf(here) AS errors, countIf(NOT here) AS previous,
       toUnixTimestamp64Milli(minIf(started_processing_at, here)) AS first_ms,
       toUnixTimestamp64Milli(maxIf(started_processing_at, here)) AS last_ms,
       arraySort(groupUniqArrayIf(toString(schedule_type), here)) AS tiers,
       uniqExactIf(schedule_id, here) AS schedules,
       argMaxIf(error_message, (started_processing_at, UUIDToNum(analytics_id)), here) AS example
FROM
(
    SELECT *, started_processing_at >= fromUnixTimestamp64Milli({{since:Int64}}, 'UTC') AS here
    FROM {rows}
)
GROUP BY pattern HAVING errors > 0 ORDER BY errors DESC, pattern LIMIT {{limit:UInt32}}
"""


async def error_patterns(
    source: Source, span: Span, *, limit: int = PATTERNS_TOLD, compared: bool = True
) -> list[dict[str, Any]]:
    """The most frequent patterns of the span's errors; `compared` with as long a time before."""
    seen = Span(span.before.start_ms, span.end_ms, span.schedule_id) if compared else span
    columns = (
        *("analytics_id", "schedule_type", "schedule_id", "started_processing_at"),
        *("error_message", "pattern"),
    )
    found = await source.select(
        _SQL.format(rows=source.rows(seen, columns, levelled=True)),
        {**seen.params(), "level": "error", "since": span.start_ms, "limit": limit},
    )
    return [
        {
            "pattern": row["pattern"],
            "count": row["errors"],
            "previous_count": row["previous"],
            "change_percent": _change(row["errors"], row["previous"]),
            "first_seen": rfc3339(row["first_ms"]),
            "last_seen": rfc3339(row["last_ms"]),
            "tiers": row["tiers"],
            "schedules": row["schedules"],
            "example": row["example"],
        }
        for row in found
    ]


async def errors(source: Source, span: Span) -> dict[str, Any]:
    """`GET /v1/schedule-analytics/errors/patterns`; the source reaches back to `span.before`."""
    rows = source.rows(span, ("schedule_id", "execution_result"), levelled=True)
    by_schedule = (
        f"SELECT schedule_id, count() AS errors FROM {rows} GROUP BY schedule_id "
        f"ORDER BY errors DESC, schedule_id LIMIT {SCHEDULES_NAMED}"
    )
    by_result = (
        f"SELECT execution_result, count() AS errors FROM {rows} "
        "GROUP BY execution_result ORDER BY errors DESC, execution_result"
    )
    params = {**span.params(), "level": "error"}
    results, schedules, patterns = await asyncio.gather(
        source.select(by_result, params),
        source.select(by_schedule, params),
        error_patterns(source, span),
    )
    return {
        "total_errors": sum(row["errors"] for row in results),
        "error_types": {row["execution_result"]: row["errors"] for row in results},
        "schedule_errors": {row["schedule_id"]: row["errors"] for row in schedules},
        "patterns": patterns,
        "time_range": span.told(),
    }


def _change(now: int, before: int) -> float | None:
    return average(Decimal((now - before) * 100), before) if before else None
