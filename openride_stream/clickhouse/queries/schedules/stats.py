"""`GET /v1/schedule-analytics/stats`."""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from openride_stream.clickhouse.client import Row
from openride_stream.clickhouse.queries.rounding import average
from openride_stream.clickhouse.queries.schedules.patterns import error_patterns
from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.span import HOUR_MS, TIERS, Span
from openride_stream.clickhouse.queries.schedules.tiers import ALL, by_tier, success_rate

COMMON_ERRORS: Final = 10


async def stats(source: Source, span: Span) -> dict[str, Any]:
    """How many executions by level, how long they took and waited (ms), and what goes wrong most often."""
    rows, patterns = await asyncio.gather(
        by_tier(source, span, shares=False),
        error_patterns(source, span, limit=COMMON_ERRORS, compared=False),
    )
    return statistics(rows, patterns, span)


def statistics(rows: Mapping[str, Row], patterns: Sequence[dict[str, Any]], span: Span) -> dict[str, Any]:
    """The answer from rows of `by_tier` and the most frequent patterns."""
    whole = rows[ALL]
    return {
        "total_records": whole["total"],
        "info_count": whole["infos"],
        "warning_count": whole["warnings"],
        "error_count": whole["errors"],
        "avg_execution_time_ms": average(Decimal(whole["processing_sum"]), whole["processing_count"]),
        "avg_queue_time_ms": {tier: _waited(rows.get(tier)) for tier in TIERS},
        "success_rate": success_rate(whole),
        # Over the whole span, in hours of 3,600,000 ms.
        "throughput_per_hour": average(Decimal(whole["total"] * HOUR_MS), span.end_ms - span.start_ms),
        "most_common_errors": [
            {name: pattern[name] for name in ("pattern", "count", "example")}
            for pattern in patterns[:COMMON_ERRORS]
        ],
    }


def _waited(row: Row | None) -> float:
    return average(Decimal(row["queue_sum"]), row["queue_count"]) if row else 0.0
