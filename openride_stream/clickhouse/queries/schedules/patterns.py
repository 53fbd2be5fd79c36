"""Errors grouped by what their messages have in common: variable parts are masked."""

import asyncio
from decimal import Decimal
from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.queries.rounding import average
from openride_stream.clickhouse.queries.schedules.executions import executions
from openride_stream.clickhouse.queries.schedules.span import Span
from openride_stream.clock import rfc3339

NO_MESSAGE: Final = "(no message)"
LONGEST_PATTERN: Final = 500
"""Characters of a message that are looked at."""
SCHEDULES_NAMED: Final = 100
PATTERNS_TOLD: Final = 50

_MASKS: Final = (
    ('"[^"]*"', '"<text>"'),
    ("[A-Za-z][A-Za-z0-9+.-]*://[^ \\t\\r\\n]+", "<url>"),
    ("[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+", "<email>"),
    ("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "<id>"),
    ("[0-9]{1,3}([.][0-9]{1,3}){3}(:[0-9]+)?", "<address>"),
    ("[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){3,7}", "<address>"),
    ("[0-9A-Za-z]*[0-9][0-9A-Za-z]*([.,:][0-9]+)*", "<n>"),
)
"""RE2 expressions, one after the other, and what takes the place of what they find. ASCII, no quote (')."""

_SQL: Final = """
SELECT pattern, countIf(here) AS errors, countIf(NOT here) AS previous,
       toUnixTimestamp64Milli(minIf(started_processing_at, here)) AS first_ms,
       toUnixTimestamp64Milli(maxIf(started_processing_at, here)) AS last_ms,
       arraySort(groupUniqArrayIf(toString(schedule_type), here)) AS tiers,
       uniqExactIf(schedule_id, here) AS schedules,
       argMaxIf(error_message, (started_processing_at, UUIDToNum(analytics_id)), here) AS example
FROM
(
    SELECT *, {pattern} AS pattern,
           started_processing_at >= fromUnixTimestamp64Milli({{since:Int64}}, 'UTC') AS here
    FROM {rows} WHERE level = 'error'
)
GROUP BY pattern HAVING errors > 0 ORDER BY errors DESC, pattern LIMIT {{limit:UInt32}}
"""


def pattern_sql(message: str) -> str:
    """SQL of the pattern of a message."""
    masked = f"substringUTF8({message}, 1, {LONGEST_PATTERN})"
    for expression, mask in _MASKS:
        masked = f"replaceRegexpAll({masked}, '{expression}', '{mask}')"
    return f"if({message} = '', '{NO_MESSAGE}', {masked})"


async def error_patterns(
    store: ClickHouse, span: Span, *, limit: int = PATTERNS_TOLD, compared: bool = True
) -> list[dict[str, Any]]:
    """The most frequent patterns of the span's errors; `compared` with as long a time before."""
    seen = Span(span.before.start_ms, span.end_ms, span.schedule_id) if compared else span
    columns = (
        *("analytics_id", "schedule_type", "schedule_id", "started_processing_at"),
        *("level", "error_message"),
    )
    rows = executions(store.database, seen.condition(), columns, levelled=True)
    found = await store.select(
        _SQL.format(pattern=pattern_sql("error_message"), rows=rows),
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


async def errors(store: ClickHouse, span: Span) -> dict[str, Any]:
    """`GET /v1/schedule-analytics/errors/patterns`."""
    columns = ("schedule_id", "level", "execution_result")
    rows = executions(store.database, span.condition(), columns, levelled=True)
    by_schedule = (
        f"SELECT schedule_id, count() AS errors FROM {rows} WHERE level = 'error' GROUP BY schedule_id "
        f"ORDER BY errors DESC, schedule_id LIMIT {SCHEDULES_NAMED}"
    )
    by_result = (
        f"SELECT execution_result, count() AS errors FROM {rows} WHERE level = 'error' "
        "GROUP BY execution_result ORDER BY errors DESC, execution_result"
    )
    params = {**span.params(), "level": "error"}
    results, schedules, patterns = await asyncio.gather(
        store.select(by_result, params),
        store.select(by_schedule, params),
        error_patterns(store, span),
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
